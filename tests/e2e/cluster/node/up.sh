#!/usr/bin/env bash
# Starts a whole cluster of one node for tests: the API server of ../up.sh on the address of a bridge
# that only pods reach, controllers, scheduler, containerd, kubelet, kube-proxy, CoreDNS, local
# volumes. Real pods with native sidecars, Services, DNS, exec, logs. Needs root, and Linux as a
# machine has it: can.sh tells. One at a time, for the bridge and its addresses are fixed; half a
# minute.
#
#   up.sh DIR      DIR/admin.kubeconfig. Again: starts what has ended.
#   down.sh DIR    ends it and removes DIR
set -euo pipefail
DIR=$(mkdir -p "${1:?usage: up.sh DIR}" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/cluster/env.sh
. "$here/../env.sh"
# shellcheck source=tests/e2e/cluster/node/env.sh
. "$here/env.sh"
bin=$("$here/build.sh" | tail -n 1)
images=$(dirname "$bin")/node-images
export PATH=$bin:$PATH
mkdir -p "$DIR/log" "$DIR/cni" "$DIR/volumes"

bridge() {
  [[ -e /sys/class/net/$BRIDGE ]] && return
  # An address of its own: else it takes those of its ports in turn, and loses packets each time.
  ip link add "$BRIDGE" address 02:00:0a:f4:00:01 type bridge
  ip addr add "$GATEWAY/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

# until_ready NAME SECONDS COMMAND...: fails when the process NAME has ended, or the time is over.
until_ready() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! runs "$name" || [[ $SECONDS -ge $deadline ]]; then
      echo "$name is not ready:" >&2
      tail -n 20 "$DIR/log/$name.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

keys() {
  [[ -e $DIR/pki/node.crt ]] && return
  sign controllers /CN=system:kube-controller-manager ""
  sign scheduler /CN=system:kube-scheduler ""
  sign proxy /CN=system:kube-proxy ""
  sign kubelet "/CN=$NODE" "IP:$GATEWAY,DNS:$NODE"
  sign node "/O=system:nodes/CN=system:node:$NODE" ""
}

controllers() {
  local own="--bind-address=127.0.0.1 --leader-elect=false"
  # shellcheck disable=SC2086
  launch controllers kube-controller-manager $own --secure-port="${PORTS[0]}" \
    --kubeconfig="$DIR/controllers.kubeconfig" --authentication-kubeconfig="$DIR/controllers.kubeconfig" \
    --authorization-kubeconfig="$DIR/controllers.kubeconfig" --use-service-account-credentials \
    --service-account-private-key-file="$DIR/pki/accounts.key" --root-ca-file="$DIR/pki/ca.crt" \
    --kube-api-qps=200 --kube-api-burst=400 --node-monitor-grace-period=20s
  # shellcheck disable=SC2086
  launch scheduler kube-scheduler $own --secure-port="${PORTS[1]}" --kubeconfig="$DIR/scheduler.kubeconfig" \
    --authentication-kubeconfig="$DIR/scheduler.kubeconfig" --authorization-kubeconfig="$DIR/scheduler.kubeconfig"
  # Pods are refused until their namespace has its service account.
  until_ready controllers 60 kubectl get serviceaccount default
}

node() {
  launch containerd containerd --config="$DIR/containerd.toml"
  until_ready containerd 30 "${CTR[@]}" version
  local image
  for image in "$images"/*.tar; do "${CTR[@]}" images import "$image" >/dev/null; done
  launch kubelet kubelet --config="$DIR/kubelet.yaml" --kubeconfig="$DIR/node.kubeconfig" \
    --root-dir="$DIR/kubelet" --hostname-override="$NODE" --node-ip="$GATEWAY"
  # It ends when its file is written anew.
  launch proxy kube-proxy --config="$DIR/proxy.yaml"
  launch coredns coredns -conf "$DIR/Corefile"
  until_ready kubelet 120 kubectl wait --for=condition=Ready "node/$NODE" --timeout=1s
  until_ready coredns 30 curl -fs "http://127.0.0.1:${PORTS[3]}/ready"
}

bridge
[[ -s $DIR/sysctl.saved ]] || sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic \
  kernel.panic_on_oops net.ipv4.ip_forward >"$DIR/sysctl.saved" # which kubelet and plug-ins change
sysctl -qw net.ipv4.ip_forward=1
"$here/../up.sh" "$DIR" "$GATEWAY" >/dev/null
export KUBECONFIG=$DIR/admin.kubeconfig
keys
for user in controllers scheduler proxy node; do write_kubeconfig "$user"; done
[[ -s $DIR/node-ports ]] || python3 -c 'import socket
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*[each.getsockname()[1] for each in all])' >"$DIR/node-ports"
read -r -a PORTS <"$DIR/node-ports"
[[ -e $DIR/Corefile ]] || "$here/configure.sh" "$DIR"
controllers
node
"$here/volumes.sh" "$DIR" | kubectl apply -f - >/dev/null
echo "a cluster of one node is up: export KUBECONFIG=$KUBECONFIG"
