# slow_agent.sh: an agent that computes a tenth of the time, in methods that need not wait for it. The run goes on and comes to
# its end; in asynchronous ones the others compute more meanwhile, which is seen by who computed how much and by how stale that
# was, not by a clock. Replicas that exchange wait for it and have the bits that they have without it.
. "${0%/*}/training.sh"
[ -z "$as_threads" ] || exit 0 # a thread cannot be stopped alone
tool=$BUILD/bin/end_to_end_tool
agents=3 slow=2 steps=120 shards=12

samples train 4608 data
samples t10k 100 data
# An epoch has 24 steps. Ranges that the slow one serves are served by others from the second epoch on.
cat >job.yaml <<J
data: {train: data}
model: {kind: mlp, hidden: [256, 128]}
train: {batch: 192, shards: $shards, steps: $steps, learning_rate: 0.002, schedule: constant}
parallel: {lanes: 1}
output: {hang_seconds: 0}
J

# slowed RUN KEY...: a run of which one agent gets a tenth of the time from its start on.
slowed() {
  run=$1
  shift
  # shellcheck disable=SC2046 # words
  timeout -s KILL 120 "$DDLA" train -q job.yaml -n $agents $(printf -- '--set sync.%s ' "$@") --out "$run" 2>"$run.err" &
  launcher=$!
  until slow_process=$(grep -s "agent $slow of $agents, process" "$run/agents/$slow.log"); do
    kill -0 $launcher 2>/dev/null || fail "$run did not start: $(cat "$run.err")"
    sleep 0.02
  done
  "$tool" slow "$(echo "$slow_process" | sed 's/.*, process \([0-9]*\),.*/\1/')" 10 || { kill $launcher; fail "$run: $slow_process"; }
  status=0
  wait $launcher || status=$?
  [ $status = 0 ] || fail "$run: status $status: $(cat "$run.err")"
  says "$run/report.json" '"status": "done"' "\"steps\": $steps"
  no_agents "$run"
}

# number_of RUN KEY: a number of the section sync of the report.
number_of() { "$tool" json "$1/report.json" sync "$2"; }

# left_behind RUN: all was computed, and by the slow agent clearly less than by either other one. It is a tenth of that on a machine
# with nothing else to do; other work takes more from those that are not slowed.
left_behind() {
  of_agents "$1" samples >shares
  awk -v all=$((steps * 192)) '{ exit !($1 + $2 + $3 == all && 3 * $3 < 2 * $1 && 3 * $3 < 2 * $2) }' shares ||
    fail "$1: samples of agents: $(cat shares)"
}

slowed bounded mode=asynchronous method=bounded staleness=2
left_behind bounded
awk -v mean="$(number_of bounded staleness)" -v most="$(number_of bounded stalest)" \
  'BEGIN { exit !(mean > 0 && most >= 1 && most <= 2) }' || fail "bounded: staleness $(number_of bounded staleness)"

# Its parameters are old when it comes: others have made more updates meanwhile than two fast agents make of each other's.
slowed push mode=asynchronous method=push staleness=-1
left_behind push
awk -v most="$(number_of push stalest)" 'BEGIN { exit !(most >= 5) }' || fail "push: nothing is staler than $(number_of push stalest)"

slowed gossip mode=asynchronous method=gossip staleness=-1
left_behind gossip
says gossip/report.json '"replicas": 3'

train 0 undisturbed job.yaml -n $agents --set sync.mode=accumulated --set sync.method=average --set sync.interval=8
slowed average mode=accumulated method=average interval=8
[ "$(of_agents average samples)" = "$(of_agents undisturbed samples)" ] || fail "average: samples $(of_agents average samples)"
same_model "$(sha undisturbed/model.safetensors)" average
