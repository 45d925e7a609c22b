#!/usr/bin/env bash
# Builds the parts of a Kubernetes control plane that the tests start, from the Go module proxy:
# etcd, kube-apiserver, kubectl. Into the user's cache folder, once: minutes from empty Go caches,
# nothing when they are there. kubernetes/go.mod says which version.
#
#   tests/e2e/cluster/build.sh      prints the folder of the programs
#   GOMAXPROCS, KUBE_HOME           how many cores it may take; where else the folder goes
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${KUBE_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/pannier/kube}
version=$(sed -n 's/^require k8s.io\/kubernetes v//p' "$here/kubernetes/go.mod")
stamp=$home/bin/stamp
want="$version $(sha256sum "$here/kubernetes/go.sum" | cut -c 1-64)"

mkdir -p "$home/bin"
exec 9>"$home/build.lock"
flock 9 # two builds at once would do the same work twice
if [[ -e $stamp && $(<"$stamp") == "$want" ]]; then
  echo "$home/bin"
  exit 0
fi

go=$("$here/../../../scripts/find_go.sh")
# What `kubectl version` says, and what the server says of itself.
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=v$version -X $package.gitTreeState=clean"
  flags+=" -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$(cut -d . -f 2 <<<"$version")"
done
echo "building Kubernetes $version and etcd into $home/bin (minutes, once)" >&2
export CGO_ENABLED=0 GOROOT='' GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
export GOMAXPROCS=${GOMAXPROCS:-2}
cd "$here/kubernetes"
nice -n 15 "$go" build -p "$GOMAXPROCS" -trimpath -tags notest,grpcnotrace -ldflags "$flags" \
  -o "$home/bin/" k8s.io/kubernetes/cmd/{kube-apiserver,kubectl} >&2
nice -n 15 "$go" build -p "$GOMAXPROCS" -trimpath -ldflags "-s -w" -o "$home/bin/etcd" \
  go.etcd.io/etcd/server/v3 >&2
printf '%s' "$want" >"$stamp"
echo "$home/bin"
