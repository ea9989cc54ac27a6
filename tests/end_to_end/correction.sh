# correction.sh: sync.momentum_correction. A run learns with it, with every method that sends gradients; what an agent keeps
# stands in checkpoints and goes on from there, with as many agents and with others; what it does not go with is refused.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 1022 data
samples t10k 500 data

cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32]}
train: {shards: 8, batch: 100, epochs: 8, optimizer: sgd, momentum: 0, learning_rate: 0.05, schedule: constant, keep_best: true}
sync: {mode: asynchronous, method: bounded, staleness: 1, codec: topk, topk: 0.05, momentum_correction: 0.9}
parallel: {lanes: 1}
checkpoint: {every_steps: 10, keep: 20}
J

# learns RUN: the loss of its last epoch is below six tenths of the first one's.
learns() {
  sed -n 's/.*"loss": \([0-9.e-]*\), "accuracy".*/\1/p' "$1/metrics.jsonl" >losses
  awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR > 1 && last < 0.6 * first) }' losses ||
    fail "$1: the loss does not fall: $(tr '\n' ' ' <losses)"
}

for method in bounded push backup; do
  case $method in
  bounded) set="--set sync.codec=topk2" ;;
  push) set="--set sync.method=push --set train.clip_norm=2" ;;
  backup) set="--set sync.mode=synchronous --set sync.method=backup --set sync.backup=1" ;;
  esac
  # shellcheck disable=SC2086 # words
  train 0 $method job.yaml -n 3 $set --set train.epochs=4
  # shellcheck disable=SC2086
  train 0 $method job.yaml -n 3 $set --resume --set train.epochs=6
  # shellcheck disable=SC2086
  train 0 $method job.yaml -n 2 $set --resume --set train.epochs=7
  # shellcheck disable=SC2086
  train 0 $method job.yaml -n 4 $set --resume
  learns $method
  "$DDLA" eval $method >$method.eval
done

# A gradient that is always the same, of all samples with parameters that do not move, and a choice of hardly any number:
# velocity comes near to ten gradients and one more contribution changes it little, but were it lost, or counted twice when
# others go on, there would be a tenth of it, or twice as much. (Who computes what is chance, and so all else.)
cat >still.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32]}
train: {shards: 4, batch: 1022, steps: 30, optimizer: sgd, momentum: 0, weight_decay: 0, learning_rate: 1e-9, schedule: constant}
sync: {mode: asynchronous, method: bounded, staleness: 0, codec: topk, topk: 1e-5, momentum_correction: 0.9}
parallel: {lanes: 1}
checkpoint: {every_steps: 1, keep: 3}
J

# kept RUN STEP ROW AGENTS: the magnitude of what all agents have kept together.
kept() {
  names=$3/linear1.weight
  agent=1
  while [ $agent -lt "$4" ]; do
    names="$names replica-$agent/$3/linear1.weight"
    agent=$((agent + 1))
  done
  # shellcheck disable=SC2086 # words
  "$tool" added "$(printf '%s/checkpoints/step-%08d/state.safetensors' "$1" "$2")" $names
}

# about WANTED FOUND LEAST MOST WORDS: FOUND is so many times WANTED at least, and so many at most.
about() {
  awk -v wanted="$1" -v found="$2" -v least="$3" -v most="$4" \
    'BEGIN { exit !(wanted > 0 && found > least * wanted && found < most * wanted) }' || fail "$5: $2 after $1"
}

train 0 still still.yaml -n 2
before=2 step=30
for agents in 2 4 3; do
  velocity=$(kept still $step velocity $before) residual=$(kept still $step residual $before)
  step=$((step + 1))
  train 0 still still.yaml -n $agents --resume --set train.steps=$step
  about "$velocity" "$(kept still $step velocity $agents)" 0.6 1.5 "velocity of $before agents, then $agents"
  about "$residual" "$(kept still $step residual $agents)" 0.95 1.4 "residual of $before agents, then $agents"
  before=$agents
done

# Begun without it, gone on with it, and without; and in parts of a run: it ends with the mode that it is of.
plain="--set sync.momentum_correction=0 --set sync.codec=int8"
# shellcheck disable=SC2086
train 0 other job.yaml -n 2 $plain --set train.epochs=1
train 0 other job.yaml -n 2 --resume --set train.epochs=2
# shellcheck disable=SC2086
train 0 other job.yaml -n 3 $plain --resume --set train.epochs=3
train 0 parts job.yaml -n 2 --set train.epochs=3 --set "sync.schedule=[{from: 6, topk: 0.02}, \
  {from: 12, mode: synchronous}, {from: 20, mode: asynchronous}]"
says parts/report.txt "from step 6" "from step 20" "by codec topk"

# What it does not go with.
refused() { # WORDS ARGUMENT...
  words=$1
  shift
  train 2 refused job.yaml "$@"
  says refused.err sync.momentum_correction "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused "from 0 to" -n 2 --set sync.momentum_correction=1
refused "nothing is left out" -n 2 --set sync.codec=none
refused "nothing is left out" -n 2 --set sync.mode=synchronous --set sync.method=allreduce --set sync.codec=none
refused "sends every number" -n 2 --set sync.codec=sign
refused "is dropped" -n 2 --set sync.codec_decay=0
refused "sync.outer_momentum" -n 2 --set sync.mode=accumulated --set sync.method=diloco --set sync.interval=4
refused "steps of its own" -n 2 --set sync.method=gossip
refused "sgd with train.momentum 0" -n 2 --set train.momentum=0.5
refused "adamw keeps moments" -n 2 --set train.optimizer=adamw
refused "nobody to send gradients to" -n 1
refused "nobody to send gradients to" -n 2 --set sync.replica=host
refused "entry 1 of sync.schedule" -n 2 --set "sync.schedule=[{from: 5, codec: int8}]"
