# gossip.sh: sync.method gossip and sync.method backup, in which hosts compute what is next and wait for nobody, or not for
# the last. What is chance in them is not looked at: who computes what, and so the bits.
. "${0%/*}/training.sh"

samples train 1003 data
samples t10k 100 data

# job NAME: the job file is standard input.
job() { cat >"$1.yaml"; }

job swaps <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 50, epochs: 4, optimizer: adamw, learning_rate: 0.003, schedule: constant, keep_best: true}
sync: {mode: asynchronous, method: gossip}
parallel: {lanes: 1}
checkpoint: {every_steps: 7, keep: 9}
J
job late <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 43, epochs: 4, optimizer: adamw, learning_rate: 0.003, schedule: constant}
sync: {mode: synchronous, method: backup, backup: 2}
parallel: {lanes: 1}
checkpoint: {every_steps: 7, keep: 9}
J
job norm <<'J'
data: {train: data}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 7, batch: 167, epochs: 1, micro_batch: 12, learning_rate: 0.05}
sync: {mode: asynchronous, method: gossip}
parallel: {lanes: 1}
J
plain="--set sync.mode=synchronous --set sync.method=allreduce"

# learns RUN: the loss of its last epoch is below nine tenths of the first one's.
learns() {
  sed -n 's/.*"loss": \([0-9.e-]*\), "accuracy".*/\1/p' "$1/metrics.jsonl" >losses
  awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR > 1 && last < 0.9 * first) }' losses ||
    fail "$1: the loss does not fall: $(tr '\n' ' ' <losses)"
}

# cut RUN: cut-RUN is RUN when it had written its second checkpoint.
cut_off() {
  cp -r "$1" "cut-$1"
  ls "cut-$1/checkpoints" | tail -n +3 | while read -r step; do rm -r "cut-$1/checkpoints/$step"; done
}

# One host has nobody to wait for: the bits are those of allreduce.
# shellcheck disable=SC2086 # words
train 0 swaps-plain swaps.yaml -n 2 $plain
train 0 swaps-alone swaps.yaml -n 1
same_model "$(sha swaps-plain/model.safetensors)" swaps-alone
# shellcheck disable=SC2086
train 0 late-plain late.yaml -n 2 $plain
train 0 late-alone late.yaml -n 1
same_model "$(sha late-plain/model.safetensors)" late-alone
# Where no shard may be missing, on any number of agents.
train 0 late-none late.yaml -n 3 --set sync.backup=0
same_model "$(sha late-plain/model.safetensors)" late-none

for job in swaps late; do
  train 0 $job $job.yaml -n 4
  learns $job
  says $job/report.txt "another run may have other bits"
  ls $job/checkpoints >found
  case $job in
  swaps) steps="7 14 19 21 28 35 38 42 49 56 57 63 70 76" ;;
  late) steps="7 14 21 28 35 42 49 56 63 70 77 84" ;;
  esac
  for step in $(echo "$steps" | tr ' ' '\n' | tail -n 9); do printf 'step-%08d\n' "$step"; done | cmp - found ||
    fail "checkpoints: $(cat found)"
  cmp "$job/checkpoints/$(tail -n 1 found)/model.safetensors" $job/model.safetensors || fail "$job: two last models"
  # It goes on with as many, with fewer, and with more.
  cut_off $job
  train 0 cut-$job $job.yaml -n 4 --resume
  train 0 cut-$job $job.yaml -n 2 --resume --set train.epochs=5
  train 0 cut-$job $job.yaml -n 5 --resume --set train.epochs=6
  train 0 cut-$job $job.yaml -n 1 --resume --set train.epochs=7
  learns cut-$job
done
says swaps/report.json '"method": "gossip"' '"replicas": 4' '"spread": 0.' '"of": "best"'
says late/report.json '"mode": "synchronous"' '"method": "backup"'
# Every sample is seen once in an epoch, by one of them.
sum=0
for samples in $(of_agents swaps samples); do sum=$((sum + samples)); done
[ $sum = $((903 * 4)) ] || fail "gossip computed $sum samples of $((903 * 4))"

# Running values, and hosts of two agents that are one replica together.
train 0 norm4 norm.yaml -n 4
train 0 norm-plain norm.yaml -n 1
# shellcheck disable=SC2086
train 0 norm-one norm.yaml -n 3 $plain
same_model "$(sha norm-one/model.safetensors)" norm-plain
train 0 pair swaps.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set parallel.balance=dynamic
says pair/report.json '"replicas": 2'
train 0 late-pair late.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set sync.servers=1

# What does not go together.
refused() { # KEY WORDS ARGUMENT...
  key=$1 words=$2
  shift 2
  train 2 refused "$@"
  says refused.err "$key" "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused sync.servers "a model of its own" swaps.yaml --set sync.servers=1
refused sync.damping "only sync.method push" swaps.yaml --set sync.damping=true
refused sync.damping "only sync.method push" late.yaml --set sync.damping=true
refused sync.codec "the same numbers" swaps.yaml --set sync.codec=int8
refused train.average "a mean already" swaps.yaml --set train.average=ema
refused sync.backup "a step has 8 shards" late.yaml --set sync.backup=8
refused train.clip_norm "nowhere as a whole" late.yaml -n 2 --set train.clip_norm=1
refused sync.reduction "use tree" late.yaml -n 2 --set sync.reduction=fast
refused sync.reduction "use tree" swaps.yaml -n 2 --set sync.reduction=fast
refused sync.method "batch norm" norm.yaml -n 2 --set sync.mode=synchronous --set sync.method=backup

# A loss that is no number ends all, with the words of the one that found it.
train 6 wild swaps.yaml -n 3 --set train.learning_rate=900 --set train.optimizer=sgd --set train.epochs=9
grep -q 'loss is\|holds\|norm is' wild.err || fail "a wild run: $(cat wild.err)"

# begin RUN JOB: starts three agents that do not end by themselves, and waits for their first checkpoint.
begin() {
  "$DDLA" train "$2.yaml" -n 3 --set train.epochs=100000 --set output.hang_seconds=0 --out "$1" -q 2>"$1.err" &
  run=$!
  tries=0
  until [ -s "$1/agents/2.log" ] && ls "$1"/checkpoints/*/model.safetensors >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "the agents did not start: $(cat "$1.err")"
    sleep 0.1
  done
}

for job in swaps late; do
  # An agent is killed: the run ends and says who, and goes on from a checkpoint that is whole.
  begin killed-$job $job
  kill -9 "$(sed -n 's/.*agent 2 of 3, process \([0-9]*\),.*/\1/p' killed-$job/agents/2.log)"
  status=0
  wait $run || status=$?
  [ $status = 7 ] || fail "a killed agent: status $status: $(cat killed-$job.err)"
  says killed-$job.err "signal 9"
  no_agents killed-$job
  train 0 killed-$job $job.yaml -n 3 --resume --set train.steps=4

  # Ctrl-C: all stop soon, with a checkpoint from which they go on.
  begin stopped-$job $job
  kill -INT $run
  status=0
  wait $run || status=$?
  [ $status = 8 ] || [ $status = 130 ] || fail "a stopped run: status $status: $(cat stopped-$job.err)"
  step=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' stopped-$job.err)
  [ -n "$step" ] || fail "it does not say where it stopped: $(cat stopped-$job.err)"
  [ -e "$(printf 'stopped-%s/checkpoints/step-%08d' $job "$step")" ] || fail "no checkpoint of step $step"
  train 0 stopped-$job $job.yaml -n 3 --resume --set train.epochs=100000 --set train.steps=$((step + 9))
done
