#!/usr/bin/env bash
# Writes crds/ from the tables of fields in operator/resource. Expects a built build/.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p crds
for kind in $(build/bin/pannier-crds); do build/bin/pannier-crds "$kind" >"crds/$kind.yaml"; done
echo "crds: written"
