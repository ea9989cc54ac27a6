#!/bin/sh
# A job script for Slurm: one agent on each machine, all its processors as lanes. From the folder of the job file:
#   sbatch train.sh job.yaml RUN
# Words before train.sh go before what stands here: sbatch -N 2 --time=1:00:00 train.sh ...
#SBATCH --job-name=ddla
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=08:00:00
# Two minutes before the time is over all agents are told to stop: a checkpoint, then status 130.
#SBATCH --signal=USR1@120
# What was stopped goes on in the same file.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=ddla-%j.out
set -eu
job=$1 run=$2
shift 2

# pmix: Open MPI's plug-in of ddla; pmi2: MPICH's. `srun --mpi=list` says what this Slurm has.
got=0
srun --mpi="${DDLA_SRUN_MPI:-pmix}" --kill-on-bad-exit=1 "${DDLA:-ddla}" train "$job" --out "$run" --resume "$@" || got=$?

# Stopped in order: in the queue again, until the run is finished.
if [ $got = 130 ] && [ -z "${DDLA_NO_REQUEUE:-}" ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $got
