#!/usr/bin/env bash
# Builds what Dockerfile.cuda ships: the plain program and, beside it, its helper binaries for
# NVIDIA GPUs and for MPI; and looks at all. Needs Go and g++, no GPU; ci/cuda-toolkit.sh
# brings the rest where it is not there.
#   build-cuda.sh DIR          builds DIR/sparsebert-gpu, sparsebert-gpu-cuda and sparsebert-gpu-mpi
#   build-cuda.sh --self-test  builds from what Dockerfile.cuda copies, checks that
#                              file, and plays every fault of helper, driver and GPU
# COMMIT in the environment is the commit that --version names, with -dirty behind
# it where files differ; by default what git says.
# Exit code 1: a build or a check failed; 2: wrong options.
# shellcheck disable=SC2015 # die exits
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
plain=sparsebert-gpu helper=sparsebert-gpu-cuda mpi=sparsebert-gpu-mpi
# libcuda.so.1 is the driver's; the others are glibc, in one file or in several.
glibc='libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-[a-z0-9-]*\.so\.[0-9]'
allowed="libcuda\.so\.1|$glibc"

die() {
  local line="build-cuda.sh: $*"
  echo "${line//$'\n'/ }" >&2
  exit "${code:-1}"
}

# build DIR sets commit. Without cgo in net and os/user, glibc's name services
# are not needed at run time.
build() {
  local settings flags
  commit=${COMMIT:-$(git describe --always --dirty --exclude='*' --abbrev=12 2>/dev/null || true)}
  [[ $commit =~ ^[A-Za-z0-9._+-]*$ ]] || die "COMMIT: found \"$commit\", expected letters, digits and . _ + -"
  flags=(-trimpath -ldflags="-s -w -X $(go list -m)/internal/version.commit=$commit")
  CGO_ENABLED=0 go build "${flags[@]}" -o "$1/$plain" ./cmd/sparsebert-gpu
  CGO_ENABLED=0 go build "${flags[@]}" -tags mpi -o "$1/$mpi" ./cmd/sparsebert-gpu
  settings=$(ci/cuda-toolkit.sh --env) || exit 1
  eval "$settings"
  CGO_ENABLED=1 go build "${flags[@]}" -tags nvidia,mpi,netgo,osusergo -o "$1/$helper" ./cmd/sparsebert-gpu
}

# needs FILE prints the libraries that a program loads, nothing for a static one.
needs() { readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'; }

# clean FILE finds folders of this machine in a program.
clean() {
  local folder
  for folder in "$PWD" "${HOME:-}" "$(go env GOROOT)" "$(go env GOMODCACHE)" "$(go env GOCACHE)" "${CUDA_HOME:-}"; do
    if [ ${#folder} -gt 2 ] && grep -aqF "$folder/" "$1"; then die "$1: found $folder in it, expected no path of this machine"; fi
  done
}

# look_at_plain DIR COMMIT: static, and runs.
look_at_plain() {
  local said
  [ -z "$(needs "$1/$plain")" ] || die "$1/$plain: found it linked with $(needs "$1/$plain" | tr '\n' ' '), expected a static program"
  clean "$1/$plain"
  said=$("$1/$plain" --version 2>&1) && [[ $said == *"${2:+commit ${2%-dirty}, }"* ]] || die "$1/$plain --version: found \"$said\", expected commit $2"
  said=$("$1/$plain" flops --json 2>&1) && [[ $said == *'"non_embedding_flops_per_sequence"'* ]] || die "$1/$plain flops: found \"$said\""
}

# look_at_helper DIR: needs the driver and the C library, nothing else.
look_at_helper() {
  local surplus
  needs "$1/$helper" | grep -qx 'libcuda\.so\.1' || die "$1/$helper: found it linked with $(needs "$1/$helper" | tr '\n' ' '), expected libcuda.so.1"
  surplus=$(needs "$1/$helper" | grep -vxE "$allowed" | tr '\n' ' ' || true)
  [ -z "$surplus" ] || die "$1/$helper: found it linked with $surplus, expected libcuda.so.1 and the C library"
  if readelf -d "$1/$helper" | grep -qE '\((RPATH|RUNPATH)\)'; then die "$1/$helper: found a search path for libraries in it, expected none"; fi
  clean "$1/$helper"
}

# look_at_mpi DIR: needs the C library, nothing else, and starts.
look_at_mpi() {
  local surplus said
  needs "$1/$mpi" | grep -q '^libc\.so' || die "$1/$mpi: found it linked with \"$(needs "$1/$mpi" | tr '\n' ' ')\", expected the C library, to load MPI with"
  surplus=$(needs "$1/$mpi" | grep -vxE "$glibc" | tr '\n' ' ' || true)
  [ -z "$surplus" ] || die "$1/$mpi: found it linked with $surplus, expected the C library alone"
  clean "$1/$mpi"
  said=$("$1/$mpi" --version 2>&1) && [[ $said == *"build for MPI"* ]] || die "$1/$mpi --version: found \"$said\", expected the build for MPI"
}

# look_at_both DIR: side by side they reach a GPU, or say in one line why not.
look_at_both() {
  local said status=0 run
  if said=$("$1/$helper" --probe-cuda 2>&1); then
    echo "build-cuda.sh: the helper reaches ${said#*$'\n'}"
    return
  fi
  run=$(mktemp -u)
  said=$("$1/$plain" train --device cuda --output-dir "$run" 2>&1) || status=$?
  [ $status = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] && [[ $said == *"device: cuda cannot be used: "*"--device cpu"* ]] && [ ! -e "$run" ] ||
    die "train --device cuda where the helper cannot start: exit code $status and \"$said\", expected 2, one line and nothing written"
  echo "build-cuda.sh: here, $said"
}

if [ "$*" = --help ]; then help; exit 0; fi
[ $# = 1 ] && [ -n "$1" ] || code=2 die "found $# words, expected a folder or --self-test"
for tool in go readelf; do command -v $tool >/dev/null || die "found no $tool, expected Go 1.26 and binutils to build with"; done
case $1 in
--self-test)
  # shellcheck source=ci/build-cuda-test.sh
  . ci/build-cuda-test.sh ;;
-*) code=2 die "found $1, expected a folder or --self-test" ;;
*)
  mkdir -p "$1"
  out=$(cd "$1" && pwd)
  build "$out"
  look_at_plain "$out" "$commit"
  look_at_helper "$out"
  look_at_mpi "$out"
  look_at_both "$out"
  echo "build-cuda.sh: built $out: $plain $helper $mpi, commit ${commit:-unknown}, for $(go env GOARCH) and glibc $(readelf -VW "$out/$helper" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -V | tail -n 1) or newer" ;;
esac
