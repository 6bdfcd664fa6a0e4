#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show, in one command:
# conformance of driver and backend, compute-sanitizer, a short training run,
# benchmarks, and PyTorch's products beside ours. Results, with GPU, driver, date
# and commands, go to bench/results/DATE-GPU.
#   gpu.sh                  builds and runs, on a GPU machine with Go
#   gpu.sh --build DIR      builds what --run needs; needs no GPU
#   gpu.sh --run DIR        runs what was built; needs no Go
#     --out DIR             where the folder of results is made (default: bench/results)
#   gpu.sh --self-test      proves this script; needs no GPU
# Exit code 1: a step failed, or there is no GPU; 2: wrong options.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
limit=${GPU_STEP_SECONDS:-1800} # of one step

die() { echo "gpu.sh: $*" >&2; exit "${code:-1}"; }

# find_gpu sets name and driver, or fails.
find_gpu() {
  local line
  command -v nvidia-smi >/dev/null || die "found no nvidia-smi, expected an NVIDIA GPU with its driver"
  line=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader --id=0 2>&1) || die "found no GPU: nvidia-smi says: $(tr '\n' ' ' <<<"$line")"
  [[ $line == *,* ]] || die "found no GPU: nvidia-smi says: $(tr '\n' ' ' <<<"$line")"
  name=${line%%,*} driver=${line##*, }
}

build() { # DIR
  mkdir -p "$1"
  local dir settings
  dir=$(cd "$1" && pwd)
  command -v go >/dev/null || die "found no go, expected Go 1.26 to build with"
  ci/build-cuda.sh "$dir" || exit 1
  settings=$(ci/cuda-toolkit.sh --env) || exit 1
  eval "$settings"
  export CGO_ENABLED=1
  go test -trimpath -tags nvidia,netgo,osusergo -ldflags="-s -w" -c -o "$dir/gpu.test" ./gpu
  go test -trimpath -tags nvidia,netgo,osusergo -ldflags="-s -w" -c -o "$dir/cudadriver.test" ./gpu/cudadriver
  "$dir/sparsebert-gpu" --version >"$dir/version"
  echo "gpu.sh: built $dir: sparsebert-gpu sparsebert-gpu-cuda gpu.test cudadriver.test"
}

# quote prints a JSON string.
quote() { printf '"%s"' "$(tr -d '\000-\037' <<<"$1" | sed 's/[\\"]/\\&/g')"; }

# note NAME STATUS SECONDS WHY adds a step to the summary and says it.
note() {
  printf '%-15s %-8s %5s s  %s\n' "$1" "$2" "$3" "$4" | tee -a "$out/summary.txt"
  steps+="${steps:+,}
    {\"step\": $(quote "$1"), \"status\": \"$2\", \"seconds\": $3, \"why\": $(quote "$4"), \"command\": $(quote "${command[*]:-}")}"
  if [ "$2" = FAILED ]; then failed=1; fi
}

# step NAME FILE runs ${command[@]} with its output in FILE (and what it says on
# standard error in NAME.log where FILE is JSON). SKIP, if set, is a pattern: a
# failure that says so is a step skipped. NEED is one that the output must hold.
step() {
  local start=$SECONDS log=$out/$2 status=0 why
  case $2 in *.json) log=$out/$1.log ;; esac
  echo "$1: ${command[*]}" >>"$out/commands.txt"
  if [ "$log" = "$out/$2" ]; then
    timeout "$limit" "${command[@]}" >"$log" 2>&1 || status=$?
  else
    timeout "$limit" "${command[@]}" >"$out/$2" 2>"$log" || status=$?
  fi
  why=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 || true)
  if [ $status = 0 ] && [ -n "${NEED:-}" ] && ! grep -q "$NEED" "$log"; then
    note "$1" FAILED $((SECONDS - start)) "found nothing that says \"$NEED\": nothing was tested"
  elif [ $status = 0 ]; then
    note "$1" passed $((SECONDS - start)) "$2"
  else
    case $2 in *.json) rm -f "${out:?}/$2" ;; esac # half of one, or none
    if [ $status = 124 ]; then why="ran past $limit s"; fi
    if [ -n "${SKIP:-}" ] && [[ $why =~ $SKIP ]]; then
      note "$1" skipped $((SECONDS - start)) "$why"
    else
      note "$1" FAILED $((SECONDS - start)) "exit code $status: $why"
    fi
  fi
  unset SKIP NEED
}

run() { # DIR
  local dir base file
  dir=$(cd "$1" 2>/dev/null && pwd) || die "found no folder $1, expected what --build made"
  for file in sparsebert-gpu sparsebert-gpu-cuda gpu.test cudadriver.test; do
    [ -x "$dir/$file" ] || die "found no program $dir/$file, expected what --build made"
  done
  base=$results/$(date -u +%Y-%m-%d)-$(tr -cs '[:alnum:]\n' - <<<"$name" | tr '[:upper:]' '[:lower:]' | sed 's/-*$//')
  out=$base
  for ((i = 2; ; i++)); do # a second run on one day
    mkdir -p "$results"
    mkdir "$out" 2>/dev/null && break
    [ -d "$out" ] || die "cannot make $out"
    out=$base-$i
  done
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch" "${built:-}"' EXIT
  failed=0 steps='' command=()
  {
    echo "GPU:     $name"
    echo "driver:  $driver"
    echo "date:    $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    echo "system:  $(uname -srm)"
    echo "program: $(tr '\n' ' ' <"$dir/version" 2>/dev/null || echo unknown)"
  } | tee "$out/machine.txt"
  nvidia-smi -q >"$out/nvidia-smi.txt" 2>&1 || true

  # Test binaries run in their own folder: they look for testdata there.
  command=("$dir/cudadriver.test" -test.v)
  NEED='^--- PASS: TestConformance' step driver driver.txt
  command=("$dir/gpu.test" -test.v -test.run '^TestCUDA$')
  NEED='^--- PASS: TestCUDA' step backend backend.txt

  # Out-of-bounds and misaligned accesses, and races in shared memory.
  local sanitizer tool
  sanitizer=$(command -v compute-sanitizer || echo "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer")
  for tool in memcheck racecheck; do
    command=("$sanitizer" --tool "$tool" --error-exitcode 1 "$dir/gpu.test" -test.v -test.run '^TestCUDA$/^bfloat16$/^(DSD|DDS|SDD)$')
    if [ -x "$sanitizer" ]; then
      NEED='^--- PASS: TestCUDA' step "$tool" "$tool.txt"
    else
      note "$tool" skipped 0 "found no compute-sanitizer on PATH or in CUDA_HOME"
    fi
  done

  local ours=$dir/sparsebert-gpu
  local precision
  for precision in fp32 bf16; do
    command=("$ours" verify --device cuda --precision "$precision")
    step "verify-$precision" "verify-$precision.txt"
  done
  command=("$ours" train --device cuda --precision bf16 --max-steps 200 --output-dir "$scratch/run")
  step train train.txt
  command=("$ours" bench --device cuda --dense=false --block "1,4,8,16,32,64" --shape "768x3072,3072x768" --json)
  step bench bench.json
  command=("$ours" bench --crossover --device cuda --block "1,4,8,16,32,64" --shape "768x3072,3072x768" --json)
  step crossover crossover.json
  command=("$ours" bench --step --device cuda --sparsity "0,0.9" --block "16,32,64" --json)
  step step step.json
  local peer
  for peer in products bert_step; do
    command=(python3 "bench/peers/$peer.py" --binary "$ours" --out "$out/peers-$peer.json")
    if command -v python3 >/dev/null; then
      SKIP='found no PyTorch|found no GPU that PyTorch' step "peers-$peer" "peers-$peer.txt"
    else
      note "peers-$peer" skipped 0 "found no python3"
    fi
  done

  printf '{\n  "gpu": %s,\n  "driver": %s,\n  "date": %s,\n  "program": %s,\n  "steps": [%s\n  ]\n}\n' "$(quote "$name")" "$(quote "$driver")" \
    "$(quote "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(quote "$(head -n 1 "$dir/version" 2>/dev/null || echo unknown)")" "$steps" >"$out/summary.json"
  echo "gpu.sh: results in $out"
  [ $failed = 0 ] || die "a step failed: see $out/summary.txt"
}

todo='' results=bench/results
while [ $# -gt 0 ]; do
  case $1 in
  --build | --run | --out)
    [ $# -gt 1 ] && [ -n "$2" ] || code=2 die "$1: found no folder, expected one"
    if [ "$1" = --out ]; then results=$2; else [ -z "$todo" ] || code=2 die "found $todo and $1, expected one of them"; todo=$1 folder=$2; fi
    shift 2 ;;
  --self-test) exec ci/gpu-test.sh ;;
  --help) help; exit 0 ;;
  *) code=2 die "found $1, expected --build DIR, --run DIR, --out DIR, --self-test or --help" ;;
  esac
done
case $todo in
--build) build "$folder" ;;
--run)
  find_gpu
  run "$folder" ;;
*)
  find_gpu
  built=$(mktemp -d)
  trap 'rm -rf "$built"' EXIT
  build "$built"
  run "$built" ;;
esac
