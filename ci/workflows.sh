#!/usr/bin/env bash
# Looks at .github/workflows with actionlint, and that every script which a workflow or
# the Makefile calls is there.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of -- "$@"
. ci/versions.sh
export CGO_ENABLED=0
go run "$actionlint" -shellcheck= -pyflakes=
bad=0
while read -r called; do
  [ -x "$called" ] || { echo "workflows.sh: found no program $called, expected one" >&2; bad=1; }
done < <(grep -rhoE '(ci|\.ci)/[a-z/-]+(\.sh)?' .github/workflows Makefile | grep -E '\.sh$|^\.ci/run$' | sort -u)
[ $bad = 0 ] || exit 1
echo "workflows: sound, and what they call is there"
