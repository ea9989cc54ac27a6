# `ddla compare` over an emulated network: what goes over the cables is what is reported, a slow network is waited for,
# and nothing of the labs is left.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
sh "$SOURCE/tests/mpi/mpirun.sh" openmpi "$BUILD/plugins" -n 1 true || exit $?
made 2
"$netlab" down
tool=$BUILD/bin/end_to_end_tool

samples train 1500 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.2}
model: {kind: mlp, hidden: [128]}
train: {shards: 4, batch: 60, epochs: 2, optimizer: adamw, learning_rate: 0.003}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
J

value() { "$tool" json net/compare.json "$@"; }

timeout 200 "$DDLA" compare job.yaml --modes allreduce,average:interval=10,sharded:interval=3 -n 2 --network 50M,2ms,0% \
  --out net >text 2>err || { cat text err >&2; fail "compare over a network: status $?"; }
cat text
[ "$(value network rate_mbit) $(value network delay_ms)" = "50.0 2.0" ] || fail "the network is $(value network)"
[ "$(value methods 0 status) $(value methods 1 status) $(value methods 2 status)" = "done done refused" ] || fail "states"
says text "refused: " "sync.interval is 3"
awk "BEGIN { exit !($(value methods 0 agent_bytes) > 5 * $(value methods 1 agent_bytes)) }" || fail "bytes"
# 0.4 MB each way in a step take 65 ms at 50 Mbit/s.
awk "BEGIN { exit !($(value methods 0 waited_share) > 0.2) }" || fail "waited: $(value methods 0 waited_share)"
[ "$(value recommended)" = average:interval=10 ] || fail "$(value recommended) is recommended"
says net/allreduce/report.json '"count": 2'
[ "$(ip -o link)" = "$links" ] || fail "links are left: $(ip -o link)"
