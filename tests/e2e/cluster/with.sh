#!/usr/bin/env bash
# Runs a command beside a Kubernetes API of its own, which ends with it. Builds the API server when
# there is none: minutes.
#
#   with.sh COMMAND...     with PANNIER_TEST_CLUSTER, PANNIER_KUBE_PROGRAMS and KUBECONFIG
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PANNIER_KUBE_PROGRAMS=$("$here/build.sh" | tail -n 1)
PANNIER_TEST_CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/pannier-e2e.XXXXXX")
export PANNIER_KUBE_PROGRAMS PANNIER_TEST_CLUSTER KUBECONFIG=$PANNIER_TEST_CLUSTER/admin.kubeconfig
trap '"$here/down.sh" "$PANNIER_TEST_CLUSTER"' EXIT
"$here/up.sh" "$PANNIER_TEST_CLUSTER"
"$@"
