# uneven.sh METHOD: gossip or backup, in which hosts compute what is next and wait for nobody, or not for the last. What is
# chance in them is not looked at: who computes what, and so the bits.
. "${0%/*}/training.sh"
method=$1

samples train 1003 data
samples t10k 100 data

# job NAME: the job file is standard input.
job() { cat >"$1.yaml"; }

job gossip <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 50, epochs: 4, optimizer: adamw, learning_rate: 0.003, schedule: constant, keep_best: true}
sync: {mode: asynchronous, method: gossip}
parallel: {lanes: 1}
checkpoint: {every_steps: 7, keep: 9}
J
job backup <<'J'
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

# One host has nobody to wait for: the bits are those of allreduce. Where no shard may be missing they are so on any number.
# shellcheck disable=SC2086 # words
train 0 plain $method.yaml -n 2 $plain
train 0 alone $method.yaml -n 1
same_model "$(sha plain/model.safetensors)" alone
if [ "$method" = backup ]; then
  train 0 none backup.yaml -n 3 --set sync.backup=0
  same_model "$(sha plain/model.safetensors)" none
fi

train 0 whole $method.yaml -n 4
learns whole
says whole/report.txt "another run may have other bits"
ls whole/checkpoints >found
case $method in
gossip) steps="7 14 19 21 28 35 38 42 49 56 57 63 70 76" ;;
backup) steps="7 14 21 28 35 42 49 56 63 70 77 84" ;;
esac
for step in $(echo "$steps" | tr ' ' '\n' | tail -n 9); do printf 'step-%08d\n' "$step"; done | cmp - found ||
  fail "checkpoints: $(cat found)"
cmp "whole/checkpoints/$(tail -n 1 found)/model.safetensors" whole/model.safetensors || fail "two last models"
# It goes on with as many, with fewer, and with more.
cp -r whole cut
tail -n +3 found | while read -r step; do rm -r "cut/checkpoints/$step"; done
train 0 cut $method.yaml -n 4 --resume
train 0 cut $method.yaml -n 2 --resume --set train.epochs=5
train 0 cut $method.yaml -n 5 --resume --set train.epochs=6
train 0 cut $method.yaml -n 1 --resume --set train.epochs=7
learns cut

# What does not go together.
refused() { # KEY WORDS ARGUMENT...
  key=$1 words=$2
  shift 2
  train 2 refused "$@"
  says refused.err "$key" "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused sync.damping "only sync.method push" $method.yaml --set sync.damping=true
refused sync.reduction "use tree" $method.yaml -n 2 --set sync.reduction=fast

case $method in
gossip)
  says whole/report.json '"method": "gossip"' '"replicas": 4' '"spread": 0.' '"of": "best"'
  # Every sample is seen once in an epoch, by one of them.
  sum=0
  for samples in $(of_agents whole samples); do sum=$((sum + samples)); done
  [ $sum = $((903 * 4)) ] || fail "gossip computed $sum samples of $((903 * 4))"
  # Running values, and hosts of two agents that are one replica together.
  train 0 norm4 norm.yaml -n 4
  train 0 norm-alone norm.yaml -n 1
  # shellcheck disable=SC2086
  train 0 norm-plain norm.yaml -n 3 $plain
  same_model "$(sha norm-plain/model.safetensors)" norm-alone
  train 0 pair gossip.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set parallel.balance=dynamic
  says pair/report.json '"replicas": 2'
  refused sync.servers "a model of its own" gossip.yaml --set sync.servers=1
  refused sync.codec "the same two numbers" gossip.yaml --set sync.codec=int8
  refused train.average "a mean already" gossip.yaml --set train.average=ema
  ;;
backup)
  says whole/report.json '"mode": "synchronous"' '"method": "backup"'
  train 0 pair backup.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set sync.servers=1
  train 0 coded backup.yaml -n 3 --set sync.codec=int8
  refused sync.backup "a step has 8 shards" backup.yaml --set sync.backup=8
  refused train.clip_norm "nowhere as a whole" backup.yaml -n 2 --set train.clip_norm=1
  refused sync.method "batch norm" norm.yaml -n 2 --set sync.mode=synchronous --set sync.method=backup
  ;;
esac

# A loss that is no number ends all, with the words of the one that found it.
train 6 wild $method.yaml -n 3 --set train.learning_rate=900 --set train.optimizer=sgd --set train.epochs=9
grep -q 'loss is\|holds\|norm is' wild.err || fail "a wild run: $(cat wild.err)"

# begin RUN: starts three agents that do not end by themselves, and waits for their first checkpoint.
begin() {
  "$DDLA" train $method.yaml -n 3 --set train.epochs=100000 --set output.hang_seconds=0 --out "$1" -q 2>"$1.err" &
  run=$!
  tries=0
  until [ -s "$1/agents/2.log" ] && ls "$1"/checkpoints/*/model.safetensors >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "the agents did not start: $(cat "$1.err")"
    sleep 0.1
  done
}

# An agent is killed: the run ends and says who, and goes on from a checkpoint that is whole.
begin killed
kill -9 "$(sed -n 's/.*agent 2 of 3, process \([0-9]*\),.*/\1/p' killed/agents/2.log)"
status=0
wait $run || status=$?
[ $status = 7 ] || fail "a killed agent: status $status: $(cat killed.err)"
says killed.err "signal 9"
no_agents killed
train 0 killed $method.yaml -n 3 --resume --set train.steps=4

# Ctrl-C: all stop soon, with a checkpoint from which they go on.
begin stopped
kill -INT $run
status=0
wait $run || status=$?
[ $status = 8 ] || [ $status = 130 ] || fail "a stopped run: status $status: $(cat stopped.err)"
step=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' stopped.err)
[ -n "$step" ] || fail "it does not say where it stopped: $(cat stopped.err)"
[ -e "$(printf 'stopped/checkpoints/step-%08d' "$step")" ] || fail "no checkpoint of step $step"
train 0 stopped $method.yaml -n 3 --resume --set train.epochs=100000 --set train.steps=$((step + 9))
