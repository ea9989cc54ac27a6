#!/bin/sh
# A training step at bf16 against the same at fp32 (train.precision), one agent of one lane, pinned.
#
#   bench/precision.sh [--json] [--rounds N] [--steps N] [--build DIR] [--text FILE] [JOB.yaml]...
#
# Without a job: `resnet` of depth 20 and width 16 on Fashion-MNIST in batches of 128, and with --text also
# examples/gpt.yaml on that text. Rounds are interleaved; a round's figure is the median step of `ddla bench step` in
# processor time of its one thread, so that other programs matter little; the ratio is taken in each round, and the table
# shows medians over rounds.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=7 steps=10 json=0 build=build text= jobs=
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --build) build=$2; shift ;;
    --text) text=$2; shift ;;
    *.yaml) jobs="$jobs $1" ;;
    *) echo "usage: bench/precision.sh [--json] [--rounds N] [--steps N] [--build DIR] [--text FILE] [JOB.yaml]..." >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)
if [ -z "$jobs" ]; then
  cat >"$work/resnet.yaml" <<'J'
data: {train: /usr/share/datasets/fashion-mnist}
model: {kind: resnet, depth: 20}
train: {batch: 128, shards: 8, learning_rate: 0.1}
J
  jobs=$work/resnet.yaml
  if [ -n "$text" ]; then jobs="$jobs examples/gpt.yaml"; fi
fi

step_ms() { # JOB PRECISION
  our_step 1 "$1" --steps "$steps" --set train.precision="$2" ${text:+$(of_text "$1")} >"$work/one.json"
  field processor_seconds <"$work/one.json" | awk '{ print 1000 * $1 }'
}

of_text() { # JOB: the option that gives a job for text its text
  if grep -q language-modelling "$1"; then echo "--set data.train=$text"; fi
}

for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  for job in $jobs; do
    name=$(basename "$job" .yaml)
    for precision in $(if [ $((round % 2)) = 1 ]; then echo fp32 bf16; else echo bf16 fp32; fi); do
      step_ms "$job" "$precision" >"$work/last.$precision"
      cat "$work/last.$precision" >>"$work/$name.$precision"
    done
    awk -v bf16="$(cat "$work/last.bf16")" '{ print $1 / bf16 }' "$work/last.fp32" >>"$work/$name.ratio"
  done
done

library=$(field library <"$work/one.json")
if [ $json = 1 ]; then
  printf '{"bench": "precision", "rounds": %d, "steps": %d, "machine": "%s", "kernels": "%s", "rows": [' \
    "$rounds" "$steps" "$machine" "$library"
else
  printf 'a step at bf16 and at fp32; %d rounds of %d steps\n%s; %s\n\n' "$rounds" "$steps" "$machine" "$library"
  printf '%-16s %12s %12s %12s\n' job 'fp32, ms' 'bf16, ms' 'fp32 / bf16'
fi
comma=
for job in $jobs; do
  name=$(basename "$job" .yaml)
  if [ $json = 1 ]; then
    printf '%s{"job": "%s", "fp32_ms": %.4g, "bf16_ms": %.4g, "ratio": %.3g}' "$comma" "$name" \
      "$(median <"$work/$name.fp32")" "$(median <"$work/$name.bf16")" "$(median <"$work/$name.ratio")"
    comma=', '
  else
    printf '%-16s %12.2f %12.2f %12.2f\n' "$name" "$(median <"$work/$name.fp32")" \
      "$(median <"$work/$name.bf16")" "$(median <"$work/$name.ratio")"
  fi
done
if [ $json = 1 ]; then echo ']}'; fi
