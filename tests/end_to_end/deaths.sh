# deaths.sh: every method of the table of strategies, and an agent of it that is killed in mid-run, behind a checkpoint: the
# first agent, which hands out work and writes checkpoints, and the last one. The run ends within seconds with one line that
# names the agent; its newest checkpoint is whole, and it goes on from there to its end, with the model of a run that nobody
# disturbed where the method promises one. (agent_death.sh kills at random moments, in one method.)
. "${0%/*}/training.sh"
[ -z "$as_threads" ] || exit 0 # a thread cannot be killed alone
agents=3
within_ms=5000 # the launcher gives agents 1.5 s to end by themselves; other work on the machine may need the rest

samples train 512 data
samples t10k 32 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [16]}
train: {batch: 64, shards: 8, epochs: 1000000, learning_rate: 0.01, schedule: constant}
checkpoint: {every_steps: 20, every_epochs: 0, keep: 3}
parallel: {lanes: 1}
output: {hang_seconds: 0}
J

# choose METHOD: the keys that choose it are $keys; $bits: whether a run that is done again has the same ones.
choose() {
  bits=same
  accumulated="mode=accumulated interval=4"
  case $1 in
  allreduce) keys="mode=synchronous" ;;
  sharded) keys="mode=synchronous" ;;
  backup) keys="mode=synchronous backup=2" bits=chance ;;
  bounded) keys="mode=asynchronous staleness=2" bits=chance ;;
  push | gossip) keys="mode=asynchronous staleness=-1" bits=chance ;;
  streaming) keys="$accumulated fragments=2" ;;
  average | gradient | diloco | elastic | admm) keys=$accumulated ;;
  *) fail "nobody dies in method $1: say here how it is chosen" ;;
  esac
  keys=$(printf -- '--set sync.%s ' method="$1" $keys)
  [ "$1" != sharded ] || keys="$keys --set parallel.hosts=$agents"
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# steps RUN: of its checkpoints, the newest last.
steps() { ls "$1/checkpoints" 2>/dev/null | sed -n 's/^step-0*\([0-9]*\)$/\1/p' | sort -n; }

# begin RUN: starts an endless run, $launcher, and waits for its first checkpoint. Whatever happens, it is gone after a minute.
begin() {
  # shellcheck disable=SC2086 # words
  timeout -s KILL 60 "$DDLA" train -q job.yaml -n $agents $keys --out "$1" >"$1.out" 2>"$1.err" &
  launcher=$!
  until [ -n "$(steps "$1")" ]; do
    kill -0 $launcher 2>/dev/null || fail "$1 did not come to a checkpoint: $(cat "$1.err")"
    sleep 0.02
  done
}

# dies RUN AGENT
dies() {
  begin "$1"
  victim=$(sed -n "s/.*agent $2 of $agents, process \([0-9]*\),.*/\1/p" "$1/agents/$2.log")
  [ -n "$victim" ] || { kill $launcher; fail "$1: agent $2 did not say which process it is"; }
  killed_ms=$(now_ms)
  kill -KILL "$victim"
  status=0
  wait $launcher || status=$?
  lasted_ms=$(($(now_ms) - killed_ms))
  [ $status = 7 ] || fail "$1: status $status: $(cat "$1.err")"
  [ $lasted_ms -le $within_ms ] || fail "$1: ended $lasted_ms ms after the death of agent $2"
  says "$1.err" "agent $2 was killed by signal 9 (" ") at step " "--resume --out $1"
  [ "$(wc -l <"$1.err")" = 1 ] || fail "$1: more than one line of error: $(cat "$1.err")"
  no_agents "$1"
}

# goes_on RUN: from the newest checkpoint that the dead run left, to an end that is 20 steps away.
goes_on() {
  newest=$(steps "$1" | tail -n 1)
  died=$(sed 's/.* at step \([0-9]*\).*/\1/' "$1.err")
  [ "$newest" -le "$died" ] || fail "$1: died at step $died, but has a checkpoint of step $newest"
  # shellcheck disable=SC2086
  train 0 "$1" job.yaml -n $agents $keys --resume --set train.steps=$((newest + 20))
  says "$1/report.json" '"status": "done"' '"resumed": true' "\"steps\": $((newest + 20))"
  says "$1/agents/0.log" "resumes from $1/checkpoints/$(printf 'step-%08d' "$newest")"
  grep -q "passing over" "$1/agents/0.log" && fail "$1: left a checkpoint that is damaged: $(cat "$1/agents/0.log")"
  [ -z "$(find "$1" -name '*.tmp*')" ] || fail "$1: temporary files are left"
  [ $bits = same ] || return 0
  whole=whole-$((newest + 20))
  # shellcheck disable=SC2086
  [ -e $whole ] || train 0 $whole job.yaml -n $agents $keys --set checkpoint.every_steps=0 --set train.steps=$((newest + 20))
  same_model "$(sha $whole/model.safetensors)" "$1"
}

sed -n 's/^DDLA_STRATEGY(\(.*\))$/\1/p' "$SOURCE/src/sync/sync_list.h" >methods
[ -s methods ] || fail "the table has no methods"
while read -r method; do
  choose "$method"
  for agent in 0 $((agents - 1)); do
    run=$method-$agent
    dies "$run" "$agent"
    goes_on "$run"
    rm -r "$run"
  done
  rm -rf whole-*
done <methods
