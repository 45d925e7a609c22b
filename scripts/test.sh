#!/usr/bin/env bash
# All tests that need no cluster. Expects a built build/; see `make test`.
# Two lanes run side by side: Chroma's own suite is the longest, the rest shares the other.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
: "${SEED:=$(date +%s)}"
export PANNIER_SEED=$SEED # of the C++ tests
echo "seed: $SEED (SEED=$SEED make test runs the same again)"

venv="${PANNIER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/pannier/venv}"
python=$venv/bin/python
step=scripts/step.sh
steps=(unit chroma-core clients differential doors compose abuse crash faults memory-mode kills disaster rescue workers footprint)
for name in "${steps[@]}"; do rm -f "build/log/$name.count"; done

$step unit scripts/unit_tests.py build
(
  $step chroma-core "$python" tests/chroma/run_suite.py --server pannierd --transport socket \
    --selection core -j 1 --seed $((SEED % 1000000))
) &
suite=$!
$step clients "$python" tests/clients/run.py
# A seed of its own: what new seeds find are quirks of Chroma's parsers; they belong to long runs.
$step differential "$python" tests/chroma/differential.py --seed 1
$step doors "$python" tests/doors/run_doors.py
$step compose "$python" tests/compose/run_compose.py
$step abuse "$python" tests/abuse/run_abuse.py --seed "$SEED"
$step crash "$python" tests/crash/run_crash.py --rounds 20 --seed "$SEED"
$step faults "$python" tests/faults/matrix.py
$step memory-mode "$python" tests/faults/memory_mode.py
$step kills "$python" tests/recovery/run_kills.py --rounds 20 --seed "$SEED"
$step disaster "$python" tests/recovery/run_disaster.py
$step rescue "$python" tests/rescue/run_rescue.py
$step workers "$python" tests/workers/run_workers.py --seed "$SEED"
$step footprint "$python" tests/footprint/run_footprint.py
wait $suite
scripts/tally.sh "${steps[@]}"
