# mlp_mixer.sh: the model mlp-mixer learns, with one SHA-256 for any number of agents; patches must fit the image.
. "${0%/*}/training.sh"

samples train 2000 data
samples t10k 500 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp-mixer, blocks: 2, width: 24, token_width: 16, channel_width: 48, dropout: 0.05}
train: {batch: 50, epochs: 4, optimizer: adamw, learning_rate: 0.005, weight_decay: 0.01}
J
train 0 two job.yaml -n 2
model=$(sha two/model.safetensors)
accuracy=$(sed -n '/^  "test": {/,/^  }/p' two/report.json | sed -n 's/^    "accuracy": \([0-9.]*\).*/\1/p')
awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy > 0.65) }' || fail "test accuracy $accuracy, not above 0.65"
train 0 three job.yaml -n 3
same_model "$model" three
train 2 odd job.yaml --set model.patch=5
says odd.err "model.patch (5)" "[1, 28, 28, 1]"
