#!/usr/bin/env bash
# Tries the program on a real Slurm of one node, which it starts in a scratch folder on loopback and
# stops again: munged, slurmctld, slurmd.
#   slurm.sh              installs Debian's slurm-wlm and munge where they are missing and it can
#   slurm.sh --required   fails where they are missing and cannot be installed
# It compares with what the program comes to without Slurm:
#   - results.jsonl of a sweep whose runs are jobs (--launcher "srun -n1"), one that is stopped by
#     SIGTERM and gone on with, and one in two shards
#   - the checkpoint of a run that goes back into the queue at the signal before its time limit
#     (examples/slurm/pretrain.sh)
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
for tool in munged slurmctld slurmd srun; do
  if command -v "$tool" >/dev/null; then continue; fi
  if ! can_install; then cannot "found no $tool and no way to install it, expected root and apt-get: not tried"; fi
  DEBIAN_FRONTEND=noninteractive apt_install slurm-wlm munge
  break
done
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

# A run that is requeued. It takes a minute, so that the signal before its limit falls into it: Slurm sends that 20 seconds
# after the start, or earlier.
train() {
  local folder=$1 steps=$2
  "$program" train --output-dir "$folder" --max-steps "$steps" "${flags[@]}" >>"$top/train.out" 2>&1
}
flags=(--layers 2 --hidden 64 --heads 2 --ffn 128 --seq-len 64 --batch-size 8 --block-size 8 --sparsity 0.75
  --updates 20 --save-steps -1 --logging-steps 10 --final-eval-batches 4 --quiet "${path[@]}")
began=$(date +%s%N)
train "$top/measured" 500
steps=$((500 * 60000000000 / ($(date +%s%N) - began)))
train "$top/uninterrupted" "$steps"
job=$(sbatch --parsable --cpus-per-task=1 --time=2 --signal=USR1@100 --output="$top/pretrain.out" \
  examples/slurm/pretrain.sh "$top/requeued" --max-steps "$steps" "${flags[@]}")
# shellcheck disable=SC2329 # until_so calls it
ended() {
  local state
  state=$(squeue -h -j "$job" -o %T 2>/dev/null || true)
  if [ "$state" = PENDING ]; then scontrol update jobid="$job" starttime=now 2>/dev/null || true; fi # not in some minutes
  [ -z "$state" ] || [ "$state" = COMPLETED ] || [ "$state" = FAILED ]
}
until_so 900 ended
weights() { (cd "$1/checkpoints/step-$steps" && sha256sum model.safetensors optimizer.safetensors); }
tries=$(scontrol show job "$job" | sed -nE 's/.*Restarts=([0-9]+).*/\1/p')
at=$(sed -nE 's/.*stopped after step ([0-9]+), saved.*/\1/p' "$top/pretrain.out" | tr '\n' ' ')
if [ "${tries:-0}" -lt 1 ] || [ -z "$at" ]; then
  echo "slurm.sh: found a run that came to its end before the signal, expected one that is requeued" >&2
  exit 1
fi
if [ "$(weights "$top/requeued")" != "$(weights "$top/uninterrupted")" ]; then
  echo "slurm.sh: found another checkpoint after stops at steps $at, expected that of the uninterrupted run" >&2
  exit 1
fi
echo "slurm: a run of $steps steps, requeued after steps ${at}by the signal before its limit:" \
  "$(weights "$top/requeued" | cut -c1-16 | tr '\n' ' ')the same as uninterrupted"
