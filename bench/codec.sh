#!/bin/sh
# Codecs of updates on one core against memcpy of the same fp32 array.
#
#   bench/codec.sh [--rounds N] [--build DIR] [-- OPTIONS OF ddla bench codec...]
#
# `ddla bench codec` times memcpy and what a codec does in turns and takes ratios within each turn; a round here is one
# call of it, pinned to a processor, and the table shows medians over rounds: GB/s of the fp32 array, and in brackets
# memcpy's time over the codec's.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=5 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --build) build=$2; shift ;;
    --) shift; break ;;
    *) echo "usage: bench/codec.sh [--rounds N] [--build DIR] [-- OPTIONS OF ddla bench codec...]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
machine
for round in $(seq 1 "$rounds"); do
  echo "round $round of $rounds" >&2
  taskset -c "$(processor_list 1)" "$program" bench codec "$@" >"$work/one"
  sed -n '4,$p' "$work/one" >>"$work/lines"
done
head -n 1 "$work/one"
echo

column() { # CODEC COLUMN: its median
  awk -v codec="$1" -v column="$2" '$1 == codec { print $column }' "$work/lines" | median
}
printf '%-8s %10s %8s %15s %15s %15s %15s\n' codec 'bytes each' memcpy encode feedback decode add
sed -n '4,$p' "$work/one" | while read -r codec bytes rest; do
  printf '%-8s %10s %8.2f' "$codec" "$bytes" "$(column "$codec" 3)"
  for first in 4 6 8 10; do
    printf ' %7.2f (%5.2f)' "$(column "$codec" $first)" "$(column "$codec" $((first + 1)))"
  done
  echo
done
