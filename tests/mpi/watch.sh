# watch.sh LIBRARY: 2 hosts with 2 agents each, started by an MPI launcher (openmpi, mpich) or played (none): an agent of
# the second host is stopped. The hang screen, `ddla why` and `ddla top` name it, and the run goes on to the same bits.
. "${0%/*}/../end_to_end/training.sh"
library=$1
if [ "$library" != none ]; then
  mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
  $mpirun -n 1 true || exit $?
fi

# Long enough to be stopped in the middle.
samples train 2000 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [64, 32]}
train: {shards: 8, batch: 200, epochs: 1000000, learning_rate: 0.002}
parallel: {lanes: 1, timeout: 120}
output: {hang_seconds: 2}
checkpoint: {every_epochs: 0}
J
cat >host.sh <<'H'
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / 2))"
if [ "$rank" -gt 1 ] && [ -n "${apart:-}" ]; then cd "$apart"; fi
exec "$@"
H

# start RUN ARGUMENT...: 4 agents on 2 hosts, in the background.
start() {
  run=$1
  shift
  case $library in
  none) set -- "$DDLA" train job.yaml -n 4 --set parallel.hosts=2 "$@" --out "$run" ;;
  *) set -- timeout -k 10 300 $mpirun -n 4 sh host.sh "$DDLA" train "$PWD/job.yaml" "$@" --out "$run" ;;
  esac
  "$@" >"$run.out" 2>"$run.err" &
  running=$!
}

# soon SECONDS WHAT COMMAND...: waits until the command succeeds.
soon() {
  tries=$(($1 * 10)) what=$2
  shift 2
  until "$@" 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { cat "$run.out" "$run.err" >&2; fail "$run: $what"; }
    sleep 0.1
  done
}

shows() { grep -qE -- "$2" "$1"; }
at_step() { "$DDLA" top "$run" --once >top.out && shows top.out " step $1[0-9]*/"; }

# stop AGENT: the run goes on until the agent is stopped; its limit is 2 s, or 10 steps of a loaded machine, and the
# screen comes within 3 s more.
stop() {
  soon 60 "the agents did not start" at_step '[1-9][0-9]'
  [ "$(grep -cE '^ *[0-3] +0 ' top.out)" = 4 ] || fail "top does not see all agents: $(cat top.out)"
  stopped=$(sed -n "s/.*agent $1 of 4, process \([0-9]*\),.*/\1/p" "$run/agents/$1.log")
  kill -STOP "$stopped"
  soon 5 "no hang is shown" shows "$run.err" "agent $1 .*is stopped by a signal"
  wanted="agent $1 (process $stopped) is stopped by a signal"
  says "$run.err" "$wanted" "has taken"
  says "$run/hang.txt" "$wanted"
  "$DDLA" why "$run" >why.out
  says why.out "$wanted" "4 agents with 1 lane"
  "$DDLA" top "$run" --once >top.out
  shows top.out "^ *$1 +0 .*stopped: " || fail "top: $(cat top.out)"
}

# go_on: what was stopped goes on, and the run comes to its end.
go_on() {
  kill -CONT "$stopped"
  stopped=
  got=0
  wait $running || got=$?
  [ $got = 0 ] || { cat "$run.out" "$run.err" >&2; fail "$run: exit status $got"; }
  says "$run/hang.txt" "goes on after"
  [ "$(grep -c 'is stopped by a signal' "$run.err")" = 1 ] || fail "more than one screen: $(cat "$run.err")"
  "$DDLA" why "$run" >why.out
  says why.out "the run is finished"
}

stopped='' running=''
trap '[ -z "$stopped" ] || kill -CONT $stopped; [ -z "$running" ] || kill $running 2>/dev/null || true' EXIT

# The bits of the run without a stop, by one agent; the other runs have as many steps.
steps=${WATCH_STEPS:-4000}
train 0 alone job.yaml -n 1 --set "train.steps=$steps" --set train.schedule=constant
bits=$(sha alone/model.safetensors)

start run --set "train.steps=$steps" --set train.schedule=constant
stop 3
for agent in 0 1; do
  shows why.out "^ *$agent +0 .* waits for the other hosts" || fail "why: $(cat why.out)"
done
go_on
same_model "$bits" run
"$DDLA" trace run --steps 20 -o trace.json
says trace.json '"name":"agent 3"' '"what":"waits for the other hosts"'
[ "$library" != none ] || exit 0

# Hosts that do not share the run directory: their agents are named, and the others are watched all the same.
mkdir other
apart=$PWD/other
export apart
start parted --set "train.steps=$steps" --set train.schedule=constant --set "data.train=$PWD/data"
stop 1
for agent in 2 3; do
  says top.out "records elsewhere"
  says why.out "agent $agent on another host records elsewhere"
  [ "$(grep -c "agent $agent has no events in parted" parted/agents/0.log)" = 1 ] ||
    fail "$(cat parted/agents/0.log)"
done
go_on
same_model "$bits" parted
if grep -q warning parted.out parted.err; then fail "the screen is told of events: $(cat parted.out parted.err)"; fi
