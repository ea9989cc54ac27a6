# schedule.sh: sync.schedule. A run whose mode changes at given steps has the bits of one that was stopped there and gone
# on with by hand; it goes on from any checkpoint; epochs, report and logs know of no break; a bad entry is refused.
. "${0%/*}/training.sh"

samples train 1000 data
samples t10k 200 data

# Borders within epochs (of 10 steps) and, the second, between exchanges.
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32], dropout: 0.1}
train: {shards: 8, batch: 100, steps: 50, optimizer: adamw, learning_rate: 0.002, schedule: constant}
sync: {fragments: 2, penalty: 0.02}
parallel: {lanes: 1}
checkpoint: {every_steps: 4, keep: 99}
J
cat >scheduled.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32], dropout: 0.1}
train: {shards: 8, batch: 100, steps: 50, optimizer: adamw, learning_rate: 0.002, schedule: constant}
sync:
  fragments: 2
  penalty: 0.02
  schedule:
    - {from: 7, mode: accumulated, method: diloco, interval: 4, codec: int8}
    - {from: 18, mode: synchronous, method: sharded}
    - {from: 25, mode: accumulated, method: streaming, codec: none}
    - {from: 34, method: admm, interval: 3}
    - {from: 39, mode: asynchronous, method: bounded, staleness: 0}
    - {from: 43, mode: synchronous}
parallel: {lanes: 1}
checkpoint: {every_steps: 4, keep: 99}
J
train 0 whole scheduled.yaml -n 3
model=$(sha whole/model.safetensors)
"$DDLA" top whole >top.out
if grep staleness top.out; then fail "the last segment counts no staleness"; fi

# by_hand STEPS ARGUMENT...: goes on to so many steps.
by_hand() {
  steps=$1
  shift
  train 0 hand job.yaml -n 3 --resume --set "train.steps=$steps" "$@"
}
diloco="--set sync.mode=accumulated --set sync.method=diloco --set sync.interval=4 --set sync.codec=int8"
streaming="--set sync.mode=accumulated --set sync.method=streaming --set sync.interval=4"
admm="--set sync.mode=accumulated --set sync.method=admm --set sync.interval=3"
by_hand 7
# shellcheck disable=SC2086 # words
by_hand 18 $diloco
by_hand 25 --set sync.method=sharded --set parallel.hosts=3
# shellcheck disable=SC2086
by_hand 34 $streaming
# shellcheck disable=SC2086
by_hand 39 $admm
by_hand 43 --set sync.mode=asynchronous --set sync.method=bounded --set sync.staleness=0
by_hand 50 --set sync.method=sharded
same_model "$model" hand
# Every byte of the checkpoints at borders, but for the option of how many steps there are, which is none of theirs.
for step in 07 18 25 34 39 43 50; do
  for file in model state; do
    cmp "whole/checkpoints/step-000000$step/$file.safetensors" "hand/checkpoints/step-000000$step/$file.safetensors" ||
      fail "step $step: another $file"
  done
done

# It goes on from any checkpoint, in the segment that it is of: within each, and at a border.
for step in 04 18 20 29 36 40 48; do
  rm -rf cut
  cp -r whole cut
  for folder in cut/checkpoints/*; do
    [ "${folder#cut/checkpoints/}" \< "step-000000$step" ] || [ "$folder" = "cut/checkpoints/step-000000$step" ] ||
      rm -r "$folder"
  done
  [ -d "cut/checkpoints/step-000000$step" ] || fail "no checkpoint of step $step: $(ls whole/checkpoints)"
  train 0 cut scheduled.yaml -n 3 --resume
  same_model "$model" cut
done
train 0 cut scheduled.yaml -n 3 --resume
[ ! -s cut.err ] || fail "a finished run: $(cat cut.err)"

# The report says what was done from which step, and how much of all bytes that was.
says whole/report.txt "from step 7" "diloco every 4 steps, by codec int8" "from step 43"
says whole/report.json '"segments": ['
sed -n '/"segments": \[/,/^    \]/p' whole/report.json >segments
[ "$(grep -c '"from"' segments)" = 7 ] || fail "not seven segments: $(cat segments)"
sent=$(sed -n 's/^ *"bytes_sent": \([0-9]*\),*$/\1/p' segments | awk '{ sum += $1 } END { print sum }')
all=$(sed -n '/"hosts": {/,/}/s/^ *"bytes_sent": \([0-9]*\),*$/\1/p' whole/report.json)
[ "$sent" = "$all" ] && [ "$all" -gt 0 ] || fail "segments sent $sent bytes of $all"
sed -n 's/.*"bytes_sent": \([0-9]*\).*/\1/p' whole/metrics.jsonl >sent
[ "$(wc -l <sent)" = 5 ] && sort -n -c sent || fail "bytes of rows: $(cat sent)"
first=$(of_agents whole bytes_sent | cut -d' ' -f1) last=$(tail -n 1 sent)
[ "$last" -le "$first" ] && [ "$last" -gt $((first * 9 / 10)) ] || fail "$last bytes in the last row, $first in all"
[ "$(of_agents whole samples | awk '{ print $1 + $2 + $3 }')" = 5000 ] || fail "samples: $(of_agents whole samples)"

# Epochs that a border lies in are whole: where nothing changes their numbers are those of a run without borders.
numbers() { sed 's/, "samples_per_second".*//' "$1/metrics.jsonl"; }
plain() { # NAME ARGUMENT...: job.yaml, and the same with a schedule that is in the variable `same`
  name=$1
  shift
  train 0 "$name" job.yaml -n 3 "$@"
  train 0 "$name-cut" job.yaml -n 3 "$@" --set "sync.schedule=$same"
  same_model "$(sha "$name/model.safetensors")" "$name-cut"
  numbers "$name" >plain.rows
  numbers "$name-cut" >cut.rows
  [ "$(wc -l <cut.rows)" = 5 ] || fail "$name: not 5 epochs"
  cmp plain.rows cut.rows || fail "$name: other epochs: $(cat plain.rows cut.rows)"
}
same="[{from: 13, method: sharded}, {from: 16, method: allreduce}]"
plain one --set train.clip_norm=1
plain several --set parallel.hosts=2
same="[{from: 12, interval: 4}, {from: 16}, {from: 20, interval: 4}]"
plain replicas --set sync.mode=accumulated --set sync.method=average --set sync.interval=4

# gossip and backup, in which chance decides. Up to the first border the bits are those without a schedule, and from the second
# one on those of a run that goes on by hand from the checkpoint there.
# between METHODS SCHEDULE LAST...: 12 steps of allreduce, then what SCHEDULE says, from step 33 on what LAST chooses.
between() {
  methods=$1 schedule=$2
  shift 2
  rm -rf mixed border
  train 0 mixed job.yaml -n 3 --set "sync.schedule=$schedule"
  for method in $methods; do echo "\"$method\","; done >wanted
  sed -n '/"segments": \[/,/^    \]/s/^ *"method": //p' mixed/report.json | cmp - wanted ||
    fail "$methods: $(cat mixed/report.json)"
  for file in model state; do
    cmp "mixed/checkpoints/step-00000012/$file.safetensors" "one/checkpoints/step-00000012/$file.safetensors" ||
      fail "$methods: another $file at step 12"
  done
  cp -r mixed border
  for folder in border/checkpoints/*; do
    [ ! "${folder#border/checkpoints/}" \> step-00000033 ] || rm -r "$folder"
  done
  [ -d border/checkpoints/step-00000033 ] || fail "$methods: no checkpoint of step 33: $(ls mixed/checkpoints)"
  train 0 border job.yaml -n 3 --resume "$@"
  same_model "$(sha mixed/model.safetensors)" border
  # Epochs are whole, and go on from where the model was.
  sed -n 's/.*"loss": \([0-9.e-]*\), "accuracy".*/\1/p' mixed/metrics.jsonl >losses
  [ "$(wc -l <losses)" = 5 ] || fail "$methods: not 5 epochs"
  awk 'NR > 1 && $1 > 1.1 * before { exit 1 } { before = $1 } END { if (before > 0.9) exit 1 }' losses ||
    fail "$methods: losses $(tr '\n' ' ' <losses)"
}
rm -rf one
train 0 one job.yaml -n 3 --set train.steps=12
gossip="mode: asynchronous, method: gossip, staleness: -1"
between "allreduce gossip allreduce" "[{from: 12, $gossip}, {from: 33, mode: synchronous}]"
[ "$(of_agents mixed samples | awk '{ print $1 + $2 + $3 }')" = 5000 ] || fail "samples: $(of_agents mixed samples)"
between "allreduce backup average" \
  "[{from: 12, method: backup, backup: 2}, {from: 33, mode: accumulated, method: average, interval: 4}]" \
  --set sync.mode=accumulated --set sync.method=average --set sync.interval=4
between "allreduce gossip backup allreduce" \
  "[{from: 12, $gossip}, {from: 23, mode: synchronous, method: backup, backup: 2}, {from: 33, method: allreduce}]"

# Hosts of several agents share their memory from segment to segment; validation, the best model, running values.
cat >norm.yaml <<'J'
data: {train: data, validation_fraction: 0.2}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 4, batch: 100, epochs: 3, learning_rate: 0.02, keep_best: true, average: none}
sync: {schedule: [{from: 5, mode: accumulated, method: elastic, interval: 3}, {from: 14, mode: synchronous}]}
parallel: {lanes: 2}
J
train 0 pairs norm.yaml -n 4 --set parallel.hosts=2 --set sync.replica=host --set parallel.lanes=1
train 0 lanes norm.yaml -n 2
same_model "$(sha pairs/model.safetensors)" lanes
[ "$(wc -l <pairs/metrics.jsonl)" = 3 ] || fail "not 3 epochs"
says pairs/report.json '"of": "best"'
train 0 single norm.yaml -n 1

# Ctrl-C in the second segment: a checkpoint, and it goes on there.
"$DDLA" train job.yaml -n 2 --set train.steps=100000 --set checkpoint.keep=2 --out stopped -q \
  --set "sync.schedule=[{from: 6, mode: accumulated, method: average, interval: 5}]" 2>stopped.err &
run=$!
tries=0
until [ "$(wc -l 2>/dev/null <stopped/metrics.jsonl || echo 0)" -ge 3 ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || fail "the run did not come to its third epoch: $(cat stopped.err)"
  sleep 0.1
done
kill -INT $run
status=0
wait $run || status=$?
[ $status = 130 ] || fail "a stopped run: status $status: $(cat stopped.err)"
step=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' stopped.err)
[ $((step % 5)) = 0 ] && [ "$step" -gt 6 ] || fail "stopped between exchanges: $(cat stopped.err)"
train 0 stopped job.yaml -n 2 --resume --set "train.steps=$((step + 10))" \
  --set "sync.schedule=[{from: 6, mode: accumulated, method: average, interval: 5}]"

# An agent is killed in the second segment: the run ends, and goes on from the last checkpoint.
"$DDLA" train job.yaml -n 3 --set train.steps=100000 --set checkpoint.keep=2 --set output.hang_seconds=0 --out killed -q \
  --set "sync.schedule=[{from: 6, mode: accumulated, method: diloco, interval: 2}]" 2>killed.err &
run=$!
tries=0
until [ "$(wc -l 2>/dev/null <killed/metrics.jsonl || echo 0)" -ge 3 ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || fail "the run did not come to its third epoch: $(cat killed.err)"
  sleep 0.1
done
agent=$(sed -n 's/.*agent 1 of 3, process \([0-9]*\),.*/\1/p' killed/agents/1.log)
kill -9 "${agent:-$run}"
status=0
wait $run || status=$?
if [ -n "$agent" ]; then
  [ $status = 7 ] || fail "a killed agent: status $status: $(cat killed.err)"
  no_agents killed
fi

# What cannot be done is said before the start, with entry and key.
refused() { # WORDS SCHEDULE ARGUMENT...
  words=$1 schedule=$2
  shift 2
  train 2 refused job.yaml --set "sync.schedule=$schedule" "$@"
  says refused.err "$words" sync.schedule
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused "entry 2 of sync.schedule" "[{from: 9}, {from: 8}]"
refused "has an entry from step 50, but the run has 50 steps" "[{from: 50}]"
refused "unknown key 'metod'" "[{from: 5, metod: average}]"
refused "sync.method is 'diloko', but it must be one of" "[{from: 5, mode: accumulated, method: diloko}]"
refused "sync.method is 'allreduce'" "[{from: 5, mode: accumulated}]"
refused "sync.codec is int8, but gradients" "[{from: 5, codec: int8}]"
refused "sync.interval is 8, but the run's part in this mode has 7 steps" \
  "[{from: 43, mode: accumulated, method: average, interval: 8}]"
refused "another number of batches" "[{from: 5, mode: accumulated, method: gradient, interval: 2}]"
refused "the global model is a mean already" "[{from: 5, mode: accumulated, method: average}]" --set train.average=ema
refused "sync.replica is host" \
  "[{from: 5, mode: accumulated, method: average, replica: host}, {from: 9, replica: agent}]" -n 2
refused "sync.fragments is 6" "[{from: 5, mode: accumulated, method: streaming, interval: 4, fragments: 6}]"
refused "both sides of a swap" "[{from: 5, mode: asynchronous, method: gossip, codec: int8}]" -n 2
refused "with gossip there are none" "[{from: 5, mode: asynchronous, method: gossip, servers: 1}]" -n 2
refused "the global model is a mean already" "[{from: 5, mode: asynchronous, method: gossip}]" --set train.average=ema
refused "a step has 8 shards" "[{from: 5, method: backup, backup: 8}]" -n 2
refused "nowhere as a whole" "[{from: 5, method: backup, backup: 2}]" -n 2 --set train.clip_norm=1
refused "bounded keeps a bound" "[{from: 5, mode: asynchronous, method: gossip, staleness: -1}, {from: 9, method: bounded}]" -n 2
