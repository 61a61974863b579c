#!/bin/bash
# sbatch docs/cluster/slurm.sh /archive/reels /archive/color: a Ray cluster on the nodes of a Slurm job.
# Killed for its time limit, it goes on with what is finished when it is submitted again.
#SBATCH --job-name=vidcolor
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail
source ~/vidcolor/bin/activate

nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${nodes[0]}
port=$((20000 + SLURM_JOB_ID % 20000))
address=$(srun --nodes=1 --ntasks=1 -w "$head" hostname --ip-address | awk '{print $1}'):$port

srun --nodes=1 --ntasks=1 -w "$head" \
    ray start --head --node-ip-address="${address%:*}" --port="$port" --block &
sleep 20
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 -w "$node" ray start --address="$address" --block &
done
sleep 20

# two minutes before the limit: end cleanly, so that what is finished is kept
vidcolor --cluster "$address" --progress plain -n -o "$2" "$1" &
trap 'kill -TERM $!' TERM
wait $! || wait $!
