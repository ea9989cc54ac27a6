# audit.sh STOPS: runs that are stopped, by Ctrl-C, SIGTERM and SIGKILL, and go on with other numbers of agents, so many
# times in all; every row of output.audit together name every sample of every epoch once, and the model is that of a run in
# one piece.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/audited.sh"
stops=$1
counts="1 2 3 4" # of agents

samples train 703 data
random=20240101
next_of() { # BOUND: the next number below it, in $drawn
  random=$(((random * 1103515245 + 12345) % 2147483648))
  drawn=$((random / 65536 % $1))
}

# draw_agents: one of the counts, in $drawn.
draw_agents() {
  # shellcheck disable=SC2086 # numbers
  next_of "$(echo $counts | wc -w)"
  drawn=$(echo "$counts" | cut -d' ' -f$((drawn + 1)))
}

# attempt RUN ARGUMENT...: trains on with a random number of agents; a random time after its first rows comes a random signal.
# Sets $ended to the exit status.
attempt() {
  going=$1
  shift
  : >marker
  draw_agents
  agents=$drawn
  # shellcheck disable=SC2086 # two words or none
  "$DDLA" train -q $as_threads job.yaml -n $agents --out "$going" --resume "$@" >"$going.out" 2>"$going.err" &
  program=$!
  until [ -n "$(find "$going/agents" -name '*.audit' -newer marker 2>/dev/null)" ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
  next_of 3
  signal=$(echo INT TERM KILL | cut -d' ' -f$((drawn + 1)))
  next_of 16
  sleep "0.$(printf %02d "$drawn")"
  kill -s "$signal" $program 2>/dev/null || true
  ended=0
  wait $program || ended=$?
  case $ended in 0 | 130 | 137) ;; *) cat "$going.err" >&2; fail "$going: status $ended after SIG$signal" ;; esac
}

# stopped NAME STOPS SAMPLES USED EPOCHS ARGUMENT...: stops runs of the job so many times; where one ends before, another one
# is begun. The rows and the model of each are looked at.
stopped() {
  name=$1 stops_wanted=$2 there=$3 used=$4 epochs=$5
  shift 5
  train 0 "$name-whole" job.yaml -n "${counts%% *}" --set output.audit=false "$@"
  model=$(sha "$name-whole/model.safetensors")
  count=0 part=0 kills=0
  while [ $count -lt "$stops_wanted" ]; do
    part=$((part + 1))
    ended=130
    while [ $ended -ne 0 ] && [ $count -lt "$stops_wanted" ]; do
      attempt "$name-$part" "$@"
      if [ $ended -ne 0 ]; then count=$((count + 1)); fi
      if [ $ended -eq 137 ]; then kills=$((kills + 1)); fi
    done
    draw_agents
    train 0 "$name-$part" job.yaml -n "$drawn" --resume "$@"
    checked "$name-$part" "$there" "$used" "$epochs"
    same_model "$model" "$name-$part"
    rm -rf "${name:?}-$part"
  done
  echo "$name: $count stops, $kills of them SIGKILL, in $part runs"
}

# 703 samples do not divide into batches of 150, nor batches into 8 shards; shards are cut into micro-batches.
cat >job.yaml <<'J'
data: {train: data, shift: 1}
model: {kind: mlp, hidden: [16]}
train: {batch: 150, epochs: 60, micro_batch: 7, learning_rate: 0.01, validate_every: 1000}
checkpoint: {every_steps: 17, every_epochs: 0}
output: {audit: true}
J
stopped keep $((stops / 3)) 703 703 60
stopped drop $((stops / 3)) 703 600 60 --set train.last_batch=drop
stopped held $((stops / 12)) 563 450 60 --set train.last_batch=drop --set data.validation_fraction=0.2
stopped dynamic $((stops / 12)) 703 600 60 --set train.last_batch=drop --set parallel.balance=dynamic
stopped gradient $((stops / 6)) 703 600 30 --set train.epochs=30 --set train.last_batch=drop --set sync.mode=accumulated \
  --set sync.method=gradient --set sync.interval=2
# Replicas have the same shares with one agent each and with two.
[ -z "$as_threads" ] || exit 0
counts="2 4"
stopped replicas $((stops / 12)) 703 703 30 --set train.epochs=30 --set parallel.hosts=2 --set sync.replica=host \
  --set sync.mode=accumulated --set sync.method=average --set sync.interval=3
