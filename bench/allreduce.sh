#!/bin/sh
# All-reduce of f32 between agents of this machine: ours against Open MPI and against one core's memcpy.
#
#   bench/allreduce.sh [--json] [--rounds N] [--build DIR] [--agents "2 4"] [--sizes "4096 65536"]
#
# Rounds are interleaved (ours, peer, memcpy, again), ranks are pinned alike on both sides, buffers get fresh data
# before every call, every result is checked (once all have it), a call's time is that of its slowest rank, a round's figure is
# the median over its calls, and the table shows the median over rounds. The peer runs with several
# settings, and each size counts its best one. Exit status 1 if a result was wrong.
set -eu
cd "$(dirname "$0")/.."
rounds=5 json=0 build=build agents="2 4"
sizes="4096 16384 65536 262144 1048576 4194304 16777216 67108864"
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --build) build=$2; shift ;;
    --agents) agents=$2; shift ;;
    --sizes) sizes=$2; shift ;;
    *) echo "usage: bench/allreduce.sh [--json] [--rounds N] [--build DIR] [--agents \"2 4\"] [--sizes \"4096 65536\"]" >&2; exit 2 ;;
  esac
  shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cores=$(nproc)

cmake --build "$build" --target ddla_static >&2
${CC:-cc} -O3 -std=c11 -D_GNU_SOURCE -I. -Iinclude -Isrc bench/allreduce.c "$(find "$build" -name libddla.a | head -n 1)" \
  -lpthread -lm -o "$work/ours"
peer=0
if command -v mpicc >/dev/null && command -v mpirun >/dev/null; then
  mpicc -O3 -D_GNU_SOURCE -I. bench/peer_allreduce_mpi.c -o "$work/peer" && peer=1
else
  echo "no Open MPI here: only our side is measured" >&2
fi
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# Yielding while idle is the peer's documented setting for more ranks than cores, and harms where there are not.
run_peer() { # name, ranks, settings...
  name=$1 ranks=$2
  shift 2
  idle=0
  if [ "$ranks" -gt "$cores" ]; then idle=1; fi
  mpirun -n "$ranks" --oversubscribe --bind-to none --mca mpi_yield_when_idle $idle "$@" \
    "$work/peer" "$name" $sizes >>"$work/lines" || echo "the peer failed with: $*" >&2
}

tuned="--mca coll_tuned_use_dynamic_rules 1 --mca coll_tuned_allreduce_algorithm"
round=0
while [ $round -lt "$rounds" ]; do
  round=$((round + 1))
  echo "round $round of $rounds" >&2
  "$work/ours" 1 memcpy $sizes >>"$work/lines"
  for ranks in $agents; do
    for output in own common private; do "$work/ours" "$ranks" $output $sizes >>"$work/lines"; done
    if [ $peer = 0 ]; then continue; fi
    run_peer mpi:default "$ranks"
    run_peer mpi:no_single_copy "$ranks" --mca btl_vader_single_copy_mechanism none
    run_peer mpi:recursive_doubling "$ranks" $tuned 3
    run_peer mpi:ring "$ranks" $tuned 4
    run_peer mpi:segmented_ring "$ranks" $tuned 5
    run_peer mpi:rabenseifner "$ranks" $tuned 6
  done
done

load=$(cut -d' ' -f1 /proc/loadavg)
cpu=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)
vector=$(grep -o -m1 -w avx512f /proc/cpuinfo || grep -o -m1 -w avx2 /proc/cpuinfo || echo plain)
mpi="none"
if [ $peer = 1 ]; then mpi=$(mpirun --version | head -n 1); fi
awk -v json=$json -v rounds="$rounds" -v cores="$cores" -v cpu="$cpu" -v vector="$vector" -v mpi="$mpi" \
  -v load="$load" -v agents="$agents" -v sizes="$sizes" -f bench/allreduce.awk "$work/lines"
