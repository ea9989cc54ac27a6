# optimizers.sh: every optimizer and every average: one SHA-256 for any number of agents and lanes, the same after a
# resume from any checkpoint; which model is measured, saved and taken by eval.
. "${0%/*}/training.sh"

samples train 403 data
samples t10k 64 data

model="kind: mlp, hidden: [24, 10]"

# job NAME OPTIONS: 3 epochs of 5 steps; the last batch has 3 samples for 8 shards.
job() {
  cat >"$1.yaml" <<J
data: {train: data, validation_fraction: 0.1, shift: 1}
model: {$model}
train: {batch: 90, epochs: 3, $2}
checkpoint: {every_steps: 4, keep: 100}
J
}

files="model.safetensors average.safetensors best.safetensors"

# same NAME RUN: the run's model files and results are those of the job's first run.
same() {
  for file in $files; do
    [ -e "$1/$file" ] || { [ ! -e "$2/$file" ] || fail "$2 has a $file, $1 has none"; continue; }
    [ "$(sha "$1/$file")" = "$(sha "$2/$file")" ] || fail "$2: another $file than $1"
  done
  for run in "$1" "$2"; do sed -n '/^  "test": {/,/^  }/p; /^  "best": {/,/^  }/p' "$run/report.json" >"$run.found"; done
  cmp -s "$1.found" "$2.found" || { diff "$1.found" "$2.found" >&2; fail "$2: other results than $1"; }
}

# check NAME OPTIONS: agents, lanes and threads; then resuming from each checkpoint with another number of agents.
check() {
  job "$1" "$2"
  train 0 "$1" "$1.yaml" -n 1 --set parallel.lanes=1
  for agents in 2 3 5; do
    train 0 "$1-$agents" "$1.yaml" -n "$agents" --set parallel.lanes=$((1 + agents % 2))
    same "$1" "$1-$agents"
  done
  train 0 "$1-threads" "$1.yaml" -n 3 --set parallel.agents_as=threads
  same "$1" "$1-threads"
  agents=3
  for last in 4 8 12; do
    name=$1-from-$last
    mkdir -p "$name/checkpoints"
    cp "$1/job.yaml" "$name"
    for step in "$1"/checkpoints/*; do
      number=${step##*step-}
      if [ "$(expr "$number" + 0)" -le $last ]; then cp -r "$step" "$name/checkpoints"; fi
    done
    # The best model so far is beside the checkpoints; what comes later is found again.
    if [ -e "$1/best.safetensors" ]; then cp "$1/best.safetensors" "$1/model.json" "$name"; fi
    train 0 "$name" "$1.yaml" -n $agents --resume
    same "$1" "$name"
    agents=$((agents - 1))
  done
}

check rmsprop "optimizer: rmsprop, learning_rate: 0.001, beta2: 0.99"
check centered "optimizer: rmsprop, learning_rate: 0.001, centered: true, momentum: 0, clip_norm: 1"
check lion "optimizer: lion, learning_rate: 0.0005, beta2: 0.99, weight_decay: 0.1"
check lamb "optimizer: lamb, learning_rate: 0.02, epsilon: 1e-6, average: ema, average_decay: 0.8"
check lamb_clip "optimizer: lamb, learning_rate: 0.02, clip_norm: 0.5, keep_best: true"
check adafactor "optimizer: adafactor, learning_rate: 0.05, average: ema, average_decay: 0.9, average_from: 2"
check adafactor_clip "optimizer: adafactor, learning_rate: 0.05, clip_norm: 0.5, weight_decay: 0.01"
check swa "schedule: constant, average: swa, average_from: 2"
check swa_best "schedule: constant, average: swa, average_from: 2, keep_best: true"
model="kind: layers, layers: [flatten, {linear: 16}, {batch_norm: {momentum: 0.3}}, relu, {linear: classes}]"
check norm_ema "average: ema, average_decay: 0.8, average_from: 2, keep_best: true"
check norm_swa "schedule: constant, average: swa, average_from: 2"
for job in norm_ema norm_swa; do
  train 0 "$job-hosts" "$job.yaml" -n 3 --set parallel.hosts=2
  same "$job" "$job-hosts"
done
model="kind: mlp, hidden: [24, 10]"
[ "$(for job in rmsprop centered lion lamb lamb_clip adafactor adafactor_clip swa; do
  sha "$job/model.safetensors"; done | sort -u | wc -l)" -eq 8 ] || fail "different optimizers gave one model"

# What is measured and what is saved.
says lamb/report.json '"of": "average"' '"kind": "ema"' "$(sha lamb/average.safetensors)"
says swa/report.json '"of": "average"' '"kind": "swa"' "$(sha swa/average.safetensors)"
says swa_best/report.json '"of": "best"' '"kind": "swa"'
says rmsprop/report.json '"of": "last"'
[ ! -e rmsprop/average.safetensors ] || fail "a run without an average saved one"
[ "$(sha swa/average.safetensors)" != "$(sha swa/model.safetensors)" ] || fail "the average is the last model"
"$DDLA" eval swa --json >eval.json || fail "eval failed"
says eval.json '"model": "swa/average.safetensors"'
sed -n '/^  "test": {/,/^  }/p' swa/report.json >swa.test
loss() { sed -n 's/^ *"loss": \([0-9.]\{9\}\).*/\1/p' "$1"; }
[ "$(loss eval.json)" = "$(loss swa.test)" ] || fail "eval and the report measured different models"

# Running values are averaged like parameters, and measured so.
train 0 norm_parts norm_swa.yaml -n 2 --set checkpoint.every_steps=5
same norm_swa norm_parts
parts=norm_parts/checkpoints/step-000000
"$BUILD/bin/end_to_end_tool" middle ${parts}10/model.safetensors ${parts}15/model.safetensors \
  norm_parts/average.safetensors layer2.weight layer3.running_mean layer3.running_var || fail "another mean of two epochs"
"$DDLA" eval norm_swa --json >eval.json || fail "eval failed"
says eval.json '"model": "norm_swa/average.safetensors"'
sed -n '/^  "test": {/,/^  }/p' norm_swa/report.json >swa.test
[ "$(loss eval.json)" = "$(loss swa.test)" ] || fail "eval and the report measured different running values"

# An average that has not begun: the last model is measured.
job late "average: swa, average_from: 9"
train 0 late late.yaml -n 2
says late/report.json '"of": "last"'
[ ! -e late/average.safetensors ] || fail "an average that has not begun was saved"

# The equal mean of one epoch is that epoch's model.
job one "schedule: constant, average: swa, average_from: 3"
train 0 one one.yaml -n 2
[ "$(sha one/average.safetensors)" = "$(sha one/model.safetensors)" ] || fail "the mean of one model is another model"
