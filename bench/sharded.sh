#!/bin/sh
# sync.method: sharded against allreduce, over emulated hosts (tools/netlab; needs root): time of training and peak
# memory.
#
#   bench/sharded.sh [--rounds N] [--steps N] [--rate MBIT] [--hosts "2 4"] [--build DIR] [--quiet PROGRAM]
#
# The job is an MLP of 5.8 million parameters with AdamW, one agent of one lane on each host. Rounds are interleaved;
# times are medians, over rounds, of training with its last checkpoint, which for `sharded` brings moments over the
# network; memory is the largest agent's peak. All hosts share this machine's processors. PROGRAM runs each measurement,
# as `PROGRAM command...`.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=3 steps=8 rate=1000 hosts="2 4" build=build quiet=env
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --rate) rate=$2; shift ;;
    --hosts) hosts=$2; shift ;;
    --build) build=$2; shift ;;
    --quiet) quiet=$2; shift ;;
    *) echo "usage: bench/sharded.sh [--rounds N] [--steps N] [--rate MBIT] [--hosts \"2 4\"] [--build DIR]" >&2; exit 2 ;;
  esac
  shift
done
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine=$(machine)
cat >"$work/job.yaml" <<J
data: {train: "synthetic:28x28x1:10:4096"}
model: {kind: mlp, hidden: [2048, 2048]}
train: {shards: 4, batch: 512, steps: $steps, epochs: 100, optimizer: adamw, learning_rate: 0.0005}
parallel: {lanes: 1}
J

one() { # HOSTS METHOD
  rm -rf "$work/run"
  BUILD="$build" "$quiet" tools/netlab/netlab with "$1" --rate "$rate" -- run "$build/ddla" train -q \
    "$work/job.yaml" --set "sync.method=$2" --out "$work/run" >"$work/words" 2>&1 || { cat "$work/words" >&2; exit 1; }
  field seconds <"$work/run/report.json" >>"$work/$1.$2.seconds"
  sed -n 's/^ *"peak_bytes": \([0-9]*\),*/\1/p' "$work/run/report.json" | sort -n | tail -n 1 >>"$work/$1.$2.peak"
  field sha256 <"$work/run/report.json" >>"$work/shas"
}

for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  for count in $hosts; do
    for method in $(if [ $((round % 2)) = 1 ]; then echo allreduce sharded; else echo sharded allreduce; fi); do
      one "$count" "$method"
    done
    paste "$work/$count.sharded.seconds" "$work/$count.allreduce.seconds" |
      awk '{ print $1 / $2 }' >"$work/$count.ratio"
  done
done
[ "$(sort -u "$work/shas" | wc -l)" = 1 ] || { echo "models differ" >&2; exit 1; }
echo "$machine; $rate Mbit/s, $steps steps, $rounds rounds"
echo "hosts  allreduce s  sharded s  ratio  allreduce MiB  sharded MiB"
for count in $hosts; do
  for part in allreduce.seconds sharded.seconds ratio allreduce.peak sharded.peak; do
    median <"$work/$count.$part"
  done | paste -s | awk -v hosts="$count" '{
    printf "%5d  %11.2f  %9.2f  %5.3f  %13.1f  %11.1f\n", hosts, $1, $2, $3, $4 / 1048576, $5 / 1048576 }'
done
