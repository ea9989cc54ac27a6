# `ddla train` on two hosts with 100 Mbit/s between them: the bits of one agent alone, the bytes that the report names on
# the wire, and an end that names the host when its cable is pulled.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
sh "$SOURCE/tests/mpi/mpirun.sh" openmpi "$BUILD/plugins" -n 1 true || exit $?

samples train 2003 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [256, 128], dropout: 0.2}
train: {shards: 8, batch: 200, epochs: 5, optimizer: adamw, learning_rate: 0.002}
parallel: {lanes: 1, timeout: 5}
J

# wire: bytes that all hosts have sent.
wire() {
  "$netlab" bytes | awk '{ sum += $3 } END { print sum }'
}

# agents RUN: a process trains for it, in whatever host.
agents() {
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2>/dev/null)" = "$PWD" ] || continue
    words=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
    case $words in "$DDLA train"*"--out $1 "*) echo "${process#/proc/}: $words"; return 0 ;; esac
  done
  return 1
}

made 2 --rate 100
of_lab=$(spaces $$)
train 0 alone job.yaml -n 1
before=$(wire)
timeout 120 "$netlab" run "$DDLA" train job.yaml --out apart >apart.out 2>&1 ||
  { cat apart.out >&2; fail "training on two hosts: exit status $?"; }
counted=$(($(wire) - before))
same_model "$(sha alone/model.safetensors)" apart
says apart.out "2 agents on 2 hosts"
reported=$(sed -n '/"hosts": {/,/}/s/.*"bytes_sent": \([0-9]*\).*/\1/p' apart/report.json)
echo "bytes: $reported reported, $counted on the wire"
# Frames, and what goes at the start, are not in the report: the state, and the measurement of links.
[ "$counted" -ge "$reported" ] && [ "$counted" -le $((reported + reported / 10 + 4000000)) ] ||
  fail "$reported bytes are reported, $counted were on the wire"

# The cable of h1 is pulled on the way.
timeout -k 5 120 "$netlab" run "$DDLA" train job.yaml --set train.epochs=100000 \
  --out cut >cut.out 2>&1 &
run=$!
tries=0
until [ -s cut/metrics.jsonl ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { cat cut.out >&2; fail "the agents do not start"; }
  sleep 0.1
done
agents cut >/dev/null || fail "no agent is seen"
"$netlab" cut h1
began=$(date +%s)
while agents cut >left; do
  [ $(($(date +%s) - began)) -lt 10 ] || { cat left cut.out >&2; fail "agents are left 10 s after the cut"; }
  sleep 0.1
done
echo "after the cut: all ended within $(($(date +%s) - began)) s"
# The launcher itself waits for its own process behind the cut; the end of the lab is its end.
"$netlab" down
got=0
wait $run || got=$?
[ $got != 0 ] || fail "a run that was cut ends well"
says cut.out "host h1 has been silent"
gone $$ "$of_lab"
