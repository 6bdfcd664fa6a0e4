#!/usr/bin/env bash
# golangci-lint with .golangci.yml: who imports whom, as ci/layers.txt says, and a doc
# comment on everything exported. Built from source once, which takes minutes; so it
# is a step of the workflow and not of .ci/run.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of -- "$@"
. ci/versions.sh
export CGO_ENABLED=0
run() { go run "$golangci" "$@"; }
run config verify
run run ./...
echo "golangci: clean"
