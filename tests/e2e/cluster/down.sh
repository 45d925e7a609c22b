#!/usr/bin/env bash
# Ends a cluster that up.sh started, and removes its folder.
#
#   down.sh DIR                   everything
#   down.sh DIR kube-apiserver    that process alone; up.sh DIR starts it again
set -euo pipefail
DIR=${1:?usage: down.sh DIR [PROCESS]}
[[ -d $DIR ]] || exit 0
DIR=$(cd "$DIR" && pwd)
# shellcheck source=tests/e2e/cluster/env.sh
. "$(dirname "$0")/env.sh"

if [[ -n ${2:-} ]]; then
  halt "$2"
  exit 0
fi
halt kube-apiserver
halt etcd
rm -rf "$DIR"
