# checks.sh: what is not finite in gradients and parameters is counted, named and heeded; the counting changes no bit.
. "${0%/*}/training.sh"

# Column x is so large that a sum over samples is infinite, while each loss is finite.
awk 'BEGIN { print "x,y,label"; for (i = 1; i <= 200; i++) print "3e38," i % 7 "," i % 2 }' >large.csv
awk 'BEGIN { print "x,y,label"; for (i = 1; i <= 200; i++) print i % 5 "," i * i % 7 "," i % 2 }' >small.csv
cat >large.yaml <<'J'
data: {train: large.csv, label: label, standardize: false}
model: {kind: layers, layers: [flatten, {linear: classes}]}
train: {batch: 64, epochs: 2, learning_rate: 0.001, optimizer: lion, weight_decay: 0, check_every: 1}
J
cat >diverges.yaml <<'J'
data: {train: small.csv, label: label}
model: {kind: mlp, hidden: [8], activation: tanh}
train: {batch: 20, epochs: 3, learning_rate: 1000, schedule: constant, momentum: 0, weight_decay: 100, check_every: 1}
checkpoint: {every_steps: 5}
J
cat >good.yaml <<'J'
data: {train: small.csv, label: label}
model: {kind: mlp, hidden: [12]}
train: {batch: 40, epochs: 3, shards: 6, clip_norm: 1}
J

# Gradients: named, and no checkpoint of what follows from them.
gradient="numbers are not finite at step 1: layer2.weight: gradient 2 infinite of 4 (first: element 0)"
for agents in 1 2 5; do
  train 6 large-$agents large.yaml -n $agents
  says large-$agents.err "$gradient" "The last checkpoint is kept" "train.learning_rate"
  [ "$(wc -l <large-$agents.err)" -eq 1 ] || fail "more than one message: $(cat large-$agents.err)"
  [ -z "$(ls large-$agents/checkpoints)" ] || fail "a checkpoint of parameters that were not looked at"
done
train 6 large-hosts large.yaml -n 4 --set parallel.hosts=2
says large-hosts.err "$gradient"
train 6 clipped large.yaml -n 2 --set train.clip_norm=1
says clipped.err "$gradient"

# Parameters that outgrow their format: the message is the same on any number of agents.
for agents in 1 3; do
  train 6 diverges-$agents diverges.yaml -n $agents
  says diverges-$agents.err "at step 8: linear1.weight: parameters " "; linear2.weight: parameters " "infinite of 16"
  [ "$(ls diverges-$agents/checkpoints)" = step-00000005 ] || fail "other checkpoints: $(ls diverges-$agents/checkpoints)"
done
cmp -s diverges-1.err diverges-3.err || fail "other words on 3 agents: $(cat diverges-1.err diverges-3.err)"

# Warned, the run goes on, and its files say how often.
train 0 warned large.yaml -n 2 --set train.on_non_finite=warn
says warned/metrics.jsonl '"non_finite": 8'
says warned/report.json '"done": 8' '"bad": 8' '"non_finite": 16'
says warned/report.txt "16 numbers in 8 of 8 checks"
if [ -z "$as_threads" ]; then # agents that are threads have no log of their own
  says warned/agents/0.log "warning: $gradient"
  [ "$(grep -c warning warned/agents/0.log)" -eq 2 ] || fail "not one warning in each of two epochs"
fi

# Replicas do not take each other's models where no check has looked at them, and warned they do not either. With gossip a host may
# come to its own next step, and to a loss that is no number, before another one asks for its model.
for method in "accumulated --set sync.method=average --set sync.interval=1" "asynchronous --set sync.method=gossip --set sync.staleness=0"; do
  for more in "--set train.check_every=0" "--set train.on_non_finite=warn"; do
    # shellcheck disable=SC2086
    train 6 given large.yaml -n 2 --set train.optimizer=sgd --set sync.mode=$method $more
    grep -q -e 'the model that host [01] gives behind step [12] is not finite; the last checkpoint is kept' \
      -e '^ddla: the loss is .* at step 2 in shard .*; the last checkpoint is kept' given.err ||
      fail "$method $more: $(cat given.err)"
    [ "$(wc -l <given.err)" -eq 1 ] || fail "more than one message: $(cat given.err)"
    rm -r given
  done
done
train 6 coded large.yaml -n 2 --set train.optimizer=sgd --set train.check_every=0 --set sync.mode=accumulated \
  --set sync.method=average --set sync.interval=1 --set sync.codec=int8
says coded.err "gives behind step 1 is not finite, or too large for sync.codec (number " "; the last checkpoint is kept"

# Where nothing is wrong nothing is said, and the bits are the same.
train 0 unchecked good.yaml -n 2 --set train.check_every=0
for every in 1 4 100; do
  train 0 good-$every good.yaml -n 3 --set train.check_every=$every
  same_model "$(sha unchecked/model.safetensors)" good-$every
done
says good-1/report.json '"done": 15' '"bad": 0' '"non_finite": 0'
says good-4/report.json '"done": 3'
! grep -q checks unchecked/report.json || fail "a run without checks reports some"

# What is no finite number is refused when it is read.
sed '78s/^[0-9]*/nan/' small.csv >nan.csv
train 2 nan good.yaml --set data.train=nan.csv
says nan.err "nan.csv, line 78" "'nan' is not a number"
