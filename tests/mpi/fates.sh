# Scenes of fate.c under one launcher (argument: openmpi or mpich): hosts and ranks, shared memory, deaths, silence,
# launchers and plug-ins that do not fit. Each ends in time, with the words that belong to it, and leaves no process.
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?
limit=120
case $library in # lets the survivors of a death speak, as far as the launcher can
openmpi) keep="--enable-recovery --continuous --mca orte_abort_on_non_zero_status 0" other=mpich ;;
mpich) keep="-disable-auto-cleanup" other=openmpi ;;
esac
cp "$BUILD/bin/mpi_fate" mpi_fate # so that its processes can be told from those of other tests
ln -sfn "$BUILD/plugins" plugins

fail() {
  echo "scene '$scene': $1" >&2
  cat out >&2
  exit 1
}

# Processes of ours that run or stand still; those that have ended and wait to be fetched are no matter.
left() { ps -eo stat,args | grep -F "$PWD/mpi_fate" | grep -v -e '^Z' -e grep -e mpirun -e timeout || true; }

# play RANKS "OPTIONS" SCENE...: the launcher's status in rc, the output in out.
play() {
  ranks=$1 options=$2
  shift 2
  scene="$*" rc=0
  # shellcheck disable=SC2086 # words
  timeout -k 10 $limit $mpirun $options -n "$ranks" "$PWD/mpi_fate" "$@" >out 2>&1 || rc=$?
  if [ $rc = 124 ]; then fail "not over after $limit s"; fi
  tries=0
  while [ -n "$(left)" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 50 ]; then fail "left behind: $(left)"; fi
    sleep 0.1
  done
}

well() {
  if [ $rc != 0 ]; then fail "status $rc"; fi
  if [ "$(grep -c '^rank [0-9]*: OK' out)" != "$ranks" ]; then fail "not all of $ranks ranks were well"; fi
}

ill() { if [ $rc = 0 ]; then fail "status 0"; fi; }

says() { grep -q "$1" out || fail "nobody said: $1"; }

# Whoever speaks says this.
only() { if grep '^rank ' out | grep -v "$1" >&2; then fail "somebody said something else than: $1"; fi; }

play 3 "" good && well
play 2 "" deaf && well
play 2 "" all_deaf && well
play 2 "" idle && well
play 4 "" numbered && well
play 4 "" shared && well
play 4 "" summed && well

play 3 "$keep" failed
says '^rank 0: PEER_LOST host b failed: no room for the checkpoint'
says '^rank 2: PEER_LOST host b failed: no room for the checkpoint'
play 3 "" failed && ill
only 'PEER_LOST host b failed: no room for the checkpoint'

# The first to notice may have its process ended, and the others with it, before all have spoken.
play 3 "" stopped && ill
says 'host b has been silent for 3'
only 'PEER_LOST.*host b has been silent for 3.*waited for a number from host 1'

# In the midst of a sum, which the library cannot give up.
play 3 "" summed_stopped && ill
says 'host b has been silent for 3'
only 'PEER_LOST.*host b has been silent for 3.*waited for a sum'
play 3 "" summed_killed && ill
play 3 "" summed_given_up && ill
only 'PEER_LOST.*host b gave up a sum\|PEER_LOST.*host b failed: host b gave up a sum'

play 3 "" killed && ill
play 4 "" follower_killed && ill
play 3 "" absent && ill
says '^rank 0: TIMEOUT waited 3000 ms for agent 1 on b to compare the jobs'
if [ "$library" = openmpi ]; then # MPICH ends everybody at once, whatever it is told
  play 3 "$keep" killed
  says '^rank 0: PEER_LOST.*host b has been silent for 3'
  says '^rank 2: PEER_LOST.*host b has been silent for 3'
  play 4 "$keep" follower_killed
  says '^rank 0: PEER_LOST agent 1 left before the work was done'
  says '^rank 2: PEER_LOST host a failed: agent 1 left before the work was done'
fi

play 2 "" good "$library" "$PWD/none" && ill
says "plug-in ddla_mpi_$library.so is missing (looked for in $PWD/none)"
says "started by "
if [ -f "plugins/ddla_mpi_$other.so" ]; then
  play 2 "" good "$other" && ill
  says "started 2 processes (.*sees rank 0 of 1: the launcher belongs to another MPI library"
fi
if [ -f "plugins/ddla_mpi_$other.so" ] && command -v "mpirun.$other" >/dev/null; then
  scene="one launcher inside the other" ranks=2 rc=0
  timeout -k 10 $limit $mpirun -n 1 sh "$SOURCE/tests/mpi/mpirun.sh" "$other" plugins -n 2 "$PWD/mpi_fate" deaf \
    >out 2>&1 || rc=$?
  well
fi
if ls /dev/shm | grep -i 'ddla_\|mpi_fate'; then fail "something of ours stays in /dev/shm"; fi
