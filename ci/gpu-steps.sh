# shellcheck shell=bash disable=SC2034,SC2154,SC2153 # gpu.sh, which reads this file, sets and uses them
# The steps of gpu.sh, the most telling first. Of each: its name, the seconds that it is expected to take on an H200
# (an estimate; a step is ended after GPU_STEP_SECONDS), and what it shows. Its commands are in the function below.
table=(
  "driver          20  the driver: memory, streams, graphs, faults of kernels, against CUDA itself"
  "backend        240  every operation against float64, in float32 and bfloat16"
  "verify-fp32     60  loss, gradients and topology of a small BERT against automatic differentiation"
  "verify-bf16     60  the same on the tensor cores"
  "step-b16        60  time of a step of Base, s = 0.9 and dense, B = 16, with each operation"
  "step-b64        60  the same with B = 64"
  "bench          150  time of the three products at every block size"
  "train           90  200 steps of training"
  "ptx             90  the driver compiles the PTX of all kernels of a small model: how long, registers, local memory"
  "peers-products 240  PyTorch's products beside ours, its Triton kernels untuned"
  "peers-step     420  a dense step of PyTorch beside ours"
  "memcheck       240  accesses out of bounds or misaligned, one check in eight of every operation"
  "racecheck      420  races in shared memory, likewise"
  "synccheck      240  misused barriers, likewise"
  "ncu            240  the profiler's counters of the kernels of a step of one layer"
  "ncu-update      60  the same of a topology update"
  "crossover      300  from which sparsity on sparse is faster"
  "peers-tuned    500  PyTorch's products with its Triton kernels tuned, B = 16"
)

# Sizes of the commands; GPU_SMALL=1 is for the test that plays a GPU on the simulator.
sizes() {
  step_sizes=(--model base --batch-size 256) layer_sizes=(--model 1x768x12 --batch-size 256) blocks="1,4,8,16,32,64" shapes="768x3072,3072x768" sparsities=0,0.9 train=(--max-steps 200) small=()
  if [ -n "${GPU_SMALL:-}" ]; then
    step_sizes=(--model tiny --batch-size 2 --seq-len 16 --vocab-size 128) layer_sizes=("${step_sizes[@]}")
    blocks=16 shapes=64x64 sparsities=0,0.5 small=(--tokens 64 --repeats 1)
    train=(--max-steps 2 --batch-size 2 --seq-len 16 --final-eval-batches 1)
  fi
}

# sanitize TOOL runs one check in eight of every operation under one of compute-sanitizer's tools.
sanitize() {
  local tool
  tool=$(command -v compute-sanitizer || echo "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer")
  [ -x "$tool" ] || { skip "found no compute-sanitizer on PATH or in CUDA_HOME"; return; }
  command=("$tool" --tool "$1" --error-exitcode 1 "$dir/gpu.test" -test.v -test.run '^TestCUDASample$')
  in=$root/gpu needs=('--- PASS: TestCUDASample/bfloat16/') refusal='Device not supported|is not supported|insufficient permission'
  execute "$1.txt"
}

# peer FILE ARGUMENT... runs one of bench/peers, whose results go to FILE.
peer() {
  local file=$1
  shift
  command -v python3 >/dev/null || { skip "found no python3"; return; }
  command=(python3 "$@" --binary "$ours" --out "$out/$file")
  refusal='found no PyTorch|found no GPU that PyTorch'
  execute "${file%.json}.txt"
}

# profile FILE KERNELS COUNT has the profiler look at so many launches of these kernels.
profile() {
  command -v ncu >/dev/null || { skip "found no ncu (Nsight Compute)"; return; }
  # Without --clock-control none ncu changes the GPU's clocks.
  command=(ncu --clock-control none --target-processes all --section SpeedOfLight --section LaunchStats --section Occupancy
    --section MemoryWorkloadAnalysis --kernel-name "regex:$2" --launch-count "$3"
    "$ours" bench --step --device cuda --precision bf16 --sparsity 0.9 --block 16 "${layer_sizes[@]}" --repeats 1 --json)
  needs=(Duration) refusal='ERR_NVGPUCTRPERM|LibraryNotLoaded|not supported'
  execute "$1"
}

# estimates FOLDER sets the estimates beside the times in a folder of results.
estimates() {
  local gpu file block command count=0
  gpu=$(sed -n 's/^GPU: *//p' "$1/machine.txt" | grep -oiE 'a100|h100|h200' | head -n 1 | tr '[:upper:]' '[:lower:]')
  [ -n "$gpu" ] || die "$1/machine.txt: found no A100, H100 or H200, of which alone there are estimates"
  sizes
  for file in "$1"/bench.json "$1"/step-b*.json; do
    [ -s "$file" ] || continue
    command=("$ours" bench --device sim --model-gpu "$gpu" --measured "$file")
    case $file in
    */bench.json) command+=(--dense=false --block "$blocks" --shape "$shapes" "${small[@]:---tokens=65536}") ;;
    *)
      block=${file##*/step-b}
      command+=(--step --sparsity "$sparsities" --block "${block%.json}" "${step_sizes[@]}") ;;
    esac
    echo "estimates: ${command[*]}"
    "${command[@]}" | tee "$1/estimate-$(basename "$file" .json).txt"
    count=$((count + 1))
  done
  [ $count -gt 0 ] || die "$1: found no bench.json and no step-b*.json, expected some"
}

# run_step NAME runs a step of the table.
run_step() {
  local cuda=(--device cuda --precision bf16)
  case $1 in
  driver)
    command=("$dir/cudadriver.test" -test.v -test.run '^(TestConformance|TestErrors|TestKernelFault)$')
    in=$root/gpu/cudadriver needs=('--- PASS: TestConformance/' '--- PASS: TestErrors' '--- PASS: TestKernelFault')
    execute driver.txt ;;
  backend)
    command=("$dir/gpu.test" -test.v -test.run '^TestCUDA$')
    in=$root/gpu needs=('--- PASS: TestCUDA/float32/' '--- PASS: TestCUDA/bfloat16/')
    execute backend.txt ;;
  verify-*)
    command=("$ours" verify --device cuda --precision "${1#verify-}") needs=('verified: everything agrees')
    execute "$1.txt" ;;
  ptx)
    # The driver's cache of what it has compiled would hide the time.
    command=(env CUDA_CACHE_DISABLE=1 "$ours" verify --device cuda --precision bf16 --block-size 16 --ptx)
    needs=('kernels: ' 'verified: everything agrees')
    execute ptx.txt ;;
  step-b*)
    command=("$ours" bench --step "${cuda[@]}" --sparsity "$sparsities" --block "${1#step-b}" "${step_sizes[@]}" --json)
    execute "$1.json" ;;
  bench)
    command=("$ours" bench "${cuda[@]}" --dense=false --block "$blocks" --shape "$shapes" "${small[@]}" --json)
    execute bench.json ;;
  train)
    command=("$ours" train "${cuda[@]}" "${train[@]}" --output-dir "$scratch/run")
    execute train.txt ;;
  peers-products) peer peers-products.json bench/peers/products.py --no-tune ;;
  peers-tuned) peer peers-tuned.json bench/peers/products.py --block 16 ;;
  peers-step) peer peers-step.json bench/peers/bert_step.py ;;
  memcheck | racecheck | synccheck) sanitize "$1" ;;
  # 40 launches are all products, attention and AdamW of a step of one layer, 32, and a few of the next.
  ncu) profile ncu.txt '^(dsd|dds|sdd|attention|adamw)' 40 ;;
  ncu-update) profile ncu-update.txt '^topology_' 4 ;;
  crossover)
    command=("$ours" bench --crossover --device cuda --block "$blocks" --shape "$shapes" "${small[@]}" --json)
    execute crossover.json ;;
  esac
}
