#!/usr/bin/env bash
# Builds the comparison with OpenBLAS, which the plain build leaves out, and runs it
# at a small size: it compares OpenBLAS's products with ours before it times any. Where
# the library is missing and cannot be installed it says so and passes.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
. ci/versions.sh
. ci/packages.sh
one_of -- "$@"
missing=""
command -v gcc >/dev/null || missing="gcc libc6-dev"
command -v pkg-config >/dev/null || missing="$missing pkg-config"
pkg-config --exists openblas 2>/dev/null || missing="$missing libopenblas-dev"
if [ -n "$missing" ]; then
  if ! can_install; then
    echo "openblas: SKIPPED: found no$missing, and cannot install it here"
    exit 0
  fi
  # shellcheck disable=SC2086 # several packages
  apt_install $missing || { echo "openblas: SKIPPED: could not install$missing"; exit 0; }
fi
export CGO_ENABLED=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go vet -tags openblas ./bench/peers/openblas
go run "$staticcheck" -tags openblas ./bench/peers/openblas
go build -tags openblas -o "$scratch/openblas" ./bench/peers/openblas
"$scratch/openblas" -tokens 256 -shape 96x160 -block 1,4,8,16,32 -threads 1,2 -repeats 1 -json >"$scratch/results.json"
cases=$(grep -c '"op":' "$scratch/results.json")
[ "$cases" = 30 ] || { echo "openblas.sh: found $cases cases, expected 30 (3 products, 5 block sizes, 2 numbers of threads)" >&2; exit 1; }
# Bad settings are refused in one line.
for bad in "-op gemm" "-threads 0" "-shape 96" "-block 3" "-path mmx" "surplus"; do
  # shellcheck disable=SC2086
  if "$scratch/openblas" -tokens 8 $bad >"$scratch/out" 2>"$scratch/err"; then
    echo "openblas.sh: $bad: found no error, expected one" >&2
    exit 1
  fi
  [ "$(wc -l <"$scratch/err")" = 1 ] || { echo "openblas.sh: $bad: found $(cat "$scratch/err"), expected one line" >&2; exit 1; }
done
echo "openblas: builds, agrees with our products, $cases cases"
