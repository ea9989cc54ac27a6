#!/bin/sh
# From launch to the end of the first step of the demo's job: a new process each time, data files in the page cache.
#
#   bench/launch.sh [--json] [--rounds N] [--agents N] [--build DIR] [JOB.yaml]
#
# inside    train.first_step_seconds of the report: from main() to the commit of step 1
# outside   from before the shell starts the program to the row that the run writes to metrics.jsonl right after that
#           step (train.steps=1 ends the epoch there); the file's time is exact to a tick of the kernel's clock
# Medians, least and most.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=10 agents=2 json=0 build=build job=examples/fashion-mnist.yaml target=0.4
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --agents) agents=$2; shift ;;
    --build) build=$2; shift ;;
    *.yaml) job=$1 ;;
    *) echo "usage: bench/launch.sh [--json] [--rounds N] [--agents N] [--build DIR] [JOB.yaml]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)

for round in $(seq 1 "$rounds"); do
  begin=$(date +%s.%N)
  "$program" train "$job" -n "$agents" --set train.steps=1 --out "$work/run" -q
  end=$(stat -c %.9Y "$work/run/metrics.jsonl")
  field first_step_seconds <"$work/run/report.json" >>"$work/inside"
  echo "$begin $end" | awk '{ printf "%.4f\n", $2 - $1 }' >>"$work/outside"
  rm -r "$work/run"
done

row() { sort -g "$work/$1" | awk -v middle="$(median <"$work/$1")" 'NR == 1 { least = $1 } END { print middle, least, $1 }'; }
set -- $(row inside) $(row outside)
if [ $json = 1 ]; then
  printf '{"bench": "launch", "job": "%s", "agents": %d, "rounds": %d, "machine": "%s", "target_seconds": %s, ' \
    "$job" "$agents" "$rounds" "$machine" $target
  printf '"inside_seconds": {"median": %s, "least": %s, "most": %s}, ' "$1" "$2" "$3"
  printf '"outside_seconds": {"median": %s, "least": %s, "most": %s}}\n' "$4" "$5" "$6"
else
  printf 'launch to first finished step; %s on %d agents, %d launches, target %s s\n%s\n\n' "$job" "$agents" "$rounds" $target "$machine"
  printf '%-10s %10s %10s %10s\n' seconds median least most
  printf '%-10s %10.3f %10.3f %10.3f\n' inside "$1" "$2" "$3" outside "$4" "$5" "$6"
fi
