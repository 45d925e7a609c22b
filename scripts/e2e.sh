#!/usr/bin/env bash
# Tests that need a Kubernetes API: starts a real kube-apiserver with etcd, runs them, ends it.
# Expects a built build/; see `make e2e`. The first time it builds the API server: minutes.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
: "${SEED:=$(date +%s)}"
export PANNIER_SEED=$SEED
echo "seed: $SEED (SEED=$SEED make e2e runs the same again)"

step=scripts/step.sh
steps=(cluster-build cluster-up kube-e2e cluster-down)
for name in "${steps[@]}"; do rm -f "build/log/$name.count"; done

PANNIER_SOURCE=$PWD
PANNIER_TEST_CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/pannier-e2e.XXXXXX")
export PANNIER_SOURCE PANNIER_TEST_CLUSTER
# Whatever ends this script, nothing of the cluster is left.
trap 'tests/e2e/cluster/down.sh "$PANNIER_TEST_CLUSTER"' EXIT

if $step cluster-build tests/e2e/cluster/build.sh; then
  PANNIER_KUBE_PROGRAMS=$(tests/e2e/cluster/build.sh)
  export PANNIER_KUBE_PROGRAMS
  $step cluster-up tests/e2e/cluster/up.sh "$PANNIER_TEST_CLUSTER" &&
    $step kube-e2e python3 scripts/catch_program.py build/e2e/kube_e2e
  $step cluster-down tests/e2e/cluster/down.sh "$PANNIER_TEST_CLUSTER"
fi
scripts/tally.sh "${steps[@]}"
