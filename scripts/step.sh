#!/usr/bin/env bash
# Runs one step of `make test` or `make check`: its output goes to build/log/NAME.log, and a reader
# gets one line: how long it took and the runner's own closing line. When it fails, all of its
# output follows. What it counted is kept for scripts/tally.sh.
#
#   scripts/step.sh NAME COMMAND...
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

name=$1
shift
mkdir -p build/log
log=build/log/$name.log
rm -f "build/log/$name.count"

# "12 passed, 1 failed" of the closing line; a step that counts nothing is one thing that passed or
# failed.
count() {
  local line=$1 status=$2 passed failed
  passed=$(grep -oE '[0-9]+ passed' <<<"$line" | tail -n 1 | cut -d ' ' -f 1)
  failed=$(grep -oE '[0-9]+ (failed|errors?)' <<<"$line" | awk '{sum += $1} END {print sum + 0}')
  [[ -z $passed && $status -eq 0 ]] && passed=1
  [[ $failed -eq 0 && $status -ne 0 ]] && failed=1
  echo "${passed:-0} ${failed:-0}"
}

limit=()
[[ ${CI:-} == true ]] && limit=(timeout --kill-after=60 "${STEP_LIMIT:-1500}")

started=$SECONDS
"${limit[@]}" "$@" >"$log" 2>&1 </dev/null
status=$?
took=$((SECONDS - started))
# Colours off; the last line that says something.
closing=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -vE '^[[:space:]=~-]*$' | tail -n 1)
count "$closing" $status >"build/log/$name.count"
if [[ $status -ne 0 ]]; then
  # One write, so that steps that run side by side do not mix.
  printf '%s\n%s: FAILED with %d after %d s; its output is above and in %s\n' \
    "$(cat "$log")" "$name" $status $took "$log"
  exit 1
fi
printf '%-16s %4d s  %s\n' "$name" $took "$closing"
