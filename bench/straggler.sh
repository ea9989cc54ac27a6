#!/bin/sh
# Agents of different speed: how much of their summed speed a training reaches, with parallel.balance static and dynamic,
# on one host and on as many played hosts as agents.
#
#   bench/straggler.sh [--json] [--rounds N] [--epochs N] [--speeds "1 1 1 0.25"] [--core SHARE] [--shards N] [--batch N]
#                      [--build DIR]
#
# An agent's speed is made by a quota of its control group: speed 1 is SHARE of a processor (0.6), in periods of 10 ms.
# Needs root, and the cpu controller of cgroups, version 1 or 2. The groups have a weight that leaves little to other work
# while they run, so that it is the quotas that count. The job is the demo's, with so many shards, on so few samples
# that an epoch has two steps. Each speed is first measured alone, by a run of one agent under its quota; then all agents
# train together. "apart": each agent trains for itself, all at the same time, which shows how much of the sum this machine
# gives to programs that have nothing to do with each other. A figure is the median samples per second of a run's epochs without the first two (of one agent alone: the
# first), in which kernels are made and speeds become known; its ratio is to the sum of the agents' own. Rounds are
# interleaved; the table shows medians over rounds. All runs of all agents together must give one SHA-256 of the model. LOCK: a command before each
# run, for machines that are shared.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=3 epochs=8 speeds="1 1 1 0.25" core=0.6 shards=16 batch=6400 json=0 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --epochs) epochs=$2; shift ;;
    --speeds) speeds=$2; shift ;;
    --core) core=$2; shift ;;
    --shards) shards=$2; shift ;;
    --batch) batch=$2; shift ;;
    --build) build=$2; shift ;;
    *) sed -n 's/^#   /usage: /p' "$0" | head -n 1 >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
machine=$(machine)
agents=$(echo "$speeds" | wc -w)

. bench/speeds.sh

# The first samples of the data set, as IDX files.
mkdir "$work/data"
number() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"; }
first_samples() { # PART MAGIC HEADER_BYTES SAMPLE_BYTES
  { number "$2"; number $((2 * batch)); zcat "/usr/share/datasets/fashion-mnist/train-$1.gz" 2>/dev/null | tail -c +9 |
    head -c $(($3 - 8 + 2 * batch * $4)); } >"$work/data/train-$1"
}
first_samples images-idx3-ubyte 2051 16 784
first_samples labels-idx1-ubyte 2049 8 1

# run NAME SPEEDS SKIPPED OPTION...: a training with agents of these speeds; prints the median samples per second of its
# epochs without the first ones.
run() {
  name=$1
  wanted=$2
  skipped=$3
  shift 3
  train_at "$work/$name" "$wanted" examples/fashion-mnist.yaml --set train.batch="$batch" --set train.shards="$shards" \
    --set data.train="$work/data" "$@"
  tail -n +$((skipped + 1)) "$work/$name/metrics.jsonl" | sed 's/.*"samples_per_second": *\([^,]*\),.*/\1/' | median
  sed -n 's/^agent \([0-9]*\) *\([0-9]*\) shards.*/\2/p' "$work/$name/report.txt" | tr '\n' ' ' >"$work/shards.$name"
}

# together: each agent for itself, all at the same time; prints the sum.
together() {
  first_group=0
  apart=
  for speed in $speeds; do
    # A fast one has more epochs, so that all last about equally long.
    run "apart$first_group" "$speed" 1 --set train.epochs="$(awk -v speed="$speed" 'BEGIN { printf "%d", 1 + 6 * speed }')" \
      >"$work/apart.$first_group" &
    apart="$apart $!"
    first_group=$((first_group + 1))
  done
  wait $apart
  first_group=0
  cat "$work"/apart.[0-9]* | awk '{ sum += $1 } END { print sum }'
}

sides="static dynamic hosts_static hosts_dynamic"
for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  sum=0
  for speed in $(echo "$speeds" | tr ' ' '\n' | sort -u); do
    many=$(echo "$speeds" | tr ' ' '\n' | grep -cx "$speed")
    figure=$(run alone "$speed" 1 --set train.epochs="$(awk -v speed="$speed" 'BEGIN { print speed < 0.5 ? 2 : 3 }')")
    echo "$figure" >>"$work/alone.$speed"
    sum=$(awk -v sum="$sum" -v many="$many" -v figure="$figure" 'BEGIN { print sum + many * figure }')
  done
  echo "$sum" >>"$work/sum"
  figure=$(LOCK='' together)
  echo "$figure" >>"$work/figures.apart"
  awk -v a="$figure" -v b="$sum" 'BEGIN { print a / b }' >>"$work/ratio.apart"
  for side in $(if [ $((round % 2)) = 1 ]; then echo "$sides"; else echo "$sides" | tr ' ' '\n' | tac; fi); do
    case $side in
      hosts_*) hosts=$agents ;;
      *) hosts=1 ;;
    esac
    figure=$(run "$side" "$speeds" 2 --set train.epochs="$epochs" --set parallel.hosts="$hosts" --set parallel.balance="${side#hosts_}")
    echo "$figure" >>"$work/figures.$side"
    awk -v a="$figure" -v b="$sum" 'BEGIN { print a / b }' >>"$work/ratio.$side"
    field sha256 <"$work/$side/report.json" >>"$work/sha"
  done
done
[ "$(sort -u "$work/sha" | wc -l)" = 1 ] || { echo "straggler.sh: different models" >&2; exit 1; }

library=$(field kernels <"$work/static/report.json")
if [ $json = 1 ]; then
  printf '{"bench": "straggler", "speeds": "%s", "core": %s, "shards": %d, "batch": %d, "rounds": %d, "epochs": %d, ' \
    "$speeds" "$core" "$shards" "$batch" "$rounds" "$epochs"
  printf '"machine": "%s", "kernels": "%s", "sum_samples_per_second": %.6g, "rows": [' "$machine" "$library" \
    "$(median <"$work/sum")"
  for side in apart $sides; do
    printf '%s{"balance": "%s", "samples_per_second": %.6g, "of_sum": %.3f}' "${comma:-}" "$side" \
      "$(median <"$work/figures.$side")" "$(median <"$work/ratio.$side")"
    comma=', '
  done
  printf '], "sha256": "%s"}\n' "$(head -n 1 "$work/sha")"
else
  printf 'agents of speed %s (1 is %s of a processor), %d shards of a batch of %d, %d rounds of %d epochs of 2 steps\n%s; %s\n\n' \
    "$speeds" "$core" "$shards" "$batch" "$rounds" "$epochs" "$machine" "$library"
  for speed in $(echo "$speeds" | tr ' ' '\n' | sort -ru); do
    printf 'alone, speed %-5s %9.0f samples/s\n' "$speed" "$(median <"$work/alone.$speed")"
  done
  printf 'summed             %9.0f samples/s\n\n%-15s %10s %13s %7s %7s  %s\n' "$(median <"$work/sum")" balance samples/s \
    'of the sum' least most 'shards of each agent'
  printf - >"$work/shards.apart"
  for side in apart $sides; do
    printf '%-15s %10.0f %13.2f %7.2f %7.2f  %s\n' "$side" "$(median <"$work/figures.$side")" \
      "$(median <"$work/ratio.$side")" "$(sort -g "$work/ratio.$side" | head -n 1)" \
      "$(sort -g "$work/ratio.$side" | tail -n 1)" "$(cat "$work/shards.$side")"
  done
  printf '\none SHA-256 of the model in all runs: %s\n' "$(head -n 1 "$work/sha")"
fi
