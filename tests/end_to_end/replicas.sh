# replicas.sh: sync.mode accumulated. Replicas exchange every so many steps; a run resumes with the same bits, and with
# another number of replicas; what does not go together is refused; a failure on one ends all.
. "${0%/*}/training.sh"

samples train 1003 data
samples t10k 100 data

# job NAME: the job file is standard input.
job() { cat >"$1.yaml"; }

job mlp <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 100, epochs: 3, optimizer: adamw, learning_rate: 0.002, schedule: constant, keep_best: true}
sync: {mode: accumulated, method: average, interval: 4}
parallel: {lanes: 1}
checkpoint: {every_steps: 6}
J
# Statistics of shards and their running values; batches that leave replicas without samples.
job norm <<'J'
data: {train: data}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 7, batch: 167, epochs: 1, micro_batch: 12, learning_rate: 0.05}
sync: {mode: accumulated, method: average, interval: 2}
parallel: {lanes: 1}
J

# halve NAME: cut-NAME is whole-NAME when it had written its second checkpoint.
halve() {
  cp -r "whole-$1" "cut-$1"
  ls "cut-$1/checkpoints" | tail -n +3 | while read -r step; do rm -r "cut-$1/checkpoints/$step"; done
}

# A run of its own, one cut and gone on with, and one with other ranges and lanes of which each takes what it can: the same
# bits, for every method.
for method in average diloco streaming elastic admm; do
  set="--set sync.method=$method --set sync.fragments=2"
  # shellcheck disable=SC2086 # words
  train 0 whole-$method mlp.yaml -n 3 $set --set checkpoint.keep=9
  halve $method
  # shellcheck disable=SC2086
  train 0 cut-$method mlp.yaml -n 3 $set --resume
  same_model "$(sha whole-$method/model.safetensors)" cut-$method
  # shellcheck disable=SC2086
  train 0 lanes-$method mlp.yaml -n 3 $set --set parallel.lanes=2 --set parallel.balance=dynamic \
    --set sync.range_bytes=16384
  same_model "$(sha whole-$method/model.safetensors)" lanes-$method
  # shellcheck disable=SC2086
  train 0 cut-$method mlp.yaml -n 2 $set --resume --set train.epochs=4
  # shellcheck disable=SC2086
  train 0 cut-$method mlp.yaml -n 4 $set --resume --set train.epochs=5
  says cut-$method/report.json "\"method\": \"$method\"" '"replicas": 4' '"of": "best"'
done
[ "$(sha whole-average/model.safetensors)" != "$(sha whole-diloco/model.safetensors)" ] || fail "diloco is the mean"
# Ranges are as long as the links want; a codec's are not, since they change the bits.
grep -q '"range_bytes": [1-9]' whole-average/report.json || fail "links were not measured"
says whole-admm/report.json primal_residual dual_residual penalty
says whole-admm/metrics.jsonl primal_residual

# A checkpoint is of a step at which replicas exchange: steps 6, 10 and 18 are not.
ls whole-average/checkpoints >found
printf 'step-000000%s\n' 08 12 20 24 30 | cmp - found || fail "checkpoints: $(cat found)"
logged whole-average 0 "the checkpoint of step 6 is written when replicas have exchanged"
# What a checkpoint holds is the global model, and so is what is left at the end.
cmp whole-average/checkpoints/step-00000030/model.safetensors whole-average/model.safetensors || fail "two last models"

# An outer step of rate 1 without momentum is the mean.
train 0 plain mlp.yaml -n 2 --set train.epochs=1
train 0 outer mlp.yaml -n 2 --set train.epochs=1 --set sync.method=diloco --set sync.outer_learning_rate=1 \
  --set sync.outer_momentum=0
same_model "$(sha plain/model.safetensors)" outer

# Running values, and hosts of two agents that are one replica together and share its work out as they can.
train 0 norm3 norm.yaml -n 3
train 0 norm5 norm.yaml -n 5
train 0 pair norm.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set train.shards=8 --set parallel.balance=dynamic
says pair/report.json '"replicas": 2'
train 0 lanes norm.yaml -n 2 --set parallel.lanes=2 --set train.shards=8
same_model "$(sha pair/model.safetensors)" lanes

# One replica is a run like any other, but for rounding.
train 0 alone mlp.yaml -n 1
says alone/report.json '"replicas": 1'

# Gradients of several batches are those of one batch as large.
train 0 summed mlp.yaml -n 2 --set sync.method=gradient --set sync.interval=2 --set train.batch=96 --set train.micro_batch=6
train 0 large mlp.yaml -n 3 --set sync.mode=synchronous --set sync.method=allreduce --set sync.interval=1 \
  --set train.batch=192 --set train.shards=16 --set train.micro_batch=6
same_model "$(sha large/model.safetensors)" summed

# Codecs: less is sent, what is left out is kept over a resume and over another number of replicas.
for codec in int8 topk; do
  set="--set sync.codec=$codec --set sync.topk=0.1"
  # shellcheck disable=SC2086 # words
  train 0 whole-$codec mlp.yaml -n 3 $set --set checkpoint.keep=9
  halve $codec
  # shellcheck disable=SC2086
  train 0 cut-$codec mlp.yaml -n 3 $set --resume
  same_model "$(sha whole-$codec/model.safetensors)" cut-$codec
  # shellcheck disable=SC2086
  train 0 cut-$codec mlp.yaml -n 2 $set --resume --set train.epochs=4
  # shellcheck disable=SC2086
  train 0 cut-$codec mlp.yaml -n 4 $set --resume --set train.epochs=5
  says whole-$codec/report.json '"range_bytes": 0' "\"codec\": \"$codec\""
  sent=$(of_agents whole-$codec bytes_sent | cut -d' ' -f1) plain=$(of_agents whole-average bytes_sent | cut -d' ' -f1)
  [ $((sent * 3)) -lt "$plain" ] || fail "$codec sends $sent of $plain bytes"
done

# What does not go together.
refused() { # KEY WORDS ARGUMENT...
  key=$1 words=$2
  shift 2
  train 2 refused mlp.yaml "$@"
  says refused.err "$key" "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused sync.interval "from 1" --set sync.interval=0
refused sync.interval "the run has 30 steps" --set sync.interval=31
refused sync.interval "every step" --set sync.mode=synchronous --set sync.method=allreduce
refused sync.method "must be one of: average diloco streaming elastic admm" --set sync.method=allreduce
refused train.average "the global model is a mean already" --set train.average=ema
refused parallel.hosts "is a replica" -n 3 --set parallel.hosts=2
refused parallel.agents "every agent needs a shard" -n 9 --set train.batch=1000
refused sync.penalty "nothing would draw" --set sync.method=admm --set sync.penalty=0
refused sync.penalty_ratio "at least 1" --set sync.penalty_ratio=0.5
refused sync.fragments "behind each one fragment" --set sync.method=streaming --set sync.fragments=5
refused sync.delay "every 2 steps" --set sync.method=streaming --set sync.fragments=2 --set sync.delay=2
refused sync.reduction "use tree" --set sync.reduction=fast
refused sync.reduction "use tree" --set sync.reduction=fast --set sync.method=gradient
refused sync.codec "did you mean int8?" --set sync.codec=int9
refused sync.codec "summed exactly" --set sync.method=gradient --set sync.codec=int8
refused sync.topk "nothing would be sent" --set sync.codec=topk --set sync.topk=0
refused sync.interval "more than 65536 shards" --set sync.method=gradient --set sync.interval=10000

# A loss that is no number ends all, with the words of the one that found it.
train 6 wild mlp.yaml -n 3 --set train.learning_rate=900 --set train.optimizer=sgd --set train.epochs=9
grep -q 'loss is\|holds\|norm is' wild.err || fail "a wild run: $(cat wild.err)"
[ "$(wc -l <wild.err)" = 1 ] || fail "a wild run says more than one thing: $(cat wild.err)"

# A replica is killed: the run ends and says who, and goes on from a checkpoint that is whole.
"$DDLA" train mlp.yaml -n 3 --set train.epochs=100000 --set output.hang_seconds=0 --out killed -q 2>killed.err &
run=$!
tries=0
until [ -s killed/agents/2.log ] && ls killed/checkpoints/*/model.safetensors >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || fail "the agents did not start"
  sleep 0.1
done
kill -9 "$(sed -n 's/.*agent 2 of 3, process \([0-9]*\),.*/\1/p' killed/agents/2.log)"
status=0
wait $run || status=$?
[ $status = 7 ] || fail "a killed replica: status $status: $(cat killed.err)"
says killed.err "signal 9"
no_agents killed
train 0 killed mlp.yaml -n 3 --resume --set train.steps=4

# Ctrl-C: all stop behind the next exchange, with a checkpoint.
"$DDLA" train mlp.yaml -n 3 --set train.epochs=100000 --out stopped -q 2>stopped.err &
run=$!
tries=0
until [ -s stopped/metrics.jsonl ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || fail "the run did not start"
  sleep 0.1
done
kill -INT $run
status=0
wait $run || status=$?
[ $status = 8 ] || [ $status = 130 ] || fail "a stopped run: status $status: $(cat stopped.err)"
step=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' stopped.err)
[ $((step % 4)) = 0 ] || fail "stopped between exchanges: $(cat stopped.err)"
