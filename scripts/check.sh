#!/usr/bin/env bash
# Format, lint, both compilers, sanitizers, fuzzing, metrics, and what `make test` leaves of Chroma's
# suite. Expects a built build/; see `make check`. CHECK_SECONDS=n: what has not begun by then of the
# longest parts is left out, and named (.ci/run, where caches are cold).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
: "${SEED:=$(date +%s)}"
export PANNIER_SEED=$SEED # of the C++ tests
: "${FUZZ_SECONDS:=20}"

venv="${PANNIER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/pannier/venv}"
python=$venv/bin/python
step=scripts/step.sh
steps=(format shellcheck asan-build tidy asan asan-flips fuzz metrics metrics-page crds-page chart alerts images)
for name in "${steps[@]}" tsan-build tsan chroma-socket chroma-tcp; do rm -f "build/log/$name.count"; done

# begins NAME...: adds steps, unless the time is over.
begins() {
  if [[ -n ${CHECK_SECONDS:-} && $SECONDS -gt $CHECK_SECONDS ]]; then
    echo "$*: not run: the time was over; what is cached now makes the next run quicker"
    return 1
  fi
  steps+=("$@")
}

# Sources that git knows or would know: nobody's build directories.
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

check_format() {
  sources '*.cc' '*.h' | xargs -r clang-format-14 --dry-run -Werror && echo "format: clean"
}
check_shell() {
  sources '*.sh' .ci/run | xargs -r shellcheck && echo "shellcheck: clean"
}
# build_with DIR TARGET CMAKE-ARGUMENTS...
build_with() {
  local dir=$1 target=$2
  shift
  shift
  cmake -S . -B "$dir" -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_C_COMPILER=clang-14 -DPANNIER_PCH=ON "$@" &&
    ninja -C "$dir" "$target" && echo "$dir: $target built without warnings"
}
check_tidy() {
  local files
  mapfile -t files < <(sources 'lib/*.cc' 'daemon/*.cc' 'operator/*.cc' 'cli/*.cc')
  scripts/tidy.py build/check-asan "${files[@]}"
}
# ThreadSanitizer wants addresses where it expects them.
run_tsan() {
  TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" \
    setarch "$(uname -m)" -R scripts/unit_tests.py build/check-tsan -L threaded
}
run_asan() {
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
    scripts/unit_tests.py build/check-asan "$@"
}
run_fuzzer() {
  local name=$1
  mkdir -p "build/fuzz/$name"
  local seeds=()
  [[ -d tests/fuzz/corpus/$name ]] && seeds=("tests/fuzz/corpus/$name")
  "build/check-asan/fuzz/$name" -max_total_time="$FUZZ_SECONDS" -seed=$((SEED % 1000000)) \
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="build/fuzz/$name-" "build/fuzz/$name" "${seeds[@]}"
}
run_fuzzers() {
  local names
  mapfile -t names < <(find build/check-asan/fuzz -maxdepth 1 -type f -executable -printf '%f\n')
  [[ ${#names[@]} -gt 0 ]] || return 1
  printf '%s\n' "${names[@]}" | xargs -P 2 -I NAME bash -c 'run_fuzzer NAME' || return 1
  echo "fuzzers: ${#names[@]} passed, $FUZZ_SECONDS s each"
}
run_suite() {
  "$python" tests/chroma/run_suite.py --server pannierd --selection "$2" --transport "$1" \
    --seed $((SEED % 1000000))
}
export -f sources check_format check_shell build_with check_tidy run_tsan run_asan run_fuzzer run_fuzzers \
  run_suite
export SEED FUZZ_SECONDS python

$step format bash -c check_format
$step shellcheck bash -c check_shell
$step asan-build bash -c \
  'build_with build/check-asan all -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DPANNIER_SANITIZE=address,undefined"'
$step tidy bash -c check_tidy
$step asan bash -c 'run_asan -E "^flips$"'
# A fifth of what `make test` tries: the same code, five times as slow.
PANNIER_TORTURE_ROUNDS=100 $step asan-flips bash -c 'run_asan -R "^flips$"'
$step fuzz bash -c run_fuzzers
if begins tsan-build tsan; then
  $step tsan-build bash -c \
    'build_with build/check-tsan threaded -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPANNIER_SANITIZE=thread'
  $step tsan bash -c run_tsan
fi
$step metrics "$python" tests/metrics/check_metrics.py
$step metrics-page "$python" scripts/metrics_reference.py --check
$step crds-page "$python" scripts/crd_reference.py --check
$step chart "$python" tests/chart/chart_test.py
$step alerts "$python" tests/monitoring/alerts_test.py
$step images "$python" tests/images/image_test.py
# Two servers and two clients keep both cores busy. The core over the socket is in `make test`.
if begins chroma-socket chroma-tcp; then
  $step chroma-socket bash -c 'run_suite socket property' &
  $step chroma-tcp bash -c 'run_suite tcp all'
  wait
fi
scripts/tally.sh "${steps[@]}"
