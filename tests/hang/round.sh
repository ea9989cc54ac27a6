# round.sh NUMBER LINE: one line of designed.txt, in an empty folder. The last line of its output is the verdict,
# "right …" or "wrong: …". REFERENCE has the SHA-256 of each model's undisturbed run.
. "$SOURCE/tests/hang/jobs.sh"
number=$1
oldIFS=$IFS
IFS='|'
# shellcheck disable=SC2086 # the fields of the line
set -- $2
IFS=$oldIFS
trim() { echo "$1" | sed 's/^ *//; s/ *$//'; }
kind=$(trim "$1") model=$(trim "$2") size=$(trim "$3") who=$(trim "$4") where=$(trim "$5") then=$(trim "$6")
named=$(trim "$7") phase=$(trim "$8") cause=$(trim "$9")
agents=${size%x*} lanes=${size#*x}
launcher=0

# Milliseconds of a clock that nobody sets.
now_ms() { sed 's/^\([0-9]*\)\.\([0-9]*\) .*/\1\20/' /proc/uptime; }

clean() {
  exec 7>&-
  [ $launcher = 0 ] || kill -KILL $launcher 2>/dev/null || true
  [ -z "$injector" ] || wait "$injector" 2>/dev/null || true
  # shellcheck disable=SC2046 # the agents of a launcher that is gone end with it, but for those that a tracer held
  kill -KILL $(sed -n 's/.*agent .*process \([0-9]*\),.*/\1/p' run/agents/*.log 2>/dev/null) 2>/dev/null || true
}
injector=
trap clean EXIT
trap 'exit 1' INT TERM

wrong() {
  echo "wrong: $*"
  exit 0
}

# hang_at STEP: makes $who hang; sets at_ms. What holds them is descriptor 7.
hang_at() {
  rm -f go
  : >injected
  mkfifo go
  "$BUILD/bin/hang_inject" "$kind" run "$who" "$where" "$1" "$number" <go >injected 2>injected.err &
  injector=$!
  exec 7>go
  until [ "$(grep -c '^at ' injected)" -eq "$(echo "$who" | tr + ' ' | wc -w)" ]; do
    kill -0 $injector 2>/dev/null || wrong "not injected: $(cat injected.err run.err)"
    sleep 0.02
  done
  at_ms=$(sed -n 's/^at \([0-9]*\) .*/\1/p' injected | tail -1)
}

free() {
  exec 7>&-
  wait "$injector" || wrong "not set free: $(cat injected.err)"
  injector=
}

screens() { grep -c 'on [0-9]* processors*$' run.err || true; }

# shown COUNT: waits for screen COUNT, which must come within 3 s of its limit. (No limit is longer than 30 s, but where steps take seconds.)
shown() {
  until [ "$(screens)" -ge "$1" ]; do
    took=$(($(now_ms) - at_ms))
    [ $took -lt 90000 ] || wrong "no screen"
    kill -0 $launcher 2>/dev/null || wrong "the run has ended: $(cat run.err)"
    sleep 0.05
  done
  took=$(($(now_ms) - at_ms))
  limit_ms=$(sed -n 's/.*(limit \([0-9.]*\) s.*/\1/p' run.err | tail -1 | awk '{ print int($1 * 1000) }')
  [ -n "$limit_ms" ] || wrong "no limit in the screen: $(cat run.err)"
  [ $took -lt $((limit_ms + 3000)) ] || wrong "the screen came $((took - limit_ms)) ms after the limit"
  [ $took -gt $((limit_ms - 1500)) ] || wrong "the screen came after $took ms: $(cat run.err)"
  # The last screen alone.
  awk '/^ddla: / { text = "" } { text = text $0 "\n" } END { printf "%s", text }' run.err >screen
}

# judged FILE: names one of the agents, its phase and the cause.
judged() {
  agent=$(sed -n '2s/^ *agents* \([0-9]*\).*/\1/p' "$1")
  case " $named " in *" $agent "*) ;; *) wrong "agent ${agent:-none}, not $named: $(cat "$1")" ;; esac
  [ -n "$agent" ] || wrong "no agent: $(cat "$1")"
  sed -n 2p "$1" | grep -qE -- "$cause" || wrong "cause: $(cat "$1")"
  for pair in $(echo "$who" | tr + ' '); do
    [ "${pair%.*}" != "$agent" ] || lane=${pair#*.}
  done
  awk -v a="$agent" -v l="$lane" '$1 == a && $2 == l && NF > 5' "$1" | grep -qE -- "$phase" ||
    wrong "phase: $(cat "$1")"
}

known() { # `ddla why` knows it too
  "$DDLA" why run >why.out 2>&1 || wrong "ddla why: $(cat why.out)"
  judged why.out
}

step_now() { od -An -tu8 -j120 -N8 run/agents/0.events | tr -d ' '; }

write_job "$model" "$where"
"$DDLA" train -q job.yaml -n "$agents" --set parallel.lanes="$lanes" --out run >run.out 2>run.err &
launcher=$!
hang_at "$([ "$where" = first ] && echo 0 || first_step "$model")"
if [ "$kind" = reap ]; then
  sleep 0.3
  took=0 limit_ms=0
  known
else
  shown 1
  judged screen
  known
  cmp -s screen run/hang.txt || grep -qF "$(sed -n 2p screen)" run/hang.txt || wrong "hang.txt: $(cat run/hang.txt)"
fi
verdict="$took $limit_ms"

if [ "$then" = twice ]; then
  free
  who="$(((${who%.*} + 1) % agents)).0" named=$(((named + 1) % agents))
  hang_at $(($(step_now) + 30))
  shown 2
  judged screen
  known
fi
case $then in
  ends | twice)
    if [ "$who" != "${who%+*}" ]; then # one of two is free: it is the other's fault
      echo next >&7
      sleep 1
      named=${who#*+} named=${named%.*}
      known
    fi
    free
    deadline=$(($(now_ms) + 120000))
    while kill -0 $launcher 2>/dev/null; do
      [ "$(now_ms)" -lt $deadline ] || wrong "it does not go on"
      sleep 0.1
    done
    status=0
    wait $launcher || status=$?
    launcher=0
    [ $status = 0 ] || wrong "exit status $status: $(cat run.err)"
    grep -q "goes on after" run.err || wrong "it does not say that it goes on"
    [ "$(sha256sum <run/model.safetensors)" = "$(cat "$REFERENCE/$model")" ] || wrong "another model"
    ;;
  dies)
    kill -KILL $launcher
    wait $launcher 2>/dev/null || true
    launcher=0
    sleep 0.3
    "$DDLA" why run >dead.out
    grep -q "the run is dead" dead.out || wrong "after its death: $(cat dead.out)"
    ;;
esac
echo "right $verdict"
