#!/usr/bin/env bash
# The race detector on the packages that start goroutines. It needs cgo and a C
# compiler, which nothing else here does. Tests that only look at numbers are skipped with
# -short, and named at the end: what they call starts no goroutine, or another test starts it.
set -uo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.." || exit
one_of -- "$@"
. ci/packages.sh
if ! command -v gcc >/dev/null; then
  if can_install; then
    apt_install gcc libc6-dev
  else
    echo "race.sh: found no gcc, expected one (the race detector needs cgo)" >&2
    exit 1
  fi
fi
mapfile -t packages < <(grep -rlE --include='*.go' '(^|[[:space:]])go (func|[a-zA-Z.]+\()|errgroup|\.Go\(' --exclude='*_test.go' . | xargs -n1 dirname | sort -u)
if [[ " ${packages[*]} " == *" ./cmd/"* ]]; then
  echo "race.sh: found a goroutine begun in cmd, expected it in an internal package: under the race detector the command's tests take too long" >&2
  exit 1
fi
echo "race: ${packages[*]}"
CGO_ENABLED=1 go test -p "$(($(nproc) + 1))" -timeout 40m -vet=off -short -race -json "${packages[@]}" 2>&1 | go run ./ci/testreport
