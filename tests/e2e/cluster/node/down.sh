#!/usr/bin/env bash
# Ends a cluster that up.sh started, its pods and their mounts, and removes DIR.
#
#   down.sh DIR             everything
#   down.sh DIR NAME...     these processes alone (kubelet, containerd, …); up.sh DIR starts them again
set -uo pipefail
DIR=${1:?usage: down.sh DIR [PROCESS...]}
[[ -d $DIR ]] || exit 0
DIR=$(cd "$DIR" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/cluster/env.sh
. "$here/../env.sh"
# shellcheck source=tests/e2e/cluster/node/env.sh
. "$here/env.sh"
if [[ $# -gt 1 ]]; then
  shift
  for name in "$@"; do halt "$name"; done
  exit 0
fi

halt coredns
halt proxy
halt kubelet
if [[ -e $DIR/containerd.toml ]]; then
  # One that was killed left its pods: it has to come back to end them.
  launch containerd containerd --config="$DIR/containerd.toml"
  for _ in {1..100}; do
    "${CTR[@]}" version >/dev/null 2>&1 && break
    sleep 0.1
  done
  for _ in {1..100}; do
    mapfile -t tasks < <("${CTR[@]}" tasks ls -q 2>/dev/null)
    [[ ${#tasks[@]} -gt 0 ]] || break
    for task in "${tasks[@]}"; do "${CTR[@]}" tasks delete -f "$task" >/dev/null 2>&1; done
    sleep 0.1
  done
fi
halt containerd
halt scheduler
halt controllers

[[ ! -e /sys/class/net/$BRIDGE ]] || ip link delete "$BRIDGE"
for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null; done
find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null
awk -v below="$DIR/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount
if grep -qF " $DIR/" /proc/mounts; then
  echo "still mounted below $DIR: removing it would remove what is there" >&2
  exit 1
fi
[[ ! -s $DIR/sysctl.saved ]] || sysctl -q -p "$DIR/sysctl.saved"
rm -f /var/lib/cni/results/{pannier-test,cni-loopback}-* 2>/dev/null
"$here/../down.sh" "$DIR"
