# shellcheck shell=bash disable=SC2154 # scratch comes from the script that reads this
# kernels.sh --self-test, which reads this file: plants each kind of fault and
# expects it found. The compiler and the assembler are the real ones.

fail() { die "self-test: $*"; }

# The smallest tree: two kernels, one of which has a header and static code.
small=$scratch/small
mkdir -p "$small/kernels/include" "$small/gpu" "$small/kernels/build"
cp kernels/Makefile "$small/kernels"
CGO_ENABLED=0 go build -o "$small/kernels/build/gen" ./kernels/gen
echo '__device__ __noinline__ static float grow(float x) { return x * 3; }' >"$small/kernels/include/grow.cuh"
cat >"$small/kernels/dsd_a.cu" <<'KERNEL'
// y = 3 y, after a comment that PTX must not hold.
#include "grow.cuh"
extern "C" __global__ void dsd_a(float *y) { y[threadIdx.x] = grow(y[threadIdx.x]); }
KERNEL
cat >"$small/kernels/b_sm90a.cu" <<'KERNEL'
// Waits.
extern "C" __global__ void b_sm90a(int n) { asm volatile("wgmma.fence.sync.aligned;"); }
KERNEL
compile() { make -s -C "$1/kernels" >"$scratch/log" 2>&1; }
made() { rm -rf "$scratch/made" && mkdir "$scratch/made" && cp -r "$small/kernels/ptx" "$small/gpu/launch_gen.go" "$scratch/made"; }
compile "$small" || fail "cannot make two kernels: $(cat "$scratch/log")"
made
same "$small" "$scratch/made" >"$scratch/log" || fail "found a fault where there is none: $(cat "$scratch/log")"
if grep -rE '//|small' "$small/kernels/ptx"; then fail "found a comment or a path in PTX"; fi

# The same from a copy elsewhere, made at another time.
cp -r "$small" "$scratch/elsewhere"
rm -r "$scratch/elsewhere/kernels/ptx" "$scratch"/elsewhere/kernels/build/*.ptx
touch "$scratch"/elsewhere/kernels/*.cu
if ! { compile "$scratch/elsewhere" && same "$scratch/elsewhere" "$scratch/made"; }; then fail "another folder makes other PTX"; fi

# make follows headers, stops at an error and takes away what has no source.
before=$(stat -c %y "$small/kernels/ptx/b_sm90a.ptx")
echo "// other" >>"$small/kernels/ptx/dsd_a.ptx"
if ! { compile "$small" && same "$small" "$scratch/made"; }; then fail "make left PTX that came from elsewhere"; fi
sed -i 's/x \* 3/x * 5/' "$small/kernels/include/grow.cuh"
compile "$small" || fail "cannot make kernels after a change: $(cat "$scratch/log")"
if same "$small" "$scratch/made" >/dev/null; then fail "make did not follow a header"; fi
[ "$before" = "$(stat -c %y "$small/kernels/ptx/b_sm90a.ptx")" ] || fail "make made a kernel again that had not changed"
echo 'int left(' >>"$small/kernels/dsd_a.cu"
for time in first second; do
  if compile "$small"; then fail "make went on after an error of nvcc, the $time time"; fi
done
cat >"$scratch/half-nvcc" <<'NVCC'
#!/usr/bin/env bash
while [ "$1" != -o ]; do shift; done
echo half >"$2"
exit 1
NVCC
chmod +x "$scratch/half-nvcc"
if NVCC=$scratch/half-nvcc compile "$small"; then fail "make went on after a compiler that died"; fi
[ ! -e "$small/kernels/build/dsd_a.ptx" ] || fail "make left a file that is not whole"
sed -i '$d' "$small/kernels/dsd_a.cu"
sed -i 's/x \* 5/x * 3/' "$small/kernels/include/grow.cuh"
mv "$small/kernels/b_sm90a.cu" "$scratch"
if ! compile "$small" || [ -e "$small/kernels/ptx/b_sm90a.ptx" ]; then fail "make left PTX whose source is gone"; fi
mv "$scratch/b_sm90a.cu" "$small/kernels"
if ! { compile "$small" && same "$small" "$scratch/made"; }; then fail "make did not come back to where it was"; fi

# plant NAME EXPECTED COMMAND changes a copy of the tree.
plant() {
  rm -rf "$scratch/tree" && cp -r "$small" "$scratch/tree"
  (cd "$scratch/tree" && eval "$3")
  if same "$scratch/tree" "$scratch/made" >"$scratch/log"; then fail "did not find $1"; fi
  grep -q "$2" "$scratch/log" || fail "$1: found $(cat "$scratch/log"), expected $2"
}
plant "a changed line of PTX" "dsd_a.ptx: stale" "sed -i 's/mul.f32/add.f32/' kernels/ptx/dsd_a.ptx"
plant "a line less" "dsd_a.ptx: stale" "sed -i '\$d' kernels/ptx/dsd_a.ptx"
plant "missing PTX" "b_sm90a.ptx: missing" "rm kernels/ptx/b_sm90a.ptx"
plant "no PTX at all" "dsd_a.ptx: missing" "rm kernels/ptx/*.ptx"
plant "surplus PTX" "c.ptx: surplus" "cp kernels/ptx/dsd_a.ptx kernels/ptx/c.ptx"
plant "a stale launcher" "launch_gen.go: stale" "sed -i 's/n int32/n uint32/' gpu/launch_gen.go"
plant "a missing launcher" "launch_gen.go: stale" "rm gpu/launch_gen.go"

# ptxas: a spill fails where it must, and is shown elsewhere.
assembled() { assemble_all "$1" && report "$1"; }
assembled "$scratch/made" >"$scratch/log" || fail "found a spill where there is none: $(cat "$scratch/log")"
grep -qE '^dsd_a .* 0 .* 0 .* 0 ' "$scratch/log" || fail "found no row of dsd_a in $(cat "$scratch/log")"
grep -qE '^b_sm90a .* - .* - .* 0 ' "$scratch/log" || fail "found no row of b_sm90a in $(cat "$scratch/log")"

# The table of registers.
registers "$scratch/made" >"$small/kernels/registers.txt"
grep -qE '^dsd_a [1-9][0-9]* [1-9][0-9]* [1-9][0-9]*$' "$small/kernels/registers.txt" || fail "found no registers of dsd_a: $(cat "$small/kernels/registers.txt")"
grep -qE '^b_sm90a - - [1-9][0-9]*$' "$small/kernels/registers.txt" || fail "found no registers of b_sm90a: $(cat "$small/kernels/registers.txt")"
same_registers "$small" "$scratch/made" >"$scratch/log" || fail "found a fault in the table where there is none: $(cat "$scratch/log")"
sed -i 's/^dsd_a [0-9]*/dsd_a 77/' "$small/kernels/registers.txt"
if same_registers "$small" "$scratch/made" >"$scratch/log"; then fail "did not find a stale number of registers"; fi
rm "$small/kernels/registers.txt"
if same_registers "$small" "$scratch/made" >"$scratch/log" 2>&1; then fail "did not find a missing table"; fi

# made.txt: what it knows is taken, but for the kernels that the commit chooses; a change of source, header, flags, PTX or
# table is not.
registers "$scratch/made" >"$small/kernels/registers.txt"
made_rows "$small" >"$small/kernels/made.txt"
for commit in $(seq 100); do [ "$(taken "$small" "$commit" | wc -l)" -lt 2 ] || break; done
# changes EXPECTED COMMAND changes a copy of the tree and expects so many kernels taken.
changes() {
  local found
  rm -rf "$scratch/tree" && cp -r "$small" "$scratch/tree"
  (cd "$scratch/tree" && eval "$2")
  found=$(taken "$scratch/tree" "$commit" | wc -l)
  [ "$found" = "$1" ] || fail "$2: took $found kernels, expected $1"
}
changes 2 true
changes 1 "echo // >>kernels/dsd_a.cu"
changes 0 "echo // >>kernels/include/grow.cuh"
changes 0 "sed -i s/-O3/-O2/ kernels/Makefile"
changes 1 "sed -i 's/mul.f32/add.f32/' kernels/ptx/dsd_a.ptx"
changes 1 "rm kernels/ptx/dsd_a.ptx"
changes 1 "sed -i 's/^dsd_a [0-9]*/dsd_a 77/' kernels/registers.txt"
changes 0 "rm kernels/registers.txt"
changes 0 "rm kernels/made.txt" 2>/dev/null
left=0
for other in $(seq 40); do left=$((left + $(taken "$small" "$other" | wc -l))); done
if [ $left -lt 50 ] || [ $left -gt 79 ]; then fail "of 2 kernels took $left at 40 commits, expected about 70"; fi
# A kernel that is taken is not made, and one that is not is compared.
rm -rf "$scratch/tree" "$scratch/part" && cp -r "$small" "$scratch/tree" && rm "$scratch/tree"/kernels/build/*.ptx
sed -i 's/x \* 3/x * 7/' "$scratch/tree/kernels/include/grow.cuh"
for file in dsd_a b_sm90a; do made_row "$scratch/tree" "$(tools "$scratch/tree")" $file; done >"$scratch/tree/kernels/made.txt" # forged
part() { mkdir -p "$scratch/part/build" && cp "$small/kernels/build/gen" "$scratch/part/build" && make_changed "$scratch/tree" "$scratch/part" "$commit" >/dev/null; }
part
if ! same "$scratch/tree" "$scratch/part" >/dev/null; then fail "made a kernel that made.txt knows"; fi
sed -i '/^dsd_a/d' "$scratch/tree/kernels/made.txt"
rm -r "$scratch/part"
part
if same "$scratch/tree" "$scratch/part" >"$scratch/log"; then fail "did not make a kernel that made.txt does not know"; fi
grep -q "dsd_a.ptx: stale" "$scratch/log" || fail "found $(cat "$scratch/log"), expected dsd_a.ptx: stale"
cp "$small/kernels/registers.txt" "$scratch/part/rows"
assemble_all "$scratch/part" || fail "cannot assemble a part"
[ ! -e "$scratch/part/asm/b_sm90a.sm_90a" ] || fail "assembled a kernel that is taken"
same_registers "$small" "$scratch/part" >"$scratch/log" || fail "found another table of a part: $(cat "$scratch/log")"
rm "$small/kernels/registers.txt" "$small/kernels/made.txt"
cat >"$small/kernels/slow.cu" <<'KERNEL'
// Keeps 128 numbers in at most 64 registers.
extern "C" __global__ void __launch_bounds__(1024) slow(float *y) {
  float a[128];
#pragma unroll
  for (int i = 0; i < 128; i++) a[i] = y[i * 1024 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 128; i++) y[i * 1024 + threadIdx.x] = a[127 - i] * a[i];
}
KERNEL
sed 's/void __launch_bounds__(1024) slow/void __launch_bounds__(1024) sdd_slow/' "$small/kernels/slow.cu" >"$small/kernels/sdd_slow.cu"
compile "$small" || fail "cannot make a slow kernel: $(cat "$scratch/log")"
made
if assembled "$scratch/made" >"$scratch/log"; then fail "did not find a spill"; fi
grep -q '^sdd_slow: spills on sm_80 sm_86 sm_90a' "$scratch/log" || fail "found $(cat "$scratch/log"), expected a spill of sdd_slow"
rm "$scratch/made/ptx/sdd_slow.ptx"
assembled "$scratch/made" >"$scratch/log" || fail "found a fault in a spill that is allowed: $(cat "$scratch/log")"
registers "$scratch/made" | grep -qE '^slow( [0-9]+){3}( [1-9][0-9]*){3}$' || fail "found no local memory of slow in the table"
grep -qE '^slow .* [1-9][0-9]* .* [1-9]' "$scratch/log" || fail "found no spilled bytes in the row of slow: $(cat "$scratch/log")"
sed -i 's/mul\.f32/mul.f33/' "$scratch/made/ptx/slow.ptx"
if assembled "$scratch/made" >/dev/null; then fail "did not find PTX that cannot be assembled"; fi
: >"$scratch/empty"
if figures "$scratch/empty" >/dev/null; then fail "took nothing for a report of ptxas"; fi
echo "kernels.sh: self-test passed"
