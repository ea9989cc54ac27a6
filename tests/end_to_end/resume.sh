# resume.sh: a run that goes on from any of its checkpoints, after Ctrl-C, SIGTERM or SIGKILL, with any number of
# agents, ends with the model of a run that was never stopped. What must not change between the two is refused.
. "${0%/*}/training.sh"

samples train 703 data
samples t10k 64 data

# Resuming from every checkpoint of a run: in the middle of an epoch, at its end, at the end of the job.
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.2, shift: 1}
model: {kind: mlp, hidden: [24], dropout: 0.1}
train: {batch: 150, epochs: 4, optimizer: adamw, learning_rate: 0.01, keep_best: true, clip_norm: 1}
checkpoint: {every_steps: 3, keep: 100}
output: {csv: true}
J
results() { # RUN: what a report tells about the result, without times
  sed -n '/^  "test": {/,/^  }/p; /^  "best": {/,/^  }/p; s/^ *"steps": .*/&/p' "$1/report.json"
}
# table RUN: metrics.csv has one row for each epoch, all as wide as the header, with the numbers of metrics.jsonl.
table() {
  awk -F, -v name="$1" 'BEGIN { RS = "\r\n" }
    NR == 1 { columns = NF; if ($1 "," $2 "," $3 != "epoch,step,loss") exit 1; next }
    NF != columns || $1 != NR - 1 { exit 1 }
    { printf "%s %s %s\n", $1, $2, $3 }
    END { if (NR != 5) exit 1 }' "$1/metrics.csv" >"$1.rows" || { cat "$1/metrics.csv" >&2; fail "$1: metrics.csv is no table of 4 epochs"; }
  sed 's/.*"epoch": \([0-9]*\), "step": \([0-9]*\), "loss": \([^,]*\),.*/\1 \2 \3/' "$1/metrics.jsonl" | cmp -s - "$1.rows" ||
    fail "$1: metrics.csv has other numbers than metrics.jsonl"
}
train 0 whole job.yaml -n 2
table whole
whole=$(sha whole/model.safetensors)
best=$(sha whole/best.safetensors)
ls whole/checkpoints >steps
[ "$(wc -l <steps)" -eq 8 ] || fail "16 steps in 4 epochs leave checkpoints $(cat steps)"
agents=1
while read -r last; do
  name=from-$last
  mkdir -p "$name/checkpoints"
  cp whole/job.yaml whole/metrics.jsonl "$name"
  # What a killed run may leave: rows of epochs that come again, and one cut off.
  head -c "$(($(wc -c <whole/metrics.csv) - 9))" whole/metrics.csv >"$name/metrics.csv"
  while read -r step; do
    cp -r "whole/checkpoints/$step" "$name/checkpoints"
    if [ "$step" = "$last" ]; then break; fi
  done <steps
  train 0 "$name" job.yaml -n "$agents" --resume
  same_model "$whole" "$name"
  [ "$(results "$name")" = "$(results whole)" ] || fail "$name: other results than a run in one piece"
  [ ! -e "$name/best.safetensors" ] || [ "$(sha "$name/best.safetensors")" = "$best" ] || fail "$name: another best model"
  [ "$(sed 's/.*"step": \([0-9]*\),.*/\1/' "$name/metrics.jsonl" | tr '\n' ' ')" = "4 8 12 16 " ] ||
    fail "$name: metrics.jsonl has not one row for each epoch"
  table "$name"
  agents=$((agents % 5 + 1))
done <steps
[ "$(head -c 15 whole/metrics.csv)" = "epoch,step,loss" ] || fail "metrics.csv without a header"
# The key comes and goes with a resume.
rm -r "$name/checkpoints/$last" "$name/report.json"
train 0 "$name" job.yaml --resume --set output.csv=false
[ ! -e "$name/metrics.csv" ] || fail "an old table is left"
rm -r "$name/checkpoints/$last" "$name/report.json"
train 0 "$name" job.yaml --resume
table "$name"

# Early stopping goes on counting: nothing is learnt, so epoch 1 stays the best and the run ends after epoch 4.
cat >early.yaml <<'J'
data: {train: data, validation_fraction: 0.2}
model: {kind: mlp, hidden: [8]}
train: {batch: 200, epochs: 10, learning_rate: 0, patience: 3, keep_best: true}
checkpoint: {every_steps: 1, keep: 100}
J
train 0 early early.yaml -n 2
says early/report.json '"steps": 12' '"epoch": 1'
for last in 00000005 00000009 00000011 00000012; do
  name=early-$last
  mkdir -p "$name/checkpoints"
  cp early/job.yaml "$name"
  for step in early/checkpoints/*; do
    if [ "${step##*step-}" -le "$last" ]; then cp -r "$step" "$name/checkpoints"; fi
  done
  train 0 "$name" early.yaml -n 3 --resume
  says "$name/report.json" '"steps": 12' '"epoch": 1'
done

# A changed job is refused, naming what differs, and the run directory stays as it is.
refuse() { # WORDS ARGUMENT...
  words=$1
  shift
  find whole -type f -not -path "*/agents/*" | sort | xargs sha256sum >before
  train 2 whole job.yaml -n 2 --resume "$@"
  says whole.err "$words"
  find whole -type f -not -path "*/agents/*" | sort | xargs sha256sum >after
  cmp -s before after || { diff before after >&2; fail "a refused run changed files: $*"; }
}
samples train 704 other
refuse model.hidden --set model.hidden=[25]
refuse model.dropout --set model.dropout=0.2
refuse model.kind --set model.kind=cnn
refuse "training data" --set data.train=other --set data.test=data
refuse train.shards --set train.shards=16
refuse train.micro_batch --set train.micro_batch=5
refuse train.seed --set train.seed=2
refuse train.batch --set train.batch=151
refuse train.optimizer --set train.optimizer=sgd
refuse train.learning_rate --set train.learning_rate=0.02
refuse data.shift --set data.shift=2

# Stopped by a signal. $! is the launcher; with 3000 samples and many steps it has work for some seconds.
samples train 3000 long
cat >long.yaml <<'J'
data: {train: long, validation_fraction: 0.1}
model: {kind: mlp, hidden: [128, 64], dropout: 0.1}
train: {batch: 24, epochs: 4, nesterov: true, keep_best: true}
checkpoint: {every_steps: 20}
J
train 0 long long.yaml -n 2
long=$(sha long/model.safetensors)

# stop SIGNAL ROWS STATUS RUN AGENTS: starts or goes on with RUN, sends SIGNAL when ROWS epochs are over and a bit.
stop() {
  got=0
  "$DDLA" train -q long.yaml -n "$5" --out "$4" --resume 2>"$4.err" &
  pid=$!
  tries=0
  until [ "$(cat "$4/metrics.jsonl" 2>/dev/null | wc -l)" -ge "$2" ] && [ -n "$(ls "$4/checkpoints" 2>/dev/null)" ]; do
    tries=$((tries + 1))
    [ $tries -lt 3000 ] || fail "$4 does not come to epoch $2"
    sleep 0.01
  done
  kill -"$1" $pid
  wait $pid 2>/dev/null || got=$?
  [ $got -eq "$3" ] || { cat "$4.err" >&2; fail "$4: exit status $got after SIG$1, not $3"; }
  no_agents "$4"
}
stop INT 2 130 interrupted 2
says interrupted.err "go on with --resume"
says interrupted/report.json '"status": "interrupted"'
train 0 interrupted long.yaml -n 3 --resume
same_model "$long" interrupted
says interrupted/report.json '"resumed": true' '"status": "done"'
stop TERM 1 130 ended 3
stop INT 2 130 ended 1
stop KILL 3 137 ended 4
train 0 ended long.yaml -n 2 --resume
same_model "$long" ended
stop KILL 1 137 killed 1
train 0 killed long.yaml -n 5 --resume
same_model "$long" killed
for run in interrupted ended killed; do
  [ "$(sha "$run/best.safetensors")" = "$(sha long/best.safetensors)" ] || fail "$run: another best model"
  [ "$(find "$run" -name '*.tmp*' | wc -l)" -eq 0 ] || fail "$run: temporary files are left: $(find "$run" -name '*.tmp*')"
done

# A finished run is left as it is, by its steps and by early stopping; with more epochs it goes on, and a run that
# lost its report, or whose model is not the one reported, writes it again.
files() { find "$1" -type f -exec sha256sum {} + | sort; }
for run in whole early; do
  job=$run.yaml
  [ "$run" = early ] || job=job.yaml
  files $run >before
  find $run -type f -printf '%p %T@\n' | sort >times
  "$DDLA" train "$job" -n 3 --out $run --resume >$run.out 2>&1 || fail "$run: a finished run is not resumed well"
  says $run.out "$run is already finished: $(sed -n 's/^ *"steps": \([0-9]*\),*$/\1/p' $run/report.json) steps" \
    "raise train.epochs or train.steps"
  files $run | cmp -s before - || fail "$run: files of a finished run have changed"
  find $run -type f -printf '%p %T@\n' | sort | cmp -s times - || fail "$run: files of a finished run were written again"
done
"$DDLA" train job.yaml --out whole --resume --json >whole.out
cmp -s whole.out whole/report.json || fail "--json does not print the finished run's report"
if "$DDLA" train -q job.yaml --out whole --resume --set train.shards=4 2>whole.err; then fail "another job is finished too"; fi
says whole.err "train.shards"
for lost in report.json model.safetensors; do
  cp -r whole lost
  rm "lost/$lost"
  train 0 lost job.yaml -n 2 --resume
  same_model "$whole" lost
  rm -r lost
done
train 0 whole job.yaml -n 2 --resume --set train.epochs=5
says whole/report.json '"steps": 20'

# What a killed process was writing goes when the run goes on.
mkdir left
cp whole/job.yaml left
for file in job.yaml model.json model.safetensors average.safetensors best.safetensors report.json report.txt metrics.jsonl; do
  echo half >"left/$file.tmp-1-0"
done
echo mine >left/notes.tmp-1
train 0 left job.yaml -n 1 --resume
[ "$(find left -name '*.tmp*')" = left/notes.tmp-1 ] || fail "temporary files are left: $(find left -name '*.tmp*')"
