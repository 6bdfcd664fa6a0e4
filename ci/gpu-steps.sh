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
  "peers-products 240  PyTorch's products beside ours, its Triton kernels untuned"
  "peers-step     420  a dense step of PyTorch beside ours"
  "memcheck       240  accesses out of bounds or misaligned, one check in eight of every operation"
  "racecheck      420  races in shared memory, likewise"
  "synccheck      240  misused barriers, likewise"
  "ncu            240  the profiler's counters of six kernels"
  "crossover      300  from which sparsity on sparse is faster"
  "peers-tuned    500  PyTorch's products with its Triton kernels tuned, B = 16"
)

# Sizes of the commands; GPU_SMALL=1 is for the test that plays a GPU on the simulator.
sizes() {
  step_sizes=(--model base --batch-size 256) blocks="1,4,8,16,32,64" shapes="768x3072,3072x768" sparsities=0,0.9 train=(--max-steps 200) small=()
  if [ -n "${GPU_SMALL:-}" ]; then
    step_sizes=(--model tiny --batch-size 2 --seq-len 16 --vocab-size 128)
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
  ncu)
    command -v ncu >/dev/null || { skip "found no ncu (Nsight Compute)"; return; }
    # Without --clock-control none ncu changes the GPU's clocks.
    command=(ncu --clock-control none --target-processes all --section SpeedOfLight --section LaunchStats --section Occupancy
      --section MemoryWorkloadAnalysis --kernel-name 'regex:^(dsd|dds|sdd|attention|adamw|topology_update)' --launch-count 24
      "$ours" bench --step "${cuda[@]}" --sparsity 0.9 --block 16 "${step_sizes[@]}" --repeats 1 --json)
    needs=(Duration) refusal='ERR_NVGPUCTRPERM|LibraryNotLoaded|not supported'
    execute ncu.txt ;;
  crossover)
    command=("$ours" bench --crossover --device cuda --block "$blocks" --shape "$shapes" "${small[@]}" --json)
    execute crossover.json ;;
  esac
}
