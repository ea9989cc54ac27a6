# mpi.sh LIBRARY: tiers between hosts over messages of an MPI library: the same bits as with data in memory, every byte read
# once; and an end when a host dies.
. "$SOURCE/tests/end_to_end/training.sh"
library=$1
tool=$BUILD/bin/end_to_end_tool
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?

samples train 2400 data
samples t10k 200 data
"$DDLA" data prepare data --out plain --block-bytes 65536 >/dev/null
cat >job.yaml <<'J'
data: {train: plain, validation_fraction: 0.1, mean: [0.286], std: [0.353], shift: 2}
model: {kind: mlp, hidden: [32]}
train: {batch: 60, epochs: 2, seed: 5}
share: {memory: 0.6}
parallel: {lanes: 1, timeout: 20}
J
cat >host.sh <<'H'
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / 2))"
exec "$@"
H
train 0 whole job.yaml --set parallel.agents=4
got=0
timeout -k 10 120 $mpirun -n 4 sh host.sh "$DDLA" train job.yaml --set share.mode=tiered --out tiered >out 2>&1 || got=$?
[ $got -eq 0 ] || { cat out >&2; fail "exit status $got"; }
same_model "$(sha whole/model.safetensors)" tiered
read=$("$tool" json tiered/report.json share origin_bytes)
[ "$read" -eq $(((2400 + 200) * 784)) ] || fail "$read bytes were read from the origin"
[ "$("$tool" json tiered/report.json share sent_bytes)" -gt 0 ] || fail "hosts sent each other nothing"

timeout -k 10 120 $mpirun -n 4 sh host.sh "$DDLA" train job.yaml --set share.mode=tiered --set train.epochs=1000000 \
  --out killed >out 2>&1 &
job=$!
tries=0
until grep -q "process" killed/agents/2.log 2>/dev/null && grep -q "epoch 1/" out; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { cat out >&2; fail "the run does not begin"; }
  sleep 0.1
done
kill -9 "$(sed -n 's/.*process \([0-9]*\).*/\1/p' killed/agents/2.log | head -n 1)"
got=0
wait $job || got=$?
[ $got -ne 0 ] && [ $got -ne 124 ] || { cat out >&2; fail "a run with a dead host ended with $got"; }
