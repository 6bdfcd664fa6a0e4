#!/usr/bin/env bash
# Tries the program on a real Slurm of one node, which it starts in a scratch folder on loopback and
# stops again: munged, slurmctld, slurmd.
#   slurm.sh              installs Debian's slurm-wlm and munge where they are missing and it can
#   slurm.sh --required   fails where they are missing and cannot be installed
# It compares with what the program comes to without Slurm:
#   - results.jsonl of a sweep whose runs are jobs (--launcher "srun -n1"), one that is stopped by
#     SIGTERM and gone on with, one in two shards, and one whose jobs are two tasks each
#   - the checkpoint of a run that goes back into the queue at the signal before its time limit
#     (examples/slurm/pretrain.sh)
#   - the checkpoint of a run of four tasks, by Open MPI over PMIx, that is requeued by SIGUSR1
# It takes some minutes and root, who may start jobs. The machine's own Slurm, if it has one, is left alone. Where systemd
# runs, the packages start services of their own: use a container.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --required -- "$@"
. ci/packages.sh

cannot() {
  echo "slurm.sh: $1" >&2
  if [ "${required:-}" = --required ]; then exit 1; fi
  exit 0
}
required=${1:-}
missing() {
  local tool
  for tool in munged slurmctld slurmd srun mpirun.openmpi; do
    if ! command -v "$tool" >/dev/null; then echo "$tool"; fi
  done
  # Slurm's plugin for PMIx loads the library by a name that only the development package has.
  if [ -z "$(find /usr/lib -name libpmix.so -path '*/pmix2/*' -print -quit)" ]; then echo libpmix.so; fi
}
if [ -n "$(missing)" ]; then
  if ! can_install; then cannot "found no $(missing | head -n 1) and no way to install it, expected root and apt-get: not tried"; fi
  DEBIAN_FRONTEND=noninteractive apt_install slurm-wlm munge openmpi-bin libpmix-dev
fi
if [ "$(id -u)" != 0 ]; then cannot "found user $(id -un), expected root, who may start jobs: not tried"; fi

top=$(mktemp -d)
export SLURM_CONF=$top/slurm.conf
daemons=()
# shellcheck disable=SC2329 # the trap calls it
stop() {
  local code=$?
  trap - EXIT
  if [ -e "$top/up" ]; then
    scancel --full --signal=KILL --user="$(id -un)" 2>/dev/null || true
    for _ in $(seq 100); do
      if [ -z "$(squeue -h -t running,completing 2>/dev/null)" ]; then break; fi
      sleep 0.2
    done
  fi
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do # munged, which the others need, last
    kill "${daemons[i]}" 2>/dev/null || true
    wait "${daemons[i]}" 2>/dev/null || true
  done
  if [ $code != 0 ]; then
    echo "slurm.sh: FAILED; the last lines of the logs:" >&2
    tail -n 15 "$top"/*.log "$top"/*.out >&2 || true
  fi
  rm -rf "$top"
  exit $code
}
trap stop EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# port prints a port that nobody listens at.
port() {
  local p
  while :; do
    p=$((20000 + RANDOM % 20000))
    if ! (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then echo $p; return; fi
  done
}

# until_so SECONDS COMMAND... waits until the command succeeds.
until_so() {
  local left=$(($1 * 5))
  shift
  until "$@"; do
    left=$((left - 1))
    if [ $left = 0 ]; then echo "slurm.sh: found no end of waiting for: $*" >&2; return 1; fi
    sleep 0.2
  done
}

mkdir -p "$top"/{state,spool,bin}
chmod 755 "$top"
dd if=/dev/urandom of="$top/munge.key" bs=1024 count=1 status=none
chmod 400 "$top/munge.key"
munged --foreground --force --key-file="$top/munge.key" --socket="$top/munge.socket" --pid-file="$top/munged.pid" \
  --seed-file="$top/munge.seed" --log-file="$top/munged.log" >"$top/munged.out" 2>&1 &
daemons+=($!)
until_so 20 test -S "$top/munge.socket"

name=$(hostname -s)
first=$(port) second=$(port)
cat >"$SLURM_CONF" <<CONF
ClusterName=trial
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$first
SlurmdPort=$second
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
# A job that goes back into the queue waits until its credentials are no longer valid.
AuthInfo=socket=$top/munge.socket,cred_expire=5
StateSaveLocation=$top/state
SlurmdSpoolDir=$top/spool
SlurmctldPidFile=$top/slurmctld.pid
SlurmdPidFile=$top/slurmd.pid
SlurmctldLogFile=$top/slurmctld.log
SlurmdLogFile=$top/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=30
NodeName=$name NodeAddr=127.0.0.1 CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 State=UNKNOWN
PartitionName=trial Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D >"$top/slurmctld.out" 2>&1 &
daemons+=($!)
slurmd -D >"$top/slurmd.out" 2>&1 &
daemons+=($!)
touch "$top/up"
# shellcheck disable=SC2329 # until_so calls it
idle() { [ "$(sinfo -h -o %t 2>/dev/null)" = idle ]; }
until_so 60 idle
echo "slurm: $(sinfo --version), one node of 4 processors"

CGO_ENABLED=0 go build -o "$top/bin/sparsebert-gpu" ./cmd/sparsebert-gpu
CGO_ENABLED=0 go build -tags mpi -o "$top/bin/sparsebert-gpu-mpi" ./cmd/sparsebert-gpu
export PATH="$top/bin:$PATH" GOMAXPROCS=1
program=$top/bin/sparsebert-gpu
path=(--device cpu --threads 1)

# same A B WHAT compares two files.
same() {
  cmp "$1" "$2" || { echo "slurm.sh: found $3 other than without Slurm, expected the same" >&2; return 1; }
  echo "slurm: $3: $(sha256sum <"$1" | cut -c1-16), the same as without Slurm"
}

# Sweeps.
sweep() { "$program" sweep experiments/small/smoke.yaml --quiet "${path[@]}" "$@" >>"$top/sweep.out" 2>&1; }
sweep --out "$top/alone"
sweep --out "$top/jobs" --jobs 4 --launcher "srun -n1 --quiet"
same "$top/jobs/results.jsonl" "$top/alone/results.jsonl" "a sweep of jobs"
sweep --out "$top/shards" --jobs 2 --launcher "srun -n1 --quiet" --shard 1/2 &
other=$!
sweep --out "$top/shards" --jobs 2 --launcher "srun -n1 --quiet" --shard 2/2
wait $other
same "$top/shards/results.jsonl" "$top/alone/results.jsonl" "a sweep of jobs in two shards"

cat >"$top/long.yaml" <<YAML
defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, seq_len: 32, batch_size: 4, block_size: 8, sparsity: 0.5,
  max_steps: 6000, updates: 20, save_steps: -1, logging_steps: 10, eval_batches: 2, final_eval_batches: 4}
groups:
  - name: long
    cross: {method: [static, dynamic]}
YAML
"$program" sweep "$top/long.yaml" --quiet "${path[@]}" --out "$top/long-alone" --jobs 2 >>"$top/sweep.out" 2>&1
long=("$top/long.yaml" --quiet "${path[@]}" --out "$top/long" --jobs 2 --launcher "srun -n1 --quiet")
(exec "$program" sweep "${long[@]}") >>"$top/sweep.out" 2>&1 &
cut=$!
for method in static dynamic; do until_so 60 test -s "$top/long/runs/long-$method/metrics.jsonl"; done
kill -TERM "$cut"
code=0
wait "$cut" || code=$?
saved=$(find "$top/long/runs" -path '*/checkpoints/step-*/trainer.json' | wc -l)
if [ "$code" != 143 ] || [ "$saved" != 2 ]; then
  echo "slurm.sh: found exit code $code and $saved checkpoints after SIGTERM to a sweep of two jobs, expected 143 and 2" >&2
  exit 1
fi
if [ -n "$(squeue -h -t running)" ]; then
  echo "slurm.sh: found jobs that go on after SIGTERM to their sweep, expected none" >&2
  exit 1
fi
"$program" sweep "${long[@]}" >>"$top/sweep.out" 2>&1
same "$top/long/results.jsonl" "$top/long-alone/results.jsonl" "a sweep of jobs, stopped by SIGTERM and gone on with"

cat >"$top/together.yaml" <<YAML
defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, seq_len: 32, batch_size: 2, gradient_accumulation_steps: 2, replicas: 2,
  block_size: 8, sparsity: 0.5, max_steps: 40, updates: 5, eval_batches: 2, final_eval_batches: 4}
groups:
  - name: together
    cross: {method: [static, dynamic]}
YAML
together() { "$program" sweep "$top/together.yaml" --quiet "${path[@]}" "$@" >>"$top/sweep.out" 2>&1; }
together --out "$top/together-alone"
together --out "$top/together" --jobs 2 --launcher "srun -n2 --quiet --mpi=pmix"
same "$top/together/results.jsonl" "$top/together-alone/results.jsonl" "a sweep of jobs of two tasks"

# train FOLDER STEPS FLAGS... trains without Slurm.
train() {
  local folder=$1 steps=$2
  shift 2
  "$program" train --output-dir "$folder" --max-steps "$steps" "${flags[@]}" "$@" >>"$top/train.out" 2>&1
}
flags=(--layers 2 --hidden 64 --heads 2 --ffn 128 --seq-len 64 --block-size 8 --sparsity 0.75
  --updates 20 --save-steps -1 --logging-steps 10 --final-eval-batches 4 --quiet "${path[@]}")

# submit FOLDER STEPS WORDS_OF_SBATCH... -- FLAGS... leaves its number in $job, and what it prints in FOLDER.out.
submit() {
  local folder=$1 steps=$2 words=()
  shift 2
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  job=$(sbatch --parsable --cpus-per-task=1 --output="$folder.out" "${words[@]}" \
    examples/slurm/pretrain.sh "$folder" --max-steps "$steps" "${flags[@]}" "$@")
}

# shellcheck disable=SC2329 # until_so calls it
ended() {
  local state
  state=$(squeue -h -j "$job" -o %T 2>/dev/null || true)
  [ -z "$state" ] || [ "$state" = COMPLETED ] || [ "$state" = FAILED ]
}
weights() { (cd "$1/checkpoints/step-$2" && sha256sum model.safetensors optimizer.safetensors); }

# requeued FOLDER STEPS UNINTERRUPTED WHAT waits for a job, and compares it with a run without Slurm.
requeued() {
  local at
  until_so 900 ended
  at=$(sed -nE 's/.*stopped after step ([0-9]+), saved.*/\1/p' "$1.out" | uniq | tr '\n' ' ')
  if ! scontrol show job "$job" | grep -q ' Restarts=[1-9]' || [ -z "$at" ]; then
    echo "slurm.sh: found $4 that came to its end before the signal, expected one that is requeued" >&2
    return 1
  fi
  if [ "$(weights "$1" "$2")" != "$(weights "$3" "$2")" ]; then
    echo "slurm.sh: found another checkpoint of $4 after stops at steps $at, expected that of the uninterrupted run" >&2
    return 1
  fi
  echo "slurm: $4 of $2 steps, requeued after step ${at% }:" \
    "$(weights "$1" "$2" | cut -c1-16 | tr '\n' ' ')as uninterrupted without Slurm"
}

# Four tasks, which are told to end as scancel tells them.
four=(--replicas 4 --gradient-accumulation-steps 4 --batch-size 2)
train "$top/four-alone" 400 "${four[@]}"
export SLURM_MPI_TYPE=pmix
submit "$top/four" 400 --ntasks=4 --time=20 -- "${four[@]}"
until_so 120 test -s "$top/four/metrics.jsonl"
scancel --signal=USR1 "$job"
requeued "$top/four" 400 "$top/four-alone" "a run of four tasks"
unset SLURM_MPI_TYPE

# A run that is requeued at the signal before its limit. It takes a minute, so that the signal falls into it: Slurm sends
# that 20 seconds after the start, or earlier.
began=$(date +%s%N)
train "$top/measured" 500 --batch-size 8
steps=$((500 * 60000000000 / ($(date +%s%N) - began)))
train "$top/uninterrupted" "$steps" --batch-size 8
submit "$top/limited" "$steps" --time=2 --signal=USR1@100 -- --batch-size 8
requeued "$top/limited" "$steps" "$top/uninterrupted" "a run with a time limit"
