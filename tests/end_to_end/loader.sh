# loader.sh: data.ahead. A model has the same bits with and without loaders, whatever agents, lanes and strategy; what was
# ready and what was waited for is counted and shown; a run with loaders stops, dies and resumes like any other.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 503 data
samples t10k 50 data
text 1457 text.txt

# The last batch of an epoch has 3 samples for 8 shards; everything that draws random numbers is on.
cat >mlp.yaml <<'J'
data: {train: data, shift: 2, flip: true, cutout: 6}
model: {kind: mlp, hidden: [32], dropout: 0.2}
train: {shards: 8, batch: 250, epochs: 3, learning_rate: 0.1, schedule: constant}
J
# Shards of several micro-batches, validation, a number of shards that is no power of two.
cat >parts.yaml <<'J'
data: {train: data, validation_fraction: 0.1, cutout: 4}
model: {kind: cnn, dropout: 0.25}
train: {shards: 11, batch: 150, micro_batch: 6, epochs: 2, optimizer: adamw, keep_best: true}
J
# Windows that slide, keys of dropout, a table.
cat >gpt.yaml <<'J'
task: {kind: language-modelling}
data: {train: text.txt, validation_fraction: 0.1}
model: {kind: transformer-decoder, blocks: 1, width: 32, heads: 2, window: 16, dropout: 0.2}
train: {shards: 8, batch: 20, micro_batch: 2, epochs: 2, optimizer: adamw}
J

# run JOB AGENTS LANES AHEAD [ARGUMENT...]: its model is that of the job's first run. Leaves the run in $name.
run() {
  job=$1 agents=$2 lanes=$3 ahead=$4 name=$1-$2-$3-$4
  shift 4
  train 0 "$name" "$job.yaml" -n "$agents" --set "parallel.lanes=$lanes" --set "data.ahead=$ahead" "$@"
  [ -e "$job.sha" ] || sha "$name/model.safetensors" >"$job.sha"
  same_model "$(cat "$job.sha")" "$name"
}

# counted RUN TIER: micro-batches that came from there, those that were waited for included.
counted() {
  sed -n '/^  "data": {/,/^  }/p' "$1/report.json" | sed -n "/\"$2\": {/,/}/s/^ *\"\(hits\|waits\)\": \([0-9]*\),*$/\2/p" |
    awk '{ sum += $1 } END { print sum + 0 }'
}

# all_from RUN TIER COUNT: so many micro-batches, and all from there.
all_from() {
  [ "$(counted "$1" "$2")" -eq "$3" ] || fail "$1: $(counted "$1" "$2") micro-batches from $2, not $3"
  for other in memory disk peer origin loader; do
    [ $other = "$2" ] || [ "$(counted "$1" $other)" -eq 0 ] || fail "$1: some are from $other"
  done
}

for job in mlp parts gpt; do
  for ahead in 0 1 4; do
    run $job 1 1 $ahead
    run $job 3 1 $ahead
    run $job 2 2 $ahead --set parallel.agents_as=threads
  done
  run $job 1 3 2
  # Nobody knows which shards a lane will claim: lanes make their inputs themselves.
  run $job 2 1 3 --set parallel.balance=dynamic
  says $job-2-1-3/report.txt "waited for data  0.0 %; loader: none, lanes claim shards"
done
[ "$(cat ./*.sha | sort -u | wc -l)" -eq 3 ] || fail "different jobs gave one model"

# 3 epochs of 250 + 250 + 3 samples in 8 shards, of which the last batch fills 3.
all_from mlp-1-1-0 memory 57
all_from mlp-1-1-4 loader 57
all_from mlp-3-1-1 loader 57
all_from mlp-2-1-3 memory 57
says mlp-1-1-4/report.json '"ahead": 4' '"loader": "4 micro-batches ahead of each lane"'
says mlp-1-1-4/report.txt "waited for data  " "; loader: 4 micro-batches ahead of each lane"
says mlp-1-1-0/report.txt "waited for data  0.0 %; loader: none, not wanted"

# The audit has the same rows.
for ahead in 0 4; do
  train 0 audit-$ahead parts.yaml -n 2 --set parallel.lanes=1 --set data.ahead=$ahead --set output.audit=true
  same_model "$(cat parts.sha)" audit-$ahead
done
for agent in 0 1; do
  cmp audit-0/agents/$agent.audit audit-4/agents/$agent.audit || fail "audits differ"
done

# Hosts, replicas with parts of their own, and a run that goes from mode to mode.
same() { # NAME ARGUMENT...: with and without loaders
  name=$1
  shift
  train 0 "$name-0" mlp.yaml --set data.ahead=0 "$@"
  train 0 "$name-3" mlp.yaml --set data.ahead=3 "$@"
  same_model "$(sha "$name-0/model.safetensors")" "$name-3"
  [ "$(counted "$name-3" loader)" -gt 0 ] || fail "$name: no loader"
}
same replicas -n 4 --set parallel.lanes=1 --set parallel.hosts=2 --set sync.replica=host --set data.partition=by-size \
  --set sync.mode=accumulated --set sync.method=average --set sync.interval=2
same segments -n 2 --set parallel.lanes=2 --set train.epochs=4 \
  --set "sync.schedule=[{from: 5, mode: accumulated, method: average, interval: 3}, {from: 8, mode: synchronous}]"
if [ "${SANITIZE:-}" != thread ]; then # hosts are processes
  train 0 hosts mlp.yaml -n 4 --set parallel.lanes=1 --set parallel.hosts=2 --set data.ahead=2
  same_model "$(cat mlp.sha)" hosts
  all_from hosts loader 57
fi

# Stopped by its time, and resumed with another queue.
train 0 on mlp.yaml -n 2 --set parallel.lanes=1 --set data.ahead=4 --set train.steps=4
train 0 on mlp.yaml -n 1 --set parallel.lanes=2 --set data.ahead=1 --resume
same_model "$(cat mlp.sha)" on
train 130 brief mlp.yaml -n 2 --set parallel.lanes=1 --set data.ahead=4 --set train.epochs=1000000 --set train.seconds=0.5
says brief/report.json '"status": "interrupted"'

# A loss that is not finite in one lane ends all, and is what is said.
train 6 bad mlp.yaml -n 2 --set parallel.lanes=2 --set data.ahead=4 --set train.learning_rate=1000 --set train.epochs=30
says bad.err "the loss is "
[ "$(grep -c '^ddla: ' bad.err)" -eq 1 ] || fail "more than one message: $(cat bad.err)"

# An agent that is killed takes its loader with it; the others' end too.
if [ -z "$as_threads" ]; then
  "$DDLA" train -q mlp.yaml -n 3 --set parallel.lanes=1 --set data.ahead=4 --set train.epochs=1000000 --out killed 2>killed.err &
  launcher=$!
  trap 'kill -KILL $launcher 2>/dev/null || true' EXIT
  tries=0
  until "$DDLA" why killed 2>/dev/null | grep -q 'step [1-9][0-9]* of'; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "the run does not start"
    sleep 0.1
  done
  "$DDLA" top killed --once >top.out
  grep -qE '^waited for data: [0-9.]+ %( \(loader [0-9.]+ %\))?$' top.out || fail "top: $(cat top.out)"
  kill -KILL "$(sed -n 's/.*agent 1 of .*process \([0-9]*\),.*/\1/p' killed/agents/1.log)"
  got=0
  wait $launcher || got=$?
  [ $got -ne 0 ] || fail "a killed agent is no failure"
  says killed.err "agent 1"
  no_agents killed
fi

# A loader's thread is a row of the trace, and who waits for it says so.
train 0 traced gpt.yaml -n 1 --set parallel.lanes=1 --set data.ahead=1
"$DDLA" trace traced --steps 2 -o trace.json
"$tool" trace trace.json 2 >/dev/null || fail "the trace of a lane and a loader"
says trace.json '"name":"loader"' '"what":"waits for lanes to take samples"'
train 0 untraced gpt.yaml -n 1 --set parallel.lanes=1 --set data.ahead=0
"$DDLA" trace untraced --steps 2 -o trace.json
"$tool" trace trace.json 1 >/dev/null || fail "the trace of a lane"
if grep -q loader trace.json; then fail "a loader that there was not"; fi

# auto says what it does, and why.
"$DDLA" train mlp.yaml -n 1 --set parallel.lanes="$(nproc)" --set train.steps=1 --out auto >auto.out
says auto.out "loader: none, 1 agent with $(nproc) thread" "(data.ahead: auto)"

for wrong in -1 65 2.5 many; do
  train 2 refused mlp.yaml --set "data.ahead=$wrong"
  says refused.err "data.ahead is '$wrong', but it must be auto or from 0 to 64"
done
