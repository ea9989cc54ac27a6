#!/bin/sh
# Data sets between hosts before a training, over emulated networks (tools/netlab/netlab; Linux, root): `ddla data
# broadcast` and `ddla data gather` beside what one TCP connection carries.
#
#   bench/spread.sh [--rounds N] [--build DIR] [--hosts H] [--rate MBIT] [--megabytes M] [--mpi openmpi|mpich]
#
# broadcast  M MiB (256) of the first of H hosts (4) to all, over cables of 1 Gbit/s; beside the time that M MiB take over
#            one cable
# gather     M / H MiB of each host to the first; beside the time that what comes from the others takes over its cable
#
# What each host keeps lies in its own memory (/dev/shm): one disk would have to take what H disks take in a cluster. The
# program's own time counts: from when all processes are there and the source is open to when all sets are durable and
# checked. Rounds measure TCP, broadcast and gather in turns; the table has their medians.
set -eu
cd "$(dirname "$0")/.."
rounds=5 build=build hosts=4 rate=1000 megabytes=256 library=openmpi
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --build) build=$2 ;;
    --hosts) hosts=$2 ;;
    --rate) rate=$2 ;;
    --megabytes) megabytes=$2 ;;
    --mpi) library=$2 ;;
    *) echo "usage: bench/spread.sh [--rounds N] [--build DIR] [--hosts H] [--rate MBIT] [--megabytes M] [--mpi NAME]" >&2
      exit 2 ;;
  esac
  shift 2
done
. bench/measure.sh
work=$(mktemp -d)
netlab=$PWD/tools/netlab/netlab
trap '"$netlab" down >/dev/null 2>&1 || true; rm -rf "$work"' EXIT INT TERM
cmake --build "$build" --target ddla ddla_netlab ddla_mpi_openmpi ddla_mpi_mpich >&2
program=$PWD/$build/ddla
machine

# images FOLDER MEGABYTES: so many of random bytes, 4096 to an image, with random labels, as idx.
images() {
  count=$(($2 * 256))
  mkdir -p "$1"
  hex=$(printf %08x "$count" | sed 's/../\\x&/g')
  # shellcheck disable=SC2059 # bytes
  { /usr/bin/printf "\\x00\\x00\\x08\\x03$hex\\x00\\x00\\x00\\x40\\x00\\x00\\x00\\x40"; head -c $((count * 4096)) /dev/urandom; } \
    >"$1/train-images-idx3-ubyte"
  # shellcheck disable=SC2059
  { /usr/bin/printf "\\x00\\x00\\x08\\x01$hex"; head -c "$count" /dev/urandom; } >"$1/train-labels-idx1-ubyte"
}

on_all() { # COMMAND...: on each host, one after the other
  for h in $(seq 0 $((hosts - 1))); do "$netlab" exec "h$h" "$@"; done
}

# What one connection carries, MB/s: the rate counts whole frames, of which 1448 of 1514 bytes are data.
goodput() {
  { "$netlab" check || true; } | sed -n 's/^rate:.* \([0-9.]*\) reached.*/\1/p' | awk '{ print $1 / 8 * 1448 / 1514 }'
}

share() { # NAME WORDS...: `ddla data WORDS... --json`, whose numbers are in the file NAME
  name=$1
  shift
  "$netlab" run --mpi "$library" -n "$hosts" --per-host 1 "$program" data "$@" --json >"$work/$name"
}

images "$work/all" "$megabytes"
"$program" data prepare "$work/all" --out "$work/set" >/dev/null
rm -r "$work/all"
"$netlab" up "$hosts" --rate "$rate"
for h in $(seq 0 $((hosts - 1))); do
  images "$work/part" $((megabytes / hosts))
  "$netlab" exec "h$h" "$program" data prepare "$work/part" --out /dev/shm/part >/dev/null
done
rm -r "$work/part"

for name in tcp broadcast gather load; do : >"$work/$name.all"; done
for round in $(seq "$rounds"); do
  load_average >>"$work/load.all"
  goodput >>"$work/tcp.all"
  share sent broadcast "$work/set" /dev/shm/set
  field seconds <"$work/sent" >>"$work/broadcast.all"
  on_all rm -r /dev/shm/set
  share gathered gather /dev/shm/part /dev/shm/united
  field seconds <"$work/gathered" >>"$work/gather.all"
  "$netlab" exec h0 rm -r /dev/shm/united
  echo "round $round: TCP $(tail -n 1 "$work/tcp.all") MB/s, broadcast $(tail -n 1 "$work/broadcast.all") s, gather" \
    "$(tail -n 1 "$work/gather.all") s, load $(tail -n 1 "$work/load.all")" >&2
done

row() { # NAME BYTES
  awk -v name="$1" -v bytes="$2" -v rate="$(median <"$work/tcp.all")" -v s="$(median <"$work/$1.all")" \
    -v least="$(sort -g "$work/$1.all" | head -n 1)" -v most="$(sort -g "$work/$1.all" | tail -n 1)" 'BEGIN {
      link = bytes / 1e6 / rate
      printf "%-12s %10.1f %10.1f %10.3f %10.3f %17s %8.2f\n", name, bytes / 1e6, rate, link, s,
        sprintf("%.3f - %.3f", least, most), s / link }'
}
printf '\n%s hosts, %s Mbit/s, %s; medians of %s rounds; load %s\n' "$hosts" "$rate" "$library" "$rounds" \
  "$(median <"$work/load.all")"
printf '%-12s %10s %10s %10s %10s %17s %8s\n' "" "MB sent" "TCP MB/s" "link s" "ours s" "least - most" ratio
row broadcast "$(field bytes <"$work/sent")"
row gather "$(field came <"$work/gathered")"
