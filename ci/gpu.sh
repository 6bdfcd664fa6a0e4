#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show: conformance of driver and backend, verify, the time of a
# step and of the products, a short training run, PyTorch beside ours, compute-sanitizer and the profiler. Results, with
# GPU, driver, date and commands, go to bench/results/DATE-TIME-GPU.
#   gpu.sh                  builds and runs, on a GPU machine with Go
#   gpu.sh --build DIR      builds what --run needs; needs no GPU
#   gpu.sh --pack FILE      the same as one archive, FILE.tar.xz, to be brought to a GPU machine
#   gpu.sh --run DIR        runs what was built, a folder or an archive; needs no Go
#   gpu.sh --rehearse DIR   runs what was built on a simulated GPU, in small; needs Go, gcc and minutes, no GPU
#   gpu.sh --estimates DIR  sets the estimates beside the times in a folder of results; needs Go, no GPU, and patience
#   gpu.sh --list           prints the steps, with the time that each is expected to take
#   gpu.sh --self-test      proves this script; needs no GPU
# With --run or --rehearse, or alone:
#     --only STEP,...       runs these steps alone
#     --minutes N           begins no step that is expected to end later; names those left out
#     --out DIR             where the folder of results is made (default: bench/results; --rehearse DIR: DIR/rehearsal)
#     --tar DIR             brings the results as one archive in DIR instead
# Exit code 1: a step failed, or there is no GPU; 2: wrong options.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
root=$PWD
. ci/gpu-steps.sh
limit=${GPU_STEP_SECONDS:-540} # of one step
programs=(sparsebert-gpu sparsebert-gpu-cuda gpu.test cudadriver.test)

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
  local dir settings cubins=''
  dir=$(cd "$1" && pwd)
  command -v go >/dev/null || die "found no go, expected Go 1.26 to build with"
  ci/build-cuda.sh "$dir" || exit 1
  settings=$(ci/cuda-toolkit.sh --env) || exit 1
  eval "$settings"
  export CGO_ENABLED=1
  if compgen -G 'kernels/cubin/*.zip' >/dev/null; then cubins=,cubins; fi # the suite runs what the program does
  go test -trimpath -tags "nvidia,netgo,osusergo$cubins" -ldflags="-s -w" -c -o "$dir/gpu.test" ./gpu
  go test -trimpath -tags nvidia,netgo,osusergo -ldflags="-s -w" -c -o "$dir/cudadriver.test" ./gpu/cudadriver
  "$dir/sparsebert-gpu" --version >"$dir/version"
  echo "gpu.sh: built $dir: ${programs[*]}"
}

# pack FILE builds, and makes one archive. The two programs are nearly the same, which xz finds with a large window.
pack() {
  local file=${1%.tar.xz}.tar.xz
  command -v xz >/dev/null || die "found no xz, expected it to pack with"
  mkdir -p "$(dirname "$file")"
  build "$scratch/bin"
  tar -C "$scratch/bin" -c "${programs[@]}" version | xz -9 >"$file.part"
  mv "$file.part" "$file"
  echo "gpu.sh: packed $file, $(wc -c <"$file") bytes"
}

# quote prints a JSON string.
quote() { printf '"%s"' "$(tr -d '\000-\037' <<<"$1" | sed 's/[\\"]/\\&/g')"; }

# note STATUS SECONDS WHY adds the step $now to the summary and says it.
note() {
  printf '%-15s %-8s %5s s of %3s  %s\n' "$now" "$1" "$2" "$(expected "$now")" "$3" | tee -a "$out/summary.txt"
  steps+="${steps:+,}
    {\"step\": $(quote "$now"), \"status\": \"$1\", \"seconds\": $2, \"expected_seconds\": $(expected "$now"), \"why\": $(quote "$3"), \"command\": $(quote "${command[*]:-}")}"
  if [ "$1" = FAILED ]; then failed=1; fi
}

skip() { note skipped 0 "$1"; }

# expected STEP prints the seconds that the table gives it.
expected() { printf '%s\n' "${table[@]}" | awk -v step="$1" '$1 == step { print $2 }'; }

# execute FILE runs ${command[@]} in the folder $in, with its output in FILE (and what it says on standard error in
# STEP.log where FILE is JSON). refusal, if set, is a pattern: a failure that says so is a step skipped. needs are
# texts that the output must hold.
execute() {
  local start=$SECONDS log=$out/$1 status=0 why text
  case $1 in *.json) log=$out/$now.log ;; esac
  echo "$now: ${command[*]}" >>"$out/commands.txt"
  if [ "$log" = "$out/$1" ]; then
    (cd "$in" && timeout "$limit" "${command[@]}") >"$log" 2>&1 || status=$?
  else
    (cd "$in" && timeout "$limit" "${command[@]}") >"$out/$1" 2>"$log" || status=$?
  fi
  why=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 || true)
  if [ $status = 0 ]; then
    for text in "${needs[@]}"; do
      grep -qF -- "$text" "$log" || { note FAILED $((SECONDS - start)) "found nothing that says \"$text\": nothing was tested"; return; }
    done
    note passed $((SECONDS - start)) "$1"
    return
  fi
  case $1 in *.json) rm -f "${out:?}/$1" ;; esac # half of one, or none
  if [ $status = 124 ]; then why="ran past $limit s"; fi
  if [ -n "$refusal" ] && text=$(grep -m 1 -E -- "$refusal" "$log"); then
    note skipped $((SECONDS - start)) "$text"
  else
    note FAILED $((SECONDS - start)) "exit code $status: $why"
  fi
}

# prepare DIR sets dir, from a folder or an archive, and out.
prepare() {
  local file base
  if [ -f "$1" ]; then
    mkdir "$scratch/bin"
    tar -C "$scratch/bin" -xJf "$1" 2>"$scratch/said" || die "$1: found no archive that --pack made: $(tail -n 1 "$scratch/said")"
    dir=$scratch/bin
  else
    dir=$(cd "$1" 2>/dev/null && pwd) || die "found no folder $1, expected what --build or --pack made"
  fi
  for file in "${programs[@]}"; do
    [ -x "$dir/$file" ] || die "found no program $dir/$file, expected what --build made"
  done
  [ -z "$tar" ] || results=$scratch/results
  base=$results/$(date -u +%Y-%m-%d-%H%M)-$(tr -cs '[:alnum:]\n' - <<<"$name" | tr '[:upper:]' '[:lower:]' | sed 's/-*$//')
  out=$base
  mkdir -p "$results"
  for ((i = 2; ; i++)); do # a second run in one minute
    mkdir "$out" 2>/dev/null && break
    [ -d "$out" ] || die "cannot make $out"
    out=$base-$i
  done
  out=$(cd "$out" && pwd)
}

run() { # DIR
  local dir ours rest left=()
  prepare "$1"
  ours=$dir/sparsebert-gpu failed=0 steps='' command=()
  {
    echo "GPU:     $name"
    echo "driver:  $driver"
    echo "date:    $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    echo "system:  $(uname -srm)"
    echo "program: $(tr '\n' ' ' <"$dir/version" 2>/dev/null || echo unknown)"
  } | tee "$out/machine.txt"
  nvidia-smi -q >"$out/nvidia-smi.txt" 2>&1 || true
  sizes
  for now in ${only//,/ }; do
    if [ -n "$minutes" ] && [ $((SECONDS + $(expected "$now"))) -gt $((60 * minutes)) ]; then
      left+=("$now")
      continue
    fi
    command=() needs=() refusal='' in=$root
    echo "$now: $(expected "$now") s expected"
    run_step "$now"
  done
  printf '{\n  "gpu": %s,\n  "driver": %s,\n  "date": %s,\n  "program": %s,\n  "steps": [%s\n  ]\n}\n' "$(quote "$name")" "$(quote "$driver")" \
    "$(quote "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(quote "$(head -n 1 "$dir/version" 2>/dev/null || echo unknown)")" "$steps" >"$out/summary.json"
  if [ -n "$tar" ]; then
    mkdir -p "$tar"
    rest=$tar/$(basename "$out").tar.gz
    tar -C "$(dirname "$out")" -czf "$rest" "$(basename "$out")"
    echo "gpu.sh: results in $rest"
  else
    echo "gpu.sh: results in $out"
  fi
  if [ ${#left[@]} -gt 0 ]; then echo "gpu.sh: no time was left for --only $(IFS=,; echo "${left[*]}")"; fi
  [ $failed = 0 ] || die "a step failed: see summary.txt"
}

all=$(printf '%s\n' "${table[@]}" | awk '{ printf "%s%s", sep, $1; sep = "," }')
todo='' results='' only=$all minutes='' tar=''
while [ $# -gt 0 ]; do
  case $1 in
  --build | --pack | --run | --rehearse | --estimates | --out | --tar)
    if [ $# -lt 2 ] || [ -z "$2" ]; then code=2 die "$1: found no folder, expected one"; fi
    case $1 in
    --out) results=$2 ;;
    --tar) tar=$(realpath -m "$2") ;;
    *) [ -z "$todo" ] || code=2 die "found $todo and $1, expected one of them"; todo=$1 folder=$2 ;;
    esac
    shift 2 ;;
  --only)
    only=${2:-}
    [ -n "$only" ] || code=2 die "--only: found no step, expected one or several of $all"
    for now in ${only//,/ }; do
      [[ ,$all, == *,$now,* ]] || code=2 die "--only: found $now, expected one or several of $all"
    done
    shift 2 ;;
  --minutes)
    minutes=${2:-}
    [[ $minutes =~ ^[1-9][0-9]{0,4}$ ]] || code=2 die "--minutes: found ${minutes:-nothing}, expected a whole number from 1 on"
    shift 2 ;;
  --list)
    printf '%s\n' "${table[@]}" | awk '{ s = $2; total += s; $1 = sprintf("%-15s", $1); $2 = sprintf("%4d s ", s); print } END { printf "%-15s %4d s\n", "together", total }'
    exit 0 ;;
  --self-test) exec ci/gpu-test.sh ;;
  --help) help; exit 0 ;;
  *) code=2 die "found $1, expected --build, --pack, --run, --rehearse, --estimates, --only, --minutes, --out, --tar, --list, --self-test or --help" ;;
  esac
done
if [ "$todo" = --rehearse ]; then results=${results:-$folder/rehearsal}; fi
results=${results:-bench/results}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case $todo in
--estimates)
  [ -s "$folder/machine.txt" ] || die "found no $folder/machine.txt, expected a folder of results"
  ours=${GPU_PROGRAM:-$scratch/sparsebert-gpu} # a test has its own
  [ -n "${GPU_PROGRAM:-}" ] || CGO_ENABLED=0 go build -o "$ours" ./cmd/sparsebert-gpu
  estimates "$folder" ;;
--build) build "$folder" ;;
--pack) pack "$folder" ;;
--run)
  find_gpu
  run "$folder" ;;
--rehearse)
  [ -d "$folder" ] || die "found no folder $folder, expected what --build made"
  ci/sim-cuda.sh "$scratch/sim" "$folder"/{sparsebert-gpu-cuda,gpu.test,cudadriver.test} || exit 1
  export PATH=$scratch/sim:$PATH LD_LIBRARY_PATH=$scratch/sim GPU_SMALL=1
  find_gpu
  run "$folder" ;;
*)
  find_gpu
  build "$scratch/built"
  run "$scratch/built" ;;
esac
