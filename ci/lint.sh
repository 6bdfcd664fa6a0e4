#!/usr/bin/env bash
# go vet and staticcheck, for the plain build and for the other systems that it
# must build on.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
. ci/versions.sh
one_of -- "$@"
export CGO_ENABLED=0

go vet ./...
go vet -tags noasm ./cpu/...
go run "$staticcheck" ./...
for target in linux/arm64 darwin/arm64; do
  GOOS=${target%/*} GOARCH=${target#*/} go build -o /dev/null ./cmd/sparsebert-gpu
done
echo "lint: clean"
