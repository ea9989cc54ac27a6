#!/bin/sh
# Agents of different speed in the asynchronous mode: how much of their summed speed a training reaches, and how long it
# takes to some validation accuracies, beside synchronous training without dynamic balance.
#
#   bench/staleness.sh [--rounds N] [--epochs N] [--steps N] [--targets "ACCURACY..."] [--speeds "1 1 1 0.25"] [--core SHARE]
#                      [--job JOB] [--set KEY=VALUE]... [--dir DIR] [--build DIR] [METHOD...]
#
# Methods: synchronous, bounded, push, gossip (initial: all). The job is bench/jobs/pixels.yaml, five convolutions with
# norms, in batches of 32; bench/jobs/deep.yaml has half as many messages again for its work, and
# examples/fashion-mnist.yaml, the demo's, shows what messages cost. A tenth is set aside for validation, and
# half-epochs are measured. bounded makes up for the momentum that a gradient has missed which is a step late, push is
# with AdamW, which bears staleness better, and gossip at a higher rate for its batch, as each agent takes one of its
# own. "of the sum" is of the samples per second that each agent reaches alone, under its quota (bench/speeds.sh), both
# without validation, in --steps steps of which the last three quarters count; a quarter ends with a fence, whose
# waiting counts. Each round has a seed of its own. Time to a target includes validation; of synchronous training, whose
# model does not depend on who trains it, the model is trained without quotas, and the time is that of its samples at
# the rate with them, without validation. Rounds are interleaved; medians. What was measured stays in DIR
# (runs/staleness), a line for each round of a method: a call goes on where another one ended.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=3 epochs=4 rate_steps=800 more= targets="0.9 0.92" speeds="1 1 1 0.25" core=0.4 build=build dir=runs/staleness job=bench/jobs/pixels.yaml methods=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --epochs) epochs=$2; shift ;;
    --steps) rate_steps=$2; shift ;;
    --set) more="$more --set $2"; shift ;;
    --targets) targets=$2; shift ;;
    --speeds) speeds=$2; shift ;;
    --core) core=$2; shift ;;
    --job) job=$2; shift ;;
    --dir) dir=$2; shift ;;
    --build) build=$2; shift ;;
    -*) sed -n 's/^#   /usage: /p' "$0" | head -n 1 >&2; exit 2 ;;
    *) methods="$methods $1" ;;
  esac
  shift
done
[ -n "$methods" ] || methods="synchronous bounded push gossip"
build_program "$build"
warm_data
mkdir -p "$dir"
kept="$job $speeds $core $epochs $rate_steps $more"
if [ "$(cat "$dir/settings" 2>/dev/null || echo "$kept")" != "$kept" ]; then
  echo "$dir has rounds with other settings; remove them or give another --dir" >&2
  exit 1
fi
echo "$kept" >"$dir/settings"
work=$(mktemp -d)
. bench/speeds.sh


# What an agent computes alone as it does with others: shards, and where it is not the job's, batch and rate.
size_of() {
  case ${job##*/}:$1 in
    fashion-mnist.yaml:gossip) set 8 422 batch=64 learning_rate=0.2 warmup_steps=400 ;;
    fashion-mnist.yaml:push) set 8 211 optimizer=adamw learning_rate=0.0005 ;;
    fashion-mnist.yaml:*) set 16 211 ;;
    *:push) set 4 844 optimizer=adamw learning_rate=0.001 ;;
    pixels.yaml:gossip) set 4 1688 batch=16 learning_rate=0.03 ;;
    pixels.yaml:bounded) set 16 844 gradient_delay=1 ;;
    *:gossip) set 4 844 learning_rate=0.05 ;;
    *) set 16 844 ;;
  esac
  printf -- '--set train.%s ' shards="$1" measure_every="$2"
  shift 2
  if [ $# -gt 0 ]; then printf -- '--set train.%s ' "$@"; fi
}

# The batch of the job, or the one that words set.
batch_of() { # WORDS
  echo "$1" | grep -o 'train.batch=[0-9]*' | cut -d= -f2 | grep . || sed -n 's/^ *batch: *//p' "$job"
}

settings() {
  case $1 in
    synchronous) echo "--set parallel.hosts=$(echo "$speeds" | wc -w)" ;;
    bounded) echo "--set sync.mode=asynchronous --set sync.method=bounded --set sync.staleness=2" ;;
    push) echo "--set sync.mode=asynchronous --set sync.method=push --set sync.staleness=-1" ;;
    *) echo "--set sync.mode=asynchronous --set sync.method=$1 --set sync.staleness=-1" ;;
  esac
}

# rows RUN: epoch, seconds since the start, validation accuracy.
rows() {
  sed -n 's/.*"epoch": \([0-9.]*\),.*"seconds": \([0-9.]*\).*/\1 \2/p' "$1/metrics.jsonl" >"$work/when"
  sed 's/.*"validation_accuracy": *\([0-9.]*\).*/\1/' "$1/metrics.jsonl" | paste -d ' ' "$work/when" -
}

# Rows of a whole training by `method`, with quotas; `figure`: samples per second that it reaches with them.
trained() {
  # shellcheck disable=SC2046,SC2086 # words
  set -- --set data.validation_fraction=0.1 $(size_of "$method") --set train.epochs="$epochs" --set train.seed=$((10 + round)) $more
  if [ "$method" != synchronous ]; then
    # shellcheck disable=SC2046
    train_at "$work/run" "$speeds" "$job" "$@" $(settings "$method")
    rows "$work/run"
    return
  fi
  rm -r "$work/run"
  "$program" train "$job" -q -n 2 --set checkpoint.every_epochs=0 --out "$work/run" "$@" >&2
  rows "$work/run" | awk -v half="$(half "$@")" -v batch="$(batch_of "")" -v figure="$figure" \
    '{ print $1, NR * half * batch / figure, $3 }'
}

half() { echo "$*" | grep -o 'measure_every=[0-9]*' | cut -d= -f2; } # steps between measurements

# rates RUN: samples per second between measurements.
rates() {
  sed 's/.*"samples_per_second": *\([0-9.]*\).*/\1/' "$1/metrics.jsonl"
}

# alone METHOD: the sum of what agents of these speeds do alone, under their quotas.
alone() {
  sum=0
  for speed in $(echo "$speeds" | tr ' ' '\n' | sort -u); do
    many=$(echo "$speeds" | tr ' ' '\n' | grep -cx "$speed")
    steps=$(awk -v speed="$speed" -v batch="$(batch_of "$(size_of "$1")")" \
      'BEGIN { print int(3 + 8000 * speed / batch) }')
    # shellcheck disable=SC2046,SC2086 # words
    train_at "$work/alone" "$speed" "$job" $(size_of "$1") $more --set train.steps="$steps" --set train.measure_every=0
    figure=$(rates "$work/alone" | tail -n 1)
    sum=$(awk -v sum="$sum" -v many="$many" -v figure="$figure" 'BEGIN { print sum + many * figure }')
  done
  echo "$sum"
}

# tested RUN: the test's accuracy.
tested() { sed -n '/"test"/,$p' "$1/report.json" | field accuracy; }

# measured: of `method` in `round`: what agents do alone and together in samples/s, accuracy at last, mean staleness, the
# test's accuracy, seconds in all; 0 for what there is not. Rows of the training go to the file of this name.
measured() { # ROWS
  sum=$(alone "$method")
  # shellcheck disable=SC2046,SC2086
  steps=$((rate_steps * $(batch_of "") / $(batch_of "$(size_of "$method")")))
  # shellcheck disable=SC2046,SC2086
  train_at "$work/run" "$speeds" "$job" $(size_of "$method") $more $(settings "$method") \
    --set train.steps=$steps --set train.measure_every=$((steps / 4))
  figure=$(rates "$work/run" | tail -n +2 | median)
  test=0
  : >"$1"
  if [ "$epochs" -gt 0 ]; then
    trained >"$work/rows"
    mv "$work/rows" "$1"
    test=$(tested "$work/run")
  fi
  stale=$(sed -n 's/^ *"staleness": *\([0-9.]*\),*$/\1/p' "$work/run/report.json" | tail -n 1)
  awk -v sum="$sum" -v figure="$figure" -v stale="${stale:-0}" -v test="$test" '
    { last = $3; seconds = $2 }
    END { print sum, figure, last + 0, stale, test, seconds + 0 }' "$1"
}

for round in $(seq 1 "$rounds"); do
  for method in $methods; do
    if [ -s "$dir/$method.$round" ]; then continue; fi
    measured "$dir/$method.$round.rows" >"$work/line"
    mv "$work/line" "$dir/$method.$round"
    echo "round $round of $rounds, $method: $(cat "$dir/$method.$round")" >&2
  done
done

# column EXPRESSION: of awk, for each round of `method` that is there.
column() {
  for round in $(seq 1 "$rounds"); do
    if [ -s "$dir/$method.$round" ]; then awk "{ print $1 }" "$dir/$method.$round"; fi
  done
}

# reached TARGET: seconds to this accuracy, for each round of `method`; none where it is missed.
reached() {
  for round in $(seq 1 "$rounds"); do
    if [ -s "$dir/$method.$round.rows" ]; then awk -v target="$1" '$3 >= target { print $2; exit }' "$dir/$method.$round.rows"; fi
  done
}

# pairs: SEED, the test's accuracy of synchronous training and of `method`, points that it is worse.
pairs() {
  for round in $(seq 1 "$rounds"); do
    if [ -s "$dir/synchronous.$round" ] && [ -s "$dir/$method.$round" ]; then
      awk '{ print $5 }' "$dir/synchronous.$round" "$dir/$method.$round" | xargs echo $((10 + round))
    fi
  done | awk '{ print $1, 100 * $2, 100 * $3, 100 * ($2 - $3) }'
}

machine
printf 'agents of speed %s (1 is %s of a processor); %d rounds of %d epochs\n\n' "$speeds" "$core" "$rounds" "$epochs"
printf '%-12s %10s %10s %11s %7s %7s %9s %9s %10s' method summed samples/s "of the sum" least most "at last" "s in all" staleness
for target in $targets; do printf ' %11s' "s to $target"; done
for method in $methods; do
  printf '\n%-12s %10.0f %10.0f %11.2f %7.2f %7.2f %9.4f %9.1f %10.1f' "$method" "$(column '$1' | median)" "$(column '$2' | median)" \
    "$(column '$2 / $1' | median)" "$(column '$2 / $1' | sort -g | head -n 1)" "$(column '$2 / $1' | sort -g | tail -n 1)" \
    "$(column '$3' | median)" "$(column '$6' | median)" "$(column '$4' | median)"
  for target in $targets; do printf ' %11.1f' "$(reached "$target" | median)"; done
done
echo
for method in $methods; do
  if [ "$method" = synchronous ] || [ "$epochs" = 0 ] || [ -z "$(pairs)" ]; then continue; fi
  echo
  pairs | paired synchronous "$method" 0.3 points
done
