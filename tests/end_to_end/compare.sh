# compare.sh: methods one after another on one job: figures, table, files, what is refused, interrupted and gone on with.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 1500 data
samples t10k 200 data
threads=
if [ -n "$as_threads" ]; then threads=", agents_as: threads"; fi
cat >job.yaml <<J
data: {train: data, validation_fraction: 0.2}
model: {kind: mlp, hidden: [32]}
train: {shards: 4, batch: 60, epochs: 3, optimizer: adamw, learning_rate: 0.003, measure_every: 5}
sync: {mode: accumulated, method: diloco, interval: 4, codec: int8}
parallel: {lanes: 1$threads}
checkpoint: {every_epochs: 0}
J

# refused WORDS ARGUMENT...: ddla compare ARGUMENT... ends with 2 and one line that has WORDS, and leaves nothing.
refused() {
  words=$1
  shift
  got=0
  "$DDLA" compare "$@" --out nothing >out 2>err || got=$?
  [ "$got" -eq 2 ] || { cat err >&2; fail "exit status $got, not 2: $*"; }
  [ ! -s out ] || fail "$*: printed $(cat out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line on standard error: $(cat err)"
  says err "$words"
  [ ! -e nothing ] || fail "$*: a directory was left"
}

# value KEY...: of compare.json.
value() {
  "$tool" json c/compare.json "$@"
}

modes=allreduce,average:interval=4,sharded:interval=4,diloco:interval=500
"$DDLA" compare job.yaml --modes $modes -n 2 --seed 3 --out c >text 2>err || { cat err >&2; fail "compare: status $?"; }
[ ! -s err ] || fail "compare says $(cat err)"
says text "4/4  diloco:interval=500" "Recommended: " "c has compare.txt"
for file in compare.txt compare.json compare.svg plan.yaml allreduce/report.json average-interval=4/report.json; do
  [ -s "c/$file" ] || fail "there is no c/$file"
done
says c/compare.txt "refused: sync.interval is 4" "diloco:interval=500  refused: " \
  "the run has 60 steps" "Recommended: " "one seed"
says c/compare.svg "<svg" "Validation accuracy over seconds" "Validation loss over bytes sent by an agent"
"$tool" json c/compare.json || fail "compare.json is no JSON"

# The figures are those of the runs' own reports and metrics.
[ "$(value methods 0 status)$(value methods 1 status)$(value methods 2 status)" = donedonerefused ] || fail "states"
[ "$(value agents)" = 2 ] && [ "$(value metric)" = accuracy ] && [ "$(value rises)" = true ] || fail "head"
[ "$(value methods 0 samples_per_second)" = "$("$tool" json c/allreduce/report.json train samples_per_second)" ] ||
  fail "samples_per_second is not the report's"
sent=$("$tool" json c/allreduce/report.json hosts bytes_sent)
[ "$sent" -gt 0 ] || fail "nothing was sent"
awk "BEGIN { exit !($(value methods 0 agent_bytes) * 2 == $sent) }" || fail "bytes of an agent"
rows=$(wc -l <c/allreduce/metrics.jsonl)
[ "$rows" -eq 12 ] || fail "$rows rows of metrics, not 12"
last=$(tail -n 1 c/allreduce/metrics.jsonl | sed 's/.*"validation_accuracy": \([0-9.]*\).*/\1/')
[ "$(value methods 0 points 11 samples)" = 3600.0 ] || fail "samples of the last point"
awk "BEGIN { d = $last - $(value methods 0 end metric); exit !(d < 1e-6 && d > -1e-6) }" || fail "the end is not $last"
# Every fourth exchange is made: of 2 replicas as many bytes as allreduce sends in a step, and final ones.
awk "BEGIN { r = $(value methods 0 agent_bytes) / $(value methods 1 agent_bytes); exit !(r > 3 && r < 5) }" ||
  fail "average sends $(value methods 1 agent_bytes) bytes, allreduce $(value methods 0 agent_bytes)"
# Keys of the job's own method are not those of others, and the seed and the number of agents are the command's.
says c/allreduce/job.yaml "interval: 1" "codec: none" "seed: 3" "agents: 2"
says c/average-interval=4/job.yaml "interval: 4" "codec: none" "method: average"

# Rows within epochs change nothing, and a method is what a run of its own would be.
train 0 plain job.yaml -n 2 --set train.seed=3 --set train.measure_every=0 --set sync.mode=synchronous \
  --set sync.method=allreduce --set sync.interval=1 --set sync.codec=none
same_model "$(sha c/allreduce/model.safetensors)" plain

# What is there is kept; one more method is added; the JSON is the file's.
before=$(sha c/allreduce/report.json)
"$DDLA" compare job.yaml --modes allreduce,streaming:interval=8+fragments=2,bounded:staleness=2 -n 2 --seed 3 --out c --json >json 2>err ||
  { cat err >&2; fail "more methods: status $?"; }
cmp json c/compare.json || fail "--json prints something else"
[ "$before" = "$(sha c/allreduce/report.json)" ] || fail "a method was run twice"
[ "$(value methods 1 status)" = done ] || fail "streaming: $(value methods 1 reason)"
[ "$(value methods 2 status)" = done ] || fail "bounded: $(value methods 2 reason)"
[ "$(value methods 2 staleness)" = "$("$tool" json c/bounded-staleness=2/report.json sync staleness)" ] ||
  fail "the staleness of bounded is $(value methods 2 staleness)"
[ "$(wc -l <c/bounded-staleness=2/metrics.jsonl)" -eq 12 ] || fail "bounded has other rows"
says c/compare.txt staleness
# ... but not with another job.
got=0
"$DDLA" compare job.yaml --modes allreduce -n 2 --seed 4 --out c >text 2>err || got=$?
[ $got -eq 2 ] || fail "another seed in the same directory: status $got"
says err "another job, length, network"

# Interrupted: what was done is kept, and the rest is done by the same command.
set -- job.yaml --modes allreduce,average:interval=4+train.epochs=40 -n 2 --set train.measure_every=0 --out stopped
"$DDLA" compare "$@" >text 2>err &
compare=$!
second=stopped/average-interval=4-train.epochs=40
tries=0
until [ -s $second/metrics.jsonl ]; do
  tries=$((tries + 1))
  [ $tries -lt 4000 ] || { cat text err >&2; fail "the second method does not start"; }
  sleep 0.05
done
kill -TERM $compare
got=0
wait $compare || got=$?
[ $got -eq 130 ] || { cat text err >&2; fail "interrupted: status $got"; }
says err "the same command goes on"
no_agents $second
[ -e stopped/allreduce/report.json ] && [ ! -e stopped/compare.json ] || fail "what an interrupted comparison leaves"
before=$(sha stopped/allreduce/report.json)
"$DDLA" compare "$@" >text || fail "gone on with: status $?"
says text "1/2  allreduce: is there from before"
[ "$before" = "$(sha stopped/allreduce/report.json)" ] || fail "what was done is done again"
says $second/report.json '"status": "done"'

# So many seconds for each.
"$DDLA" compare job.yaml --modes allreduce,average -n 2 --seconds 1 --set train.epochs=100000 --out timed >text ||
  fail "--seconds: status $?"
for run in allreduce average; do
  seconds=$("$tool" json timed/$run/report.json train seconds)
  awk "BEGIN { exit !($seconds >= 1 && $seconds < 30) }" || fail "$run trained for $seconds s, not 1"
  says timed/$run/report.json '"status": "interrupted"'
done
"$DDLA" compare job.yaml --modes allreduce,average -n 2 --seconds 1 --set train.epochs=100000 --out timed >text
says text "1/2  allreduce: is there from before" "2/2  average: is there from before"

# Without validation samples in the job some are set aside; more agents than shards are refused by name.
sed 's/, measure_every: 5//; s/, validation_fraction: 0.2//' job.yaml >bare.yaml
"$DDLA" compare bare.yaml --modes allreduce -n 2 --steps 20 --out few >text || fail "a bare job: status $?"
says few/allreduce/job.yaml "validation_fraction: 0.1" "measure_every: 2" "steps: 20"
"$DDLA" compare job.yaml --modes allreduce,average -n 5 --out crowd >text
says text "train.shards is 4" "Recommended: nothing"

refused "there is no method 'fly'" job.yaml --modes fly
refused "did you mean 'average'?" job.yaml --modes allreduce,avarage
refused "did you mean sync.interval?" job.yaml --modes diloco:intervall=3
refused "sync.interval is '0'" job.yaml --modes diloco:interval=0
refused "cannot open nowhere.yaml" nowhere.yaml
refused "takes one job file, not 0"
refused "takes one job file, not 2" job.yaml job.yaml
refused "DELAY is '20'" job.yaml --network 100M,20
refused "RATE is 'fast'" job.yaml --network fast
refused "keep one of them" job.yaml --steps 3 --seconds 4
refused "--steps '0'" job.yaml --steps 0
refused "--seconds 'x'" job.yaml --seconds x
refused "--agents '65'" job.yaml -n 65
refused "there are openmpi and mpich" job.yaml --mpi lam
refused "--margin '0'" job.yaml --margin 0
refused "is no task" job.yaml --set task.kind=flying

# Where no hosts can be emulated it is said why, before anything is trained.
printf '#!/bin/sh\necho "skipped: namespaces are not permitted here" >&2\nexit 77\n' >forbids
chmod +x forbids
got=0
NETLAB_PROGRAM=$PWD/forbids "$DDLA" compare job.yaml --modes allreduce --network 100M,20ms,1% --out none >out 2>err || got=$?
[ $got -eq 2 ] || { cat err >&2; fail "no namespaces: status $got"; }
[ "$(wc -l <err)" -eq 1 ] || fail "no namespaces: $(cat err)"
says err "need Linux's network namespaces, root"
[ ! -e none/allreduce ] || fail "something was trained without a network"
