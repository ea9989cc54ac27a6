#!/bin/sh
# The exchange between the hosts of a cluster, simulated (SimGrid), against the formula of docs/PERFORMANCE.md.
#
#   bench/sim_cluster.sh [--hosts "64 256"] [--networks "flat tree distant"] [--sizes "421642 818048 16777216"]
#                        [--picture FILE] [--build DIR]
#
# The project's own bridges exchange one step's gradients over a simulated network. Processor time: a second for 64
# hosts, ten for 256; up to three minutes and 4 GB for 1,024 (--hosts 1024), since SimGrid's time grows with the square
# of the messages under way. Exit status 1 where time or bytes are off by more than a tenth. Sizes are numbers of
# parameters: the demo's cnn, the GPT of bench/gpt.sh, 64 MiB. FILE becomes a picture (SVG) of all times. The tree has
# leaves of 16 hosts and is left out for other numbers.
set -eu
cd "$(dirname "$0")/.."
hosts="64 256" networks="flat tree distant" sizes="421642 818048 16777216" picture="" build=build
while [ $# -gt 0 ]; do
  case $1 in
    --hosts) hosts=$2 ;;
    --networks) networks=$2 ;;
    --sizes) sizes=$2 ;;
    --picture) picture=$2 ;;
    --build) build=$2 ;;
    *) echo "usage: bench/sim_cluster.sh [--hosts LIST] [--networks LIST] [--sizes LIST] [--picture FILE] [--build DIR]" >&2; exit 2 ;;
  esac
  shift 2
done
cmake -S . -B "$build" >/dev/null
if ! cmake --build "$build" --target sim_cluster sim_cluster_picture >&2; then
  echo "bench/sim_cluster.sh: the simulated cluster is not built; is SimGrid there (tools/setup simgrid)?" >&2
  exit 2
fi
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT INT TERM

failed=0
printf '%-8s %5s %6s %6s %6s | %9s %9s %7s | %11s %11s %7s | %7s %9s\n' network hosts MiB ranges KiB \
  "simulated" "formula s" off "bytes sent" formula x-least x-least messages
for size in $sizes; do
  for network in $networks; do
    for count in $hosts; do
      if [ "$network" = tree ] && [ $((count % 16)) -ne 0 ]; then continue; fi
      status=0
      "$build/bin/sim_cluster" --network "$network" --hosts "$count" --parameters "$size" >"$lines.one" || status=1
      cat "$lines.one" >>"$lines"
      # shellcheck disable=SC2046 # the fields of the line
      printf '%-8s %5s %6s %6s %6s | %9s %9s %7s | %11s %11s %7s | %7s %9s\n' $(cat "$lines.one")
      rm -f "$lines.one"
      if [ $status -ne 0 ]; then
        failed=1
        echo "  off by more than 10 %, or not simulated"
      fi
    done
  done
done
if [ -n "$picture" ]; then "$build/bin/sim_cluster_picture" <"$lines" >"$picture"; fi
exit $failed
