# sparse.sh: tables of which a step updates the rows that it reads: one SHA-256 for any number of agents and lanes, and
# after a resume from any checkpoint; the bits of the dense update where they must be equal; what is refused.
. "${0%/*}/training.sh"

awk 'BEGIN {
  seed = 5
  print "user,item,place,label"
  for (i = 0; i < 700; i++) {
    a = next_of(400); b = next_of(400); c = next_of(30)
    print a "," b "," c "," (a + b + c) % 3
  }
}
function next_of(bound) { seed = (seed * 1103 + 12345) % 65536; return int(seed / 65536 * bound) }' >ids.csv
text 3000 text.txt

# table NAME SPARSE OPTIONS, decoder NAME SPARSE OPTIONS: jobs.
table() {
  cat >"$1.yaml" <<J
data: {train: ids.csv, label: label, standardize: false, validation_fraction: 0.1}
model:
  kind: layers
  layers:
    - embedding: {width: 6, rows: 400, sparse: $2}
    - flatten
    - linear: 16
    - relu
    - linear: classes
train: {batch: 52, epochs: 2, weight_decay: 0, $3}
checkpoint: {every_steps: 7, keep: 100}
J
}
decoder() {
  cat >"$1.yaml" <<J
task: {kind: language-modelling}
data: {train: text.txt}
model: {kind: transformer-decoder, blocks: 1, width: 16, heads: 2, window: 16, tied: false, sparse: $2}
train: {batch: 20, shards: 5, epochs: 3, weight_decay: 0, $3}
checkpoint: {every_steps: 7, keep: 100}
J
}

# check NAME: agents, lanes and threads; then resuming from each checkpoint with another number of agents.
check() {
  train 0 "$1" "$1.yaml" -n 1 --set parallel.lanes=1
  whole=$(sha "$1/model.safetensors")
  for agents in 2 3 5; do
    train 0 "$1-$agents" "$1.yaml" -n "$agents" --set parallel.lanes=$((1 + agents % 2))
    same_model "$whole" "$1-$agents"
  done
  for hosts in 2 3; do
    train 0 "$1-hosts" "$1.yaml" -n $((hosts + 2)) --set "parallel.hosts=$hosts" --set parallel.lanes=$((4 - hosts))
    same_model "$whole" "$1-hosts"
    rm -r "$1-hosts"
  done
  train 0 "$1-threads" "$1.yaml" -n 3 --set parallel.agents_as=threads
  same_model "$whole" "$1-threads"
  train 0 "$1-dynamic" "$1.yaml" -n 4 --set parallel.lanes=2 --set parallel.balance=dynamic
  same_model "$whole" "$1-dynamic"
  agents=3
  for last in 7 14 21; do
    name=$1-from-$last
    step=$1/checkpoints/step-$(printf %08d "$last")
    mkdir -p "$name/checkpoints"
    cp -r "$step" "$name/checkpoints"
    cp "$1/job.yaml" "$name"
    train 0 "$name" "$1.yaml" -n $agents --set parallel.hosts=$((agents > 2 ? 2 : 1)) --resume
    same_model "$whole" "$name"
    agents=$((agents - 1))
  done
}

table adamw true "optimizer: adamw, learning_rate: 0.01"
table clip true "optimizer: lion, learning_rate: 0.001, clip_norm: 0.3, shards: 11, micro_batch: 2"
table swa true "momentum: 0, learning_rate: 0.05, schedule: constant, average: swa, keep_best: true"
decoder text true "optimizer: rmsprop, learning_rate: 0.002, beta2: 0.99"
for job in adamw clip swa text; do check $job; done
[ "$(sha swa/average.safetensors)" = "$(sha swa-5/average.safetensors)" ] || fail "another average on 5 agents"
[ "$(sha swa/best.safetensors)" = "$(sha swa-3/best.safetensors)" ] || fail "another best model on 3 agents"
[ "$(sha swa/average.safetensors)" != "$(sha swa/model.safetensors)" ] || fail "the average is the last model"

# Without moments a row that is not touched stays in the dense update too.
table plain true "momentum: 0, learning_rate: 0.1"
table plain_dense false "momentum: 0, learning_rate: 0.1"
table swa_dense false "momentum: 0, learning_rate: 0.05, schedule: constant, average: swa, keep_best: true"
decoder text_plain true "momentum: 0, learning_rate: 0.1"
decoder text_dense false "momentum: 0, learning_rate: 0.1"
for job in plain plain_dense swa_dense text_plain text_dense; do train 0 $job $job.yaml -n 2; done
same_model "$(sha plain_dense/model.safetensors)" plain
same_model "$(sha text_dense/model.safetensors)" text_plain
for file in model average best; do
  [ "$(sha swa/$file.safetensors)" = "$(sha swa_dense/$file.safetensors)" ] || fail "$file: another one than the dense update's"
done
# With moments it does not, so the two differ.
table adamw_dense false "optimizer: adamw, learning_rate: 0.01"
train 0 adamw_dense adamw_dense.yaml -n 2
[ "$(sha adamw_dense/model.safetensors)" != "$(sha adamw/model.safetensors)" ] || fail "sparse and dense adamw are one"

"$DDLA" eval adamw --data validation >eval.txt || fail "eval of a sparse model failed"

# What needs whole tables in every step, or is no table of its own.
train 2 lamb adamw.yaml --set train.optimizer=lamb
says lamb.err "train.optimizer is lamb" "sparse"
train 2 ema adamw.yaml --set train.average=ema
says ema.err "train.average is ema" "sparse"
train 2 divided adamw.yaml -n 2 --set parallel.hosts=2 --set sync.method=sharded
says divided.err "sync.method is sharded" "sparse"
train 2 tied text.yaml --set model.tied=true
says tied.err "model.sparse" "model.tied"
table standardized true "learning_rate: 0.05"
train 2 standardized standardized.yaml --set data.standardize=true
says standardized.err "whole number" "data.standardize"
