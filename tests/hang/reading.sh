# A disk that does not answer while data are read, before there are agents: the launcher says so, and Ctrl-C ends it.
. "$SOURCE/tests/end_to_end/training.sh"

mkdir disk
printf 'data: {train: disk}\nmodel: {kind: mlp}\noutput: {hang_seconds: 1}\n' >job.yaml
# A shell in the background has its commands ignore SIGINT; `env` gives it back.
setsid env --default-signal=INT "$BUILD/bin/stuck_disk" disk "$DDLA" train -q job.yaml --out run >run.out 2>run.err &
disk=$!
trap 'kill -KILL -$disk 2>/dev/null || true' EXIT
tries=0
until grep -q 'nothing has come' run.err; do
  if ! kill -0 $disk 2>/dev/null && grep -q '^stuck_disk: cannot' run.err; then
    cat run.err
    echo "skipped: no file systems in user space here"
    exit 0
  fi
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "nothing is said: $(cat run.err)"
  sleep 0.1
done
grep -qE '^ddla: reading disk: nothing has come for [1-4]\.[0-9] s \(limit 1\.0 s\)$' run.err || fail "$(cat run.err)"
grep -qE 'the launcher \(process [0-9]+\) .*; Ctrl-C ends it' run.err || fail "$(cat run.err)"
process=$(sed -n 's/.*the launcher (process \([0-9]*\)).*/\1/p' run.err)
kill -INT "$process"
status=0
wait $disk || status=$?
[ $status = 130 ] || fail "after Ctrl-C: status $status: $(cat run.err)"
[ ! -e run ] || fail "there is a run directory"
