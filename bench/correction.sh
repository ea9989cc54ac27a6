#!/bin/bash
# Momentum correction of a sparse codec (docs/concepts/codecs.md): synchronous gradients, and the same sent by topk with the
# momentum in the optimizer and before the choice. How good is the model?
#
#   bench/correction.sh [--seeds N] [--epochs N] [--build DIR]
#
# A perceptron of two layers on Fashion-MNIST, four agents, --epochs (3) epochs by `bounded` with sync.staleness 0, so that every
# step has all gradients; rate and momentum are the same on all sides. Who computes what is chance with a codec, so that a call
# with other seeds, or the same ones, ends a little elsewhere.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
seeds=4 epochs=3 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --seeds) seeds=$2 ;;
    --epochs) epochs=$2 ;;
    --build) build=$2 ;;
    *) echo "usage: bench/correction.sh [--seeds N] [--epochs N] [--build DIR]" >&2; exit 2 ;;
  esac
  shift 2
done
build_program "$build"
warm_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cat >"$work/job.yaml" <<'J'
data: {train: /usr/share/datasets/fashion-mnist, validation_fraction: 0.1}
model: {kind: mlp, hidden: [128, 64]}
train: {shards: 8, batch: 128, optimizer: sgd, momentum: 0.9, learning_rate: 0.05, schedule: constant, weight_decay: 0}
sync: {mode: asynchronous, method: bounded, staleness: 0}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
J

# side NAME WORDS...: one line: loss of the last epoch and accuracy of validation behind it, mean, least and most over seeds.
side() {
  local name=$1
  shift
  for ((seed = 1; seed <= seeds; seed++)); do
    "$program" train "$work/job.yaml" -q -n 4 --set train.epochs="$epochs" --set train.seed="$seed" "$@" --out "$work/run"
    tail -n 1 "$work/run/metrics.jsonl" |
      sed 's/.*"loss": \([0-9.e-]*\), "accuracy".*"validation_accuracy": \([0-9.]*\).*/\1 \2/'
    rm -r "$work/run"
  done | awk -v name="$name" '
    { loss += $1; sum += $2; if (NR == 1 || $2 < least) least = $2; if ($2 > most) most = $2 }
    END { printf "%-24s loss %.3f   accuracy %.4f (%.4f to %.4f)\n", name, loss / NR, sum / NR, least, most }'
}

side "all numbers"
for share in 0.01 0.002; do
  side "topk $share, optimizer" --set sync.codec=topk --set sync.topk=$share
  side "topk $share, corrected" --set sync.codec=topk --set sync.topk=$share --set train.momentum=0 \
    --set sync.momentum_correction=0.9
done
