#!/usr/bin/env bash
# Writes the configuration of a node's programs into DIR. Part of up.sh.
set -euo pipefail
DIR=${1:?usage: configure.sh DIR}
# shellcheck source=tests/e2e/cluster/node/env.sh
. "$(dirname "$0")/env.sh"
read -r -a PORTS <"$DIR/node-ports"

cat >"$DIR/containerd.toml" <<TOML
version = 2
root = "$DIR/containerd"
state = "$DIR/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$CONTAINERD"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:test"
  restrict_oom_score_adj = true # lowering it takes a right that a container may lack
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML

cat >"$DIR/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pannier-test", "plugins": [{
  "type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$DIR/cni-networks",
           "ranges": [[{"subnet": "$PODS", "gateway": "$GATEWAY"}]],
           "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON

cat >"$DIR/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$CONTAINERD
address: $GATEWAY
healthzPort: ${PORTS[2]}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $DIR/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $DIR/pki/kubelet.crt
tlsPrivateKeyFile: $DIR/pki/kubelet.key
makeIPTablesUtilChains: false
clusterDomain: cluster.local
clusterDNS: [$GATEWAY]
podLogsDir: $DIR/pod-logs
syncFrequency: 5s
nodeStatusUpdateFrequency: 3s
# No registry has the images: what is collected is gone.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
YAML

cat >"$DIR/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $DIR/proxy.kubeconfig}
mode: nftables
hostnameOverride: $NODE
clusterCIDR: $PODS
healthzBindAddress: 127.0.0.1:${PORTS[4]}
# Zero: the machine's limits stay as they are.
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML

cat >"$DIR/Corefile" <<DNS
.:53 {
    bind $GATEWAY
    errors
    ready 127.0.0.1:${PORTS[3]}
    kubernetes cluster.local {
        kubeconfig $DIR/admin.kubeconfig
    }
}
DNS
