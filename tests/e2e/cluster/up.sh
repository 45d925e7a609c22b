#!/usr/bin/env bash
# Starts a Kubernetes API for tests: a real kube-apiserver and its etcd, nothing else. So there are
# CRDs, RBAC, admission webhooks, watches and server-side apply, but no controllers: no garbage
# collection, no default service accounts, namespaces stay Terminating. Listens on 127.0.0.1 only, on
# ports that are free; several can run at once. Unprivileged; up in seconds.
#
#   up.sh DIR      DIR/admin.kubeconfig is for system:masters. Again: starts what has ended.
#                  DIR/log/audit.log says what service accounts asked for.
#   down.sh DIR    ends it and removes DIR
set -euo pipefail
DIR=$(mkdir -p "${1:?usage: up.sh DIR}" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/cluster/env.sh
. "$here/env.sh"
bin=$("$here/build.sh")
mkdir -p "$DIR/pki" "$DIR/log"
[[ -s $DIR/address ]] || printf '%s' "${2:-127.0.0.1}" >"$DIR/address"
address=$(<"$DIR/address")

make_keys() {
  [[ -e $DIR/pki/done ]] && return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 \
    -subj /CN=pannier-test-ca -keyout "$DIR/pki/ca.key" -out "$DIR/pki/ca.crt" \
    -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out "$DIR/pki/accounts.key"
  openssl ec -in "$DIR/pki/accounts.key" -pubout -out "$DIR/pki/accounts.pub" 2>/dev/null
  sign apiserver /CN=kube-apiserver \
    "IP:127.0.0.1,IP:$address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
  sign kubelet-client /O=system:masters/CN=kubelet-client ""
  sign admin /O=system:masters/CN=admin ""
  touch "$DIR/pki/done"
}

# Two ports that are free now. Should somebody take one before we do, the start fails and is tried
# again with others.
choose_ports() {
  python3 -c 'import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[each.getsockname()[1] for each in all])' >"$DIR/ports"
}

start() {
  local api_port etcd_port
  read -r api_port etcd_port <"$DIR/ports"
  write_kubeconfig admin
  local reach=(--endpoint-reconciler-type=none)
  [[ $address == 127.0.0.1 ]] || reach=(--enable-admission-plugins=NodeRestriction --allow-privileged=true
    --kubelet-certificate-authority="$DIR/pki/ca.crt" --kubelet-preferred-address-types=InternalIP
    --kubelet-client-certificate="$DIR/pki/kubelet-client.crt" --kubelet-client-key="$DIR/pki/kubelet-client.key")
  launch etcd "$bin/etcd" --name=etcd --data-dir="$DIR/etcd" --unsafe-no-fsync --log-level=warn \
    --listen-client-urls="http://127.0.0.1:$etcd_port" \
    --advertise-client-urls="http://127.0.0.1:$etcd_port" \
    --listen-peer-urls=http://127.0.0.1:0
  launch kube-apiserver "$bin/kube-apiserver" \
    --etcd-servers="http://127.0.0.1:$etcd_port" \
    --bind-address="$address" --advertise-address="$address" --secure-port="$api_port" \
    "${reach[@]}" --service-cluster-ip-range=10.96.0.0/16 \
    --tls-cert-file="$DIR/pki/apiserver.crt" --tls-private-key-file="$DIR/pki/apiserver.key" \
    --client-ca-file="$DIR/pki/ca.crt" --authorization-mode=Node,RBAC \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$DIR/pki/accounts.pub" \
    --service-account-signing-key-file="$DIR/pki/accounts.key" \
    --audit-policy-file="$here/audit.yaml" --audit-log-path="$DIR/log/audit.log"
}

ready() {
  local deadline=$((SECONDS + 60))
  until "$bin/kubectl" --kubeconfig "$DIR/admin.kubeconfig" get --raw /readyz >/dev/null 2>&1; do
    runs etcd && runs kube-apiserver && [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.1
  done
}

make_keys
for attempt in 1 2 3; do
  # Ports of a cluster that ran before stay: its clients know them.
  [[ -s $DIR/ports ]] || choose_ports
  start
  if ready; then
    touch "$DIR/ran"
    echo "the API server is up: export KUBECONFIG=$DIR/admin.kubeconfig"
    exit 0
  fi
  halt kube-apiserver
  halt etcd
  [[ -e $DIR/ran ]] || rm -f "$DIR/ports"
  echo "attempt $attempt failed" >&2
done
tail -n 20 "$DIR"/log/*.log >&2
exit 1
