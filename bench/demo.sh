#!/bin/sh
# The demo's job as a whole: accuracy on the test set, time of training, time of the whole command.
#
#   bench/demo.sh [--json] [--rounds N] [--agents "1 2"] [--build DIR] [JOB.yaml]
#
# Medians over rounds; all runs must leave the same model file, else exit status 1.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=3 agents="1 2" json=0 build=build job=examples/fashion-mnist.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --agents) agents=$2; shift ;;
    --build) build=$2; shift ;;
    *.yaml) job=$1 ;;
    *) echo "usage: bench/demo.sh [--json] [--rounds N] [--agents \"1 2\"] [--build DIR] [JOB.yaml]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)

for round in $(seq 1 "$rounds"); do
  for count in $agents; do
    echo "round $round of $rounds, $count agents" >&2
    begin=$(date +%s.%N)
    "$program" train "$job" -n "$count" --out "$work/run" -q
    date +"%s.%N $begin" | awk '{ print $1 - $2 }' >>"$work/whole.$count"
    for key in seconds samples_per_second sha256; do
      field $key <"$work/run/report.json" >>"$work/$key.$count"
    done
    # "accuracy" stands twice; the one behind "test" is that of the test set
    sed -n '/"test"/,$p' "$work/run/report.json" | field accuracy >>"$work/accuracy.$count"
    lanes=$(field lanes <"$work/run/report.json")
    echo "$lanes" >"$work/lanes.$count"
    rm -r "$work/run"
  done
done

models=$(cat "$work"/sha256.* | sort -u | wc -l)
if [ $json = 1 ]; then
  printf '{"bench": "demo", "job": "%s", "rounds": %d, "machine": "%s", "models": %d, "rows": [' "$job" "$rounds" "$machine" "$models"
else
  printf '%s, %d rounds; different model files: %d\n%s\n\n' "$job" "$rounds" "$models" "$machine"
  printf '%8s %8s %14s %14s %14s %14s\n' agents lanes 'test accuracy' 'training, s' 'samples/s' 'command, s'
fi
comma=
for count in $agents; do
  if [ $json = 1 ]; then
    printf '%s{"agents": %d, "lanes": %d, "test_accuracy": %s, "train_seconds": %s, "samples_per_second": %s, "command_seconds": %s}' \
      "$comma" "$count" "$(cat "$work/lanes.$count")" "$(median <"$work/accuracy.$count")" "$(median <"$work/seconds.$count")" \
      "$(median <"$work/samples_per_second.$count")" "$(median <"$work/whole.$count")"
    comma=', '
  else
    printf '%8d %8d %14.4f %14.2f %14.0f %14.2f\n' "$count" "$(cat "$work/lanes.$count")" "$(median <"$work/accuracy.$count")" \
      "$(median <"$work/seconds.$count")" "$(median <"$work/samples_per_second.$count")" "$(median <"$work/whole.$count")"
  fi
done
if [ $json = 1 ]; then echo ']}'; fi
[ "$models" = 1 ]
