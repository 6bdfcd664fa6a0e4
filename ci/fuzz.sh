#!/usr/bin/env bash
# Runs every fuzz test of the module for some seconds each.
#   fuzz.sh            for 30 seconds
#   fuzz.sh SECONDS    for that long
# A failing input is left under the package's testdata/fuzz, for a test to keep.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
if [ "$*" = --help ]; then help; exit 0; fi
[[ $# -le 1 && ${1:-30} =~ ^[1-9][0-9]*$ ]] || refuse "$*" "a number of seconds"
seconds=${1:-30}
export CGO_ENABLED=0
ran=0 failed=""
while IFS=: read -r file name; do
  echo "== $(dirname "$file") $name"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" || failed="$failed $name"
  ran=$((ran + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //')
[ $ran -gt 0 ] || { echo "fuzz.sh: found no fuzz test, expected some" >&2; exit 1; }
[ -z "$failed" ] || { echo "fuzz.sh: FAILED:$failed" >&2; exit 1; }
echo "fuzz: $ran fuzz tests of $seconds s each passed"
