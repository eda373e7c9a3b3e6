#!/usr/bin/env bash
# One part of a run for each task of a Slurm array:
#
#   sbatch --array=1-8 examples/cluster/slurm.sh certify model.rfm --data cifar10:/data/cifar10 --n 100000
#
# and, when all are done, `ringfence merge parts/part-*.rows --out whole.tsv`. A task that was stopped goes on where it was:
# `sbatch --array=3 ...` with the same arguments and SHARDS=8.
#SBATCH --job-name=ringfence
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --requeue
#SBATCH --output=parts/slurm-%A-%a.log
set -euo pipefail
: "${SLURM_ARRAY_TASK_ID:?run this with sbatch --array=1-N}"
verb=${1:?certify or profile, with its arguments}
shift
shards=${SHARDS:-$SLURM_ARRAY_TASK_MAX}
out=parts/part-$SLURM_ARRAY_TASK_ID.rows
mkdir -p parts
exec "${RINGFENCE:-ringfence}" "$verb" "$@" --threads "${SLURM_CPUS_PER_TASK:-1}" \
    --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "$out" --resume
