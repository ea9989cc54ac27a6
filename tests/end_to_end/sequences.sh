# sequences.sh: recurrent layers over the rows of images: they learn, and give the same bits for any number of agents
# and after a resume.
. "${0%/*}/training.sh"

samples train 2000 data
samples t10k 500 data
for layer in lstm gru; do
  cat >$layer.yaml <<J
data: {train: data}
model:
  kind: layers
  layers:
    - reshape: [28, 28]
    - $layer: {features: 24, bidirectional: true}
    - $layer: {features: 32, last: true}
    - linear: classes
train: {batch: 50, epochs: 3, optimizer: adamw, learning_rate: 0.005, clip_norm: 1}
checkpoint: {every_epochs: 1, keep: 9}
J
  train 0 $layer $layer.yaml -n 2
  model=$(sha $layer/model.safetensors)
  accuracy=$(sed -n '/^  "test": {/,/^  }/p' $layer/report.json | sed -n 's/^    "accuracy": \([0-9.]*\).*/\1/p')
  awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy > 0.6) }' || fail "$layer: test accuracy $accuracy, not above 0.6"
  train 0 $layer-3 $layer.yaml -n 3
  same_model "$model" $layer-3
  mkdir -p $layer-on/checkpoints
  cp $layer/job.yaml $layer-on
  cp -r $layer/checkpoints/step-00000040 $layer-on/checkpoints
  train 0 $layer-on $layer.yaml -n 1 --resume
  same_model "$model" $layer-on
done
