#!/bin/sh
# The training step of a model with a large table, of which a batch reads few rows: gradient by row (sparse: true)
# against the dense one, in one job that differs in nothing else.
#
#   bench/sparse.sh [--json] [--rounds N] [--steps N] [--rows N] [--width N] [--batch N] [--columns N] [--optimizer NAME]
#                   [--agents N] [--build DIR]
#
# The samples are random row numbers, `columns` for each; a table of 1,000,000 x 32 and 256 samples of one number unless
# said otherwise; eight batches, so that all but the first steps find their pages of memory touched (the first time that
# a row is updated costs a page fault in each array of the state). Rounds are interleaved. A row's figure in a round is its median step; the table shows medians over
# rounds, least and most. Memory is the peak of one agent in a run of as many steps, data and both versions of the
# state included.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=5 steps=40 rows=1000000 width=32 batch=256 columns=1 optimizer=adamw agents=1 json=0 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --rows) rows=$2; shift ;;
    --width) width=$2; shift ;;
    --batch) batch=$2; shift ;;
    --columns) columns=$2; shift ;;
    --optimizer) optimizer=$2; shift ;;
    --agents) agents=$2; shift ;;
    --build) build=$2; shift ;;
    *) sed -n 's/^#   /usage: /p' "$0" | head -n 1 >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)

awk -v rows="$rows" -v columns="$columns" -v count=$((batch * 8)) 'BEGIN {
  srand(1)
  for (i = 0; i < count; i++) {
    for (c = 0; c < columns; c++) printf "%d,", int(rand() * rows)
    print int(rand() * 2)
  }
}' >"$work/ids.csv"
job() {
  cat >"$work/$1.yaml" <<J
data: {train: $work/ids.csv, standardize: false, header: no}
model:
  kind: layers
  layers:
    - embedding: {width: $width, rows: $rows, sparse: $2}
    - flatten
    - linear: 64
    - relu
    - linear: classes
train: {batch: $batch, optimizer: $optimizer, learning_rate: 0.001}
checkpoint: {every_epochs: 0}
J
}
job sparse true
job dense false

for round in $(seq 1 "$rounds"); do
  for kind in sparse dense; do
    our_step "$agents" "$work/$kind.yaml" --steps "$steps" >"$work/out"
    field median <"$work/out" >>"$work/$kind.seconds"
  done
done
for kind in sparse dense; do
  "$program" train "$work/$kind.yaml" -n "$agents" --set parallel.lanes=1 --set train.steps="$steps" --out "$work/run-$kind" -q
  field peak_bytes <"$work/run-$kind/report.json" >"$work/$kind.bytes"
done

row() { sort -g "$work/$1.seconds" | awk -v middle="$(median <"$work/$1.seconds")" 'NR == 1 { least = $1 } END { print middle, least, $1 }'; }
{ echo "sparse $(row sparse) $(cat "$work/sparse.bytes")"; echo "dense $(row dense) $(cat "$work/dense.bytes")"; } |
  awk -v json=$json -v machine="$machine" -v what="table of $rows x $width, batch $batch, $columns numbers for each sample, $optimizer, $agents agents" '
  { seconds[$1] = $2; least[$1] = $3; most[$1] = $4; bytes[$1] = $5 }
  END {
    ratio = seconds["dense"] / seconds["sparse"]
    if (json) {
      printf "{\"what\": \"%s\", \"machine\": \"%s\", \"sparse_seconds\": %g, \"dense_seconds\": %g, \"ratio\": %.1f, \"sparse_bytes\": %d, \"dense_bytes\": %d}\n", what, machine, seconds["sparse"], seconds["dense"], ratio, bytes["sparse"], bytes["dense"]
      exit
    }
    print what; print machine
    printf "%-8s %12s %12s %12s %14s\n", "", "step, ms", "least", "most", "memory, MiB"
    for (i = 1; i <= 2; i++) {
      kind = i == 1 ? "sparse" : "dense"
      printf "%-8s %12.3f %12.3f %12.3f %14.1f\n", kind, seconds[kind] * 1e3, least[kind] * 1e3, most[kind] * 1e3, bytes[kind] / 1048576
    }
    printf "dense / sparse: %.1f\n", ratio
  }'
