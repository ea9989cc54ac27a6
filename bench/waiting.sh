#!/bin/sh
# What ranks that wait cost those that work. With one lane for each rank, started by mpirun on this machine, as many ranks
# as processors beside four times as many; together on one host, and apart, where each rank plays a host of its own.
#
#   bench/waiting.sh [--rounds N] [--passes N] [--pass-ms N] [--steps N] [--build DIR] [--mpi "openmpi mpich"]
#                    [JOB.yaml] [wait] [take] [train]
#
# wait   `ddla bench exchange --busy --late`: in every step as many ranks as there are processors compute for a second; of
#        the many ranks all others wait for their gradients meanwhile, in the strategy's own wait, and do nothing else. The
#        rate of the working ranks, and the processor time that the others use, which other programs disturb less.
# take   the same without --late: gradients become final during the second, so that the others also receive, add up, give
# train  the demo's training with the few and with the many ranks: the work is the same, the bits too, but packed
#        weights, caches and exchanges are four times as many. Samples a second.
#
# Rounds are interleaved, figures are medians, `ratio` is the median of the rounds' own.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: bench/waiting.sh [--rounds N] [--passes N] [--pass-ms N] [--steps N] [--build DIR] [--mpi NAMES] [JOB.yaml] [wait] [take] [train]"
rounds=5 passes=5 pass=1000 steps=60 build=build libraries="openmpi mpich" job=examples/fashion-mnist.yaml chosen=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --passes) passes=$2; shift ;;
    --pass-ms) pass=$2; shift ;;
    --steps) steps=$2; shift ;;
    --build) build=$2; shift ;;
    --mpi) libraries=$2; shift ;;
    wait | take | train) chosen="$chosen $1" ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) job=$1 ;;
  esac
  shift
done
[ -n "$chosen" ] || chosen="wait take train"
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
few=$(nproc) many=$((4 * $(nproc)))
machine

launch() { # LIBRARY RANKS HOSTS COMMAND...
  library=$1 ranks=$2 hosts=$3
  shift 3
  # shellcheck disable=SC2016 # the launched shell's
  sh tests/mpi/mpirun.sh "$library" "$build/plugins" -n "$ranks" sh -c '
    if [ "$0" = apart ]; then export DDLA_HOST_NAME=host${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; fi
    exec "$@"' "$hosts" "$@" >"$work/words" 2>&1 || { cat "$work/words" >&2; exit 1; }
}

# 256 KiB of gradient, so that little but computing and waiting is left.
busy_once() { # LIBRARY RANKS HOSTS FILE OPTION...
  file=$4
  launch "$1" "$2" "$3" "$build/ddla" bench exchange --bytes 262144 --rounds "$passes" --compute-ms "$pass" \
    --busy "$few" --json $5
  field busy_gflops <"$work/words" >>"$file"
  field waiting_processors <"$work/words" >>"$file.used"
}
wait_once() { busy_once "$@" --late; }
take_once() { busy_once "$@" ''; }

train_once() { # LIBRARY RANKS HOSTS FILE
  rm -rf "$work/run"
  launch "$1" "$2" "$3" "$build/ddla" train -q "$job" --set parallel.lanes=1 --set train.shards="$many" \
    --set train.steps="$steps" --set train.keep_best=false --out "$work/run"
  field samples_per_second <"$work/run/report.json" >>"$4"
  sed -n 's/.*"sha256": *"\([0-9a-f]*\)".*/\1/p' "$work/run/report.json" | tail -n 1 >>"$work/shas"
}

for round in $(seq 1 "$rounds"); do
  for what in $chosen; do
    for library in $libraries; do
      for hosts in together apart; do
        at=$work/$what.$library.$hosts
        for ranks in $few $many; do "${what}_once" "$library" "$ranks" $hosts "$at.$ranks"; done
        paste "$at.$few" "$at.$many" | awk '{ print $2 / $1 }' >"$at"
      done
    done
  done
done
[ ! -e "$work/shas" ] || [ "$(sort -u "$work/shas" | wc -l)" = 1 ] || { echo "models differ" >&2; exit 1; }
for what in $chosen; do
  case $what in train) unit=samples/s ;; *) unit=GFLOP/s ;; esac
  printf '\n%-6s %-9s %-9s %14s %14s %7s %7s %7s %11s\n' "$what" library ranks "$few: $unit" "$many: $unit" ratio least \
    most 'processors'
  for library in $libraries; do
    for hosts in together apart; do
      at=$work/$what.$library.$hosts used=
      if [ -e "$at.$many.used" ]; then used=$(median <"$at.$many.used"); fi
      printf '%-6s %-9s %-9s %14.1f %14.1f %7.3f %7.3f %7.3f %11s\n' "" "$library" $hosts "$(median <"$at.$few")" \
        "$(median <"$at.$many")" "$(median <"$at")" "$(sort -g "$at" | head -n 1)" "$(sort -g "$at" | tail -n 1)" "$used"
    done
  done
done
