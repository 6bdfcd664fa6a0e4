#!/usr/bin/env bash
# Makes a CUDA driver whose GPU is the simulator, so that programs for NVIDIA GPUs run where there is
# none: libcuda.so.1, of package ci/simcuda, and an nvidia-smi that knows the GPU.
#   sim-cuda.sh DIR PROGRAM...   makes both in DIR, with every function that the programs ask for
# With LD_LIBRARY_PATH=DIR a program finds the driver. Functions that the simulator does not have say
# CUDA_ERROR_NOT_SUPPORTED.
# Exit code 1: something cannot be built; 2: wrong options.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
if [ "${1:-}" = --help ]; then help; exit 0; fi
die() { echo "sim-cuda.sh: $*" >&2; exit "${code:-1}"; }
[ $# -ge 2 ] || code=2 die "found $# arguments, expected a folder and at least one program"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
for program; do [ -s "$program" ] || die "found no program $program"; done
# functions FILE WHICH prints those of CUDA that the file lacks (UND) or has.
functions() { readelf --dyn-syms -W "$1" | awk -v lacks="$2" '($7 == "UND") == lacks && $8 ~ /^cu[A-Z]/ { print $8 }'; }
wanted=$(for program; do functions "$program" 1; done | sort -u)
[ -n "$wanted" ] || die "$*: found no function of CUDA's driver in it, expected a program for NVIDIA GPUs"
cd "$(dirname "$0")/.."
CGO_ENABLED=1 go build -trimpath -tags nvidia -buildmode=c-shared -o "$dir/libsimcuda.so" ./ci/simcuda
rm -f "$dir/libsimcuda.h"
comm -23 <(echo "$wanted") <(functions "$dir/libsimcuda.so" 0 | sort -u) | sed 's/.*/int &(void) { return 801; }/' |
  gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$dir/libcuda.so.1" -x c - -L"$dir" "-Wl,-rpath,\$ORIGIN" -Wl,--no-as-needed -l:libsimcuda.so
cat >"$dir/nvidia-smi" <<'SMI'
#!/bin/sh
case "$*" in
*query*) echo "Simulated GPU, 550.54.15" ;;
*) echo "the GPU is the simulator" ;;
esac
SMI
chmod +x "$dir/nvidia-smi"
