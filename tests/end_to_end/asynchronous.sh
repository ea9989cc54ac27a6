# asynchronous.sh: sync.mode asynchronous. With a staleness of 0 steps bounded leaves the bits of synchronous training, in
# every checkpoint, whoever computed what, and after every resume; bounded and push learn, and go on from a checkpoint; what
# does not go together is refused; who fails or is killed ends all.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 1022 data
samples t10k 500 data

# 920 samples in 10 batches, the last one of 20.
cat >job.yaml <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 100, epochs: 3, optimizer: adamw, learning_rate: 0.002, schedule: constant, keep_best: true}
sync: {mode: asynchronous, method: bounded, staleness: 0}
parallel: {lanes: 1}
checkpoint: {every_steps: 4, keep: 20}
J
synchronous="--set sync.mode=synchronous --set sync.method=allreduce"
push="--set sync.method=push"

# Models of all checkpoints, the best one, and what was measured at the ends of epochs.
left() {
  (cd "$1" && sha256sum best.safetensors model.safetensors checkpoints/*/model.safetensors)
  sed 's/.*"epoch": *\([0-9]*\).*"validation_accuracy": *\([0-9.]*\).*/\1 \2/' "$1/metrics.jsonl"
}
same_left() {
  left "$1" >"$1.left"
  cmp plain.left "$1.left" || fail "$1: $(diff plain.left "$1.left")"
}

# shellcheck disable=SC2086 # words
train 0 plain job.yaml -n 1 $synchronous
bits=$(sha plain/model.safetensors)
left plain >plain.left
grep -q ' 0\.[0-9]' plain.left || fail "nothing was measured: $(cat plain.left)"
[ "$(wc -l <plain.left)" = 14 ] || fail "not nine checkpoints: $(cat plain.left)"
train 0 alone job.yaml -n 1
same_left alone
train 0 two job.yaml -n 2
same_left two
train 0 four job.yaml -n 4 --set sync.servers=1 --set sync.range_bytes=16384
same_left four
train 0 threads job.yaml -n 3 --set parallel.agents_as=threads --set parallel.lanes=2 --set parallel.balance=dynamic
same_model "$bits" threads
train 0 pairs job.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set sync.servers=2
same_left pairs
says two/report.json '"method": "bounded"' '"staleness": 0.0' '"stale_1": 0.0'

# shellcheck disable=SC2086
train 0 narrow job.yaml -n 1 $synchronous --set train.precision=bf16 --set train.optimizer=sgd --set train.epochs=1
train 0 narrow2 job.yaml -n 2 --set train.precision=bf16 --set train.optimizer=sgd --set train.epochs=1
same_model "$(sha narrow/model.safetensors)" narrow2

# From one number of agents to another, in the midst of an epoch.
train 0 cut job.yaml -n 3 --set train.steps=13
train 0 cut job.yaml -n 2 --resume --set train.steps=17 --set sync.servers=1
train 0 cut job.yaml -n 4 --resume
same_model "$bits" cut

# A host that is slow serves fewer ranges from the next fence on, with the same bits, also in checkpoints: agent 2 is held up
# again and again, then the run goes on without that.
# shellcheck disable=SC2086
train 0 even job.yaml -n 1 --set train.epochs=25 $synchronous
"$DDLA" train -q job.yaml -n 3 --set train.epochs=25 --set train.steps=190 --set checkpoint.every_steps=60 \
  --set sync.range_bytes=16384 --out uneven 2>uneven.err &
run=$!
slow=
while kill -0 $run 2>/dev/null; do
  if [ -n "$slow" ]; then
    kill -STOP "$slow" 2>/dev/null || break
    sleep 0.05
    kill -CONT "$slow" 2>/dev/null || break
  else
    slow=$(sed -n "s/.*agent 2 of 3, process \([0-9]*\),.*/\1/p" uneven/agents/2.log 2>/dev/null || true)
  fi
  sleep 0.005
done
wait $run || fail "uneven: $(cat uneven.err)"
says uneven/agents/0.log "hosts serve ranges of the parameters by what they get done"
train 0 uneven job.yaml -n 2 --resume --set train.epochs=25
same_model "$(sha even/model.safetensors)" uneven

# begun RUN ARGUMENT...: a run without end in the background, $run, when it has a checkpoint.
begun() {
  name=$1
  shift
  # shellcheck disable=SC2086
  "$DDLA" train -q job.yaml -n 3 --set train.epochs=100000 --set checkpoint.keep=3 "$@" --out "$name" 2>"$name.err" &
  run=$!
  tries=0
  until [ -s "$name/metrics.jsonl" ] && ls "$name"/checkpoints/*/model.safetensors >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "$name did not start: $(cat "$name.err")"
    sleep 0.1
  done
}

# Ctrl-C at some moment, and on from there.
begun stopped
kill -INT $run
status=0
wait $run || status=$?
[ $status = 130 ] || fail "a stopped run: status $status: $(cat stopped.err)"
step=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' stopped.err)
train 0 stopped job.yaml -n 2 --set train.epochs=100000 --resume --set train.steps=$((step + 7))
# shellcheck disable=SC2086
train 0 through job.yaml -n 1 $synchronous --set train.epochs=100000 --set train.steps=$((step + 7)) --set train.keep_best=false
same_model "$(sha through/model.safetensors)" stopped

# Stale ones learn, from where they were, and leave what is asked for.
# accuracy RUN: of the test, in thousandths.
accuracy() {
  sed -n '/"test": {/,/}/s/^ *"accuracy": \([0-9.]*\),*$/\1/p' "$1/report.json" | head -1 |
    awk '{ printf "%d\n", 1000 * $1 + 0.5 }'
}
learns() {
  name=$1
  shift
  train 0 "$name" job.yaml -n 3 "$@" --set train.steps=25 --set train.epochs=12
  train 0 "$name" job.yaml -n 3 "$@" --resume --set train.epochs=12
  [ "$(accuracy "$name")" -gt 650 ] || fail "$name: the test's accuracy is $(accuracy "$name") / 1000"
  says "$name/report.json" '"staleness": ' '"stale_0": ' '"of": "best"'
  "$DDLA" eval "$name" >"$name.eval"
}
learns stale --set sync.staleness=2
learns pushed --set sync.method=push --set sync.staleness=1 --set train.clip_norm=1 --set sync.compensation=0.04
learns centre --set sync.method=push --set sync.staleness=-1 --set sync.servers=1 --set sync.damping=true
train 0 mean job.yaml -n 2 --set sync.method=push --set train.average=swa --set train.average_from=2 --set train.keep_best=false
says mean/report.json '"of": "average"'
# Who looks at the run has counted what the report says.
number() { sed -n "s/^ *\"$2\": \([0-9.e-]*\),*\$/\1/p" "$1/report.json"; }
"$DDLA" top mean >mean.top
says mean.top "$(printf 'staleness: mean %.2f, largest %.0f (' "$(number mean staleness)" "$(number mean stalest)")"
total=$(for class in 0 1 2 3_4 5_8 9_16 above_16; do number mean stale_$class; done | awk '{ sum += $1 } END { print sum }')
[ "$total" = 30 ] || fail "$total contributions, not 30"
says mean.top "$(number mean stale_1 | awk '$1 > 0 { printf "1: %.1f %%", $1 / 0.3 }')"
train 0 patient job.yaml -n 2 --set sync.staleness=3 --set train.epochs=60 --set train.patience=2
[ "$(wc -l <patient/metrics.jsonl)" -lt 60 ] || fail "it stopped never"

# What does not go together.
refused() { # KEY WORDS ARGUMENT...
  key=$1 words=$2
  shift 2
  train 2 refused job.yaml -n 2 "$@"
  says refused.err "$key" "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused sync.staleness "bounded keeps a bound" --set sync.staleness=-1
refused sync.servers "there are 2 agents" --set sync.servers=3
refused sync.method "must be one of" --set sync.method=allreduce
refused sync.reduction "use tree" --set sync.reduction=fast
refused sync.compensation "only sync.method push" --set sync.compensation=0.04
refused sync.damping "only sync.method push" --set sync.damping=true
refused train.average "no moment" --set train.average=ema
refused train.optimizer "use sgd" --set train.optimizer=lamb
refused train.optimizer "whole tensors" --set train.optimizer=adafactor
refused train.clip_norm "use push" --set train.clip_norm=1
refused train.shards "no shard may be empty" --set train.batch=102
refused train.last_batch "all 920 training samples do not fill the 1000" --set train.batch=1000 --set train.last_batch=drop
refused train.last_batch "do not fill the 1000 of one step" --set train.last_batch=drop --set sync.mode=accumulated \
  --set sync.method=gradient --set sync.interval=10 --set sync.staleness=1
train 0 dropped job.yaml -n 2 --set train.batch=102 --set train.last_batch=drop --set train.epochs=1
refused sync.method "running statistics" --set model.kind=resnet --set model.depth=8 --set model.width=8

# Numbers that are none end all, with the words of the one that found them.
for method in bounded push gossip "bounded --set sync.codec=int8" "push --set sync.codec=topk"; do
  # shellcheck disable=SC2086
  train 6 wild job.yaml -n 3 --set sync.method=$method --set sync.staleness=1 --set train.learning_rate=900 \
    --set train.optimizer=sgd --set train.epochs=20
  grep -q 'loss is\|holds\|not finite' wild.err || fail "a wild run: $(cat wild.err)"
  [ "$(wc -l <wild.err)" = 1 ] || fail "a wild run says more than one thing: $(cat wild.err)"
  rm -r wild
done

[ -z "$as_threads" ] || exit 0

# An agent is killed: the run ends and says who, and goes on from a checkpoint that is whole.
for method in bounded push; do
  begun killed-$method --set sync.method=$method --set sync.staleness=2 --set output.hang_seconds=0
  "$DDLA" top killed-$method --once >killed.top
  says killed.top "staleness: mean "
  kill -9 "$(sed -n 's/.*agent 2 of 3, process \([0-9]*\),.*/\1/p' killed-$method/agents/2.log)"
  status=0
  wait $run || status=$?
  [ $status = 7 ] || fail "a killed agent: status $status: $(cat killed-$method.err)"
  says killed-$method.err " 2 " "signal 9"
  no_agents killed-$method
  step=$(ls killed-$method/checkpoints | sed -n 's/^step-0*\([0-9]*\)$/\1/p' | sort -n | tail -n 1)
  train 0 killed-$method job.yaml -n 2 --set sync.method=$method --resume --set train.epochs=100000 \
    --set train.steps=$((step + 1))
done

# An agent that stands still: the others say so, and go on when it does.
begun slow --set sync.staleness=1 --set output.hang_seconds=3
victim=$(sed -n 's/.*agent 1 of 3, process \([0-9]*\),.*/\1/p' slow/agents/1.log)
kill -STOP "$victim"
tries=0
until grep -q 'processors*$' slow.err; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || { kill -CONT "$victim"; kill $run; fail "no word about an agent that stands still: $(cat slow.err)"; }
  sleep 0.1
done
"$DDLA" why slow >why.out
kill -CONT "$victim"
kill -INT $run
status=0
wait $run || status=$?
[ $status = 130 ] || fail "after a rest: status $status: $(cat slow.err)"
says why.out "agent 1"
no_agents slow
