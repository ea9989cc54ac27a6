# resnet.sh: 100 training steps of a residual network from PyTorch's weights give PyTorch's losses, and running values
# with which evaluation gives PyTorch's loss (resnet.py).
recorded="$SOURCE/tests/recorded/resnet"
cat >job.yaml <<J
data: {train: $recorded, mean: [0.5], std: [0.25]}
model: {kind: resnet, depth: 8, width: 8, weights: $recorded/weights.safetensors}
train: {batch: 64, shards: 1, epochs: 100, learning_rate: 0.01, momentum: 0, weight_decay: 0, schedule: constant}
checkpoint: {every_epochs: 0}
J
"$DDLA" train -q job.yaml --out run
sed 's/.*"loss": \([^,]*\),.*/\1/' run/metrics.jsonl >losses
[ "$(wc -l <losses)" -eq 100 ] || { echo "resnet.sh: not 100 losses" >&2; exit 1; }
paste -d ' ' losses "$recorded/losses.txt" | awk '
  { far = $1 > $2 ? $1 - $2 : $2 - $1; if (far > most) { most = far; at = NR } }
  END { print "largest difference", most, "in step", at; exit !(most <= 0.001) }'
"$DDLA" eval run --data train --json | sed -n 's/^ *"loss": \([0-9.e+-]*\),*$/\1/p' | head -n 1 >evaluated
paste -d ' ' evaluated "$recorded/evaluated.txt" | awk '
  { far = $1 > $2 ? $1 - $2 : $2 - $1; print "in evaluation", $1, "wanted", $2; exit !(NF == 2 && far <= 0.001) }'
