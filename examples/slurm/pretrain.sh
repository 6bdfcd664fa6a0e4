#!/bin/bash
# A training run as a job of Slurm, through as many time limits as it takes:
#   sbatch pretrain.sh RUN [FLAGS OF TRAIN]
# RUN is the run folder. Five minutes before the limit Slurm sends SIGUSR1 to the program, which
# finishes its step, saves and ends with exit code 75. Then the job goes back into the queue, and
# goes on with the same run when its turn comes.
#SBATCH --job-name=sparsebert
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
run=${1:?found no RUN, expected the run folder}
shift
resume=()
if [ -e "$run/config.yaml" ]; then resume=(--resume); fi
srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" sparsebert-gpu train --output-dir "$run" "${resume[@]}" "$@"
code=$?
if [ $code = 75 ] || [ $code = 138 ]; then # 138: the signal came before the program listened
  scontrol requeue "$SLURM_JOB_ID"
  sleep 60 # until Slurm ends this try
fi
exit $code
