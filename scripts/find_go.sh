#!/usr/bin/env bash
# Prints the path of a Go that is new enough for what the tests build: the machine's own, or one that
# it fetches as a module. Debian's is too old to do that by itself when it is asked to build
# something newer (that came with 1.21), but not too old to download modules; and zips of modules
# hold no execute bits.
set -euo pipefail

toolchain=go1.25.0 # what the newest of those programs asks for at least
have=$(go env GOVERSION)
if [[ $(printf '%s\n' "$toolchain" "$have" | sort -V | head -n 1) == "$toolchain" ]]; then
  command -v go
  exit
fi
cd / # away from any go.mod
dir=$(go mod download -json \
  "golang.org/toolchain@v0.0.1-$toolchain.linux-$(dpkg --print-architecture)" |
  sed -n 's/.*"Dir": "\(.*\)",.*/\1/p')
[[ -n $dir ]]
chmod u+x "$dir"/bin/* "$dir"/pkg/tool/*/*
echo "$dir/bin/go"
