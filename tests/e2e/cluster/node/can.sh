#!/usr/bin/env bash
# Whether this machine can be a node: says why not, and exits with 1. A node takes root, mounts,
# network namespaces, bridges, and control groups that may be made: a container mostly lacks them.
set -uo pipefail
no() {
  echo "$1"
  exit 1
}
[[ $(id -u) -eq 0 ]] || no "it needs root"
unshare --mount --net true 2>/dev/null || no "namespaces cannot be made"
command -v ip >/dev/null || "$(dirname "$0")/../../../../scripts/deps.sh" --node >&2 || no "there is no iproute2"
ip link add pannier-probe type bridge 2>/dev/null || no "bridges cannot be made"
ip link delete pannier-probe
folder=/sys/fs/cgroup
[[ -d $folder/memory ]] && folder+=/memory
mkdir "$folder/pannier-probe" 2>/dev/null || no "control groups cannot be made"
rmdir "$folder/pannier-probe"
