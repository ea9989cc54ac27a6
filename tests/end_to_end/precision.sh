# precision.sh: at bf16 one job gives one SHA-256 for any number of agents, lanes and threads and after a resume; it is
# another one than at fp32; evaluation computes at the run's precision; a checkpoint may go on at the other one.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 96 data
samples t10k 60 data
text 900 text.txt
cat >resnet.yaml <<'J'
data: {train: data}
model: {kind: resnet, depth: 8, width: 16}
train: {batch: 40, shards: 5, epochs: 2, learning_rate: 0.1, schedule: constant, precision: bf16}
checkpoint: {every_steps: 2, keep: 9}
J
cat >gpt.yaml <<'J'
task: {kind: language-modelling}
data: {train: text.txt}
model: {kind: transformer-decoder, blocks: 2, width: 32, heads: 2, window: 16}
train: {batch: 12, shards: 6, epochs: 2, optimizer: adamw, learning_rate: 0.01, schedule: constant, precision: bf16}
checkpoint: {every_steps: 2, keep: 9}
J

for job in resnet gpt; do
  train 0 $job $job.yaml -n 1 --set parallel.lanes=1
  whole=$(sha $job/model.safetensors)
  says $job/report.json '"precision": "bf16"'
  says $job/report.txt "at bf16"
  for agents in 2 3 5; do
    train 0 $job-$agents $job.yaml -n $agents --set parallel.lanes=$((1 + agents % 2))
    same_model "$whole" $job-$agents
  done
  train 0 $job-threads $job.yaml -n 3 --set parallel.agents_as=threads
  same_model "$whole" $job-threads

  train 0 $job-on $job.yaml -n 2 --set train.steps=2
  train 0 $job-on $job.yaml -n 3 --resume
  same_model "$whole" $job-on

  train 0 $job-fp32 $job.yaml -n 2 --set train.precision=fp32
  [ "$(sha $job-fp32/model.safetensors)" != "$whole" ] || fail "$job: the model of fp32"
  says $job-fp32/report.json '"precision": "fp32"'

  # The state is fp32 at both precisions, so a run may change over.
  train 0 $job-over $job.yaml -n 2 --set train.steps=2 --set train.precision=fp32
  train 0 $job-over $job.yaml -n 2 --resume
  says $job-over/report.json '"precision": "bf16"'
  [ "$(sha $job-over/model.safetensors)" != "$whole" ] || fail "$job: two steps at fp32 changed nothing"
done

# value FILE KEY...: the value under the keys of a JSON file.
value() {
  "$tool" json "$@" || fail "$*"
}
"$DDLA" eval resnet --json >bf16.json
"$DDLA" eval resnet --set train.precision=fp32 --json >fp32.json
[ "$(value bf16.json loss)" = "$(value resnet/report.json test loss)" ] || fail "eval is not at the run's precision"
[ "$(value fp32.json loss)" != "$(value bf16.json loss)" ] || fail "eval does not know train.precision"
"$DDLA" info model resnet >out
says out "at bf16"
