#!/usr/bin/env bash
# Who may import whom: checks that every import of this module is one that
# ci/layers.txt allows, in the plain build and with the tag nvidia, that no public
# package drags gorgonia, gonum's plot, the flag parser or cgo into a user's build, and
# that the table of ARCHITECTURE.md and the depguard rules of .golangci.yml are those
# of that file.
#   imports.sh          checks
#   imports.sh --write  makes table and rules again, then checks
# `go test ./ci/layers` proves that each kind of fault is found.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --write -- "$@"
CGO_ENABLED=0 go run ./ci/layers ${1:+-write}
