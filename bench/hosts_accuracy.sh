#!/bin/bash
# How good are models that are trained with PyTorch's own ways to send less? bench/cluster.sh has their samples a second. The
# job is examples/fashion-mnist.yaml, to its end, over gloo with four processes of one thread on this machine:
#
#   PYTHON=torch/bin/python bench/hosts_accuracy.sh [--dir DIR] [--way WORD]... [--seeds N] [--epochs N] [--rate RATE]
#       [--build DIR] [tune] [train] [table] [ours]
#
# Ways (bench/hosts_torch.py): local16, post-local SGD every 16 steps; fp16 and powersgd2, hooks of DDP; plain, DDP itself.
# Without --way the first three.
#
# tune   each way over the grid of bench/low_traffic.sh, a third of the length, seed 1, on nine tenths of the training
#        images; the last tenth is for validation
# train  each way with its best rate (or --rate) on all training images, seeds 11, 12, ...; accuracy on the test images
# table  what there is; without a word these three
# ours   bench/low_traffic.sh with the same lengths, in DIR/ours
#
# Everything that was computed stays in DIR (runs/hosts-accuracy): a call goes on where another one ended.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: PYTHON=python3 bench/hosts_accuracy.sh [--dir DIR] [--way WORD]... [--seeds N] [--epochs N] [--rate RATE] [--build DIR] [tune] [train] [table] [ours]"
dir=runs/hosts-accuracy ways=() seeds=3 epochs=10 rate= build=build stages=()
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=$2; shift ;;
    --way) ways+=("$2"); shift ;;
    --seeds) seeds=$2; shift ;;
    --epochs) epochs=$2; shift ;;
    --rate) rate=$2; shift ;;
    --build) build=$2; shift ;;
    tune | train | table | ours) stages+=("$1") ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#ways[@]} = 0 ]; then ways=(local16 powersgd2 fp16); fi
if [ ${#stages[@]} = 0 ]; then stages=(tune train table); fi
python=${PYTHON:-python3}
ranks=4 first_seed=11 whole=$((469 * epochs)) grid="0.02 0.03 0.05 0.1 0.15 0.3"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
port=$((20000 + $$ % 20000))

# once NAME WAY OPTIONS...: a run of four processes, unless its result is there.
once() {
  local name=$1 way=$2 rank process processes=() got=0
  shift 2
  [ -s "$dir/$name.json" ] && return
  echo "$(date +%T) $name" >&2
  port=$((port + 1))
  for ((rank = 0; rank < ranks; rank++)); do
    "$python" bench/peer_accuracy_torch.py --setting "channels_last+fused+memory+view+static+$way" "$@" \
      --rank $rank --ranks $ranks --port $port >"$work/$rank.out" 2>"$work/$rank.err" &
    processes+=($!)
  done
  for process in "${processes[@]}"; do wait "$process" || got=$?; done
  if [ $got != 0 ]; then
    tail -n 3 "$work"/*.err >&2
    return $got
  fi
  mv "$work/0.out" "$dir/$name.json"
}

tune() { # WAY
  local at
  for at in $grid; do
    once "$1.tune.$at.$((whole / 3))" "$1" --rate "$at" --steps $((whole / 3)) --seed 1 --validate
  done
}

accuracy() { field accuracy 2>/dev/null <"$dir/$1.json" || true; } # NAME

validated() { accuracy "$1.tune.$2.$((whole / 3))" 2>/dev/null; } # WAY RATE

best_rate() { # WAY
  local at
  if [ -n "$rate" ]; then
    echo "$rate"
    return
  fi
  for at in $grid; do echo "$(validated "$1" "$at") $at"; done | grep -v '^ ' | sort -gr | head -n 1 | cut -d' ' -f2
}

train() { # WAY
  local seed at
  at=$(best_rate "$1")
  if [ -z "$at" ]; then
    echo "no rate for $1: tune it first, or give a --rate" >&2
    return 1
  fi
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    once "$1.train.$at.$whole.$seed" "$1" --rate "$at" --steps $whole --seed $seed
  done
}

table() { # WAY
  local at seed name
  printf '\n%s, validation accuracy after %d steps:' "$1" $((whole / 3))
  for at in $grid; do printf '  %s %s' "$at" "$(validated "$1" "$at")"; done
  printf '\n'
  at=$(best_rate "$1")
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    name=$1.train.$at.$whole.$seed
    if [ ! -s "$dir/$name.json" ]; then continue; fi
    awk -v way="$1" -v at="$at" -v seed=$seed -v steps=$whole \
      '{ printf "%s, rate %s, %d steps, seed %d: test accuracy %.2f\n", way, at, steps, seed, 100 * $1 }' <<<"$(accuracy "$name")"
  done
}

ours() {
  bench/low_traffic.sh --model cnn --dir "$dir/ours" --seeds "$seeds" --epochs "$epochs" --build "$build" tune train table
}

machine
for stage in "${stages[@]}"; do
  if [ "$stage" = ours ]; then
    ours
  else
    for way in "${ways[@]}"; do $stage "$way"; done
  fi
done
