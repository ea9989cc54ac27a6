# same_bits.sh short|all: one job gives one SHA-256 of the model for any number of agents and lanes, whether agents are
# processes or threads, and every agent computes its own shards and no others; with dynamic balance all together compute
# every shard once.
. "${0%/*}/training.sh"
much=$1

samples train 1003 data
samples t10k 100 data

# expect_shards AGENTS SHARDS SAMPLES BATCH EPOCHS: how many shards each agent has to compute; a batch that is smaller
# than the number of shards leaves some empty.
expect_shards() {
  awk -v agents="$1" -v shards="$2" -v samples="$3" -v batch="$4" -v epochs="$5" 'BEGIN {
    for (a = 0; a < agents; a++) {
      count = 0
      for (first = 0; first < samples; first += batch) {
        size = samples - first < batch ? samples - first : batch
        for (s = int(shards * a / agents); s < int(shards * (a + 1) / agents); s++)
          if (int(size * (s + 1) / shards) > int(size * s / shards)) count++
      }
      printf "%d ", count * epochs
    }
  }'
}

# run_job JOB AGENTS LANES [ARGUMENT...]: its model must be the first one's; leaves the run in $name.
run_job() {
  job=$1
  agents=$2
  name=$1-$2-$3
  lanes=$3
  shift 3
  train 0 "$name" "$job.yaml" -n "$agents" --set "parallel.lanes=$lanes" "$@"
  [ -e "$job.sha" ] || sha "$name/model.safetensors" >"$job.sha"
  same_model "$(cat "$job.sha")" "$name"
  read -r shards samples batch epochs <"$job.size"
}

# one JOB AGENTS LANES [ARGUMENT...]: every agent computes its own shards.
one() {
  run_job "$@"
  [ "$(of_agents "$name" shards)" = "$(expect_shards "$agents" "$shards" "$samples" "$batch" "$epochs")" ] ||
    fail "$name: the agents computed $(of_agents "$name" shards)shards, not what is theirs"
  rm -r "$name"
}

# whoever JOB AGENTS LANES [ARGUMENT...]: shards go to who is free.
whoever() {
  run_job "$@" --set parallel.balance=dynamic
  # shellcheck disable=SC2046 # a list of numbers
  [ $(($(of_agents "$name" shards | sed 's/ *$//; s/ /+/g'))) = \
    $(($(expect_shards 1 "$shards" "$samples" "$batch" "$epochs"))) ] ||
    fail "$name: the agents computed $(of_agents "$name" shards)shards"
  rm -r "$name"
}

# job NAME SHARDS SAMPLES BATCH EPOCHS: the job file is standard input. SAMPLES: those trained with.
job() {
  echo "$2 $3 $4 $5" >"$1.size"
  { cat; printf 'train: {shards: %s, batch: %s, epochs: %s, ' "$2" "$4" "$5"; cat "$1.train"; echo '}'; } >"$1.yaml"
}

# The last batch of an epoch has 3 samples for 8 shards; everything that draws random numbers is on.
echo "optimizer: sgd, momentum: 0.9, nesterov: true, clip_norm: 0.5, learning_rate: 0.1" >mlp.train
job mlp 8 1003 500 2 <<'J'
data: {train: data, shift: 2, flip: true, cutout: 6}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
J
# Shards of several micro-batches, a number of shards that is no power of two, validation and best model.
echo "optimizer: adamw, learning_rate: 0.002, micro_batch: 9, label_smoothing: 0.1, keep_best: true" >parts.train
job parts 11 903 300 2 <<'J'
data: {train: data, validation_fraction: 0.1, cutout: 4}
model: {kind: mlp, hidden: [48], dropout: 0.1, activation: gelu}
J
# More shards than a worker has buffers.
echo "optimizer: sgd, momentum: 0, schedule: constant" >many.train
job many 61 1003 501 1 <<'J'
data: {train: data}
model: {kind: mlp, hidden: [16]}
J
samples train 150 few
echo "optimizer: sgd, nesterov: true, clip_norm: 0.8, weight_decay: 0.01" >cnn.train
job cnn 8 150 72 1 <<'J'
data: {train: few, shift: 3, flip: true}
model: {kind: cnn, dropout: 0.25}
J
echo "optimizer: adamw, learning_rate: 0.001, clip_norm: 1, micro_batch: 4, warmup_steps: 2" >cnn_parts.train
job cnn_parts 8 150 72 1 <<'J'
data: {train: few, cutout: 5}
model: {kind: cnn, dropout: 0.25}
J

# Windows of a text that slide, layers that are used twice, gradients of tables; a part of them turned.
text 1457 text.txt
echo "optimizer: adamw, learning_rate: 0.01, clip_norm: 1, keep_best: true" >gpt.train
job gpt 8 82 20 2 <<'J'
task: {kind: language-modelling}
data: {train: text.txt, validation_fraction: 0.1}
model: {kind: transformer-decoder, blocks: 2, width: 32, heads: 2, window: 16, dropout: 0.2}
J
echo "optimizer: adamw, learning_rate: 0.01, micro_batch: 2" >rotary.train
job rotary 9 104 30 1 <<'J'
task: {kind: language-modelling}
data: {train: text.txt}
model: {kind: transformer-decoder, blocks: 1, width: 24, heads: 3, window: 14, positions: rotary, tied: false, dropout: 0.1}
J

# Batch norm: running values of shards with one and with several micro-batches, of empty shards, and of the best model.
echo "optimizer: sgd, learning_rate: 0.1, schedule: constant, micro_batch: 5, keep_best: true" >resnet.train
job resnet 8 135 66 2 <<'J'
data: {train: few, validation_fraction: 0.1, flip: true}
model: {kind: resnet, depth: 8, width: 4}
J

# goes_on JOB AGENTS STEPS: a run that stops after STEPS steps and goes on with twice as many agents and two lanes.
goes_on() {
  train 0 "$1-on" "$1.yaml" -n "$2" --set train.steps="$3"
  train 0 "$1-on" "$1.yaml" -n $((2 * $2)) --set parallel.lanes=2 --resume
  same_model "$(cat "$1.sha")" "$1-on"
  rm -r "$1-on"
}

if [ "$much" = short ]; then
  one resnet 1 1
  one resnet 3 1
  one resnet 2 2 --set parallel.agents_as=threads
  goes_on resnet 1 3
  for agents in 1 2 3 5; do one gpt "$agents" 1; done
  for job in mlp parts; do
    one "$job" 1 1
    one "$job" 3 2
    one "$job" 2 2 --set parallel.agents_as=threads
  done
  one cnn 1 1
  one cnn 3 1 --set parallel.agents_as=threads
  whoever cnn 5 1
  whoever resnet 3 2
  whoever gpt 5 1
  for job in mlp parts; do
    whoever "$job" 1 1
    whoever "$job" 3 2
    whoever "$job" 4 1 --set parallel.agents_as=threads
  done
  exit 0
fi
for job in mlp parts many cnn cnn_parts gpt rotary resnet; do
  for agents in 1 2 3 4 5 7 8; do
    for lanes in 1 2 3; do one "$job" "$agents" "$lanes"; done
    whoever "$job" "$agents" $((1 + agents % 3))
  done
  for agents in 2 5 8; do one "$job" "$agents" 1 --set parallel.agents_as=threads; done
  one "$job" 3 2 --set parallel.agents_as=threads
done
goes_on resnet 2 3
[ "$(cat ./*.sha | sort -u | wc -l)" -eq 8 ] || fail "different jobs gave one model"
