#!/usr/bin/env bash
# gpu.sh --self-test: a GPU machine played by scripts. Needs no GPU, Go or CUDA.
# shellcheck disable=SC2015 # fail exits
set -euo pipefail
script=$(dirname "$(readlink -f "$0")")/gpu.sh
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
fail() {
  echo "gpu.sh: self-test: $*" >&2
  sed 's/^/  it said: /' "$top/said" >&2
  exit 1
}

# player FILE makes the script on its standard input a command.
player() {
  cat >"$1"
  chmod +x "$1"
}
mkdir "$top/fake" "$top/bin" "$top/rest"
for folder in /bin /usr/bin; do
  find "$folder/" -maxdepth 1 -type f,l -exec ln -sft "$top/rest" {} +
done
rm -f "$top"/rest/{nvidia-smi,compute-sanitizer,ncu,python3,go}
real_python=$(command -v python3 || true)
player "$top/fake/nvidia-smi" <<'FAKE'
#!/bin/sh
case "${FAULT:-} $*" in
smi*) echo "NVIDIA-SMI has failed"; echo "for two reasons"; exit 9 ;;
none*) echo "No devices were found" ;;
*query*) echo "NVIDIA H100 80GB \"HBM3\", 550.54.15" ;;
*) echo all ;;
esac
FAKE
player "$top/fake/compute-sanitizer" <<'FAKE'
#!/bin/sh
[ "${FAULT:-}" != refused ] || { echo "Error: Device not supported"; echo "Target application terminated"; exit 255; }
while [ "$1" != "${1%.test}" ] || { shift; true; }; do case $1 in *.test) exec "$@" ;; esac; done
FAKE
player "$top/fake/ncu" <<'FAKE'
#!/bin/sh
[ "${FAULT:-}" != counters ] || { echo "==ERROR== ERR_NVGPUCTRPERM"; exit 1; }
echo "  Duration  us  1.00"
FAKE
player "$top/fake/python3" <<'FAKE'
#!/bin/sh
[ "${FAULT:-}" != torch ] || { echo "products.py: found no PyTorch, expected one" >&2; exit 1; }
[ "${FAULT:-}" != peers ] || { echo "products.py: cuBLAS: out of memory" >&2; exit 1; }
for word; do case $last in --out) echo '{}' >"$word" ;; esac; last=$word; done
FAKE
player "$top/bin/cudadriver.test" <<'FAKE'
#!/bin/sh
[ "${FAULT:-}" != driver ] || { echo "--- FAIL: TestConformance"; exit 1; }
case $PWD in */gpu/cudadriver) ;; *) echo "found no testdata in $PWD"; exit 1 ;; esac
printf -- '--- PASS: %s (1.00s)\n' TestConformance/memory TestConformance TestErrors TestKernelFault
FAKE
player "$top/bin/gpu.test" <<'FAKE'
#!/bin/sh
[ "${FAULT:-}" != untested ] || { echo "--- PASS: TestCUDA (1.00s)"; echo PASS; exit; }
printf -- '    --- PASS: %s/DSD (1.00s)\n' TestCUDA/float32 TestCUDA/bfloat16 TestCUDASample/bfloat16
FAKE
player "$top/bin/sparsebert-gpu" <<'FAKE'
#!/bin/sh
case "${FAULT:-} $1" in
"train train") echo "sparsebert-gpu: the loss was NaN" >&2; exit 3 ;;
"bench bench") echo '[{"op"'; echo 'sparsebert-gpu: out of "memory"' >&2; exit 1 ;;
"slow bench") exec sleep 60 ;;
*" bench") echo '[]' ;;
"unverified verify") echo "nothing" ;;
*" verify") echo "kernels: 3 loaded in 0.10 s"; echo "verified: everything agrees" ;;
esac
FAKE
player "$top/bin/sparsebert-gpu-cuda" </dev/null
echo v1 >"$top/bin/version"

# gpu OPTION... runs the script with the fakes, with its words in $top/said.
gpu() { env -i PATH="${where:-$top/fake:$top/rest}" FAULT="${FAULT:-}" GPU_STEP_SECONDS="${LIMIT:-30}" bash "$script" "$@" >"$top/said" 2>&1; }
# bad CODE WORDS OPTION... expects that exit code, and one line with these words.
bad() {
  local code=$1 words=$2 status=0
  shift 2
  gpu "$@" || status=$?
  [ $status = "$code" ] && [ "$(wc -l <"$top/said")" = 1 ] && grep -q -- "$words" "$top/said" || fail "$*: exit code $status, expected $code and one line that says: $words"
}
# ran CODE FAULT expects a whole run with that exit code; $out is its folder.
ran() {
  local status=0
  rm -rf "$top/results"
  FAULT=$2 gpu --run "$top/bin" --out "$top/results" || status=$?
  [ $status = "$1" ] || fail "$2: exit code $status, expected $1"
  out=$(echo "$top"/results/*)
  [[ $out =~ /20[0-9-]*-nvidia-h100-80gb-hbm3$ ]] || fail "$2: results in $out"
  [ "$(wc -l <"$out/summary.txt")" = 18 ] || fail "$2: $(wc -l <"$out/summary.txt") steps, expected 18"
  if [ -n "$real_python" ]; then "$real_python" -m json.tool "$out/summary.json" >/dev/null || fail "$2: summary.json is no JSON"; fi
}
# says STEP STATUS WORDS expects a line of the summary.
says() { grep -q "^$1  *$2 .*$3" "$out/summary.txt" || fail "found no \"$1 $2 $3\" in $(cat "$out/summary.txt")"; }
# says_of FOLDER STEP STATUS expects one in the only result of a folder.
says_of() { grep -q "^$2  *$3" "$1"/*/summary.txt; }

bad 2 "found --wrong" --wrong
bad 2 "found no folder" --run
bad 2 "expected one of them" --run "$top/bin" --build "$top/bin"
bad 1 "found no folder" --run "$top/none"
where=$top/rest bad 1 "found no nvidia-smi, expected an NVIDIA GPU" --run "$top/bin"
where=$top/rest bad 1 "found no nvidia-smi, expected an NVIDIA GPU"
where=$top/rest bad 1 "found no go" --build "$top/built"
FAULT=smi bad 1 "has failed for two reasons" --run "$top/bin"
FAULT=none bad 1 "No devices were found" --run "$top/bin"
mkdir "$top/half"
cp "$top/bin/sparsebert-gpu" "$top/half"
bad 1 "found no program $top/half/sparsebert-gpu-cuda" --run "$top/half"

bad 1 "found no $top/none/machine.txt" --estimates "$top/none"
bad 2 "--only: found no step" --run "$top/bin" --only ""
bad 2 "--only: found nothing" --run "$top/bin" --only driver,nothing
bad 2 "--minutes: found 1.5, expected a whole number" --run "$top/bin" --minutes 1.5
echo no >"$top/no.tar.xz"
bad 1 "found no archive that --pack made" --run "$top/no.tar.xz"

gpu --list || fail "--list: exit code $?"
names=$(awk '$1 != "together" { print $1 }' "$top/said")
awk '$1 != "together" && !($2 > 0 && $2 < 540) { exit 1 }' "$top/said" || fail "a step of nine minutes or more, or without a time"

ran 0 ''
[ "$(awk '{ print $1 }' "$out/summary.txt")" = "$names" ] || fail "found other steps than --list has: $(cat "$out/summary.txt")"
for step in $names; do says "$step" passed '' && grep -q "^$step: [0-9]* s expected$" "$top/said" || fail "$step: found no expected time"; done
grep -q '^ptx: .* verify .* --ptx$' "$out/commands.txt" && grep -q '^ncu: .*regex:^(dsd|dds|sdd|attention|adamw) .*--model 1x768x12' "$out/commands.txt" || fail "found other commands: $(cat "$out/commands.txt")"
grep -q 550.54.15 "$out/machine.txt" && grep -q '"driver": "550.54.15"' "$out/summary.json" && grep -q '^bench: .* bench --device cuda' "$out/commands.txt" &&
  [ -s "$out/bench.json" ] && [ -s "$out/step-b64.json" ] && [ -s "$out/peers-products.json" ] && [ -s "$out/peers-step.json" ] || fail "the results are not whole: $(ls "$out")"
FAULT='' gpu --run "$top/bin" --out "$top/results" && [ "$(find "$top/results" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ] || fail "a second run at once: no folder of its own"
gpu --run "$top/bin" --only bench,driver --tar "$top/tars" && [ "$(tar -xzOf "$top"/tars/*.tar.gz --wildcards '*/summary.txt' | awk '{ printf "%s ", $1 }')" = "bench driver " ] ||
  fail "--only bench,driver --tar: found $(ls "$top/tars")"
gpu --run "$top/bin" --out "$top/short" --minutes 1 && grep -q 'no time was left for --only backend,' "$top/said" && says_of "$top/short" driver passed ||
  fail "--minutes 1: took a step that is longer, or left out a shorter one"
if command -v xz >/dev/null; then
  tar -C "$top/bin" -c . | xz -1 >"$top/packed.tar.xz"
  gpu --run "$top/packed.tar.xz" --out "$top/unpacked" --only driver || fail "an archive: exit code $?"
fi

ran 1 driver; says driver FAILED 'exit code 1'; says bench passed ''
ran 1 untested; says backend FAILED 'nothing was tested'; says memcheck FAILED 'nothing was tested'
ran 1 unverified; says verify-bf16 FAILED 'nothing was tested'; says ptx FAILED 'nothing was tested'
ran 1 train; says train FAILED 'exit code 3: .*NaN'
ran 1 bench; says bench FAILED 'out of "memory"'
[ ! -e "$out/bench.json" ] || fail "kept half a bench.json"
LIMIT=1 ran 1 slow; says bench FAILED 'ran past 1 s'
ran 0 torch; says peers-products skipped 'found no PyTorch'; says peers-step skipped 'found no PyTorch'
ran 1 peers; says peers-products FAILED 'out of memory'
ran 0 refused; says racecheck skipped 'Device not supported'
ran 0 counters; says ncu skipped 'ERR_NVGPUCTRPERM'; says ncu-update skipped 'ERR_NVGPUCTRPERM'
mv "$top/fake/compute-sanitizer" "$top/fake/ncu" "$top/fake/python3" "$top"
ran 0 ''; says memcheck skipped 'no compute-sanitizer'; says ncu skipped 'no ncu'; says peers-products skipped 'no python3'

# The peers' scripts as far as they go without PyTorch.
peers=$(dirname "$script")/../bench/peers
if [ -n "$real_python" ]; then
  run_peers() { # SCRIPT OPTION...
    local name=$1
    shift
    PYTHONDONTWRITEBYTECODE=1 "$real_python" -E -s "$peers/$name.py" "$@" >"$top/said" 2>&1
  }
  # refused SCRIPT OPTIONS... expects exit code 2 and one line for each.
  refused() {
    local name=$1 wrong
    shift
    for wrong; do
      status=0
      # shellcheck disable=SC2086 # two words
      run_peers "$name" --dry-run $wrong || status=$?
      [ $status = 2 ] && [ "$(wc -l <"$top/said")" = 1 ] || fail "$name.py took $wrong: exit code $status"
    done
  }
  run_peers products --dry-run --op dsd,sdd --block 16,64 --tokens 128 || fail "the dry run of products.py failed"
  [ "$(grep -c 'cuBLAS dense, torch BSR, sparsebert-gpu bench --device cuda' "$top/said")" = 8 ] && grep -q '^8 cases' "$top/said" || fail "the dry run of products.py lists other cases"
  grep -q '^dsd B=16 s=0.9 T=128 768x3072: 922 blocks' "$top/said" || fail "the dry run of products.py counts other blocks"
  refused products "--block 24" "--shape 768" "--shape 100x100" "--sparsity 1" "--sparsity nan" "--tokens 0" "--rounds x" "--what 1"
  run_peers bert_step --dry-run --model base,tiny --block 16,32 --batch-size 64 || fail "the dry run of bert_step.py failed"
  [ "$(grep -c 'PyTorch dense, sparsebert-gpu bench --step --device cuda' "$top/said")" = 4 ] && grep -q '^4 cases' "$top/said" || fail "the dry run of bert_step.py lists other cases"
  grep -q '^base s=0.9 B=16 64x128 tokens, 1216 masked, dropout 0.1:' "$top/said" || fail "the dry run of bert_step.py counts other positions"
  run_peers bert_step --dry-run --device cpu --model small,base || fail "the dry run of bert_step.py on a CPU failed"
  [ "$(grep -c 'PyTorch dense fp32, fp32 compiled, bf16, bf16 compiled, sparsebert-gpu bench --step --device cpu --threads' "$top/said")" = 2 ] || fail "the dry run of bert_step.py on a CPU lists other cases"
  refused bert_step "--precision fp16" "--no-compile --compile-only" "--threads 0" "--block 24" "--model huge" "--batch-size 0" "--seq-len 4" "--sparsity 1" "--sparsity nan" "--rounds x" "--what 1"
  if ! "$real_python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    for name in products bert_step; do
      status=0
      run_peers $name || status=$?
      [ $status = 1 ] && [ "$(wc -l <"$top/said")" = 1 ] && grep -q 'expected' "$top/said" || fail "$name.py without PyTorch or GPU: exit code $status"
    done
  fi
else
  echo "gpu.sh: self-test: found no python3: bench/peers was not looked at"
fi

# The whole script once more, with the real programs on the simulator in the place of the GPU, at small sizes.
if command -v go >/dev/null; then
  tree=$(dirname "$script")/..
  sim=$top/sim
  mkdir "$sim"
  (
    cd "$tree"
    export CGO_ENABLED=0
    go build -o "$sim/plain" ./cmd/sparsebert-gpu
    go test -c -o "$sim/suite" ./gpu
    go test -c -o "$sim/driver" ./gpu/simdriver
  ) || fail "cannot build for the simulator"
  player "$sim/sparsebert-gpu" <<'FAKE'
#!/bin/bash
args=("${@/#cuda/sim}")
exec "$(dirname "$0")/plain" "${args[@]}"
FAKE
  player "$sim/sparsebert-gpu-cuda" </dev/null
  # A sample of the suite stands for the whole, which go test runs; names are those of the GPU's tests.
  player "$sim/gpu.test" <<'FAKE'
#!/bin/bash
"$(dirname "$0")/suite" -test.v -test.run '^TestConformance$/^(float32|bfloat16)$/^(Tanh|GatherRows)$' | sed "s/TestConformance/$([[ $* == *Sample* ]] && echo TestCUDASample || echo TestCUDA)/"
exit "${PIPESTATUS[0]}"
FAKE
  player "$sim/cudadriver.test" <<'FAKE'
#!/bin/bash
"$(dirname "$0")/driver" -test.v -test.run '^(TestConformance|TestFaults|TestAllocations)$' | sed 's/TestFaults/TestErrors/; s/TestAllocations/TestKernelFault/'
exit "${PIPESTATUS[0]}"
FAKE
  "$sim/plain" --version >"$sim/version"
  played=driver,backend,verify-bf16,ptx,step-b16,step-b64,bench,train
  env PATH="$top/fake:$PATH" GPU_SMALL=1 GPU_STEP_SECONDS=1200 bash "$script" --run "$sim" --out "$top/played" --only $played >"$top/said" 2>&1 ||
    fail "on the simulator: exit code $?"
  for step in ${played//,/ }; do says_of "$top/played" "$step" passed || fail "on the simulator: $step"; done
  cat "$top"/played/*/summary.txt
  # The estimates beside times, of which the simulator has none: as if they were of the GPU that nvidia-smi plays.
  sed -i 's/"device": "sim",/"device": "cuda", "seconds_median": 0.001,/; s/"hardware": "PTX simulator/"hardware": "NVIDIA H100/' "$top"/played/*/bench.json
  for block in 16 64; do
    echo "[{\"model\": \"2 layers of 128\", \"sparsity\": 0.5, \"block\": $block, \"sequences\": 2, \"seq_len\": 16, \"precision\": \"bf16\", \"device\": \"cuda\", \"hardware\": \"NVIDIA H100\", \"seconds_median\": 0.001}]" \
      >"$(echo "$top"/played/*)/step-b$block.json"
  done
  env PATH="$top/fake:$PATH" GPU_SMALL=1 GPU_PROGRAM="$sim/plain" bash "$script" --estimates "$(echo "$top"/played/*)" >"$top/said" 2>&1 || fail "--estimates: exit code $?"
  for file in bench step-b16 step-b64; do
    grep -q 'estimate / measured' "$(echo "$top"/played/*)/estimate-$file.txt" || fail "--estimates: found no measured time in estimate-$file.txt"
  done
else
  echo "gpu.sh: self-test: found no go: the programs were not run on the simulator"
fi
echo "gpu.sh: self-test passed"
