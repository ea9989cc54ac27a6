# agent_death.sh ROUNDS: an agent that dies at a random moment ends the run within two seconds with status 7 and a
# message that names agent, signal and step; nothing is left, the newest checkpoint is whole, and going on from it gives
# the model of an undisturbed run. The same for a launcher that dies. SIGINT and SIGTERM, to whomever, stop cleanly.
# Other programs use /dev/shm too: where this is allowed, the script has one of its own.
if [ -z "${OWN_SHM:-}" ] && unshare -m true 2>/dev/null; then
  OWN_SHM=1 exec unshare -m sh -euc 'mount -t tmpfs tmpfs /dev/shm; exec sh -eu "$@"' sh "$0" "$@"
fi

. "${0%/*}/training.sh"
rounds=$1
seed=${DDLA_TEST_SEED:-1}

samples train 2000 data
samples t10k 64 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [96, 64], dropout: 0.1}
train: {batch: 24, epochs: 5, clip_norm: 1, nesterov: true}
checkpoint: {every_steps: 40}
J
now_ms() { echo $(($(date +%s%N) / 1000000)); }

began=$(now_ms)
train 0 whole job.yaml -n 2
whole_ms=$(($(now_ms) - began)) # deaths come at random moments of it, on fast machines and on slow ones
whole=$(sha whole/model.safetensors)
sed 's/epochs: 5/epochs: 100000/' job.yaml >endless.yaml
job=job.yaml

draw() { # LIMIT: a number from 0 to LIMIT - 1, the next of the seed's
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  drawn=$((seed / 65536 % $1))
}

shared() { find /dev/shm -mindepth 1 | sort; }

# children LAUNCHER: its agents' processes, in the order in which they were started, which is that of their ranks.
children() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# agent_process RANK AGENTS: the process of an agent, or nothing where not all of them are there: not yet, or no more.
agent_process() {
  # shellcheck disable=SC2086 # a list of processes
  set -- "$1" "$2" $agents
  [ $# -ne $(($2 + 2)) ] || { shift $(($1 + 2)); echo "$1"; }
}

# gone WHAT DEADLINE PROCESS...: none of the processes is left at DEADLINE.
gone() {
  what=$1
  deadline=$2
  shift 2
  for process; do
    while [ -e "/proc/$process" ] && ! grep -q ') Z ' "/proc/$process/stat" 2>/dev/null; do
      [ "$(now_ms)" -lt "$deadline" ] || fail "$run: process $process is left two seconds after $what"
      sleep 0.01
    done
  done
}

nothing_left() {
  no_agents "$run"
  [ "$(shared)" = "$before" ] || fail "$run: something new is in /dev/shm"
}

finish() { # goes on where the dead run ended
  nothing_left
  draw 5
  train 0 "$run" job.yaml -n $((drawn + 1)) --resume
  same_model "$whole" "$run"
  [ -z "$(find "$run" -name '*.tmp*')" ] || fail "$run: temporary files are left"
}

# begin AGENTS: starts a run and waits for a random moment of it; $launcher is its process, $agents its agents.
begin() {
  rm -rf "$run"
  before=$(shared)
  draw 2
  lanes=$((drawn + 1))
  draw 2
  balance=$([ "$drawn" = 0 ] && echo static || echo dynamic)
  "$DDLA" train -q "$job" -n "$1" --set "parallel.lanes=$lanes" --set "parallel.balance=$balance" --out "$run" >"$run.out" 2>"$run.err" &
  launcher=$!
  draw "$whole_ms"
  sleep "$(printf '%d.%03d' $((drawn / 1000)) $((drawn % 1000)))"
  # Over already: the machine has become faster.
  if [ ! -e "/proc/$launcher" ] || grep -q ') Z ' "/proc/$launcher/stat" 2>/dev/null; then whole_ms=$((whole_ms * 7 / 8 + 1)); fi
  agents=$(children "$launcher")
}

kill_agent() { # SIGNAL AGENTS
  begin "$2"
  draw "$2"
  rank=$drawn
  victim=$(agent_process "$rank" "$2")
  if [ -z "$victim" ] || ! kill -"$1" "$victim" 2>/dev/null; then
    wait "$launcher" || fail "$run: ended with $? by itself"
    return 1
  fi
  deadline=$(($(now_ms) + 2000))
  # shellcheck disable=SC2086 # a list of processes
  gone "the death of agent $rank" "$deadline" $launcher $agents
  got=0
  wait "$launcher" || got=$?
  [ "$got" -ne 0 ] || return 1 # it was over before the signal came
  [ "$got" -eq 7 ] || { cat "$run.err" >&2; fail "$run: exit status $got after SIG$1 to agent $rank, not 7"; }
  says "$run.err" "agent $rank was killed by signal $(kill_number "$1") (" ") at step " "--resume --out $run"
  [ "$(wc -l <"$run.err")" -eq 1 ] || fail "$run: more than one line of error: $(cat "$run.err")"
  step=$(sed 's/.* at step \([0-9]*\).*/\1/' "$run.err")
  newest=$(find "$run/checkpoints" -maxdepth 1 -name 'step-????????' 2>/dev/null | sort | tail -1)
  newest=$(echo "${newest##*step-}" | sed 's/^0*//')
  if [ "${newest:-0}" -gt "$step" ]; then fail "$run: died at step $step, but has a checkpoint of $newest"; fi
  finish
}

kill_number() {
  case $1 in HUP) echo 1 ;; QUIT) echo 3 ;; ILL) echo 4 ;; ABRT) echo 6 ;; BUS) echo 7 ;; KILL) echo 9 ;; SEGV) echo 11 ;; esac
}

# Agents that live on would train for ever.
kill_launcher() { # AGENTS
  job=endless.yaml
  begin "$1"
  job=job.yaml
  kill -KILL "$launcher"
  deadline=$(($(now_ms) + 2000))
  wait "$launcher" 2>/dev/null || true
  # shellcheck disable=SC2086
  gone "the death of the launcher" "$deadline" $agents
  nothing_left
  train 0 "$run" endless.yaml -n 2 --set train.steps=400 --resume
}

# stop_cleanly SIGNAL WHO: WHO is launcher or agent; whenever the signal comes, a checkpoint is there to go on from.
stop_cleanly() {
  begin 3
  process=$launcher
  [ "$2" = launcher ] || process=$(agent_process 1 3)
  if [ -z "$process" ] || ! kill -"$1" "$process" 2>/dev/null; then
    wait "$launcher" || fail "$run: ended with $? by itself"
    return 1
  fi
  got=0
  wait "$launcher" || got=$?
  if [ "$got" -eq 0 ]; then return 1; fi
  [ "$got" -eq 130 ] || { cat "$run.err" >&2; fail "$run: exit status $got after SIG$1 to the $2, not 130"; }
  says "$run.err" "with a checkpoint; go on with --resume --out $run"
  finish
}

ulimit -c 0
round=0 hits=0
while [ $round -lt "$rounds" ]; do
  run=run-$round
  draw 8
  case $drawn in 0) signal=SEGV ;; 1) signal=ABRT ;; 2) signal=BUS ;; 3) signal=HUP ;; 4) signal=ILL ;; *) signal=KILL ;; esac
  # Sanitizers catch what they take for an error of the program.
  if [ -n "$SANITIZE" ] && [ $signal != HUP ]; then signal=KILL; fi
  draw 4
  count=$((drawn + 2))
  hit=1
  case $((round % 10)) in
    4 | 9) kill_launcher "$count" ;;
    5) stop_cleanly INT launcher || hit=0 ;;
    7) stop_cleanly TERM agent || hit=0 ;;
    *) kill_agent $signal "$count" || hit=0 ;;
  esac
  hits=$((hits + hit))
  rm -rf "$run"
  round=$((round + 1))
done
echo "$hits of $rounds deaths came while the run went on"
[ $((2 * hits)) -ge "$rounds" ] || fail "only $hits of $rounds deaths came before the run's end; make the job longer"
