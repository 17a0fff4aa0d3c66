#!/usr/bin/env bash
# A reproduction made by a Slurm array, of which one task is killed and requeued: its table is the plain one. Starts munged,
# slurmctld and slurmd of Debian's slurm-wlm and munge in a temporary folder, as the user who calls it, and stops them.
# Usage: results/scale/slurm.sh [GUMBEL]
set -euo pipefail
here=$(realpath "$(dirname "$0")")
gumbel=$(realpath "${1:-$here/../../target/release/gumbel}")
for program in munged slurmctld slurmd sbatch; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
PATH=$PATH:/usr/sbin
scratch=$(mktemp -d)
daemons=()
stop() {
    [ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null || true
    wait
    rm -rf "$scratch"
}
trap stop EXIT
mkdir -m 700 "$scratch"/{munge,state,spool}
mkdir "$scratch"/{plain,array}

host=$(hostname -s)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export SLURM_CONF=$scratch/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=jobs
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$scratch/munge/socket
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
# Without control groups, which a container may not have.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=ALL Default=YES State=UP
CONF

head -c 1024 /dev/urandom >"$scratch/munge/key"
chmod 600 "$scratch/munge/key"
munged --foreground --force --socket="$scratch/munge/socket" --key-file="$scratch/munge/key" \
    --pid-file="$scratch/munge/pid" --seed-file="$scratch/munge/seed" --log-file="$scratch/munge/log" 2>/dev/null &
daemons+=($!)
until [ -S "$scratch/munge/socket" ]; do sleep 0.1; done
slurmctld -D 2>/dev/null &
daemons+=($!)
slurmd -D -N "$host" 2>/dev/null &
daemons+=($!)
for attempt in $(seq 100); do
    if [ "$(sinfo -h -o %t 2>/dev/null)" = idle ]; then break; fi
    if [ "$attempt" = 100 ]; then tail "$scratch"/slurm*.log >&2; echo "Slurm does not start" >&2; exit 1; fi
    sleep 0.2
done

reproduce=("$gumbel" reproduce jang-table-1 --budget smoke)
cd "$scratch/plain"
"${reproduce[@]}" --out table >/dev/null
cd "$scratch/array"
"${reproduce[@]}" --out table --jobs >jobs.txt
lines=$(wc -l <jobs.txt)
job=$(sbatch --parsable --requeue --open-mode=append --array="1-$lines" --output=%a.txt \
    --wrap 'eval "exec $(sed -n "${SLURM_ARRAY_TASK_ID}p" jobs.txt)"')

# Kill the third task once its run has begun, then have Slurm make it again.
run=$(sed -n '3s/.*--run=//p' jobs.txt)
until [ -f "table/$run/config.toml" ]; do sleep 0.01; done
kill -9 "$(pgrep -f -- "--run=$run\$")"
until scontrol show job "${job}_3" | grep -q JobState=FAILED; do sleep 0.1; done
echo "task 3, $run: $(scontrol show job "${job}_3" | grep -o 'JobState=[A-Z]*')"
if "${reproduce[@]}" --collect table 2>refused.txt; then echo "a part was collected" >&2; exit 1; fi
grep -o '^error: cannot collect table: [0-9]* of [0-9]* runs' refused.txt
scontrol requeue "${job}_3"
# A requeued task waits two minutes by default.
scontrol update JobId="${job}_3" StartTime=now
until [ -z "$(squeue -h -j "$job")" ]; do sleep 0.5; done
echo "task 3, $run: $(scontrol show job "${job}_3" | grep -oE 'JobState=[A-Z]*|Restarts=[0-9]+' | xargs)"
"${reproduce[@]}" --collect table >/dev/null
echo "an array of $lines tasks"
"$here/same_table.py" "$scratch/plain/table" "$scratch/array/table"
