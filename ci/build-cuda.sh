#!/usr/bin/env bash
# Builds what Dockerfile.cuda ships: the plain program and, beside it, its helper binaries for
# NVIDIA GPUs and for MPI; and looks at all. Needs Go and g++, no GPU; ci/cuda-toolkit.sh
# brings the rest where it is not there.
#   build-cuda.sh DIR          builds DIR/sparsebert-gpu, sparsebert-gpu-cuda and sparsebert-gpu-mpi
#   build-cuda.sh --cubins     fills kernels/cubin alone, for builds with the tag cubins
#   build-cuda.sh --self-test  builds from what Dockerfile.cuda copies, checks that
#                              file, and plays every fault of helper, driver and GPU
# The helper for NVIDIA GPUs holds the kernels' machine code for compute capability 8.0, 8.6, 8.9
# and 9.0, which the pinned ptxas assembles into kernels/cubin; without that ptxas it holds PTX
# alone. CUBIN_TARGETS in the environment names fewer targets, sm_80 say.
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
  assemble_all
  settings=$(ci/cuda-toolkit.sh --env) || exit 1
  eval "$settings"
  CGO_ENABLED=1 go build "${flags[@]}" -tags "nvidia,mpi,netgo,osusergo$cubins" -o "$1/$helper" ./cmd/sparsebert-gpu
}

# assemble_all fills kernels/cubin with an archive a target and sets cubins to the build tag for
# them, or to nothing where the pinned ptxas is not to be had. What is there of the same PTX stays.
assemble_all() {
  local settings target from scratch file
  cubins='' targets=''
  if ! settings=$(ci/cuda-toolkit.sh --pinned --env 2>&1); then
    echo "build-cuda.sh: no machine code, the driver will compile at the first start: $settings"
    return
  fi
  targets=${CUBIN_TARGETS:-$(CGO_ENABLED=0 go run ./kernels/pack -targets)}
  mkdir -p kernels/cubin
  for target in $targets; do
    from=$(assembled_from "$settings" "$target")
    if [ -s "kernels/cubin/$target.zip" ] && [ "$from" = "$(cat "kernels/cubin/$target.from" 2>/dev/null)" ]; then continue; fi
    scratch=$(mktemp -d)
    (
      eval "$settings"
      for file in kernels/ptx/*.ptx; do
        if [[ $file == *_sm90a.ptx && $target != sm_90a ]]; then continue; fi
        basename "$file" .ptx
      done | xargs -P "$(nproc)" -I NAME ptxas "-arch=$target" -o "$scratch/NAME.cubin" kernels/ptx/NAME.ptx
    ) || { rm -rf "$scratch"; die "ptxas: see above"; }
    CGO_ENABLED=0 go run ./kernels/pack -cubins "$scratch" -out "$scratch/made" || { rm -rf "$scratch"; exit 1; }
    mv "$scratch/made" "kernels/cubin/$target.zip"
    rm -rf "$scratch"
    echo "$from" >"kernels/cubin/$target.from"
  done
  for file in kernels/cubin/*.zip; do # of an earlier build, for a target that is not asked for
    target=$(basename "$file" .zip)
    [[ " $targets " == *" $target "* ]] || rm -f "$file" "kernels/cubin/$target.from"
  done
  cubins=,cubins
}

# assembled_from SETTINGS TARGET prints a hash of what an archive is made from.
assembled_from() {
  (
    eval "$1"
    { echo "$2"; ptxas --version; cat kernels/ptx/*.ptx kernels/pack/main.go; } | sha256sum
  )
}

# look_at_cubins DIR: the helper holds an archive of each target.
look_at_cubins() {
  local file
  [ -n "$cubins" ] || return 0
  for file in kernels/cubin/*.zip; do
    # Its name is in the table of embedded files.
    grep -aqF "cubin/$(basename "$file")" "$1/$helper" || die "$1/$helper: found no $(basename "$file") in it, expected the kernels' machine code"
  done
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
[ $# = 1 ] && [ -n "$1" ] || code=2 die "found $# words, expected a folder, --cubins or --self-test"
for tool in go readelf; do command -v $tool >/dev/null || die "found no $tool, expected Go 1.26 and binutils to build with"; done
case $1 in
--self-test)
  # shellcheck source=ci/build-cuda-test.sh
  . ci/build-cuda-test.sh ;;
--cubins)
  assemble_all
  # shellcheck disable=SC2031 # the subshell is the self-test's
  [ -n "$cubins" ] || die "found no pinned ptxas, expected it to assemble the kernels with"
  echo "build-cuda.sh: machine code for $targets in kernels/cubin" ;;
-*) code=2 die "found $1, expected a folder, --cubins or --self-test" ;;
*)
  mkdir -p "$1"
  out=$(cd "$1" && pwd)
  build "$out"
  look_at_plain "$out" "$commit"
  look_at_helper "$out"
  look_at_cubins "$out"
  look_at_mpi "$out"
  look_at_both "$out"
  echo "build-cuda.sh: machine code for ${targets:-no GPU}; $helper has $(($(stat -c %s "$out/$helper") >> 20)) MiB"
  echo "build-cuda.sh: built $out: $plain $helper $mpi, commit ${commit:-unknown}, for $(go env GOARCH) and glibc $(readelf -VW "$out/$helper" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -V | tail -n 1) or newer" ;;
esac
