#!/usr/bin/env bash
# Long random runs: crashes of a real daemon under writers, kills in the middle of operations, damage
# to files, snapshots against a model. Expects a built build/; see `make torture`.
#
#   scripts/torture.sh [SECONDS]     about that long; without: hours, as a release needs it
#   SEED=n                           the same runs again
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
: "${SEED:=$(date +%s)}"
seconds=${1:-0}
echo "seed: $SEED"

venv="${PANNIER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/pannier/venv}"
python=$venv/bin/python
step=scripts/step.sh
steps=(torture-crash torture-kills torture-flips torture-exact torture-flood torture-abuse torture-soak)
[[ $seconds -gt 0 ]] || steps+=(torture-pipeline torture-chroma torture-persistent torture-faults)
for name in "${steps[@]}"; do rm -f "build/log/$name.count"; done

if [[ $seconds -gt 0 ]]; then
  crashes=(--rounds 0 --seconds $((seconds / 6)))
  kills=(--seconds $((seconds / 6)))
  soak=$((seconds / 2)) abuse=$((seconds / 15 + 1))
  flips=$((seconds * 2)) snapshots=$((seconds / 3 + 1))
else
  crashes=(--rounds 300) kills=(--rounds 300) flips=10000 snapshots=2000 soak=7200 abuse=1800
fi
export PANNIER_SEED=$SEED
$step torture-crash "$python" tests/crash/run_crash.py "${crashes[@]}" --seed "$SEED"
$step torture-kills "$python" tests/recovery/run_kills.py "${kills[@]}" --seed "$SEED"
PANNIER_TORTURE_ROUNDS=$flips $step torture-flips build/tests/flips_test
PANNIER_TORTURE_ROUNDS=$snapshots $step torture-exact build/tests/daemon_snapshot_test "snapshot: it holds exactly*"
$step torture-flood "$python" tests/faults/flood.py --seconds $((seconds > 0 ? seconds / 10 + 10 : 60))
$step torture-abuse "$python" tests/abuse/run_abuse.py --seconds "$abuse" --connections 10000 --seed "$SEED"
$step torture-soak "$python" tests/soak/run_soak.py --seconds "$soak" --seed "$SEED"
if [[ $seconds -eq 0 ]]; then
  $step torture-pipeline "$python" tests/clients/pipeline_kills.py --rounds 50 --seed "$SEED"
  $step torture-chroma "$python" tests/chroma/run_suite.py --server pannierd --selection all \
    --transport tcp --seed $((SEED % 1000000))
  $step torture-persistent "$python" tests/chroma/run_suite.py --server pannierd --selection all \
    --transport persistent --seed $((SEED % 1000000))
  # Around the operator, on a cluster of its own: all rows, the operator killed after every call, random runs.
  $step torture-faults tests/e2e/cluster/with.sh "$python" tests/e2e/faults/run.py --long --random 500 --seed "$SEED"
fi
scripts/tally.sh "${steps[@]}"
