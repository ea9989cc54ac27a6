#!/bin/sh
# What it costs that every lane always records what it is at (docs/concepts/watching.md): the same training with
# output.events true and false, on one agent. The worst case is a step in which little is computed: a small MLP on small
# images. The demo's network is the usual case.
#
#   bench/recorder.sh [--json] [--rounds N] [--build DIR]
#
# Rounds are interleaved, and every other one begins with the other side. `step` is the median step of `ddla bench step`
# (events in memory), `train` a step in the median epoch of `ddla train`, which keeps the files of a run directory and
# watches. The ratio is taken in each round; the table shows the median over rounds, and the ratio of the least.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=15 json=0 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --build) build=$2; shift ;;
    *) echo "usage: bench/recorder.sh [--json] [--rounds N] [--build DIR]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)

cat >"$work/mlp.yaml" <<'J'
data: {train: "synthetic:8x8x1:10:1280"}
model: {kind: mlp, hidden: [32]}
train: {batch: 128, steps: 4000}
checkpoint: {every_epochs: 0}
J
cat >"$work/cnn.yaml" <<'J'
data: {train: "synthetic:28x28x1:10:1280"}
model: {kind: cnn}
train: {batch: 128, steps: 100}
checkpoint: {every_epochs: 0}
J

steps_of() { sed -n 's/.*steps: \([0-9]*\).*/\1/p' "$work/$1.yaml"; }

step_us() { # MODEL EVENTS
  our_step 1 "$work/$1.yaml" --steps "$(steps_of "$1")" --set output.events="$2" | field median | awk '{ print 1e6 * $1 }'
}

train_us() { # MODEL EVENTS
  taskset -c "$(processor_list 1)" "$program" train -q "$work/$1.yaml" -n 1 --set parallel.lanes=1 \
    --set output.overwrite=true --set output.events="$2" --out "$work/run"
  sed 's/.*"samples_per_second": \([0-9.e+]*\).*/\1/' "$work/run/metrics.jsonl" | median | awk '{ print 1e6 * 128 / $1 }'
}

least() { sort -g | head -n 1; }

for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  for model in mlp cnn; do
    for way in step train; do
      for events in $(if [ $((round % 2)) = 1 ]; then echo true false; else echo false true; fi); do
        ${way}_us $model $events >"$work/now.$events"
        cat "$work/now.$events" >>"$work/$way.$model.$events"
      done
      paste "$work/now.true" "$work/now.false" | awk '{ print 100 * ($1 / $2 - 1) }' >>"$work/$way.$model.cost"
    done
  done
done

if [ $json = 1 ]; then
  printf '{"bench": "recorder", "rounds": %d, "machine": "%s", "rows": [' "$rounds" "$machine"
else
  printf 'cost of recording; one agent, one lane, %d rounds\n%s\n\n' "$rounds" "$machine"
  printf '%-6s %-6s %12s %12s %12s %16s\n' model way 'on, us' 'off, us' 'cost, %' 'of the least, %'
fi
comma=
for model in mlp cnn; do
  for way in step train; do
    file=$work/$way.$model
    set -- "$(median <"$file.true")" "$(median <"$file.false")" "$(median <"$file.cost")" \
      "$(echo "$(least <"$file.true") $(least <"$file.false")" | awk '{ print 100 * ($1 / $2 - 1) }')"
    if [ $json = 1 ]; then
      printf '%s{"model": "%s", "way": "%s", "on_us": %.4g, "off_us": %.4g, "cost_percent": %.3g, "cost_of_least_percent": %.3g}' \
        "$comma" $model $way "$@"
      comma=', '
    else
      printf '%-6s %-6s %12.1f %12.1f %12.2f %16.2f\n' $model $way "$@"
    fi
  done
done
[ $json = 0 ] || echo ']}'
