# binding.sh: lanes run where parallel.bind puts them, which changes no bit; what cannot be done is said or refused.
. "${0%/*}/training.sh"

samples train 400 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32]}
train: {shards: 4, batch: 40, epochs: 1, learning_rate: 0.002}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
output: {hang_seconds: 0}
J

"$DDLA" doctor --json >doctor.json || true
if grep -q 'not known: ' doctor.json; then
  train 0 without job.yaml -n 1
  says without/report.txt "binding          none, "
  echo "skipped: there is no hwloc here"
  exit 77
fi

allowed() { sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$1"; } # FILE: of a status file of /proc
mine=$(allowed /proc/self/status)
first=${mine%%[,-]*}

train 0 free job.yaml -n 1 --set parallel.bind=none
says free/report.txt "binding          none, not wanted"
bits=$(sha free/model.safetensors)

# A list, and a core for one lane: the log says where, and the run's bits are the same.
train 0 listed job.yaml -n 1 --set "parallel.bind=\"$first\""
same_model "$bits" listed
says listed/report.txt "binding          1 lane on processor $first"
logged listed 0 "lane 0 of agent 0 on processors $first"
grep -q '"bound": true' listed/report.json || fail "report.json does not say that lanes were bound"
train 0 cores job.yaml -n 1 --set parallel.bind=cores
same_model "$bits" cores
logged cores 0 "lane 0 of agent 0 on processors "

# A launcher that grants one processor: the lane fills it. Two lanes there are too many.
if [ -z "$as_threads" ] && command -v taskset >/dev/null; then
  taskset -c "$first" "$DDLA" train job.yaml -n 1 --out granted >granted.out
  says granted.out "binding: 1 lane on processor $first (parallel.bind: auto)"
  same_model "$bits" granted
  taskset -c "$first" "$DDLA" train job.yaml -n 2 --out many >many.out
  says many.out "binding: none, 2 lanes on 1 processor (parallel.bind: auto)"
  same_model "$bits" many
fi

# What is no list, and processors that are not ours.
train 2 typo job.yaml -n 1 --set parallel.bind=core
says typo.err "parallel.bind is 'core', but it must be auto, none, cores, numa, or processors"
train 2 foreign job.yaml -n 1 --set parallel.bind=1023
says foreign.err "parallel.bind is 1023, but this process may use processors $mine only"

# Agents are where their plan puts them, with all of their threads, and the launcher is where it was.
[ -z "$as_threads" ] || exit 0
case $mine in
*[,-]*) ;;
*) exit 0 ;; # one processor
esac
"$DDLA" train job.yaml -n 2 --set parallel.bind=cores --set train.epochs=1000000 --out long -q &
run=$!
trap 'kill $run 2>/dev/null || true' EXIT
tries=0
until [ -s long/metrics.jsonl ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || fail "the agents did not start"
  sleep 0.1
done
for agent in 0 1; do
  process=$(sed -n "s/.*agent $agent of 2, process \([0-9]*\),.*/\1/p" long/agents/$agent.log)
  planned=$(sed -n "s/.*lane 0 of agent $agent on processors //p" long/agents/$agent.log)
  found=$(allowed "/proc/$process/status")
  [ "$found" = "$planned" ] || fail "agent $agent is on processors $found, not $planned"
  echo "$planned" >>planned
done
[ "$(sort -u planned | wc -l)" = 2 ] || fail "two agents on one core: $(cat planned)"
[ "$(allowed /proc/$run/status)" = "$mine" ] || fail "the launcher has moved"
kill -TERM $run
wait $run || true
