#!/bin/bash
# Replicas whose data differ: exchanges to a target accuracy, of plain averaging and of what may be done about it
# (sync.heterogeneity). The labels of Fashion-MNIST are divided among 8 agents by data.partition dirichlet.
#
#   bench/unequal.sh [--dir DIR] [--seeds N] [--alpha A] [--target A] [--rounds N] [--interval N] [--sides 'S...'] [--build DIR] [tune] [train] [table]
#
# The model is an mlp; all runs have the same interval, batch and number of exchanges at most, and a constant learning rate.
# A pair are runs of one seed: the same parts, the same first model, the same order of samples.
#
# Sides: average (plain averaging), fedprox, scaffold, shared-set, diloco, diloco-scaffold; without a word the first four.
#
# tune   every side over its grid (`grid` below), seed 1, a tenth of the training samples kept for validation: the setting
#        whose accuracy on validation, mean over all exchanges, is highest
# train  each side with its setting, seeds 11, 12, ...; what is measured behind every exchange is the test set
# table  exchanges until the test accuracy was first at the target, and accuracy at the end, by side and seed; ratios to plain
#        averaging
#
# Everything that was computed stays in DIR (runs/unequal): a call goes on where another one ended. All figures are functions
# of the data and the settings, whatever else the machine does. LOCK: a command before each run.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: bench/unequal.sh [--dir DIR] [--seeds N] [--alpha A] [--target A] [--rounds N] [--interval N] [--sides 'S...'] [--build DIR] [tune] [train] [table]"
dir=runs/unequal seeds=5 alpha=0.1 target=0.84 rounds=200 interval=20 build=build stages=()
sides="average fedprox scaffold shared-set"
while [ $# -gt 0 ]; do
  case $1 in
    --dir) dir=$2; shift ;;
    --seeds) seeds=$2; shift ;;
    --alpha) alpha=$2; shift ;;
    --target) target=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --interval) interval=$2; shift ;;
    --sides) sides=$2; shift ;;
    --build) build=$2; shift ;;
    tune | train | table) stages+=("$1") ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#stages[@]} = 0 ]; then stages=(tune train table); fi
data=/usr/share/datasets/fashion-mnist agents=8 first_seed=11
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
echo "data: {train: $data}" >"$work/job.yaml"

common=(data.partition=dirichlet data.partition_alpha="$alpha" model.kind=mlp 'model.hidden=[64]'
  train.batch=256 train.shards=8 train.schedule=constant train.weight_decay=0 train.steps=$((rounds * interval))
  train.measure_every="$interval" sync.mode=accumulated sync.method=average sync.interval="$interval" parallel.lanes=1
  checkpoint.every_epochs=0 output.events=false)
settings="${common[*]}"
if [ -f "$dir/settings" ] && [ "$(cat "$dir/settings")" != "$settings" ]; then
  echo "$dir has runs with other settings; remove them or give another --dir" >&2
  exit 1
fi
echo "$settings" >"$dir/settings"

# Of each side: a setting a line, the words that `--set` takes.
rate() { echo "train.learning_rate=$1 train.momentum=$2"; }
grid() {
  local at
  case $1 in
    average) for at in "0.05 0" "0.1 0" "0.2 0" "0.005 0.9" "0.01 0.9" "0.02 0.9" "0.05 0.9"; do rate $at; done ;;
    fedprox)
      for at in 0.01 0.1 1; do echo "sync.heterogeneity=fedprox sync.proximal=$at $(setting average)"; done
      ;;
    scaffold)
      for at in "0.05 0" "0.1 0" "0.2 0" "0.005 0.9" "0.01 0.9" "0.02 0.9" "0.05 0.9"; do
        echo "sync.heterogeneity=scaffold $(rate $at)"
      done
      ;;
    shared-set)
      for at in 0.01 0.05; do
        echo "sync.heterogeneity=shared-set sync.shared_fraction=$at $(setting average)"
      done
      ;;
    diloco)
      for at in "1 0.5" "1 0.8" "0.7 0.9"; do
        echo "sync.method=diloco sync.outer_learning_rate=${at% *} sync.outer_momentum=${at#* } $(setting average)"
      done
      ;;
    diloco-scaffold)
      for at in "1 0.5" "1 0.8" "0.7 0.9"; do
        echo "sync.method=diloco sync.outer_learning_rate=${at% *} sync.outer_momentum=${at#* } $(setting scaffold)"
      done
      ;;
  esac
}

# once NAME WORDS...: a run, unless its rows are there.
once() {
  local name=$1 words=() one
  [ -s "$dir/$name.jsonl" ] && return
  shift
  for one in "${common[@]}" "$@"; do words+=(--set "$one"); done
  echo "$(date +%T) $name: $*" >&2
  ${LOCK:-} "$program" train "$work/job.yaml" -q -n $agents "${words[@]}" --out "$work/run" </dev/null >"$work/words" 2>&1 ||
    { tail -n 5 "$work/words" >&2; return 1; }
  mv "$work/run/report.json" "$dir/$name.json"
  mv "$work/run/partition.svg" "$dir/$name.svg"
  mv "$work/run/metrics.jsonl" "$dir/$name.jsonl"
  rm -r "$work/run"
}

# reached NAME: exchanges until the target was first measured; empty: never.
reached() {
  sed -n 's/.*"step": \([0-9]*\),.*"validation_accuracy": \([0-9.e-]*\).*/\1 \2/p' "$dir/$1.jsonl" |
    awk -v target="$target" -v interval="$interval" '$2 >= target { print int($1 / interval); exit }'
}

# last NAME: the accuracy that was measured last.
last() { tail -n 1 "$dir/$1.jsonl" | field validation_accuracy; }

# mean NAME: of the accuracy behind all exchanges.
mean() {
  sed -n 's/.*"validation_accuracy": \([0-9.e-]*\).*/\1/p' "$dir/$1.jsonl" | awk '{ sum += $1 } END { print sum / NR }'
}

# setting SIDE: the best of its grid.
setting() {
  local number=0 words
  grid "$1" | while read -r words; do
    number=$((number + 1))
    [ -s "$dir/tune.$1.$number.jsonl" ] || continue
    echo "$(mean "tune.$1.$number") $words"
  done | sort -k1,1gr | head -n 1 | cut -d' ' -f2-
}

tune() {
  local side number words
  for side in $sides; do
    number=0
    while read -r words; do
      number=$((number + 1))
      # shellcheck disable=SC2086 # words
      once "tune.$side.$number" $words train.seed=1 data.validation_fraction=0.1
    done < <(grid "$side")
    echo "$side: $(setting "$side")" >&2
  done
}

train() {
  local seed side
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    for side in $sides; do
      # shellcheck disable=SC2046 # words
      once "train.$side.$seed" $(setting "$side") train.seed=$seed data.validation=$data/t10k-images-idx3-ubyte.gz \
        data.validation_fraction=0
    done
  done
}

table() {
  local side seed
  printf '\nexchanges until the test accuracy is %s (interval %s, dirichlet %s, %s agents), and accuracy behind %s of them\n\n' \
    "$target" "$interval" "$alpha" "$agents" "$rounds"
  printf '%-16s' side
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do printf ' %14s' "seed $seed"; done
  printf ' %8s %9s  %s\n' median 'of plain' setting
  for side in $sides; do
    printf '%-16s' "$side"
    : >"$work/ratios"
    : >"$work/figures"
    for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
      if [ ! -s "$dir/train.$side.$seed.jsonl" ]; then
        printf ' %14s' -
        continue
      fi
      local mine plain
      mine=$(reached "train.$side.$seed") plain=$(reached "train.average.$seed")
      printf ' %14s' "${mine:->$rounds} ($(last "train.$side.$seed" | awk '{ printf "%.3f", $1 }'))"
      # Who does not get there counts as if at the end: a ratio to that is an upper bound, one of it a lower one.
      echo "${mine:-$rounds}" >>"$work/figures"
      awk -v a="${mine:-$rounds}" -v b="${plain:-$rounds}" 'BEGIN { print a / b }' >>"$work/ratios"
    done
    printf ' %8s %9.2f  %s\n' "$(median <"$work/figures")" "$(median <"$work/ratios")" "$(setting "$side")"
  done
}

build_program "$build"
warm_data
machine
"$program" --version
for stage in "${stages[@]}"; do $stage; done
