#!/bin/sh
# Training from a slow origin through tiers (share.mode tiered): four agents on four hosts that this machine plays, memory for
# 0.27 of the data on each, an HTTP server that sends 20 MB a second to all together.
#
#   bench/tiers.sh [--copies N] [--rate BYTES] [--memory PART] [--units N] [--rounds N] [--without alone] [--build DIR]
#
# The data are N copies (5, about 1 GB) of Fashion-MNIST as float32, each shifted otherwise, prepared once. Printed are the
# samples per second of each epoch: out of memory (share.mode none), through tiers, and through tiers without peers; how often
# the origin was read, by the program's count and by the server's; and whether the models have the same bits.
# The model has one hidden layer of so many units: with 512 it takes some 300 MB a second on two processors, with 96 over 1000.
#   memory   the same set mapped from the file cache; N rounds (2), one behind the others
#   tiers    three epochs; the first has to wait for the origin
#   alone    two epochs with share.peers: false
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
copies=5 rate=20000000 memory=0.27 units=512 rounds=2 build=build alone=1
while [ $# -gt 0 ]; do
  case $1 in
    --copies) copies=$2; shift ;;
    --rate) rate=$2; shift ;;
    --memory) memory=$2; shift ;;
    --units) units=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --without) alone=0; shift ;;
    --build) build=$2; shift ;;
    *) sed -n 's/^#   bench/usage: bench/p' "$0" | head -n 1 >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
cmake --build "$build" --target tiers_server tiers_shifted >/dev/null
program=$(cd "$build" && pwd)/ddla
machine=$(machine)
work=$(mktemp -d)
server=
stop_server() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  server=
}
trap 'stop_server; rm -rf "$work"' EXIT INT TERM

"$build/bin/tiers_shifted" /usr/share/datasets/fashion-mnist "$copies" "$work/set"
cat >"$work/job.yaml" <<J
data: {train: $work/set, mean: [0.286], std: [0.353], verify: index}
model: {kind: layers, layers: [flatten, linear: $units, relu, linear: classes]}
train: {batch: 4096, epochs: 3, learning_rate: 0.02}
parallel: {agents: 4, hosts: 4}
checkpoint: {every_epochs: 0}
output: {overwrite: true, events: false}
J

# run NAME ARGUMENT...: the epochs' samples per second, a line each, in NAME.rates
run() {
  name=$1
  shift
  "$program" train -q "$work/job.yaml" --out "$work/$name" "$@" >/dev/null
  while read -r row; do echo "$row" | field samples_per_second; done <"$work/$name/metrics.jsonl" >"$work/$name.rates"
}

# from_origin NAME ARGUMENT...: the same, with the server
from_origin() {
  name=$1
  shift
  rm -f "$work/port"
  "$build/bin/tiers_server" "$work/set" "$work/port" rate "$rate" count "$work/$name.sent" &
  server=$!
  while [ ! -s "$work/port" ]; do sleep 0.05; done
  run "$name" --set share.mode=tiered --set "data.train=http://127.0.0.1:$(cat "$work/port")" \
    --set "share.memory=$memory" "$@"
  stop_server
}

share_of() { # NAME KEY
  sed -n '/"share": {/,/}/p' "$work/$1/report.json" | field "$2"
}

show() { # NAME
  printf '%-8s' "$1"
  awk '{ printf "%10.0f", $1 }' "$work/$1.rates"
  echo
}

run memory
from_origin tiers
if [ $alone -eq 1 ]; then from_origin alone --set share.peers=false --set train.epochs=2 --set train.steps=0; fi
cp "$work/memory.rates" "$work/all.rates"
for round in $(seq 2 "$rounds"); do
  run "memory-$round"
  cat "$work/memory-$round.rates" >>"$work/all.rates"
done

echo "tiers, $machine"
echo "samples per second by epoch, $(du -sk "$work/set" | cut -f1) KiB of data, origin $rate B/s, memory $memory on each of 4 hosts"
show memory
show tiers
[ $alone -eq 0 ] || show alone
whole=$(median <"$work/all.rates")
later=$(tail -n +2 "$work/tiers.rates" | median)
echo "out of memory: $whole samples/s (median), $(echo "$whole" | awk '{ printf "%.0f", $1 * 3136 / 1e6 }') MB/s"
awk -v a="$later" -v b="$whole" 'BEGIN { printf "from the second epoch on: %.3f of it (wanted 0.91)\n", a / b }'
awk -v a="$(share_of tiers origin_bytes)" -v b="$(share_of tiers data_bytes)" -v c="$(cat "$work/tiers.sent")" 'BEGIN {
  printf "each byte of the origin was read %.4f times in 3 epochs (at most 1.02); the server has sent %.4f of the features, with labels and index\n", a / b, c / b }'
if [ $alone -eq 1 ]; then
  awk -v a="$later" -v b="$(tail -n 1 "$work/alone.rates")" 'BEGIN { printf "without peers the second epoch takes %.1f times as long (wanted 4)\n", a / b }'
fi
if cmp -s "$work/memory/model.safetensors" "$work/tiers/model.safetensors"; then echo "models: the same bits"; else echo "models: DIFFERENT"; fi
