#!/usr/bin/env bash
# Installs what building, testing and trying Pannier need on Debian 12. Says what and why; does
# nothing, quickly, when everything is there. Only package clients download: apt, pip, npm and go.
#
#   scripts/deps.sh           all of it
#   scripts/deps.sh --list    what it would install and why
#   PANNIER_VENV=DIR          where the Python environment goes (default: in the user's cache)
set -euo pipefail
cd "$(dirname "$0")/.."

# package  why
packages() {
  cat <<'LIST'
cmake                        builds
ninja-build                  builds
make                         the verbs
g++                          the compiler of releases
pkg-config                   finds libraries for CMake
ccache                       makes the second build quick
git                          versions in build info and in benchmarks
libcpp-httplib-dev           parses HTTP
libssl-dev                   TLS and SHA-256 (cpp-httplib and we)
libyaml-cpp-dev              reads the configuration
libsqlite3-dev               keeps records
libhnswlib-dev               builds search graphs
libsimdjson-dev              parses request bodies
nlohmann-json3-dev           small JSON
libroaring-dev               bitmaps of metadata filters
libre2-dev                   regular expressions of document filters
libzstd-dev                  compresses snapshots
libcurl4-openssl-dev         talks to S3
libxxhash-dev                checksums
libhowardhinnant-date-dev    time zones
prometheus-cpp-dev           metrics
libcli11-dev                 command lines
libfmt-dev                   formats text
catch2                       C++ tests
clang-14                     the second compiler, sanitizers, fuzzing
libclang-rt-14-dev           sanitizer and fuzzing run-time of clang
llvm-14                      readable sanitizer reports
lld-14                       links clang builds
clang-format-14              code format
clang-tidy-14                code checks
prometheus                   promtool, which checks our metrics (its service is not started)
shellcheck                   checks shell scripts
python3-venv                 Python tests and the demo
openssl                      certificates of tests
LIST
  # The S3 server of the tests is built by Go; one from elsewhere will do.
  command -v go >/dev/null || echo "golang-go                    builds the S3 server and the API server of the tests"
  # Chroma's JavaScript client needs Node; one from elsewhere will do.
  command -v node >/dev/null || echo "nodejs                       tests of the JavaScript client"
  command -v npm >/dev/null || echo "npm                          tests of the JavaScript client"
}

cache="${XDG_CACHE_HOME:-$HOME/.cache}/pannier"
venv="${PANNIER_VENV:-$cache/venv}"
requirements=scripts/requirements.txt
versitygw=v1.8.0

say() { printf 'deps: %s\n' "$*"; }
fail() {
  printf 'error: %s\ntry: %s\n' "$1" "$2" >&2
  exit 1
}

if [[ "${1:-}" == --list ]]; then
  packages
  echo "Python packages: $requirements, into $venv"
  echo "Go program: versitygw $versitygw, the S3 server of the tests, into $cache/bin"
  echo "JavaScript packages: clients/js/package-lock.json, into $cache/npm"
  exit 0
fi

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "installing packages needs root, and there is no sudo" "run scripts/deps.sh as root"
  fi
}

# Debian starts a package's service when it is installed, unless this file says no.
with_no_services() {
  local policy=/usr/sbin/policy-rc.d
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT # also when interrupted
  "$@"
}

# The packages of the list that are not installed, one per line.
missing_packages() {
  comm -23 <(packages | cut -d ' ' -f 1 | sort -u) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u)
}

install_packages() {
  local missing name
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -eq 0 ]] && return 0
  command -v apt-get >/dev/null ||
    fail "this machine has no apt" "use Debian 12, or install: ${missing[*]}"
  for name in "${missing[@]}"; do
    say "installing $(packages | grep "^$name " | sed 's/  */: /')"
  done
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update >"$cache/apt.log" 2>&1 ||
    fail "apt-get update failed: $(tail -n 3 "$cache/apt.log")" "check the network and /etc/apt"
  with_no_services as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" \
    >>"$cache/apt.log" 2>&1 ||
    fail "apt-get install failed: $(tail -n 5 "$cache/apt.log")" "see $cache/apt.log"
}

install_python() {
  local want have=""
  want="$(sha256sum <"$requirements") $(python3 --version)"
  [[ -e $venv/pannier-stamp ]] && have=$(<"$venv/pannier-stamp")
  [[ "$want" == "$have" && -x $venv/bin/python ]] && return 0
  say "installing Python packages into $venv: Chroma's client, server and test-suite, pytest"
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --requirement "$requirements" >"$cache/pip.log" 2>&1 ||
    fail "pip failed: $(tail -n 5 "$cache/pip.log")" "see $cache/pip.log; remove $venv to begin anew"
  printf '%s' "$want" >"$venv/pannier-stamp"
}

install_s3_server() {
  local go log="$cache/go.log" stamp="$cache/bin/versitygw-stamp"
  [[ -x $cache/bin/versitygw && -e $stamp && $(<"$stamp") == "$versitygw" ]] && return 0
  say "building the S3 server of the tests into $cache/bin: versitygw $versitygw (minutes, once)"
  mkdir -p "$cache/bin"
  if ! go=$(scripts/find_go.sh 2>"$log") ||
    ! GOBIN="$cache/bin" GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOROOT='' \
      "$go" install "github.com/versity/versitygw/cmd/versitygw@$versitygw" >>"$log" 2>&1; then
    fail "go failed: $(tail -n 5 "$log")" "see $log; check the network and 'go env GOPROXY'"
  fi
  printf '%s' "$versitygw" >"$stamp"
}

install_javascript() {
  local log="$cache/npm.log"
  python3 tests/clients/node_modules.py >"$log" 2>&1 ||
    fail "npm failed: $(tail -n 5 "$log")" "see $log; remove $cache/npm to begin anew"
}

mkdir -p "$cache"
exec 9>"$cache/deps.lock"
flock 9 # two runs at once wait for each other
install_packages
install_python
install_s3_server
install_javascript
