#!/usr/bin/env bash
# Makes what a node needs beside the API server: Debian's container runtime, the other programs of
# Kubernetes and CoreDNS from the Go module proxy, and images for pods of tests. Once: minutes from
# empty Go caches.
#
#   tests/e2e/cluster/node/build.sh      prints the folder of the programs; needs root for packages
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
bin=$("$here/../build.sh" | tail -n 1)
home=$(dirname "$bin")
"$root/scripts/deps.sh" --node >&2

version=$(sed -n 's/^require k8s.io\/kubernetes v//p' "$here/../kubernetes/go.mod")
want="$version $(cat "$here/../kubernetes/go.sum" "$here"/coredns/go.sum "$here"/coredns/main.go "$here"/*.c \
  "$root"/images/archive.py "$here"/test_images.py | sha256sum | cut -c 1-64)"
exec 9>"$home/node.lock"
flock 9
if [[ -e $home/node-stamp && $(<"$home/node-stamp") == "$want" ]]; then
  echo "$bin"
  exit 0
fi

go=$("$root/scripts/find_go.sh")
echo "building kubelet, controllers, kube-proxy and CoreDNS into $bin (minutes, once)" >&2
export CGO_ENABLED=0 GOROOT='' GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
export GOMAXPROCS=${GOMAXPROCS:-2}
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=v$version -X $package.gitTreeState=clean"
  flags+=" -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$(cut -d . -f 2 <<<"$version")"
done
(
  cd "$here/../kubernetes"
  nice -n 15 "$go" build -p "$GOMAXPROCS" -trimpath -tags notest,grpcnotrace -ldflags "$flags" -o "$bin/" \
    k8s.io/kubernetes/cmd/{kube-controller-manager,kube-scheduler,kubelet,kube-proxy} >&2
  cd "$here/coredns"
  nice -n 15 "$go" build -p "$GOMAXPROCS" -trimpath -ldflags "-s -w" -o "$bin/coredns" . >&2
)
python3 "$here/test_images.py" "$home/node-images"
printf '%s' "$want" >"$home/node-stamp"
echo "$bin"
