# ddla why, top, trace and plot: of a run that goes on, of one that is over, of what is no run; warnings of a full disk.
. "$SOURCE/tests/end_to_end/training.sh"
tool=$BUILD/bin/end_to_end_tool

cat >job.yaml <<'J'
data: {train: "synthetic:8x8x1:10:640", validation_fraction: 0.1}
model: {kind: mlp, hidden: [32]}
train: {batch: 32, epochs: 4}
J

train 0 run job.yaml -n 2 --set parallel.lanes=2 --set output.trace_steps=3
train 0 other job.yaml -n 1 --set train.learning_rate=0.01

# Traces: without ops where none were asked for.
"$DDLA" trace run --steps 3 -o trace.json
[ "$("$tool" trace trace.json 4)" -gt 40 ] || fail "no ops in the trace"
says trace.json '"linear forward linear1"' '"what":"computes shard 7"' '"name":"agent 1"' '"step":72'
if grep -q '"step":69' trace.json; then fail "more than three steps"; fi
"$DDLA" trace other >other.json 2>err
[ "$("$tool" trace other.json "$(sed -n 's/.*"lanes": \([0-9]*\),*/\1/p' other/report.json)")" = 0 ] || fail "ops that were not asked for"

"$DDLA" why run >out
says out "the run is finished" "2 agents with 2 lanes" "step 72 of 72"
"$DDLA" top run >out
says out "the run is over" "step 72/72" "epoch 4"
if grep staleness out; then fail "all agents waited for each other"; fi

# Of a run that goes on: how fast, and what its lanes spend their time with.
"$DDLA" train -q $as_threads job.yaml -n 2 --set train.epochs=1000000 --set checkpoint.every_epochs=0 --out going >going.out 2>going.err &
going=$!
trap 'kill -KILL $going 2>/dev/null || true' EXIT
tries=0
until "$DDLA" top going --once 2>/dev/null | grep -qE '^[0-9.]*[1-9][0-9.]* steps/s, [1-9][0-9]* samples/s'; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || fail "top sees no steps: $("$DDLA" top going --once 2>&1)"
done
"$DDLA" top going --once >out
awk '$1 ~ /^[01]$/ { lanes++; spent = $4 + $6 + $8 + $10; if ($3 < 1 || spent < 50 || spent > 101) wrong = 1 }
  END { exit wrong || !lanes }' out || fail "top: $(cat out)"
# A lane that waits for a processor may have nothing in the last steps.
tries=0
until "$DDLA" trace going --steps 2 -o going.json &&
  [ "$("$tool" trace going.json "$(grep -cE '^ *[01] +[0-9]+ ' out)" 2>tool.err)" = 0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 20 ] || fail "the trace of a run that goes on: $(cat tool.err)"
done
kill -KILL $going
wait $going 2>/dev/null || true
"$DDLA" top going >out
says out "the run is over; \`ddla why going\` says how it ended"

# No line is longer than the terminal is wide, and lanes without a row are counted.
if command -v script >/dev/null; then
  script -qec "stty cols 40 rows 10; exec '$DDLA' top run" /dev/null | tr -d '\r' >out
  says out "… 2 lanes more" "waited for data: 0.0 %"
  [ "$(sed 's/^.*\[2J//' out | awk '{ if (length($0) > most) most = length($0) } END { print most }')" -le 60 ] ||
    fail "lines are longer than the terminal: $(cat out)"
fi

# Pictures: every column of every run is there.
"$DDLA" plot run other -o plot.svg
says plot.svg "<svg " "</svg>" ">run<" ">other<" ">Loss<" ">Waiting<" "stroke-dasharray"
[ "$(grep -c 'stroke-width="1.8"' plot.svg)" -eq 16 ] || fail "a line is missing in the picture"
if grep -q -e nan -e inf plot.svg; then fail "the picture has what is no number"; fi

# What is no run.
for command in why top trace plot; do
  got=0
  "$DDLA" $command nowhere >out 2>err || got=$?
  [ $got -eq 2 ] || fail "$command nowhere: exit status $got"
  says err "nowhere"
  got=0
  "$DDLA" $command >out 2>err || got=$?
  [ $got -eq 2 ] || fail "$command: exit status $got"
done

got=0
"$DDLA" why "$SOURCE" >out 2>err || got=$?
[ $got -eq 2 ] || fail "why of a directory that is no run: exit status $got"
says err "is not the directory of a run"

# Where events cannot be kept the run goes on, after one warning.
train 0 quiet job.yaml --set output.events=false
[ ! -e quiet/agents/0.events ] || fail "events that were not wanted"
(ulimit -f 40; exec "$DDLA" train $as_threads job.yaml -n 2 --set parallel.lanes=2 --set checkpoint.every_epochs=0 --out small) >out 2>err || got=$?
says err "warning: cannot keep events in small/agents/0.events" "goes on without"
[ "$(grep -c warning err)" -eq 1 ] || fail "more than one warning"
says out "epoch 4/4"
