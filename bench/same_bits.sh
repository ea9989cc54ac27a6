#!/bin/sh
# What the same bits on any number of agents cost: a step with 8 shards, each with a gradient of its own and all summed
# in the fixed tree, against a step in which each agent computes one micro-batch and one gradient, and these
# are summed plainly.
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

step_ms() { # AGENTS SHARDS
  our_step "$1" "$job" --steps "$steps" --set train.shards="$2" >"$work/one.json"
  field median <"$work/one.json" | awk '{ print 1000 * $1 }'
}

for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  for agents in 1 2; do
    if [ $((round % 2)) = 1 ]; then
      tree=$(step_ms $agents 8) plain=$(step_ms $agents $agents)
    else
      plain=$(step_ms $agents $agents) tree=$(step_ms $agents 8)
    fi
    echo "$tree" >>"$work/tree.$agents"
    echo "$plain" >>"$work/plain.$agents"
    awk -v tree="$tree" -v plain="$plain" 'BEGIN { print 100 * (tree / plain - 1) }' >>"$work/cost.$agents"
  done
done

library=$(field library <"$work/one.json")
if [ $json = 1 ]; then
  printf '{"bench": "same_bits", "job": "%s", "rounds": %d, "steps": %d, "machine": "%s", "kernels": "%s", "rows": [' \
    "$job" "$rounds" "$steps" "$machine" "$library"
  for agents in 1 2; do
    if [ $agents = 2 ]; then printf ', '; fi
    printf '{"agents": %d, "shards8_ms": %.4g, "plain_ms": %.4g, "cost_percent": %.3g}' $agents \
      "$(median <"$work/tree.$agents")" "$(median <"$work/plain.$agents")" "$(median <"$work/cost.$agents")"
  done
  echo ']}'
else
  printf 'cost of 8 shards and the fixed tree; %s, %d rounds of %d steps\n%s; %s\n\n' "$job" "$rounds" "$steps" "$machine" "$library"
  printf '%8s %16s %24s %10s\n' agents '8 shards, ms' '1 gradient per agent, ms' 'cost, %'
  for agents in 1 2; do
    printf '%8d %16.3f %24.3f %10.1f\n' $agents "$(median <"$work/tree.$agents")" "$(median <"$work/plain.$agents")" \
      "$(median <"$work/cost.$agents")"
  done
fi
