# `ddla train` under Slurm: three machines which daemons of Debian's packages play on this one, started by hand with a
# configuration of their own. Tasks of srun find each other over PMI-2 (MPICH) and PMIx (Open MPI); those that cannot are
# refused; a batch job is stopped in order and goes on with fewer tasks. As root; nothing of it is left.
. "${0%/*}/../end_to_end/training.sh"

skip() {
  echo "skipped: $*"
  exit 77
}

[ "$(id -u)" = 0 ] || skip "Slurm's daemons are played by root only"
for word in slurmctld slurmd srun sbatch scancel setpriv; do
  command -v $word >/dev/null || skip "there is no $word here (tools/setup slurm)"
done
slurmd -N n0 -V >/dev/null 2>&1 || skip "this slurmd cannot play several machines"

# Daemons and clients end when this script does, whatever ends it; to be called in a subshell.
bound() { exec setpriv --pdeathsig KILL -- "$@"; }
daemons=
finish() {
  trap - EXIT
  # Steps first, whose end is the daemons' work.
  [ -z "$daemons" ] || timeout 5 scancel --full --user=root >/dev/null 2>&1 || true
  for daemon in $daemons; do kill -9 "$daemon" 2>/dev/null || true; done
  for daemon in $daemons; do wait "$daemon" 2>/dev/null || true; done
  daemons=
}
trap finish EXIT
trap 'finish; exit 143' INT TERM HUP

port=$((20000 + $$ % 20000))
name=$(hostname -s)
export SLURM_CONF="$PWD/slurm.conf"
cat >slurm.conf <<C
ClusterName=test
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
MailProg=/bin/true
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool-%n
TmpFS=$PWD/tmp-%n
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
ReturnToService=2
MpiDefault=none
KillWait=5
NodeName=n[0-2] NodeAddr=127.0.0.1 NodeHostname=$name Port=[$((port + 1))-$((port + 3))] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
C
mkdir state spool-n0 spool-n1 spool-n2 tmp-n0 tmp-n1 tmp-n2
began=$(date +%s%N)
bound slurmctld -D >slurmctld.log 2>&1 &
daemons=$!
for host in n0 n1 n2; do
  bound slurmd -N $host -D >slurmd-$host.log 2>&1 &
  daemons="$daemons $!"
done

# soon SECONDS COMMAND...: waits until the command succeeds.
soon() {
  tries=$(($1 * 10))
  shift
  until "$@" >soon.out 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}
idle() { [ "$(timeout 5 sinfo -h -o '%T %D')" = "idle 3" ]; }
soon 20 idle || { tail -n 20 slurmctld.log slurmd-n0.log; skip "Slurm does not start here: $(cat soon.out)"; }
echo "Slurm started within $((($(date +%s%N) - began) / 1000000)) ms"

samples train 1003 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 500, epochs: 2, optimizer: adamw, learning_rate: 0.002, schedule: constant}
parallel: {lanes: 1, timeout: 20}
J
# The machines have one name, since they are one; ddla takes Slurm's names.
cat >ddla.sh <<D
#!/bin/sh
DDLA_HOST_NAME=\$SLURMD_NODENAME exec "$DDLA" "\$@"
D
chmod +x ddla.sh

# steps STATUS RUN "OPTIONS OF srun" ARGUMENT...
steps() {
  wanted=$1 run=$2 options=$3
  shift 3
  got=0
  # shellcheck disable=SC2086 # words
  (bound timeout -k 5 60 setpriv --pdeathsig KILL srun $options ./ddla.sh train job.yaml "$@" --out "$run" \
    >"$run.out" 2>&1) || got=$?
  [ $got = "$wanted" ] || { cat "$run.out" >&2; fail "$run: exit status $got, not $wanted: srun $options"; }
}

# Open MPI names shared memory after the machine and the place on it, which these machines have in common.
export OMPI_MCA_btl=self,tcp

train 0 alone job.yaml -n 1
bits=$(sha alone/model.safetensors)
played=
for pair in mpich:pmi2 openmpi:pmix; do
  library=${pair%:*} service=${pair#*:}
  [ -f "$BUILD/plugins/ddla_mpi_$library.so" ] || continue
  srun --mpi=list 2>&1 | grep -qw "$service" || continue
  played="$played $service"
  steps 0 $service "-N 3 -n 3 --mpi=$service"
  same_model "$bits" $service
  says $service.out "3 agents on 3 hosts"
  steps 0 $service-both "-N 2 -n 4 --overcommit --mpi=$service"
  same_model "$bits" $service-both
  says $service-both.out "4 agents on 2 hosts"
done
[ -n "$played" ] || skip "this Slurm and this build have no MPI in common"

# Without MPI's service, and one task of many that trains by itself.
steps 2 bare "-N 3 -n 3"
says bare.out "say srun --mpi=pmi2"
[ "$(grep -c '^ddla:' bare.out)" = 1 ] || fail "not one message: $(cat bare.out)"
[ ! -e bare ] || fail "tasks that do not find each other have trained"
steps 0 single "-n 1" --transport local -n 2
same_model "$bits" single

# The job script of examples/: stopped by the signal that the time limit sends, then resumed by two tasks.
export DDLA="$PWD/ddla.sh" DDLA_SRUN_MPI="$service" DDLA_NO_REQUEUE=1
batch() { # NODES ARGUMENT...: prints the job's number
  count=$1
  shift
  sbatch --parsable -N "$count" "$SOURCE/examples/slurm/train.sh" job.yaml batch "$@"
}
over() { [ -z "$(squeue -h -j "$1" 2>/dev/null)" ]; }
id=$(batch 3 --set train.epochs=4000) # an end, should this script be killed
soon 20 test -s batch/metrics.jsonl || fail "the batch job does not start: $(cat ddla-*.out)"
scancel --signal=USR1 "$id"
soon 20 over "$id" || fail "the batch job does not stop: $(cat ddla-*.out)"
says "ddla-$id.out" "stopped after step" "with a checkpoint"
reached=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' "ddla-$id.out")
"$DDLA" train job.yaml -q -n 1 --set train.epochs=0 --set train.steps=$((reached + 3)) --out further
id=$(batch 2 --set train.epochs=0 --set train.steps=$((reached + 3)))
soon 20 over "$id" || fail "the resumed job does not end: $(cat "ddla-$id.out")"
same_model "$(sha further/model.safetensors)" batch

finish
for word in slurmctld slurmd slurmstepd srun; do
  for process in $(pidof $word || true); do
    tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF" || continue
    fail "$word is left, process $process"
  done
done
