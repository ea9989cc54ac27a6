# Jobs of the runs that are made to hang; sourced.

# write_job MODEL WHERE: job.yaml. WHERE decides only what does not change the model.
write_job() {
  checkpoints=0
  case $2 in checkpoint | barrier) checkpoints=1 ;; esac
  case $1 in
    mlp) data=synthetic:8x8x1:10:1600 words="kind: mlp, hidden: [32]" batch=32 steps=1200 more= ;;
    clip) data=synthetic:8x8x1:10:1600 words="kind: mlp, hidden: [64]" batch=32 steps=1000 more=", clip_norm: 1" ;;
    cnn) data=synthetic:12x12x1:10:1600 words="kind: cnn" batch=32 steps=200 more= ;;
    resnet) data=synthetic:8x8x3:10:800 words="kind: resnet, depth: 8, width: 8" batch=32 steps=200 more= ;;
    text) data=text.txt words="kind: transformer-decoder, blocks: 1, width: 32, heads: 2, window: 32" batch=16 steps=200 more= ;;
  esac
  task=
  if [ "$1" = text ]; then
    task="task: {kind: language-modelling}"
    awk 'BEGIN { for (i = 0; i < 40000; i++) printf "%c", 97 + (i * i + int(i / 7)) % 23 }' >text.txt
  fi
  cat >job.yaml <<J
$task
data: {train: "$data", validation_fraction: 0.25, ahead: 0}
model: {$words}
train: {batch: $batch, shards: 8, steps: $steps, optimizer: adamw, learning_rate: 0.001$more}
checkpoint: {every_epochs: $checkpoints}
J
}

# first_step MODEL: before this step nothing is injected.
first_step() {
  case $1 in mlp | clip) echo 300 ;; *) echo 60 ;; esac
}
