# shellcheck shell=bash disable=SC2154,SC2015 # settings come from the script that reads this; fail exits
# Part of build-cuda.sh --self-test, which reads this file: the programs of $made
# on a libcuda.so.1 that plays every fault of driver and GPU. The environment says
# which: INIT, CONTEXT, LOAD, CUBIN, LAUNCH are CUDA's error codes, LOAD of PTX and CUBIN of machine
# code; LOCAL is each kernel's local memory in bytes; DRIVER is the newest CUDA that the driver serves; GPUS the compute capability of each GPU, 80 say; MEMORY its bytes.
fake=$top/fake
mkdir "$fake"
cat >"$fake/cuda.c" <<'FAKE'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static long set(const char *name, long other) { const char *s = getenv(name); return s ? atol(s) : other; }
static const char *gpus(void) { const char *s = getenv("GPUS"); return s ? s : "80"; }
int cuDriverGetVersion(int *v) { *v = set("DRIVER", 12040); return 0; }
int cuInit(unsigned flags) { return set("INIT", 0); }
int cuDeviceGetCount(int *n) { *n = (strlen(gpus()) + 1) / 3; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *s, int n, int d) { snprintf(s, n, "Played GPU %d", d); return 0; }
int cuDeviceGetUuid(char *id, int d) { memset(id, 0x11 * (d + 1), 16); return 0; }
int cuDeviceGetAttribute(int *v, int a, int d) {
  int cc = atoi(gpus() + 3 * d);
  *v = a == 75 ? cc / 10 : a == 76 ? cc % 10 : a == 16 ? 108 : 164 << 10;
  return 0;
}
int cuDeviceComputeCapability(int *major, int *minor, int d) { int cc = atoi(gpus() + 3 * d); *major = cc / 10; *minor = cc % 10; return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { *n = set("MEMORY", 1L << 40); return 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = c; return set("CONTEXT", 0); }
int cuStreamCreate(void **s, unsigned f) { *s = s; return 0; }
int cuModuleLoadDataEx(void **m, const char *image, unsigned n, int *o, void **v) {
  *m = m;
  if (!memcmp(image, "\177ELF", 4)) return set("CUBIN", 0);
  if (set("LOAD", 0)) strcpy(v[0], "ptxas fatal: played\n");
  return set("LOAD", 0);
}
int cuModuleGetFunction(void **f, void *m, const char *s) { *f = f; return 0; }
int cuFuncGetAttribute(int *v, int a, void *f) { *v = a == 3 ? set("LOCAL", 0) : a == 4 ? 40 : 0; return 0; }
int cuLaunchKernel() { return set("LAUNCH", 0); }
static size_t used;
int cuMemAlloc_v2(unsigned long *p, size_t n) {
  if (used + n > set("MEMORY", 1L << 40)) return 2;
  *p = 0x700000000000 + (used += n + 255 & ~255UL);
  return 0;
}
int cuMemGetInfo_v2(size_t *f, size_t *t) { *t = set("MEMORY", 1L << 40); *f = *t - used; return 0; }
int cuMemAllocHost_v2(void **p, size_t n) { *p = calloc(n, 1); return 0; }
int cuGetErrorName(int e, const char **s) { *s = e == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_PLAYED"; return 0; }
int cuGetErrorString(int e, const char **s) { *s = "played"; return 0; }
FAKE
# Whatever else the helper calls succeeds and does nothing.
readelf --dyn-syms -W "$made/$helper" | awk '$7 == "UND" && $8 ~ /^cu[A-Z]/ { print $8 }' | sort -u >"$fake/wanted"
grep -oE '^int cu[A-Za-z0-9_]+' "$fake/cuda.c" | cut -d ' ' -f 2 | sort -u >"$fake/played"
library() { gcc -w -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$1" -x c -; }
comm -23 "$fake/wanted" "$fake/played" | sed 's/.*/int &() { return 0; }/' | cat "$fake/cuda.c" - | library "$fake/libcuda.so.1"

# on DRIVER SETTING... -- COMMAND... runs it on a driver in that folder.
on() {
  local folder=$1 settings=()
  shift
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  env -u CUDA_VISIBLE_DEVICES LD_LIBRARY_PATH="$folder" "${settings[@]}" "$@" >"$top/out" 2>"$top/said"
}
# one CODE WORDS... expects what ran last to have ended so, its last line with these words.
one() {
  local code=$1 line
  shift
  line=$(tail -n 1 "$top/said")
  [ "$status" = "$code" ] || fail "exit code $status, expected $code and: $*"
  for words; do [[ $line == *"$words"* ]] || fail "expected in the last line: $words"; done
}
# refused DRIVER SETTING... -- WORDS... expects train to end in one line, nothing written.
refused() {
  local folder=$1 settings=()
  shift
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  status=0
  on "$folder" "${settings[@]}" -- "$made/$plain" train --device cuda --output-dir "$top/run" || status=$?
  one 2 "$@" 'found' 'expected'
  [ "$(wc -l <"$top/said")" = 1 ] && [ ! -s "$top/out" ] && [ ! -e "$top/run" ] || fail "${settings[*]}: expected one line and nothing written"
  echo "  $(sed -e 's/^sparsebert-gpu: //' -e 's/^device: cuda cannot be used: //' "$top/said")"
}
status=0
on "$fake" -- "$made/$helper" --probe-cuda && grep -qx "$helper [0-9.]*+feedbeef0123" "$top/out" && grep -q '^Played GPU 0, compute capability 8.0, driver for CUDA 12.4' "$top/out" ||
  fail "the helper cannot start on the played driver, where nothing is wrong: $(cat "$top/out")"
on "$fake" -- "$made/$helper" --version && grep -q '(commit feedbeef0123, build for NVIDIA GPUs' "$top/out" || fail "the helper's --version"

echo "build-cuda.sh: what each fault of helper, driver and GPU says:"
mv "$made/$helper" "$top"
refused "$fake" -- "found no $helper" 'ci/build-cuda.sh'
cp "$top/$helper" "$made"
chmod -x "$made/$helper"
refused "$fake" -- 'may not be run' 'chmod +x'
printf '#!/bin/sh\nexec "%s" --version\n' "$made/$plain" >"$made/$helper"
chmod +x "$made/$helper"
refused "$fake" -- 'found no version, expected ' 'build both anew'
cp "$top/$helper" "$made"
if ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; then refused "$top/nowhere" -- 'found no libcuda.so.1' 'driver 550 or newer' '--gpus all'; fi
mkdir "$top/broken"
echo x >"$top/broken/libcuda.so.1"
refused "$top/broken" -- 'found a broken libcuda.so.1' '--gpus all'
mkdir "$top/stubs"
for stub in "${CUDA_HOME:-none}"/lib64/stubs "$(ci/cuda-toolkit.sh)/lib64/stubs"; do
  if [ -e "$stub/libcuda.so" ]; then ln -sf "$stub/libcuda.so" "$top/stubs/libcuda.so.1"; fi
done
[ ! -e "$top/stubs/libcuda.so.1" ] || refused "$top/stubs" -- "of a CUDA toolkit's stubs" 'LD_LIBRARY_PATH'
mkdir "$top/lacks"
grep -v cuInit "$fake/wanted" | grep -v cuDevicePrimaryCtxRetain | sed 's/.*/int &() { return 0; }/' | library "$top/lacks/libcuda.so.1"
refused "$top/lacks" LD_BIND_NOW=1 -- 'too old for this program (it lacks cu' 'update the driver'
refused "$fake" DRIVER=12020 INIT=999 -- 'for CUDA 12.2, expected' 'driver 550 or newer' 'update the driver'
refused "$fake" INIT=100 -- 'CUDA error 100' 'GPU'
refused "$fake" INIT=100 CUDA_VISIBLE_DEVICES=7 -- 'found no GPU with CUDA_VISIBLE_DEVICES="7"' 'nvidia-smi -L'
refused "$fake" INIT=802 -- 'CUDA error 802' 'nvidia-fabricmanager'
refused "$fake" INIT=803 -- 'does not fit the kernel' 'restart the machine'
refused "$fake" INIT=804 -- 'without forward compatibility' 'update the driver'
refused "$fake" INIT=999 -- 'CUDA error 999' 'does not start' 'nvidia-modprobe'
refused "$fake" GPUS= -- 'driver code 100' 'GPU'
refused "$fake" GPUS=75 -- 'Played GPU 0 with compute capability 7.5, expected a GPU with 8.0 or newer'
refused "$fake" 'GPUS=75 70 90' -- "this machine's Played GPU 2 would do" 'set CUDA_VISIBLE_DEVICES=GPU-33333333-3333-'
refused "$fake" 'GPUS=80 80 80' PET_NNODES=1 PET_NPROC_PER_NODE=auto -- 'processes: found 3, expected a power of two'
refused "$fake" CONTEXT=2 -- 'too little free memory' 'nvidia-smi'
refused "$fake" CONTEXT=46 -- 'taken by another process' 'CUDA_VISIBLE_DEVICES'
refused "$fake" GPUS=120 LOAD=222 -- 'too old for this program' 'driver 550 or newer' 'ptxas fatal: played'
refused "$fake" GPUS=120 LOAD=221 -- 'libnvidia-ptxjitcompiler.so.1' 'NVIDIA_DRIVER_CAPABILITIES'
refused "$fake" MEMORY=3000000 -- 'free on cuda' 'not even micro-batches of 1 would fit'
# With machine code for the GPU nothing is compiled; without, or where the driver refuses it, PTX is.
on "$fake" GPUS=80 LOAD=222 -- "$made/$helper" --probe-cuda || fail "the machine code for compute capability 8.0 was not loaded"
on "$fake" GPUS=120 CUBIN=209 -- "$made/$helper" --probe-cuda || fail "PTX was not compiled for compute capability 12.0"
on "$fake" GPUS=80 CUBIN=209 -- "$made/$helper" --probe-cuda || fail "PTX was not compiled where the driver refuses machine code"
# told WARNINGS WORDS SETTING... -- OPTION... expects a run that fails at its first launch to warn so often, with
# these words.
told() {
  local count=$1 words=$2 settings=()
  shift 2
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  rm -rf "$top/run"
  status=0
  on "$fake" GPUS=80 LAUNCH=700 "${settings[@]}" -- "$made/$plain" train --device cuda --quiet --output-dir "$top/run" "$@" || status=$?
  [ "$(grep -c " WRN .*$words" "$top/said")" = "$count" ] || fail "${settings[*]} $*: expected $count warnings with: $words"
}
told 0 "machine code" CUBIN=0 --
told 1 "does not take this program's machine code for compute capability 8.0 .*CUDA_ERROR_PLAYED" CUBIN=209 --
told 0 "machine code" CUBIN=209 -- --ptx
told 1 "found 16 bytes of local memory for each thread, expected 0" LOCAL=16 --
told 0 "local memory" LOCAL=0 --
rm -rf "$top/run"
# In the run: a failure of the run.
status=0
on "$fake" LAUNCH=700 -- "$made/$plain" train --device cuda --quiet --output-dir "$top/run" || status=$?
one 1 'driver code 700' 'CUDA_ERROR_PLAYED'
[ "$(grep -vc ' WRN ' "$top/said")" = 1 ] || fail "a launch that fails: expected one line beside warnings"
# Several processes: NCCL is looked for, and each takes a GPU of its own.
status=0
if ! ldconfig -p 2>/dev/null | grep -q 'libnccl\.so\.2'; then
  on "$fake" 'GPUS=80 80' -- "$made/$plain" train --device cuda --processes 2 --quiet --output-dir "$top/two" || status=$?
  one 2 'nccl_library: libnccl.so.2: ' 'name its file: --nccl-library; none sends through the host'
fi
status=0
on "$fake" 'GPUS=80 80' -- "$made/$plain" train --device cuda --processes 4 --nccl-library none --quiet --output-dir "$top/two" || status=$?
one 2 'device 2: found 2 GPUs, expected more for process 2 of this machine'
[ ! -e "$top/two" ] || fail "several processes that cannot begin: expected nothing written"
