# `ddla doctor --hosts` on three hosts of which one has a slower and longer cable: what it measures is what was asked, it
# names that host, and the exchange that it foretells sends the bytes that training sends.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
sh "$SOURCE/tests/mpi/mpirun.sh" openmpi "$BUILD/plugins" -n 1 true || exit $?
tool=$BUILD/bin/end_to_end_tool

samples train 800 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [256, 128]}
train: {shards: 8, batch: 200, epochs: 1}
parallel: {lanes: 1}
output: {overwrite: true}
J
printf 'h0 slots=1\nh1:1\nh2\n' >hosts

# launcher LIBRARY: what reaches the hosts of the lab, with the settings of `netlab run`.
launcher() {
  lab=/run/ddla-netlab/$$
  printf '#!/bin/sh\nexec "%s" rsh "%s" "$@"\n' "$netlab" "$lab" >"$lab/rsh"
  chmod +x "$lab/rsh"
  case $1 in
  openmpi)
    echo "mpirun.openmpi --mca plm_rsh_agent '$lab/rsh' --mca oob_tcp_if_include 10.77.0.0/24 \
      --mca btl_tcp_if_include 10.77.0.0/24 --mca pml ob1 --mca btl tcp,vader,self --mca mpi_yield_when_idle 1"
    ;;
  mpich) echo "mpirun.mpich -launcher rsh -launcher-exec $lab/rsh -localhost head -iface eth0" ;;
  esac
}

# examine LIBRARY ARGUMENT...: the JSON is in the file LIBRARY.json.
examine() {
  library=$1
  shift
  timeout -k 5 120 "$netlab" exec head env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 UCX_TLS=tcp,self \
    UCX_NET_DEVICES=eth0 "$DDLA" doctor --hosts hosts --launcher "$(launcher "$library")" "$@" >"$library.json" 2>"$library.err"
}

# near LIBRARY LINK MBIT MS: a file for each figure of the link that is what was asked. The rate, less headers of Ethernet,
# IP and TCP (1448 of 1514 bytes are left), to 15 %; the delay to 15 % and the time that frames of a ping take.
near() {
  rate=$("$tool" json "$1.json" links "$2" bytes_per_second) latency=$("$tool" json "$1.json" links "$2" latency_seconds)
  awk -v rate="$rate" -v latency="$latency" -v mbit="$3" -v ms="$4" -v link="$2" 'BEGIN {
    wanted = mbit * 1e6 / 8 * 1448 / 1514
    printf "link %d: %.2f MB/s, %.2f asked; %.2f ms, %.2f asked\n", link, rate * 1e-6, wanted * 1e-6, latency * 1e3, ms
    exit (rate > 0.85 * wanted && rate < 1.15 * wanted ? 0 : 1) + (latency * 1e3 > 0.95 * ms && latency * 1e3 < 1.15 * ms + 0.7 ? 0 : 2)
  }' || far=$?
  if [ $((far % 2)) = 0 ]; then touch "near.$1.rate.$2"; fi
  if [ $((far / 2)) = 0 ]; then touch "near.$1.delay.$2"; fi
  far=0
}

# Rate and delay of a link are those of both its cables: the slower, and the sum. Each must have been near once.
far=0
all_near() {
  for link in 0 2; do near "$1" $link 80 4; done      # between h0 and h1
  for link in 1 3 4 5; do near "$1" $link 20 14; done # from and to h2
  set -- near."$1".*
  [ $# = 12 ]
}

made 3 --rate 80 --delay 4
of_lab=$(spaces $$)
"$netlab" set h2 --rate 20 --delay 10
for library in openmpi mpich; do
  if ! sh "$SOURCE/tests/mpi/mpirun.sh" $library "$BUILD/plugins" -n 1 true; then continue; fi
  for round in 1 2 3 4; do # other work on the machine slows a measurement
    got=0
    examine $library --job job.yaml --json || got=$?
    [ $got = 0 ] || { cat $library.json $library.err >&2; fail "$library: exit status $got"; }
    if all_near $library; then break; fi
    [ $round != 4 ] || fail "$library does not measure what was asked"
  done
  says $library.json '"all links of h2 are slow' '"h2 is far from all'
  [ "$("$tool" json $library.json exchange slowest_host)" = h2 ] || fail "another host is the slowest"
done

# The bytes of a step; and how long they take, roughly, since hosts that share two processors also wait for those.
timeout 120 "$netlab" run "$DDLA" train job.yaml --out apart >apart.out 2>&1 || { cat apart.out >&2; fail "training"; }
awk -v sent="$("$tool" json apart/report.json hosts bytes_sent)" -v told="$("$tool" json openmpi.json exchange bytes_per_step)" \
  -v took="$("$tool" json apart/report.json hosts exchange_seconds)" \
  -v foretold="$("$tool" json openmpi.json exchange seconds_per_step)" -v steps=4 'BEGIN {
    printf "a step: %.3f MiB sent, %.3f told before; %.3f s, %.3f told\n", sent / steps / 2^20, told / 2^20, took / steps, foretold
    exit !(sent >= told * steps && sent < told * steps * 1.02 && foretold > 0.3 * took / steps && foretold < 2 * took / steps)
  }' || fail "an exchange is not what was told"

# A host whose cable is pulled does not answer, and is named.
"$netlab" cut h1
got=0
examine openmpi --timeout 10 || got=$?
[ $got = 2 ] || { cat openmpi.json openmpi.err >&2; fail "a host behind a cut: exit status $got"; }
says openmpi.err "h1: no answer for 10 s"
[ "$(wc -l <openmpi.err)" = 1 ] || { cat openmpi.err >&2; fail "more than one message"; }
"$netlab" down
gone $$ "$of_lab"
