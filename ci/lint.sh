#!/usr/bin/env bash
# go vet and staticcheck; a doc comment on everything exported, and no internal type in a
# public signature; builds for the other systems that the plain program must run on.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
. ci/versions.sh
one_of -- "$@"
export CGO_ENABLED=0

go vet ./...
go vet -tags noasm ./cpu/...
go run "$staticcheck" ./...
go run ./ci/doccheck
for target in linux/arm64 darwin/arm64; do
  for tags in "" mpi; do
    GOOS=${target%/*} GOARCH=${target#*/} go build -tags "$tags" -o /dev/null ./cmd/sparsebert-gpu
  done
done
echo "lint: clean"
