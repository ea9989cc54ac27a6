# Data sets between three emulated hosts: what `ddla data broadcast` puts on the wire, how long that takes on a slow cable, a
# host without room, and an end that names the host when its cable is pulled, with nothing left of the set.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
sh "$SOURCE/tests/mpi/mpirun.sh" openmpi "$BUILD/plugins" -n 1 true || exit $?

"$DDLA" data prepare synthetic:64x64x1:10:2048 --out data >/dev/null
rm data/test* # of 8 MiB one part is enough
cat >here.sh <<'H'
set_of=$1
shift
what=$1 source=$2
shift 2
exec "$DDLA" data "$what" "$source" "$set_of/$(hostname)" --json "$@"
H
export DDLA
wire() { # HOST COLUMN: bytes that it has sent (3) or received (5)
  "$netlab" bytes | awk -v host="$1" -v column="$2" '$1 == host { print $column }'
}

made 3 --rate 200
of_lab=$(spaces $$)
sent0=$(wire h0 3) sent1=$(wire h1 3)
timeout -k 5 120 "$netlab" run sh here.sh "$PWD/sets" broadcast data >sent.out 2>sent.err ||
  { cat sent.err >&2; fail "broadcast: exit status $?"; }
sent0=$(($(wire h0 3) - sent0)) sent1=$(($(wire h1 3) - sent1))
echo "h0 sent $sent0 bytes, h1 $sent1; $(tr -d '\n' <sent.out)"
for host in h0 h1 h2; do
  "$DDLA" data verify "sets/$host" >/dev/null || fail "sets/$host is not whole"
done
# Each cable carries the set once: with frames and what MPI says itself less than a quarter more.
for sent in "$sent0" "$sent1"; do
  [ "$sent" -gt 8388608 ] && [ "$sent" -lt 10500000 ] || fail "a host sent $sent bytes of a set of 8396800"
done
# One after the other it would take three times as long: 0.35 s over each cable.
seconds=$(sed -n 's/.*"seconds": *\([0-9.]*\).*/\1/p' sent.out)
awk -v s="$seconds" 'BEGIN { exit !(s > 0.33) }' || fail "200 Mbit/s carry 8 MiB in $seconds s"

# A host that has no room says so before anything is sent.
mkdir -p tight/h2
if "$netlab" exec h2 mount -t tmpfs -o size=2m none "$PWD/tight/h2" 2>/dev/null; then # in its own namespace
  got=0
  timeout -k 5 120 "$netlab" run sh -c 'exec "$DDLA" data broadcast data "tight/$(hostname)/set"' >tight.out 2>&1 || got=$?
  [ $got != 0 ] && [ $got != 124 ] || fail "a full disk: exit status $got"
  says tight.out "on host h2: the disk of tight/h2/set has room for 2 MB"
  [ "$(find tight -name 'set*' | wc -l)" = 0 ] || fail "something is left: $(find tight)"
fi

# The cable of the middle host is pulled while blocks travel: all end, nobody has half a set.
"$netlab" set h1 --rate 4
timeout -k 5 120 "$netlab" run sh here.sh "$PWD/cut" broadcast data --set parallel.timeout=5 >cut.out 2>&1 &
run=$!
tries=0
until find cut -name '*features*' 2>/dev/null | grep -q h2; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { cat cut.out >&2; fail "no block comes to h2"; }
  sleep 0.1
done
"$netlab" cut h1
tries=0
until grep -q "silent" cut.out; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { cat cut.out >&2; fail "nobody says that h1 is silent 20 s after the cut"; }
  sleep 0.1
done
"$netlab" down
wait $run && fail "a broadcast that was cut ends well"
says cut.out "host h1 has been silent"
for host in h0 h1 h2; do [ ! -e "cut/$host" ] || fail "cut/$host is there"; done
gone $$ "$of_lab"
