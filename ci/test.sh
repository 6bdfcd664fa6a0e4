#!/usr/bin/env bash
# Runs every test with Go alone and ends with the skipped ones and a count.
# Arguments go to `go test` in place of ./...
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
[ $# -gt 0 ] || set -- ./...
go test -json "$@" 2>&1 | go run ./ci/testreport
