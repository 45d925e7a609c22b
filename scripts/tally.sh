#!/usr/bin/env bash
# Adds up what the steps counted: prints "N passed, M failed" and ends 1 when anything failed.
#
#   scripts/tally.sh NAME...
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0
for name in "$@"; do
  if [[ -e build/log/$name.count ]]; then
    read -r good bad <"build/log/$name.count"
  else
    good=0 bad=1 # it never came to its end
    echo "$name: did not run"
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
