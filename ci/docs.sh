#!/usr/bin/env bash
# Checks the Markdown pages.
#   docs.sh            every link to a file or a heading leads there; then executes the
#                      blocks of commands that begin with ```sh run, and compares what
#                      they print with the block ```text output that follows, if one does
#   docs.sh --links    the links alone
#   docs.sh --commands the commands alone
# A page's blocks run in order in a copy of the repository, with sparsebert-gpu on PATH.
# In ```text output, ... stands for any characters, on a line alone for any lines.
# `go test ./ci/docs` proves that each kind of fault is found.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --links --commands -- "$@"
export CGO_ENABLED=0
if [ "${1:-}" != --commands ]; then go run ./ci/docs links; fi
if [ "${1:-}" != --links ]; then go run ./ci/docs commands; fi
