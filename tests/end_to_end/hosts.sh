# hosts.sh: several hosts, each with a state of its own, give the bits of one; a run goes on with another number of them;
# and a failure on one ends all, with its words. The hosts are played by processes of this machine.
. "${0%/*}/training.sh"

samples train 1003 data
samples t10k 100 data

# job NAME: the job file is standard input.
job() { cat >"$1.yaml"; }

job mlp <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 500, epochs: 2, optimizer: adamw, clip_norm: 0.5, learning_rate: 0.002, keep_best: true}
J
# Statistics of shards, averages, a number of shards that is no power of two, shards without samples.
job norm <<'J'
data: {train: data}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 7, batch: 500, epochs: 1, micro_batch: 30, learning_rate: 0.05}
J
job layered <<'J'
data: {train: data}
model: {kind: mlp, hidden: [300]}
train: {shards: 6, batch: 200, epochs: 1, optimizer: lamb, average: ema, learning_rate: 0.01}
J

# one JOB HOSTS AGENTS LANES [ARGUMENT...]: a run; its model must be the first one's.
one() {
  job=$1
  name=$1-$2-$3-$4
  hosts=$2
  agents=$3
  lanes=$4
  shift 4
  train 0 "$name" "$job.yaml" -n "$agents" --set "parallel.hosts=$hosts" --set "parallel.lanes=$lanes" "$@"
  [ -e "$job.sha" ] || sha "$name/model.safetensors" >"$job.sha"
  same_model "$(cat "$job.sha")" "$name"
  rm -r "$name"
}

for job in mlp norm layered; do
  one "$job" 1 1 1
  one "$job" 2 2 1
  one "$job" 2 3 2
  one "$job" 3 5 1 --set sync.range_bytes=16384
  one "$job" 3 4 2 --set sync.method=sharded
  one "$job" 2 5 1 --set sync.method=sharded --set sync.range_bytes=16384
done
one mlp 8 8 1
for job in mlp norm layered; do
  one "$job" 1 3 1 --set parallel.balance=dynamic
  one "$job" 2 5 1 --set parallel.balance=dynamic
  one "$job" 4 4 2 --set parallel.balance=dynamic --set sync.range_bytes=16384
  one "$job" 3 4 2 --set parallel.balance=dynamic --set sync.method=sharded
  one "$job" 2 5 1 --set parallel.balance=dynamic --set sync.method=sharded --set sync.range_bytes=16384
done

# A checkpoint fits any number of hosts.
train 0 first mlp.yaml -n 3 --set parallel.hosts=3 --set train.steps=2 --set checkpoint.every_steps=1 \
  --set train.schedule=constant
train 0 whole mlp.yaml -n 1 --set train.schedule=constant
train 0 first mlp.yaml -n 4 --set parallel.hosts=2 --set train.schedule=constant --set parallel.balance=dynamic --resume
same_model "$(sha whole/model.safetensors)" first

# What cannot be played.
train 2 many mlp.yaml -n 2 --set parallel.hosts=3
says many.err "parallel.hosts" "each needs an agent"

# A loss that is no number ends all hosts, with the words of the one that found it.
train 6 wild mlp.yaml -n 4 --set parallel.hosts=2 --set train.learning_rate=900 --set train.optimizer=sgd \
  --set train.clip_norm=0 --set train.epochs=9
grep -q 'loss is\|holds\|norm is' wild.err || fail "a wild run: $(cat wild.err)"
[ "$(wc -l <wild.err)" = 1 ] || fail "a wild run says more than one thing: $(cat wild.err)"

# Whoever is killed on whichever host, the first one or another: the run ends and says who that was, by which signal and at which
# step, in the words of the host which lost somebody, and goes on from its checkpoint. (Host 1 has the agents 2 and 3.)
cat >endless.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [16]}
train: {batch: 100, shards: 8, epochs: 1000000, schedule: constant}
checkpoint: {every_steps: 20, every_epochs: 0, keep: 2}
parallel: {lanes: 1, hosts: 2}
output: {hang_seconds: 0}
J

# killed VICTIM: as the message names it, "agent 3" or "host 1", whose process waits for its agents.
killed() {
  rm -rf killed
  "$DDLA" train endless.yaml -n 4 --out killed -q 2>killed.err &
  run=$!
  tries=0
  until ls -d killed/checkpoints/step-???????? >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "the agents did not start: $(cat killed.err)"
    sleep 0.1
  done
  case $1 in
  agent*) agent=${1#agent } ;;
  host*) agent=$((2 * ${1#host } + 1)) ;;
  esac
  process=$(sed -n "s/.*agent $agent of 4, process \([0-9]*\),.*/\1/p" killed/agents/"$agent".log)
  case $1 in host*) process=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$process/status") ;; esac
  kill -9 "$process"
  status=0
  wait $run || status=$?
  [ $status = 7 ] || fail "$1 is killed: status $status: $(cat killed.err)"
  says killed.err "--resume --out killed): $1 was killed by signal 9 (Killed) at step "
  [ "$(wc -l <killed.err)" = 1 ] || fail "$1 is killed: more than one line: $(cat killed.err)"
  step=$(sed 's/.* at step \([0-9]*\)$/\1/' killed.err)
  newest=$(ls killed/checkpoints | sed -n 's/^step-0*\([0-9]*\)$/\1/p' | tail -n 1)
  [ "$step" -ge "$newest" ] || fail "$1 is killed: at step $step, but there is a checkpoint of $newest: $(cat killed.err)"
  no_agents killed
}
if [ -z "$as_threads" ]; then # a thread cannot be killed alone
  for victim in "agent 1" "agent 2" "agent 3" "host 0" "host 1"; do killed "$victim"; done
  train 0 killed endless.yaml -n 4 --resume --set train.steps=$((newest + 20))
fi
