#!/usr/bin/env bash
# Runs every test with Go alone and ends with the skipped ones and a count.
#   test.sh              all packages
#   test.sh ARGUMENT...  what `go test` takes, in place of ./...
set -uo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.." || exit
if [ "$*" = --help ]; then help; exit 0; fi
export CGO_ENABLED=0
[ $# -gt 0 ] || set -- ./...
go test -timeout 40m -json "$@" 2>&1 | go run ./ci/testreport
