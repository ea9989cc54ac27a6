# netlab itself: what is asked is reached, a cut cuts, ports count, and nothing stays however a lab ends.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"

checked() { # the best of three: other work on the machine slows a measurement
  for round in 1 2 3; do
    if "$netlab" check >check.out 2>&1; then break; fi
    [ $round != 3 ] || { cat check.out >&2; fail "a lab does not do what was asked"; }
  done
  cat check.out
}

# field HOST sent|received
field() {
  "$netlab" bytes | awk -v host="$1" -v what="$2" '$1 == host { print what == "sent" ? $3 : $5 }'
}

# The ports count what `check` sends, and besides it at most headers; and what it asks for is reached.
counted() {
  sent=$(field h0 sent) received=$(field h1 received)
  "$netlab" check >once.out || true
  sent=$(($(field h0 sent) - sent)) received=$(($(field h1 received) - received))
  bytes=$(sed -n 's/^sent: \([0-9]*\) bytes/\1/p' once.out)
  for count in $sent $received; do
    [ "$count" -ge "$bytes" ] && [ "$count" -le $((bytes + bytes / 12)) ] ||
      fail "$bytes bytes are counted as $sent sent, $received received"
  done
  checked
}

# A cable of 1 Gbit/s, by tbf.
made 2 --rate 1000
of_lab=$(spaces $$)
[ "$(echo "$of_lab" | sort -u | wc -l)" = 3 ] || fail "not three networks: $of_lab"
[ "$("$netlab" exec h1 hostname)" = h1 ] || fail "a host does not know its name"
[ "$("$netlab" exec h1 sh -c 'ls /dev/shm | wc -l')" = 0 ] || fail "shared memory is the machine's"
[ "$("$netlab" exec h1 sh -c 'ls -d /proc/[0-9]*' | wc -l)" -lt 9 ] || fail "process ids are the machine's"
got=0
"$netlab" exec h1 sh -c 'exit 5' || got=$?
[ $got = 5 ] || fail "exit status $got, not 5"
checked
says check.out "congestion control: $("$netlab" exec h0 cat /proc/sys/net/ipv4/tcp_congestion_control)"

# Process numbers of labs are alike, and so would the names of Open MPI's sessions be in one folder.
if command -v mpirun.openmpi >/dev/null; then
  "$netlab" run --mpi openmpi ls "/run/ddla-netlab/$$" >sessions
  says sessions "ompi.head" "ompi.h0" "ompi.h1"
fi

"$netlab" ping h0 h1 || fail "no answer over a sound cable"
"$netlab" cut h1
! "$netlab" ping h0 h1 2>cut.err || fail "an answer over a cut cable"
says cut.err "h1 does not answer"
"$netlab" mend h1
"$netlab" ping h0 h1 || fail "no answer over a mended cable"
"$netlab" down
gone $$ "$of_lab"

# The switch: 100 Mbit/s and 5 ms. A host that sends more at once than its cable carries in a while waits, and loses
# nothing (to all: nobody answers that the port is closed).
made 2 --rate 100 --delay 5
of_lab=$(spaces $$)
counted
"$netlab" exec h0 ip route add 224.0.0.0/4 dev eth0
received=$(field h1 received)
"$netlab" exec h0 bash -c 'dd if=/dev/zero bs=1400 count=1000 status=none >/dev/udp/224.0.0.1/9'
sleep 1
received=$(($(field h1 received) - received))
[ $received -ge $((1000 * 1442)) ] || fail "of 1442000 bytes that a host sent at once $received came"
"$netlab" cut h0
! "$netlab" ping h0 h1 2>cut.err || fail "an answer over a cut cable"
"$netlab" mend h0

"$netlab" mend h0
"$netlab" ping h0 h1 || fail "no answer over a mended cable"
"$netlab" down
gone $$ "$of_lab"

# The owner is killed: nothing stays, nor does what ran in the lab.
sh -c '"$1" up 2 --delay 1 --owner $$ && "$1" exec h0 sleep 600' owner "$netlab" &
owner=$!
tries=0
until [ -s "/run/ddla-netlab/$owner/head" ] && in_use "$(spaces $owner | tail -1)" >left; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { kill -9 $owner; fail "the owner makes no lab"; }
  sleep 0.1
done
of_lab=$(spaces $owner)
kill -9 $owner
wait $owner || true
gone $owner "$of_lab"

# The head is killed: its folder stays, until the next call.
made 1
of_lab=$(spaces $$)
kill -9 "$(cat /run/ddla-netlab/$$/head)"
tries=0
while in_use "$of_lab" >left; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { cat left >&2; fail "a lab lives on without its head"; }
  sleep 0.1
done
made 1
"$netlab" down
gone $$ "$of_lab"

# One call for all; it passes the status on, and a signal on the way leaves nothing either.
got=0
"$netlab" with 2 -- exec h1 sh -c 'exit 6' || got=$?
[ $got = 6 ] || fail "with: exit status $got, not 6"
for signal in INT TERM KILL; do
  env --default-signal=INT "$netlab" with 1 -- exec h0 sh -c 'echo there >there; exec sleep 600' &
  owner=$!
  tries=0
  until [ -s there ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { kill -9 $owner; fail "with: nothing runs"; }
    sleep 0.1
  done
  rm there
  of_lab=$(spaces $owner)
  kill -$signal $owner
  got=0
  wait $owner || got=$?
  [ $got != 0 ] || fail "with: status 0 after SIG$signal"
  gone $owner "$of_lab"
done
