#!/usr/bin/env bash
# Installs what building, testing and trying Pannier need on Debian 12. Says what and why; does
# nothing, quickly, when everything is there. Only package clients download: apt, pip, npm and go.
#
#   scripts/deps.sh           all of it
#   scripts/deps.sh --list    what it would install and why
#   scripts/deps.sh --build   only what compiling needs
#   scripts/deps.sh --node    only what a Kubernetes node of the tests needs (`make e2e`)
#   scripts/deps.sh --browser only what trying the examples in a browser needs (`make browser`)
#   PANNIER_VENV=DIR          where the Python environment goes (default: in the user's cache)
set -euo pipefail
cd "$(dirname "$0")/.."

# package  why
packages() {
  case $wanted in
    build) build_packages ;;
    node) node_packages ;;
    browser) browser_packages ;;
    all)
      build_packages
      test_packages
      ;;
  esac
}

node_packages() {
  cat <<'LIST'
containerd                   runs pods
runc                         runs containers
containernetworking-plugins  gives pods their network
nftables                     Services (kube-proxy)
iproute2                     the bridge of the pods
busybox-static               what pods of the tests run
LIST
}

browser_packages() {
  cat <<'LIST'
chromium                     shows the examples of the Python package
fonts-dejavu-core            its letters
python3-venv                 Python of the examples and the tests
LIST
}

build_packages() {
  cat <<'LIST'
cmake                        builds
ninja-build                  builds
make                         the verbs
g++                          the compiler of releases
pkg-config                   finds libraries for CMake
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
ca-certificates              authorities of TLS, which images get too
tzdata                       time zones, which the operator's image gets too
LIST
}

test_packages() {
  cat <<'LIST'
ccache                       makes the second build quick
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
nginx-light                  TLS in front of the compose example (its service is not started)
LIST
  # The S3 server of the tests is built by Go; one from elsewhere will do.
  command -v go >/dev/null || echo "golang-go                    builds Helm, the S3 server and the API server of the tests"
  # Chroma's JavaScript client needs Node; one from elsewhere will do.
  command -v node >/dev/null || echo "nodejs                       tests of the JavaScript client"
  command -v npm >/dev/null || echo "npm                          tests of the JavaScript client"
}

cache="${XDG_CACHE_HOME:-$HOME/.cache}/pannier"
venv="${PANNIER_VENV:-$cache/venv}"
requirements=scripts/requirements.txt
browser_requirements=scripts/requirements-browser.txt
versitygw=v1.8.0
helm=v3.19.5

say() { printf 'deps: %s\n' "$*"; }
fail() {
  printf 'error: %s\ntry: %s\n' "$1" "$2" >&2
  exit 1
}

wanted=all
case "${1:-}" in
  --build) wanted=build ;;
  --node) wanted=node ;;
  --browser) wanted=browser ;;
esac
if [[ "${1:-}" == --list ]]; then
  packages
  echo "Python packages: $requirements, into $venv"
  echo "Go programs: versitygw $versitygw, the S3 server of the tests, into $cache/bin"
  echo "             helm $helm, which checks charts/, into $cache/bin"
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

install_browser_python() {
  local want have="" stamp=$venv/pannier-browser-stamp
  want="$(cat "$requirements" "$browser_requirements" | sha256sum)"
  [[ -e $stamp ]] && have=$(<"$stamp")
  [[ "$want" == "$have" ]] && return 0
  say "installing Python packages into $venv: Streamlit, and Playwright to drive the browser"
  "$venv/bin/python" -m pip install --quiet --constraint "$requirements" \
    --requirement "$browser_requirements" >"$cache/pip.log" 2>&1 ||
    fail "pip failed: $(tail -n 5 "$cache/pip.log")" "see $cache/pip.log"
  printf '%s' "$want" >"$stamp"
}

# install_go_program NAME VERSION PACKAGE WHAT: into the cache, unless that version is there.
install_go_program() {
  local name=$1 version=$2 package=$3 what=$4
  local go log="$cache/go.log" stamp="$cache/bin/$name-stamp"
  [[ -x $cache/bin/$name && -e $stamp && $(<"$stamp") == "$version" ]] && return 0
  say "building $what into $cache/bin: $name $version (minutes, once)"
  mkdir -p "$cache/bin"
  if ! go=$(scripts/find_go.sh 2>"$log") ||
    ! GOBIN="$cache/bin" GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOROOT='' \
      "$go" install "$package@$version" >>"$log" 2>&1; then
    fail "go failed: $(tail -n 5 "$log")" "see $log; check the network and 'go env GOPROXY'"
  fi
  printf '%s' "$version" >"$stamp"
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
if [[ $wanted == browser ]]; then
  install_python
  install_browser_python
fi
[[ $wanted == all ]] || exit 0
install_python
install_go_program versitygw "$versitygw" github.com/versity/versitygw/cmd/versitygw \
  "the S3 server of the tests"
install_go_program helm "$helm" helm.sh/helm/v3/cmd/helm "Helm, which checks charts/"
install_javascript
