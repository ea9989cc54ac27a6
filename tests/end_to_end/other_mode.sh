# other_mode.sh: a run that was begun in one mode goes on in any other, and its loss goes on falling; where replicas become one
# model, by allreduce and sharded alike; what cannot go on is refused with its reason.
. "${0%/*}/training.sh"

samples train 1000 data
samples t10k 200 data

cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32]}
train: {shards: 8, batch: 100, epochs: 4, optimizer: adamw, learning_rate: 0.001, schedule: constant}
sync: {fragments: 2, penalty: 0.02, staleness: 0}
parallel: {lanes: 1}
J

# words METHOD: the arguments that choose it.
words() {
  case $1 in
  bounded | push) echo "--set sync.mode=asynchronous --set sync.method=$1 --set sync.interval=1" ;;
  gossip) echo "--set sync.mode=asynchronous --set sync.method=gossip --set sync.interval=1 --set sync.staleness=-1" ;;
  backup) echo "--set sync.mode=synchronous --set sync.method=backup --set sync.interval=1 --set sync.backup=2" ;;
  allreduce | sharded) echo "--set sync.mode=synchronous --set sync.method=$1 --set sync.interval=1" ;;
  *) echo "--set sync.mode=accumulated --set sync.method=$1 --set sync.interval=4" ;;
  esac
}

# loss RUN EPOCH: of an epoch's training samples, in millionths.
loss() {
  sed -n "s/^{\"epoch\": $2, .*\"loss\": \([0-9.e-]*\),.*/\1/p" "$1/metrics.jsonl" | awk '{ printf "%d\n", 1000000 * $1 }'
}

# goes_on BEFORE AFTER [STEP]: to the end of epoch 8, from where `run` is if there is one, which has been stopped at STEP then.
goes_on() {
  before=$1 after=$2
  [ -e run ] || cp -r "from-$before" run
  # shellcheck disable=SC2046 # words
  train 0 run job.yaml -n 4 $(words "$after") --resume --set train.epochs=8
  says run/report.json "\"method\": \"$after\""
  [ "$(grep -cv "\"step\": ${3:-none}," run/metrics.jsonl)" = 8 ] || fail "$before, $after: not 8 epochs"
  pairs="2:4 4:6 6:8"
  # Stale gradients let it rise in between, chance as well; with gossip a host makes a quarter of the steps.
  case $after in push | gossip | backup) pairs="2:4 4:8" ;; esac
  for epochs in $pairs; do
    early=$(loss run "${epochs%:*}") late=$(loss run "${epochs#*:}")
    [ "$late" -lt "$early" ] ||
      fail "$before, $after: loss $early millionths in epoch ${epochs%:*}, $late in ${epochs#*:}"
  done
  if [ -z "$as_threads" ] && grep "passing over" run/agents/0.log; then # threads have no log of their own
    fail "$before, $after: left a checkpoint that is damaged"
  fi
  sha run/model.safetensors >"$before-$after"
  rm -r run
}

methods="allreduce sharded average diloco streaming elastic admm bounded push"
for method in $methods gossip backup; do
  # shellcheck disable=SC2046
  train 0 "from-$method" job.yaml -n 4 $(words "$method")
done
for before in $methods; do
  for after in $methods; do
    [ "$before" = "$after" ] || goes_on "$before" "$after"
  done
done

# Two methods in which chance decides more: from them and to them. The first step finds the model that was saved, on its batch of
# 100 nearly as good as on all samples, and the checkpoint behind it is one to go on from.
for pair in gossip:allreduce gossip:bounded gossip:diloco gossip:elastic gossip:backup backup:allreduce backup:bounded \
  backup:diloco backup:gossip allreduce:gossip diloco:gossip elastic:gossip bounded:gossip allreduce:backup diloco:backup; do
  before=${pair%:*} after=${pair#*:}
  cp -r "from-$before" run
  # shellcheck disable=SC2046
  train 0 run job.yaml -n 4 $(words "$after") --resume --set train.steps=41
  logged run 0 "resumes from run/checkpoints/step-00000040"
  saved=$("$DDLA" eval "from-$before" --data train --json | sed -n 's/^ *"loss": \([0-9.e-]*\),*$/\1/p' |
    awk '{ printf "%d\n", 1000000 * $1 }')
  first=$(loss run 5)
  [ $((first - saved)) -lt 150000 ] && [ $((saved - first)) -lt 150000 ] ||
    fail "$before, $after: the model that was saved has a loss of $saved millionths, the first step found $first"
  cmp run/checkpoints/step-00000041/model.safetensors run/model.safetensors || fail "$before, $after: two last models"
  goes_on "$before" "$after" 41
done
for before in gossip backup; do
  cmp $before-allreduce $before-bounded || fail "$before: allreduce and bounded differ"
done

# What moments become does not depend on who keeps them; a checkpoint of one model is one of either method.
for before in average diloco streaming elastic admm; do
  cmp "$before-allreduce" "$before-sharded" || fail "$before: allreduce and sharded differ"
  cmp -s "$before-allreduce" diloco-average && fail "this test shows nothing"
  cp -r "from-$before" run
  # shellcheck disable=SC2046
  train 0 run job.yaml -n 3 --set parallel.hosts=3 $(words sharded) --resume --set train.epochs=8
  [ "$(sha run/model.safetensors)" = "$(cat "$before-allreduce")" ] || fail "$before: 3 hosts differ"
  rm -r run
done
[ "$(sha from-allreduce/model.safetensors)" = "$(sha from-sharded/model.safetensors)" ] || fail "one machine differs"
train 0 whole job.yaml -n 1 --set train.epochs=8
for pair in allreduce-sharded sharded-allreduce allreduce-bounded bounded-allreduce sharded-bounded bounded-sharded; do
  [ "$(sha whole/model.safetensors)" = "$(cat $pair)" ] || fail "$pair: another model than allreduce alone"
done

# There and back, with a codec in between; other numbers of agents; factors and tensors kept by no moments; buffers.
cp -r from-allreduce run
# shellcheck disable=SC2046
train 0 run job.yaml -n 3 $(words diloco) --set sync.codec=int8 --resume --set train.epochs=6
train 0 run job.yaml -n 2 --resume --set train.epochs=8
# shellcheck disable=SC2046
train 0 run job.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 $(words elastic) --set sync.codec=topk \
  --resume --set train.epochs=10
[ "$(loss run 10)" -lt "$(loss run 8)" ] && [ "$(loss run 8)" -lt "$(loss run 6)" ] || fail "there and back: $(cat run/metrics.jsonl)"

# What codecs have left out of gradients is nothing to differences of models: it is let go.
# shellcheck disable=SC2046
train 0 coded job.yaml -n 4 $(words bounded) --set sync.codec=topk --set sync.topk=0.02
# shellcheck disable=SC2046
train 0 coded job.yaml -n 4 $(words diloco) --set sync.codec=topk --set sync.topk=0.5 --resume --set train.epochs=8
# shellcheck disable=SC2046
train 0 coded job.yaml -n 4 $(words push) --set sync.codec=topk --set sync.topk=0.5 --resume --set train.epochs=12
[ "$(loss coded 8)" -lt "$(loss coded 4)" ] && [ "$(loss coded 12)" -lt "$(loss coded 8)" ] ||
  fail "codecs before and after: $(cat coded/metrics.jsonl)"
cat >norm.yaml <<'J'
data: {train: data}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 4, batch: 250, epochs: 1, optimizer: adafactor, learning_rate: 0.01, schedule: constant}
sync: {fragments: 2}
parallel: {lanes: 1}
J
train 0 norm norm.yaml -n 2
# shellcheck disable=SC2046
train 0 norm norm.yaml -n 2 $(words streaming) --resume --set train.epochs=2
train 0 norm norm.yaml -n 2 --resume --set train.epochs=3
[ "$(loss norm 3)" -lt "$(loss norm 1)" ] || fail "running values or factors: $(cat norm/metrics.jsonl)"

# Steps of another number of batches.
train 2 from-allreduce job.yaml -n 2 --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=2 --resume
says from-allreduce.err "steps of 1 batches" "sync.interval"
train 0 summed job.yaml -n 2 --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=2
train 2 summed job.yaml -n 2 --resume
says summed.err "steps of 2 batches"
train 2 summed job.yaml -n 2 --resume --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=3
says summed.err "steps of 2 batches"
train 0 summed job.yaml -n 2 --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=2 --resume \
  --set train.epochs=5
