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
steps=(torture-crash torture-kills torture-flips torture-exact)
[[ $seconds -gt 0 ]] || steps+=(torture-chroma)
for name in "${steps[@]}"; do rm -f "build/log/$name.count"; done

if [[ $seconds -gt 0 ]]; then
  crashes=(--rounds 0 --seconds $((seconds * 2 / 5)))
  kills=(--seconds $((seconds * 2 / 5)))
  flips=$((seconds * 2)) snapshots=$((seconds / 3 + 1))
else
  crashes=(--rounds 300) kills=(--rounds 300) flips=10000 snapshots=2000
fi
export PANNIER_SEED=$SEED
$step torture-crash "$python" tests/crash/run_crash.py "${crashes[@]}" --seed "$SEED"
$step torture-kills "$python" tests/recovery/run_kills.py "${kills[@]}" --seed "$SEED"
PANNIER_TORTURE_ROUNDS=$flips $step torture-flips build/tests/flips_test
PANNIER_TORTURE_ROUNDS=$snapshots $step torture-exact build/tests/daemon_snapshot_test "snapshot: it holds exactly*"
if [[ $seconds -eq 0 ]]; then
  $step torture-chroma "$python" tests/chroma/run_suite.py --server pannierd --selection all \
    --transport tcp --seed $((SEED % 1000000))
fi
scripts/tally.sh "${steps[@]}"
