#!/bin/bash
# Synchronous training whose shards come from parts of the data with few labels each, beside batches from one order over all
# data: is the model as good, where parts exchange a fraction of their samples at every epoch's end, and where they do not?
#
#   bench/parts.sh [--dir DIR] [--seeds N] [--epochs N] [--parts N] [--fraction F] [--build DIR]
#
# The job is examples/fashion-mnist.yaml for --epochs (5), labels divided among --parts (8) by data.partition: dirichlet, alpha
# 0.1; settings are the job's on all sides. What runs give is a function of data and settings, whatever else the machine does and
# however many agents compute it. They stay in DIR (runs/parts): a call goes on where another one ended.
#
#   order      data.partition: shared
#   exchange   parts that exchange the fraction F (0.1)
#   kept       parts that stay as they are
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
dir=runs/parts seeds=5 epochs=5 parts=8 fraction=0.1 build=build job=examples/fashion-mnist.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=$2 ;;
    --seeds) seeds=$2 ;;
    --epochs) epochs=$2 ;;
    --parts) parts=$2 ;;
    --fraction) fraction=$2 ;;
    --build) build=$2 ;;
    *) sed -n 's/^#   bench/usage: bench/p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
first_seed=11
mkdir -p "$dir"
build_program "$build"
warm_data
settings="$job, $epochs epochs, $parts parts, fraction $fraction"
if [ -f "$dir/settings" ] && [ "$(cat "$dir/settings")" != "$settings" ]; then
  echo "$dir has runs of: $(cat "$dir/settings"); remove them or give another --dir" >&2
  exit 1
fi
echo "$settings" >"$dir/settings"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# once SIDE SEED WORDS...: a run, unless its report is there.
once() {
  local side=$1 seed=$2
  shift 2
  [ -s "$dir/$side.$seed.json" ] && return
  echo "$(date +%T) $side, seed $seed" >&2
  "$program" train "$job" -q -n "$(nproc)" --set parallel.lanes=1 --set train.epochs="$epochs" --set train.seed="$seed" \
    --set checkpoint.every_epochs=0 "$@" --out "$work/run"
  mv "$work/run/report.json" "$dir/$side.$seed.json"
  rm -r "$work/run"
}

tested() { sed -n '/"test"/,$p' "$dir/$1.$2.json" | field accuracy; } # SIDE SEED

pairs() { # SIDE: behind `order`
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    echo "$seed $(tested order $seed) $(tested "$1" $seed)"
  done | awk '{ print $1, $2, $3, 100 * ($2 - $3) }' | paired order "$1" 0.3 points
}

cut=(--set data.partition=dirichlet --set data.partition_alpha=0.1 --set "data.partition_parts=$parts")
for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
  once order $seed
  once exchange $seed "${cut[@]}" --set share.mode=exchange --set "share.fraction=$fraction"
  once kept $seed "${cut[@]}"
done
machine
"$program" --version
echo "$settings"
for side in exchange kept; do echo; pairs $side; done
