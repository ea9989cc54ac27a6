#!/bin/sh
# Messages between two processes under an MPI launcher: transport mpi against a program that calls MPI by itself.
#
#   bench/link.sh [--library openmpi|mpich] [--rounds N] [--build DIR] [-- LAUNCHER OPTIONS...]
#
# Rounds are interleaved; a round's figure is the median of its calls (ping-pong: one way, from an answer to the next;
# stream: eight messages under way at once, one direction), the table shows the least of the rounds, since other programs
# may run beside. Options behind -- go to the launcher, for example a file of hosts.
set -eu
cd "$(dirname "$0")/.."
library=openmpi rounds=5 build=build
while [ $# -gt 0 ]; do
  case $1 in
    --library) library=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --build) build=$2; shift ;;
    --) shift; break ;;
    *) echo "usage: bench/link.sh [--library openmpi|mpich] [--rounds N] [--build DIR] [-- LAUNCHER OPTIONS...]" >&2; exit 2 ;;
  esac
  shift
done
. bench/measure.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cmake --build "$build" --target ddla_static "ddla_mpi_$library" >&2
ln -s "$(cd "$build" && pwd)/plugins" "$work/plugins"
# shellcheck disable=SC2046 # the libraries are words
${CC:-cc} -O3 -std=c11 -D_GNU_SOURCE -I. -Iinclude -Isrc bench/link.c "$(find "$build" -name libddla.a | head -n 1)" \
  -lpthread -lm -ldl -o "$work/ours"
"mpicc.$library" -O3 -D_GNU_SOURCE -Ibench bench/peer_link_mpi.c -o "$work/peer"
settings=
if [ "$library" = openmpi ]; then
  settings="--bind-to none"
  if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
fi
machine
"mpirun.$library" --version | head -n 2
round=0
while [ $round -lt "$rounds" ]; do
  round=$((round + 1))
  # shellcheck disable=SC2086 # words
  for side in ours peer; do "mpirun.$library" $settings "$@" -n 2 "$work/$side" >>"$work/lines"; done
done

printf '%-9s %10s %12s %12s %8s %12s %12s\n' pattern bytes "ours us" "MPI us" ratio "ours MB/s" "MPI MB/s"
cut -d' ' -f2,3 "$work/lines" | sort -u -k1,1 -k2,2n | while read -r pattern bytes; do
  ours=$(awk -v p="$pattern" -v b="$bytes" '$1 == "ours" && $2 == p && $3 == b { print $4 }' "$work/lines" | sort -g | head -n 1)
  peer=$(awk -v p="$pattern" -v b="$bytes" '$1 == "peer" && $2 == p && $3 == b { print $4 }' "$work/lines" | sort -g | head -n 1)
  awk -v p="$pattern" -v b="$bytes" -v o="$ours" -v m="$peer" \
    'BEGIN { printf "%-9s %10d %12.1f %12.1f %8.2f %12.0f %12.0f\n", p, b, o, m, o / m, b / o, b / m }'
done
