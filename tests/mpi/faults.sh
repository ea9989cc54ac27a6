# faults.sh LIBRARY [full]: what goes wrong with `ddla train` under an MPI launcher (openmpi, mpich): each fault has one clear
# message and a status that is not 0, or does no harm; no process and no shared memory is left, and the last checkpoint is
# good. What needs a network is in tests/netlab/faults.sh.
. "${0%/*}/../end_to_end/training.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?
# Here, so that what is left of it is not another run's.
export OMPI_MCA_btl_vader_backing_directory="$PWD/shm"
mkdir shm

samples train 600 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [32], dropout: 0.2}
train: {shards: 8, batch: 270, epochs: 2, optimizer: adamw, learning_rate: 0.002, schedule: constant}
parallel: {lanes: 1, timeout: 20}
J

# host.sh WORDS...: runs the words as a rank of host rank / $per; the ranks $odd also get the words $more.
cat >host.sh <<'H'
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / ${per:-1}))"
# shellcheck disable=SC2086 # words
case " ${odd:-none} " in *" $rank "*) set -- "$@" $more ;; esac
exec "$@"
H

# launch RUN RANKS ARGUMENT...
launch() {
  run=$1 ranks=$2
  shift 2
  timeout -k 10 $limit $mpirun $options -n "$ranks" sh host.sh "$program" train "$@" --out "$run"
}

# joined STATUS RUN RANKS ARGUMENT...; STATUS ill: any but 0, and within the time.
joined() {
  wanted=$1
  shift
  got=0
  launch "$@" >"$1.out" 2>&1 || got=$?
  case $wanted in
  ill) [ $got != 0 ] && [ $got != 124 ] ;;
  *) [ $got = "$wanted" ] ;;
  esac || { cat "$1.out" >&2; fail "$1: exit status $got, not $wanted"; }
  gone "$1"
}

# begun RUN RANKS ARGUMENT...: in the background, with its first epochs behind it.
begun() {
  launch "$@" >"$1.out" 2>&1 &
  running=$!
  soon 30 has_checkpoint "$1" || { cat "$1.out" >&2; fail "$1 does not start"; }
}
has_checkpoint() { ls "$1/checkpoints" | grep -q '^step-[0-9]*$'; }

# soon SECONDS COMMAND...
soon() {
  tries=$(($1 * 20))
  shift
  until ("$@") 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}

gone() { soon 10 no_agents "$1" || no_agents "$1"; }

# ended RUN STATUS: of what was begun.
ended() {
  got=0
  wait $running || got=$?
  running=
  case $2 in
  ill) [ $got != 0 ] && [ $got != 124 ] ;;
  any) [ $got != 124 ] ;;
  *) [ $got = "$2" ] ;;
  esac || { cat "$1.out" >&2; fail "$1: exit status $got, not $2"; }
  gone "$1"
}

once() { # RUN WORDS: ddla says these words, and nothing else
  says "$1.out" "$2"
  [ "$(grep -o 'ddla: ' "$1.out" | wc -l)" = 1 ] || { cat "$1.out" >&2; fail "$1: not one message"; }
}

# The process of an agent, and that of the launcher, below its `timeout`.
process() { sed -n "s/.*agent $2 of [0-9]*, process \([0-9]*\),.*/\1/p" "$1/agents/$2.log"; }
child() { sed 's/ *$//' "/proc/$1/task/$1/children"; }
launcher() { child "$(child $running)"; }

# further RUN RANKS: the run goes on, to the bits of a run that nothing happened to.
further() {
  steps=$(($(ls "$1/checkpoints" | sed -n 's/^step-0*\([0-9]*\)$/\1/p' | sort -n | tail -1) + 3))
  train 0 "$1-alone" job.yaml -n 1 --set train.epochs=0 --set "train.steps=$steps"
  joined 0 "$1" "$2" job.yaml --resume --set train.epochs=0 --set "train.steps=$steps"
  same_model "$(sha "$1-alone/model.safetensors")" "$1"
}

program=$DDLA options='' running='' stopped=''
trap '[ -z "$stopped" ] || kill -CONT $stopped 2>/dev/null; [ -z "$running" ] || kill $running 2>/dev/null || true' EXIT
train 0 alone job.yaml -n 1
bits=$(sha alone/model.safetensors)
forever="--set train.epochs=1000000 --set checkpoint.keep=3"

# ---- before anything is trained ----

# The plug-in is there and the library is not.
lame() {
  mkdir -p lame-program/plugins
  cp "$DDLA" lame-program/ddla
  sed 's/libmpi\.so/libmpx.so/; s/libmpich\.so/libmpxxx.so/' "$BUILD/plugins/ddla_mpi_$library.so" \
    >"lame-program/plugins/ddla_mpi_$library.so"
  program=$PWD/lame-program/ddla
  joined ill lame 3 job.yaml
  once lame "cannot be loaded: libmpx"
  says lame.out "is that MPI library on this machine (Debian's package: "
}

# The library grants too few threads: the first lane exchanges, the bits are the same.
few() {
  printf '#!/bin/sh\nLD_PRELOAD="%s" exec "%s" "$@"\n' "$BUILD/bin/few_threads.so" "$DDLA" >few.sh
  chmod +x few.sh
  program=$PWD/few.sh
  joined 0 few 2 job.yaml
  says few.out "grants calls from one thread only"
  program=$DDLA
  joined 0 enough 2 job.yaml
  same_model "$(sha enough/model.safetensors)" few
  program=$PWD/few.sh
  joined 0 fewer 2 job.yaml --set sync.mode=asynchronous --set sync.method=bounded --set sync.staleness=0
  program=$DDLA
  same_model "$(sha enough/model.safetensors)" fewer
}

# Agents that are about to do different things: who, and what.
differ() {
  odd="1 3" more="--set train.epochs=7"
  joined ill differ 4 job.yaml
  once differ "agent 1 on host host1, agent 3 on host host3 have another train.epochs (7) than agent 0 on host host0 (2)"
}
first_differs() {
  odd=0 more="--set train.precision=bf16"
  joined ill first 3 job.yaml
  once first "agent 0 on host host0 has another train.precision (bf16) than agent 1 on host host1 (fp32)"
}
data_differ() {
  samples train 601 other
  odd=2 more="--set data.train=$PWD/other"
  joined ill data_differ 3 job.yaml
  once data_differ "agent 2 on host host2 has another data set"
}

# A host that nobody knows. The launcher's way to hosts may be missing here: this one answers as ssh does.
unknown() {
  printf '#!/bin/sh\necho "ssh: Could not resolve hostname nowhere.invalid" >&2\nexit 255\n' >nowhere
  chmod +x nowhere
  echo nowhere.invalid >hosts
  if [ "$library" = openmpi ]; then
    options="--mca plm_rsh_agent $PWD/nowhere --hostfile hosts"
    joined ill unknown 2 job.yaml
  else # its launcher passes ssh's words on and waits for the host, until Ctrl-C
    options="-launcher-exec $PWD/nowhere -f hosts"
    launch unknown 2 job.yaml >unknown.out 2>&1 &
    running=$!
    soon 10 says unknown.out "Could not resolve hostname nowhere.invalid" || fail "unknown: $(cat unknown.out)"
    kill -INT $(launcher)
    ended unknown ill
  fi
  says unknown.out "Could not resolve hostname nowhere.invalid"
}

# A launcher of its own kind inside a launcher: Open MPI's refuses, MPICH's starts a run of its own.
nested() {
  got=0
  timeout -k 10 60 $mpirun -n 1 $mpirun -n 2 "$DDLA" train job.yaml --out nested >nested.out 2>&1 || got=$?
  case $library in
  openmpi) [ $got != 0 ] || fail "nested: status 0"; says nested.out "does not support recursive calls" ;;
  *) [ $got = 0 ] || { cat nested.out >&2; fail "nested: status $got"; }; same_model "$bits" nested ;;
  esac
  gone nested
}

# ---- files ----

# Only host 0 reaches the run directory, which is enough.
apart() {
  odd="1 2" more="--out /proc/nowhere/run"
  joined 0 apart 3 job.yaml
  same_model "$bits" apart
}

# Only host 0 does not.
unwritten() {
  odd=0 more="--out /proc/nowhere/run"
  joined ill unwritten 3 job.yaml
  once unwritten "cannot make the directory /proc/nowhere"
}

# The folder is gone on the way; what was written before is good.
broken() {
  begun broken 3 job.yaml $forever
  mv broken/checkpoints kept
  : >broken/checkpoints
  ended broken ill
  once broken "broken/checkpoints"
  rm broken/checkpoints
  mv kept broken/checkpoints
  further broken 2
}

# ---- two at once ----

both() {
  launch both-a 3 job.yaml >both-a.out 2>&1 &
  running=$!
  joined 0 both-b 3 job.yaml
  ended both-a 0
  same_model "$bits" both-a
  same_model "$bits" both-b
}

# In one run directory one of them is refused.
one() {
  launch one 2 job.yaml >one-a.out 2>&1 &
  running=$!
  second=0 got=0
  launch one 2 job.yaml >one-b.out 2>&1 || second=$?
  wait $running || got=$?
  case $got-$second in 0-0) fail "neither is refused" ;; 0-* | *-0) ;; *) cat one-?.out >&2; fail "both are refused" ;; esac
  cat one-?.out >one.out
  grep -q "^ddla: one already holds a run\|^ddla: another training is under way in one;" one.out || { cat one.out >&2; fail "nobody is refused in words"; }
  same_model "$bits" one
}

# ---- ends ----

# An agent stands still for less than the time limit, then another one for more.
paused() {
  begun paused 3 job.yaml --set train.epochs=60 --set parallel.timeout=4
  stopped=$(process paused 2)
  kill -STOP "$stopped"
  sleep 2
  kill -CONT "$stopped"
  ended paused 0
  train 0 paused-alone job.yaml -n 1 --set train.epochs=60
  same_model "$(sha paused-alone/model.safetensors)" paused
}
silent() {
  begun silent 3 job.yaml $forever --set parallel.timeout=2
  stopped=$(process silent 1)
  kill -STOP "$stopped"
  ended silent ill
  once silent "host host1 has been silent for 2"
}

# The first agent is killed; the run goes on with fewer.
killed() {
  begun killed 3 job.yaml $forever --set parallel.timeout=3
  kill -9 "$(process killed 0)"
  ended killed ill
  further killed 2
}

# Ctrl-C on the launcher; the run goes on with more. Open MPI's has a status of its own, and by default gives less time
# than a loaded machine needs.
stopped() {
  [ "$library" != openmpi ] || options="--mca odls_base_sigkill_timeout 3"
  begun stopped 2 job.yaml $forever
  kill -INT $(launcher)
  case $library in openmpi) ended stopped ill ;; *) ended stopped 130 ;; esac
  once stopped "with a checkpoint; go on with --resume --out stopped"
  options=
  further stopped 3
}

# A signal that launchers pass on. (MPICH's gives status 0 now and then, whatever its processes end with.)
told() {
  begun told 3 job.yaml $forever
  kill -USR1 $(launcher)
  case $library in openmpi) ended told 130 ;; *) ended told any ;; esac
  once told "with a checkpoint; go on with --resume --out told"
  further told 3
}

# Nobody reads what the run says, for longer than the time limit.
piped() {
  limit=300
  mkfifo pipe
  { sleep 40; cat; } <pipe >piped.out &
  reader=$!
  set -- --set train.epochs=1200 --set checkpoint.every_epochs=0 --set train.validate_every=10000
  launch piped 3 job.yaml --set parallel.timeout=5 "$@" >pipe 2>&1 &
  running=$!
  wait $reader
  ended piped 0
  [ "$(wc -c <piped.out)" -gt 80000 ] || fail "the pipe was never full: $(wc -c <piped.out) bytes"
  train 0 piped-alone job.yaml -n 1 "$@"
  same_model "$(sha piped-alone/model.safetensors)" piped
}

# Without `full` a few of them, shared out among the libraries.
case ${2:-$library} in
openmpi) scenes="few silent told" ;;
mpich) scenes="lame differ apart unwritten killed" ;;
*) scenes="lame few differ first_differs data_differ unknown nested apart unwritten broken both one paused silent killed
  stopped told piped" ;;
esac
export odd more per
for scene in $scenes; do
  program=$DDLA limit=100 options='' running='' stopped='' odd='' more='' per=1
  began=$(date +%s%N)
  $scene
  [ -z "$(ls shm)" ] || fail "$scene: shared memory is left: $(ls shm)"
  echo "$scene: $((($(date +%s%N) - began) / 1000000)) ms"
done
