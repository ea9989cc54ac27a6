#!/bin/sh
# What the same bits on any number of agents cost: a step with 8 shards, each with a gradient of its own and all summed
# in the fixed tree, against a step in which each agent computes one micro-batch and one gradient, and these
# are summed plainly. The plain side is measured twice: with the micro-batch as large as the agent's part of the batch, and
# with the micro-batches of 16 that 8 shards make, added up into one gradient; the latter has the same kernels on the same
# shapes, so that only the gradients and their sums differ.
#
#   bench/same_bits.sh [--json] [--rounds N] [--steps N] [--build DIR] [JOB.yaml]
#
# Both are `ddla bench step` on the demo's job with one lane for each agent, pinned; the plain side has
# train.shards = agents. Rounds are interleaved; a round's figure is the median step, the ratio is taken in each
# round, and the table shows medians over rounds.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=9 steps=100 json=0 build=build job=examples/fashion-mnist.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --build) build=$2; shift ;;
    *.yaml) job=$1 ;;
    *) echo "usage: bench/same_bits.sh [--json] [--rounds N] [--steps N] [--build DIR] [JOB.yaml]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)

step_ms() { # AGENTS SHARDS MICRO_BATCH
  our_step "$1" "$job" --steps "$steps" --set train.shards="$2" --set train.micro_batch="$3" >"$work/one.json"
  field median <"$work/one.json" | awk '{ print 1000 * $1 }'
}

cost() { awk -v tree="$1" -v plain="$2" 'BEGIN { print 100 * (tree / plain - 1) }'; }

for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  for agents in 1 2; do
    for side in $(if [ $((round % 2)) = 1 ]; then echo tree whole parts; else echo parts whole tree; fi); do
      case $side in
        tree) tree=$(step_ms $agents 8 0) ;;
        whole) whole=$(step_ms $agents $agents 0) ;;
        parts) parts=$(step_ms $agents $agents 16) ;;
      esac
    done
    echo "$tree" >>"$work/tree.$agents"
    echo "$whole" >>"$work/whole.$agents"
    echo "$parts" >>"$work/parts.$agents"
    cost "$tree" "$whole" >>"$work/cost_whole.$agents"
    cost "$tree" "$parts" >>"$work/cost_parts.$agents"
  done
done

library=$(field library <"$work/one.json")
if [ $json = 1 ]; then
  printf '{"bench": "same_bits", "job": "%s", "rounds": %d, "steps": %d, "machine": "%s", "kernels": "%s", "rows": [' \
    "$job" "$rounds" "$steps" "$machine" "$library"
  for agents in 1 2; do
    if [ $agents = 2 ]; then printf ', '; fi
    printf '{"agents": %d, "shards8_ms": %.4g, "whole_ms": %.4g, "parts_ms": %.4g, ' $agents \
      "$(median <"$work/tree.$agents")" "$(median <"$work/whole.$agents")" "$(median <"$work/parts.$agents")"
    printf '"cost_over_whole_percent": %.3g, "cost_over_parts_percent": %.3g}' \
      "$(median <"$work/cost_whole.$agents")" "$(median <"$work/cost_parts.$agents")"
  done
  echo ']}'
else
  printf 'cost of 8 shards and the fixed tree; %s, %d rounds of %d steps\n%s; %s\n\n' "$job" "$rounds" "$steps" "$machine" "$library"
  printf '%8s %13s %34s %34s\n' '' '8 shards' 'one micro-batch for each agent' 'micro-batches of 16 added up'
  printf '%8s %13s %23s %10s %23s %10s\n' agents ms ms 'cost, %' ms 'cost, %'
  for agents in 1 2; do
    printf '%8d %13.3f %23.3f %10.1f %23.3f %10.1f\n' $agents "$(median <"$work/tree.$agents")" \
      "$(median <"$work/whole.$agents")" "$(median <"$work/cost_whole.$agents")" \
      "$(median <"$work/parts.$agents")" "$(median <"$work/cost_parts.$agents")"
  done
fi
