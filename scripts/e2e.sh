#!/usr/bin/env bash
# Tests that need Kubernetes: first those of the API, beside real kube-apiservers; then those that
# need pods, on a whole node (cluster/node), where this machine can be one. Expects a built build/;
# see `make e2e`. The first time it builds Kubernetes: minutes. NODE=no leaves the node out.
# KUBECONFIG=FILE: instead, in that cluster, what needs nothing of its nodes (tests/e2e/node/existing.py).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
: "${SEED:=$(date +%s)}"
export PANNIER_SEED=$SEED
echo "seed: $SEED (SEED=$SEED make e2e runs the same again)"

venv="${PANNIER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/pannier/venv}"
python=$venv/bin/python
step=scripts/step.sh
if [[ -n ${KUBECONFIG:-} ]]; then
  rm -f build/log/cluster.count
  PANNIER_E2E_KUBECONFIG=$KUBECONFIG $step cluster "$python" tests/e2e/node/run.py
  exec scripts/tally.sh cluster
fi
steps=(cluster-build cluster-up kube-e2e chart-e2e operator-e2e crd-rules operator-world operator-faults monitoring-e2e plugin-e2e cluster-down)
for name in "${steps[@]}" node-build node; do rm -f "build/log/$name.count"; done

PANNIER_SOURCE=$PWD
folder=$(mktemp -d "${TMPDIR:-/tmp}/pannier-e2e.XXXXXX")
export PANNIER_SOURCE
# Whatever ends this script, nothing of the clusters is left. (The node's test ends its own.)
down() {
  tests/e2e/cluster/down.sh "$folder/first"
  tests/e2e/cluster/down.sh "$folder/second"
  rm -rf "$folder"
}
trap down EXIT
# Two clusters, for tests that mostly wait. The second has the CRDs; in the first the chart's test
# brings them.
up() {
  tests/e2e/cluster/up.sh "$folder/first" && tests/e2e/cluster/up.sh "$folder/second" &&
    "$PANNIER_KUBE_PROGRAMS/kubectl" --kubeconfig "$folder/second/admin.kubeconfig" \
      apply --server-side -f crds >/dev/null && echo "two API servers are up"
}
use() {
  export PANNIER_TEST_CLUSTER=$folder/$1 KUBECONFIG=$folder/$1/admin.kubeconfig
}
in_first() {
  use first
  $step kube-e2e python3 scripts/catch_program.py build/e2e/kube_e2e
  $step chart-e2e "$python" tests/e2e/chart/apply.py
  $step operator-e2e "$python" tests/e2e/chart/operate.py
  PATH=$PANNIER_KUBE_PROGRAMS:$PATH $step crd-rules "$python" tests/e2e/crds/rules.py
  $step operator-faults "$python" tests/e2e/faults/run.py --seed "$SEED"
  $step plugin-e2e "$python" tests/e2e/cli/plugin.py
}
in_second() {
  use second
  $step operator-world "$python" tests/e2e/operator/run.py
  $step monitoring-e2e "$python" tests/e2e/monitoring/run.py
}

# The API's tests mostly wait: meanwhile the node's programs are compiled.
if [[ ${NODE:-yes} == no ]]; then
  why_not="NODE=no"
elif why_not=$(tests/e2e/cluster/node/can.sh); then
  build_node() { tests/e2e/cluster/build.sh && tests/e2e/cluster/node/build.sh; }
  export -f build_node
  $step node-build bash -c build_node &
  node_build=$!
  steps+=(node-build node)
fi

if $step cluster-build tests/e2e/cluster/build.sh; then
  PANNIER_KUBE_PROGRAMS=$(tests/e2e/cluster/build.sh)
  export PANNIER_KUBE_PROGRAMS folder
  export -f up down
  if $step cluster-up bash -c up; then
    in_second &
    second=$!
    in_first
    wait "$second"
  fi
  $step cluster-down bash -c down
fi
if [[ -z ${node_build:-} ]]; then
  echo "node: not run: $why_not"
elif wait "$node_build"; then
  $step node "$python" tests/e2e/node/run.py
fi
scripts/tally.sh "${steps[@]}"
