# faults.sh LIBRARY [full]: `ddla train` on three hosts whose network fails: cables that lose frames or are pulled for less
# than the time limit do no harm; one that stays pulled ends the run, whichever host it was, and as far as it can be the
# launcher.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
library=$1
sh "$SOURCE/tests/mpi/mpirun.sh" "$library" "$BUILD/plugins" -n 1 true || exit $?

samples train 600 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [32], dropout: 0.2}
train: {shards: 8, batch: 270, epochs: 30, optimizer: adamw, learning_rate: 0.002, schedule: constant}
parallel: {lanes: 1, timeout: 6}
checkpoint: {every_epochs: 10}
J
running=''
trap '[ -z "$running" ] || kill -9 $running 2>/dev/null || true; "$netlab" down 2>/dev/null || true' EXIT

launch() { # RUN ARGUMENT...
  name=$1
  shift
  exec timeout -k 5 100 "$netlab" run --mpi "$library" "$DDLA" train job.yaml "$@" --out "$name"
}

begun() { # RUN ARGUMENT...
  (launch "$@") >"$1.out" 2>&1 &
  running=$!
  tries=0
  until [ -s "$1/metrics.jsonl" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat "$1.out" >&2; fail "$1 does not start"; }
    sleep 0.1
  done
}

ended() { # RUN STATUS
  got=0
  wait $running || got=$?
  running=
  case $2 in
  ill) [ $got != 0 ] && [ $got != 124 ] && [ $got != 137 ] ;;
  *) [ $got = "$2" ] ;;
  esac || { cat "$1.out" >&2; fail "$1: exit status $got, not $2"; }
}

# Within SECONDS the launcher has ended by itself.
is_over() { # SECONDS
  tries=$(($1 * 10))
  while kill -0 $running 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}

# pulled HOST WORDS: its cable is pulled for good. MPICH's launcher is ended by the agent that speaks; Open MPI's by its
# own system, which gives up the connection where it is told to (docs/CLUSTER.md).
pulled() {
  made 3
  "$netlab" exec head sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_retries2'
  begun "pulled-$1" --set train.epochs=1000000 --set parallel.timeout=2
  "$netlab" cut "$1"
  is_over 30 || { cat "pulled-$1.out" >&2; fail "the launcher goes on 30 s after $1 was cut off"; }
  ended "pulled-$1" ill
  says "pulled-$1.out" "$2"
  # What h0 was printing may end in the middle of a line, so the message need not begin one.
  [ "$(grep -o "ddla: " "pulled-$1.out" | wc -l)" = 1 ] || { cat "pulled-$1.out" >&2; fail "$1: not one message"; }
  "$netlab" down
}

# lossy PERCENT
lossy() {
  made 3 --delay 1 --loss "$1"
  (launch "lossy-$1") >"lossy-$1.out" 2>&1 &
  running=$!
  ended "lossy-$1" 0
  same_model "$bits" "lossy-$1"
  "$netlab" down
}

train 0 alone job.yaml -n 1
bits=$(sha alone/model.safetensors)

# A cable is pulled for a quarter of the time limit. (TCP tries again after ever longer times: what is pulled for 3 s may be
# silent for 6.)
made 3
begun mended --set train.epochs=100 --set parallel.timeout=8
"$netlab" cut h1
sleep 2
"$netlab" mend h1
ended mended 0
train 0 mended-alone job.yaml -n 1 --set train.epochs=100
same_model "$(sha mended-alone/model.safetensors)" mended
"$netlab" down

[ "$library" = openmpi ] && [ "${2:-}" != full ] || pulled h0 "host h0 has been silent for 2"
[ "${2:-}" = full ] || exit 0
pulled h1 "host h1 has been silent for 2"
pulled h2 "host h2 has been silent for 2"
lossy 1
lossy 5
