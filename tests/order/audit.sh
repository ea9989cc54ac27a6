# audit.sh STOPS: runs that are stopped, by Ctrl-C, SIGTERM and SIGKILL, and go on with other numbers of agents, so many
# times in all; every row of output.audit together name every sample of every epoch once, and the model is that of a run in
# one piece.
. "${0%/*}/../end_to_end/training.sh"
stops=$1

samples train 703 data
random=20240101
next_of() { # BOUND: the next number below it, in $drawn
  random=$(((random * 1103515245 + 12345) % 2147483648))
  drawn=$((random / 65536 % $1))
}

# checked RUN SAMPLES USED EPOCHS: of so many samples every epoch has used so many, each once.
checked() {
  cat "$1"/agents/*.audit >rows
  awk -v samples="$2" -v used="$3" -v epochs="$4" '
    !/^{"step": [0-9]+, "epoch": [0-9]+, "shard": [0-9]+, "samples": \[[0-9, ]+\]}$/ { print "no row: " $0; bad = 1; exit }
    {
      match($0, /"epoch": [0-9]+/)
      epoch = substr($0, RSTART + 9, RLENGTH - 9) + 0
      match($0, /\[.*\]/)
      count = split(substr($0, RSTART + 1, RLENGTH - 2), list, ", ")
      for (i = 1; i <= count; i++) {
        if (list[i] + 0 >= samples) { print "no sample: " list[i]; bad = 1; exit }
        if (seen[epoch, list[i]]++) { print "epoch " epoch ": sample " list[i] " comes twice"; bad = 1; exit }
        have[epoch]++
      }
    }
    END {
      if (bad) exit 1
      for (epoch in have) found++
      if (found != epochs) { print found + 0 " epochs, not " epochs; exit 1 }
      for (epoch = 0; epoch < epochs; epoch++)
        if (have[epoch] != used) { print "epoch " epoch ": " have[epoch] + 0 " samples, not " used; exit 1 }
    }' rows >rows.wrong || fail "$1: $(cat rows.wrong)"
}

# attempt RUN ARGUMENT...: trains on with a random number of agents; a random time after its first rows comes a random signal.
# Sets $ended to the exit status.
attempt() {
  going=$1
  shift
  : >marker
  next_of 4
  agents=$((drawn + 1))
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
  train 0 "$name-whole" job.yaml -n 1 --set output.audit=false "$@"
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
    next_of 4
    train 0 "$name-$part" job.yaml -n $((drawn + 1)) --resume "$@"
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
