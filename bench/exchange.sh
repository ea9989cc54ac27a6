#!/bin/sh
# The exchange between hosts, over emulated networks (tools/netlab/netlab; Linux, root).
#
#   bench/exchange.sh [--rounds N] [--build DIR] [bandwidth] [ring] [delay] [overlap]
#
# bandwidth  4 hosts, 1 Gbit/s, 64 MiB of gradient: `ddla bench exchange` beside Open MPI's MPI_Allreduce and one TCP
#            connection. The bus's rate is 2 (H - 1) / H of the bytes over the time.
# ring       2 hosts of 2 agents, 1 Gbit/s, 64 MiB: beside Open MPI's ring over all 4
# delay      4 hosts, 100 Mbit/s, 20 ms one way, 16 and 64 MiB
# overlap    4 hosts, 1 Gbit/s: a backward pass (slept, so that hosts do not compete for this machine) so long that the
#            exchange takes 0.5, 0.75 and 0.8 of it; what is left after it, and the step without any overlap
#
# Sides alternate, a round's figure is the median of its exchanges, the table shows the median of the rounds.
set -eu
cd "$(dirname "$0")/.."
rounds=3 build=build chosen=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --build) build=$2; shift ;;
    bandwidth | ring | delay | overlap) chosen="$chosen $1" ;;
    *) echo "usage: bench/exchange.sh [--rounds N] [--build DIR] [bandwidth] [ring] [delay] [overlap]" >&2; exit 2 ;;
  esac
  shift
done
[ -n "$chosen" ] || chosen="bandwidth ring delay overlap"
. bench/measure.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cmake --build "$build" --target ddla ddla_netlab ddla_mpi_openmpi >&2
mpicc.openmpi -O3 -D_GNU_SOURCE -Ibench bench/peer_allreduce_mpi.c -o "$work/peer"
program=$build/ddla
netlab=tools/netlab/netlab
machine

# What one connection carries, MB/s: the rate counts whole frames, of which 1448 of 1514 bytes are data.
goodput() { # HOSTS SETTINGS...
  "$netlab" with "$@" -- check | sed -n 's/^rate:.* \([0-9.]*\) reached.*/\1/p' | awk '{ print $1 / 8 * 1448 / 1514 }'
}

# Milliseconds of a step's exchange.
ours() { # BYTES HOSTS SETTINGS... -- OPTIONS OF run... -- OPTIONS OF bench exchange...
  bytes=$1
  shift
  lab= how=
  while [ "$1" != -- ]; do lab="$lab $1"; shift; done
  shift
  while [ "$1" != -- ]; do how="$how $1"; shift; done
  shift
  # shellcheck disable=SC2086 # words
  "$netlab" with $lab -- run $how "$program" bench exchange --bytes "$bytes" --rounds 5 --json "$@" >"$work/out"
  field "${figure:-median_ms}" <"$work/out"
}

peer() { # BYTES HOSTS SETTINGS... -- OPTIONS OF run...
  bytes=$1
  shift
  lab=
  while [ "$1" != -- ]; do lab="$lab $1"; shift; done
  shift
  # shellcheck disable=SC2086 # words
  "$netlab" with $lab -- run "$@" "$work/peer" mpi "$bytes" | awk '$1 == "mpi" { print $4 / 1000 }'
}

bus() { awk -v h="$1" -v b="$2" -v t="$3" 'BEGIN { printf "%.1f", 2 * (h - 1) / h * b / t / 1000 }'; }

compare() { # NAME HOSTS BYTES FILE(ours) FILE(peer) RATE
  a=$(median <"$4") b=$(median <"$5")
  printf '%-12s %6s %10s %10.0f %10.0f %10s %10s %10.1f %9.2f %9.2f\n' "$1" "$2" "$3" "$a" "$b" \
    "$(bus "$2" "$3" "$a")" "$(bus "$2" "$3" "$b")" "$6" \
    "$(awk -v x="$(bus "$2" "$3" "$a")" -v y="$6" 'BEGIN { print x / y }')" "$(awk -v x="$a" -v y="$b" 'BEGIN { print y / x }')"
}

head_line() {
  printf '\n%-12s %6s %10s %10s %10s %10s %10s %10s %9s %9s\n' "$1" hosts bytes "ours ms" "MPI ms" "ours MB/s" "MPI MB/s" \
    "TCP MB/s" "of TCP" "of MPI"
}

both() { # NAME HOSTS BYTES LAB... -- OPTIONS OF MPI'S SIDE...
  name=$1 hosts=$2 size=$3
  shift 3
  lab=
  while [ "$1" != -- ]; do lab="$lab $1"; shift; done
  shift
  : >"$work/ours"
  : >"$work/peers"
  round=0
  while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    # shellcheck disable=SC2086 # words
    ours "$size" $lab -- ${per:-} -- >>"$work/ours"
    # shellcheck disable=SC2086 # words
    peer "$size" $lab -- ${per:-} "$@" >>"$work/peers"
  done
  # shellcheck disable=SC2086 # words
  rate=$(goodput $lab)
  compare "$name" "$hosts" "$size" "$work/ours" "$work/peers" "$rate"
}

mib=1048576
for what in $chosen; do
  per=
  case $what in
    bandwidth)
      head_line bandwidth
      both "1 Gbit/s" 4 $((64 * mib)) 4 --rate 1000 -- ;;
    ring)
      head_line ring
      per="--per-host 2"
      OMPI_MCA_coll_tuned_use_dynamic_rules=1 OMPI_MCA_coll_tuned_allreduce_algorithm=4 \
        both "1 Gbit/s" 2 $((64 * mib)) 2 --rate 1000 -- ;;
    delay)
      head_line delay
      for size in 16 64; do both "100 Mb 20 ms" 4 $((size * mib)) 4 --rate 100 --delay 20 --; done ;;
    overlap)
      size=$((32 * mib))
      printf '\n%-10s %14s %14s %14s %14s %14s %9s\n' overlap "exchange ms" "backward ms" "step ms" "exposed" "without ms" gain
      for share in 0.5 0.75 0.8; do
        for kind in alone with late; do : >"$work/$kind"; done
        : >"$work/hidden"
        round=0
        while [ $round -lt "$rounds" ]; do
          round=$((round + 1))
          ours "$size" 4 --rate 1000 -- -- >>"$work/alone"
          pass=$(awk -v t="$(median <"$work/alone")" -v s=$share 'BEGIN { printf "%d", t / s }')
          ours "$size" 4 --rate 1000 -- -- --compute-ms "$pass" >>"$work/with"
          field hidden <"$work/out" >>"$work/hidden"
          ours "$size" 4 --rate 1000 -- -- --compute-ms "$pass" --late >>"$work/late"
        done
        a=$(median <"$work/alone") w=$(median <"$work/with") l=$(median <"$work/late")
        printf '%-10s %14.0f %14d %14.0f %13.0f%% %14.0f %9.2f\n' "$share" "$a" "$pass" "$w" \
          "$(awk -v w="$w" -v p="$pass" -v a="$a" 'BEGIN { print 100 * (w - p) / a }')" "$l" \
          "$(awk -v w="$w" -v l="$l" 'BEGIN { print l / w }')"
      done ;;
  esac
done
