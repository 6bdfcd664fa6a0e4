#!/usr/bin/env bash
# Looks at .github/workflows with actionlint and at all scripts with shellcheck, where
# that is installed; and that every script which a workflow or the Makefile calls is there.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of -- "$@"
. ci/versions.sh
CGO_ENABLED=0 go run "$actionlint" -pyflakes=
bad=0
while read -r called; do
  [ -x "$called" ] || { echo "workflows.sh: found no program $called, expected one" >&2; bad=1; }
done < <(grep -rhoE '(ci|\.ci)/[a-z/-]+(\.sh)?' .github/workflows Makefile | grep -E '\.sh$|^\.ci/run$' | sort -u)
said="with shellcheck"
if command -v shellcheck >/dev/null; then
  git ls-files -co --exclude-standard 'ci/*.sh' .ci/run | xargs shellcheck || bad=1
else
  said="scripts not looked at: found no shellcheck"
fi
[ $bad = 0 ] || exit 1
echo "workflows: sound, and what they call is there; $said"
