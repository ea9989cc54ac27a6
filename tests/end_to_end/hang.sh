# hang.sh ROUNDS [KIND]: a run that hangs says which agent is late, at what, and why, within three seconds of the limit.
# Seven kinds in turn, or KIND alone (for tests/hang/full.sh): an agent is stopped, loops, reads from a source that
# blocks, or its loader does; leaves out a barrier; is dead and nobody reaps it; the launcher is gone. `ddla why` says the same, and of the
# last two it alone can.
. "${0%/*}/training.sh"
rounds=$1
seed=${DDLA_TEST_SEED:-1}
program=$BUILD/bin/hang_program
limit_ms=3000 # output.hang_seconds
launcher=0
trap '[ $launcher = 0 ] || kill -KILL $launcher 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM

cat >job.yaml <<'J'
data: {train: "synthetic:8x8x1:10:640"}
model: {kind: mlp, hidden: [32]}
train: {batch: 32, steps: 100000000}
checkpoint: {every_epochs: 0}
J

draw() { # LIMIT: a number from 0 to LIMIT - 1, the next of the seed's
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  drawn=$((seed / 65536 % $1))
}

# Milliseconds of a clock that nobody sets.
now_ms() { sed 's/^\([0-9]*\)\.\([0-9]*\) .*/\1\20/' /proc/uptime; }

# process RANK: an agent's process, by its log.
process() { sed -n "s/.*agent $1 of .*process \([0-9]*\),.*/\1/p" "run/agents/$1.log" 2>/dev/null | tail -1; }

# Committed steps, from the head of agent 0's events (docs/formats/events.md).
committed() {
  if [ -s run/agents/0.events ]; then od -An -tu8 -j120 -N8 run/agents/0.events; else echo 0; fi
}

# started: waits until the run has done some steps.
started() {
  deadline=$(($(now_ms) + 20000))
  until "$DDLA" why run 2>/dev/null | grep -q 'step [1-9][0-9]* of'; do
    [ "$(now_ms)" -lt $deadline ] || { cat run.err >&2; fail "$kind: the run does not start"; }
    sleep 0.1
  done
}

# shown SINCE_MS: waits for the hang screen, which must come within 3 s of the limit, counted from SINCE_MS. The short
# form runs beside other tests, on processors that may be busy with them, and is given longer.
slack_ms=3000
if [ -z "${HANG_STRICT:-}" ]; then slack_ms=15000; fi
shown() {
  until grep -q 'processors*$' run.err; do
    took=$(($(now_ms) - $1))
    [ $took -lt $((limit_ms + slack_ms + 5000)) ] || fail "$kind: no screen: $(cat run.err)"
    sleep 0.05
  done
  took=$(($(now_ms) - $1))
  [ $took -lt $((limit_ms + slack_ms)) ] || fail "$kind: the screen came $((took - limit_ms)) ms after the limit"
  echo "shown after $took $limit_ms"
  [ $took -gt $((limit_ms - 500)) ] || fail "$kind: a false alarm after $took ms: $(cat run.err)"
}

# blames FILE WORDS...: the second line of a screen, or of `ddla why`, has all WORDS.
blames() {
  sed -n '2p' "$1" >blame
  cp "$1" all
  shift
  for words; do
    grep -qF -- "$words" blame || { cat all >&2; fail "$kind: '$(cat blame)' does not say '$words'"; }
  done
}

# screen_blames WORDS...: the screen, hang.txt and `ddla why` do.
screen_blames() {
  blames run.err "$@"
  blames run/hang.txt "$@"
  "$DDLA" why run >why.out
  blames why.out "$@"
}

begin() { # starts the real program with 2 to 4 agents; $victim is one of them
  rm -rf run
  draw 3
  agents=$((drawn + 2))
  draw $agents
  victim=$drawn
  "$DDLA" train -q job.yaml -n $agents --set parallel.lanes=1 --out run >run.out 2>run.err &
  launcher=$!
  started
  draw 300
  sleep "$(printf '0.%03d' "$drawn")"
}

end() {
  kill -KILL "$launcher" 2>/dev/null || true
  wait "$launcher" 2>/dev/null || true
}

# mishap KIND: starts the program that misbehaves; $began is when its first screen can be due.
mishap() {
  rm -rf run
  draw 3
  agents=$((drawn + 2))
  draw $agents
  victim=$drawn
  draw 2
  lanes=$((drawn + 1))
  draw 2
  as=processes
  [ "$drawn" = 0 ] || [ "$1" = loader ] || as=threads
  "$program" "$1" $victim 1500 $agents $lanes $as run >run.out 2>run.err &
  launcher=$!
  began=$(now_ms)
  deadline=$((began + 120000))
  # So late that the watcher knows how long steps take; a first step has a longer limit.
  until [ "$(committed)" -ge 1499 ]; do # 1500: the barrier after it was left out
    began=$(now_ms)
    [ "$began" -lt $deadline ] || fail "$kind: it does not come to step 1500"
    sleep 0.05
    kill -0 $launcher 2>/dev/null || fail "$kind: the program has ended: $(cat run.err)"
  done
  shown "$began"
}

stopped() {
  begin
  began=$(now_ms)
  kill -STOP "$(process $victim)"
  shown "$began"
  screen_blames "agent $victim (process $(process $victim))" "is stopped by a signal" "kill -CONT $(process $victim)"
  grep -q "waits for" run.err || fail "$kind: nobody waits"
  kill -CONT "$(process $victim)"
  deadline=$(($(now_ms) + 10000))
  until grep -q "goes on after" run.err; do
    [ "$(now_ms)" -lt $deadline ] || fail "$kind: it does not say that it goes on"
    sleep 0.1
  done
  sleep 0.3
  says run/hang.txt "goes on after"
  [ "$(grep -c 'has taken' run.err)" -eq 1 ] || fail "$kind: more than one screen"
  "$DDLA" why run >why.out
  blames why.out "the run goes on"
  end
}

looping() {
  mishap loop
  # Also where others want the processors too: it has had enough of them.
  screen_blames "agent $victim (" "computes shard" "linear forward" "endless loop or a very slow machine"
  end
}

reading() {
  mishap read
  screen_blames "agent $victim (" "reads data of shard" "data source blocks: synthetic:8x8x1:10:640"
  end
}

loading() {
  mishap loader
  screen_blames "agent $victim (" " loader reads data of shard" "data source blocks: synthetic:8x8x1:10:640"
  grep -q "from the loader" run.err || fail "$kind: nobody waits for the loader: $(cat run.err)"
  end
}

skipping() {
  mishap skip
  screen_blames "agent $victim (" "waits for" "barrier" "agent $victim has skipped"
  end
}

# SIGKILL to an agent while its launcher is stopped: only `ddla why` can tell.
unreaped() {
  begin
  kill -STOP $launcher
  kill -KILL "$(process $victim)"
  sleep 0.2
  "$DDLA" why run >why.out
  blames why.out "agent $victim (process $(process $victim))" "has died of signal 9" "not yet reaped" "launcher is stopped"
  kill -CONT $launcher
  wait $launcher || true
  "$DDLA" why run >why.out
  blames why.out "the run is dead" "agent $victim (" "killed by signal 9"
  says why.out "seconds before the last event" "step"
}

orphaned() {
  begin
  end
  sleep 0.3
  "$DDLA" why run >why.out
  blames why.out "the run is dead" "died with its launcher"
}

finished() {
  train 0 run job.yaml -n 2 --set train.steps=20
  "$DDLA" why run >why.out
  blames why.out "the run is finished"
  [ ! -e run/hang.txt ] || fail "a false alarm: $(cat run/hang.txt)"
}

[ $# -gt 1 ] || finished
round=0
while [ $round -lt "$rounds" ]; do
  case $((round % 7)) in 0) kind=stopped ;; 1) kind=looping ;; 2) kind=reading ;; 3) kind=skipping ;; 4) kind=unreaped ;; 5) kind=orphaned ;; 6) kind=loading ;; esac
  kind=${2:-$kind}
  $kind
  round=$((round + 1))
done
echo "$rounds hangs were explained"
