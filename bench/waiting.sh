#!/bin/sh
# What ranks that wait cost those that work: the demo's training with as many ranks as processors and with four times as
# many, of one lane each, started by mpirun on this machine; the work is the same, the bits too.
#
#   bench/waiting.sh [--rounds N] [--steps N] [--build DIR] [--mpi "openmpi mpich"] [JOB.yaml]
#
# Rounds are interleaved; samples per second are medians. `hosts`: ranks share one host's memory, or each plays a host
# and exchanges by messages.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=5 steps=60 build=build libraries="openmpi mpich" job=examples/fashion-mnist.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --build) build=$2; shift ;;
    --mpi) libraries=$2; shift ;;
    -*) echo "usage: bench/waiting.sh [--rounds N] [--steps N] [--build DIR] [--mpi NAMES] [JOB.yaml]" >&2; exit 2 ;;
    *) job=$1 ;;
  esac
  shift
done
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
few=$(nproc) many=$((4 * $(nproc)))
machine

one() { # LIBRARY RANKS NAME
  rm -rf "$work/run"
  # shellcheck disable=SC2016 # the launched shell's
  sh tests/mpi/mpirun.sh "$1" "$build/plugins" -n "$2" sh -c '
    if [ "$0" = apart ]; then export DDLA_HOST_NAME=host${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; fi
    exec "$@"' "$3" "$build/ddla" train -q "$job" --set parallel.lanes=1 --set train.shards="$many" \
    --set train.steps="$steps" --set train.keep_best=false --out "$work/run" >"$work/words" 2>&1 || { cat "$work/words" >&2; exit 1; }
  field samples_per_second <"$work/run/report.json" >>"$work/$1.$3.$2"
  sed -n 's/.*"sha256": *"\([0-9a-f]*\)".*/\1/p' "$work/run/report.json" | tail -n 1 >>"$work/shas"
}

for round in $(seq 1 "$rounds"); do
  for library in $libraries; do
    for hosts in together apart; do
      for ranks in $few $many; do one "$library" "$ranks" $hosts; done
      paste "$work/$library.$hosts.$few" "$work/$library.$hosts.$many" | awk '{ print $2 / $1 }' >"$work/$library.$hosts"
    done
  done
done
[ "$(sort -u "$work/shas" | wc -l)" = 1 ] || { echo "models differ" >&2; exit 1; }
printf '%-9s %-9s %14s %14s %9s\n' library ranks "$few ranks" "$many ranks" ratio
for library in $libraries; do
  for hosts in together apart; do
    printf '%-9s %-9s %14.0f %14.0f %9.3f\n' "$library" $hosts "$(median <"$work/$library.$hosts.$few")" \
      "$(median <"$work/$library.$hosts.$many")" "$(median <"$work/$library.$hosts")"
  done
done
