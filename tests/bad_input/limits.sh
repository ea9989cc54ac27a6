# limits.sh: what the machine does not give: a place to write, room on the disk, memory; and numbers that leave the range
# of floats. Status and message as documented, nothing half-written, the last good checkpoint stays and can be gone on from.
. "${0%/*}/refusing.sh"

samples train 300 data
samples t10k 50 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [64]}
train: {batch: 60, epochs: 4}
checkpoint: {every_steps: 2, keep: 100}
J

# A place that cannot be written in. (The superuser may write everywhere, but not below a file.)
: >file
refuse_place() { # DIRECTORY WORDS
  got=0
  "$DDLA" train -q job.yaml -n 2 --out "$1" >out.out 2>out.err || got=$?
  [ $got -eq 2 ] || { cat out.err >&2; fail "--out $1: exit status $got, not 2"; }
  said "$2" "--out $1"
}
refuse_place file "file|Not a directory"
refuse_place file/run "file|Not a directory"
refuse_place "$(printf '%05000d' 0)" "output.dir"
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked
  chmod 500 locked
  refuse_place locked/run "locked|Permission denied"
fi

# whole TEMPORARY DIRECTORY: nothing half-written, and what is there can be gone on from to the usual end.
train 0 whole job.yaml
whole=$(sha whole/model.safetensors)
goes_on() { # RUN
  [ -z "$(find "$1" -name '*.tmp*')" ] || fail "$1: half-written files are left: $(find "$1" -name '*.tmp*')"
  train 0 "$1" job.yaml -n 3 --resume
  same_model "$whole" "$1"
}
full() { # WHAT: out.err tells of a full disk
  [ $got -eq 4 ] || { cat out.err >&2; fail "$1: exit status $got, not 4"; }
  said "out/" "$1"
}

# A limit on the size of files, smaller than a checkpoint: for the first one, and for later ones.
for agents in 1 2; do
  rm -rf out
  got=0
  (ulimit -f 100; exec "$DDLA" train -q job.yaml -n $agents --out out) >out.out 2>out.err || got=$?
  full "ulimit -f"
  [ ! -e out/model.safetensors ] || fail "ulimit -f: there is a model"
  goes_on out
done
rm -rf out
train 0 out job.yaml --set train.steps=6
rm out/model.safetensors out/report.json
got=0
(ulimit -f 100; exec "$DDLA" train -q job.yaml -n 2 --out out --resume) >out.out 2>out.err || got=$?
full "ulimit -f after step 6"
ls out/checkpoints >left
[ "$(tail -1 left)" = step-00000006 ] || fail "the newest checkpoint is $(tail -1 left), not that of step 6"

# A disk that fills up: a small file system in memory, where this user may mount one.
rm -rf out
mkdir out
if mount -t tmpfs -o size=1800k tmpfs out 2>/dev/null; then
  trap 'umount "$PWD/out"' EXIT
  got=0
  "$DDLA" train -q job.yaml -n 2 --out out >out.out 2>out.err || got=$?
  full "a full disk"
  says out.err "No space left"
  ls out/checkpoints >left
  [ "$(wc -l <left)" -ge 2 ] || fail "a full disk: only checkpoints $(cat left)"
  cp -r out kept
  umount out
  trap - EXIT
  goes_on kept
else
  echo "no file system was mounted: the full disk was tried with ulimit -f alone"
fi
got=0
"$DDLA" train job.yaml --out other >/dev/full 2>out.err || got=$?
[ $got -eq 4 ] || { cat out.err >&2; fail "standard output on a full disk: exit status $got, not 4"; }

# Memory: refused before anything starts, with the numbers.
refuse 5 "MiB|available are|parameters and gradients take most" job.yaml --set model.hidden=[1048576,1048576]
refuse 5 "MiB|4 agents|available are" job.yaml -n 4 --set model.hidden=[1000000,1000000,1000000]
for agents in 1 2; do
  if [ -n "$SANITIZE" ]; then break; fi # they take terabytes of address space themselves
  rm -rf out
  got=0
  (ulimit -v 300000; exec "$DDLA" train -q job.yaml -n $agents --out out) >out.out 2>out.err || got=$?
  [ $got -eq 5 ] || { cat out.err >&2; fail "ulimit -v: exit status $got, not 5"; }
  said "MiB|ulimit -v" "ulimit -v"
  [ ! -e out ] || fail "ulimit -v: a run directory was left"
done

# Numbers that grow beyond all bounds: the loss at some step, or the parameters after one.
finite() { # FILE: a safetensors file of floats that are all finite
  head=$(od -An -tu8 -N8 "$1" | tr -d ' ')
  ! tail -c "+$((head + 9))" "$1" | od -An -v -tx4 -w4 | grep -qE '^ (7f|ff)[89a-f]'
}
non_finite() { # WORDS ARGUMENT...
  words=$1
  shift
  rm -rf out
  train 6 out job.yaml --set checkpoint.every_steps=1 --set train.learning_rate=1000 "$@"
  said "$words|the last checkpoint is kept" "$*"
  [ ! -e out/model.safetensors ] || fail "a model that is not finite was written"
  for checkpoint in out/checkpoints/*; do
    finite "$checkpoint/model.safetensors" || fail "$checkpoint is not finite"
  done
  newest=${checkpoint##*-0}
}
finite whole/model.safetensors || fail "the test cannot tell"
non_finite "the loss is|step|shard|samples" -n 3
before=$(sha "$checkpoint/model.safetensors")
train 6 out job.yaml -n 1 --set checkpoint.every_steps=1 --set train.learning_rate=1000 --resume
[ "$(sha "$checkpoint/model.safetensors")" = "$before" ] || fail "the last good checkpoint has changed"
non_finite "step|train.learning_rate" -n 2 --set train.optimizer=adamw --set train.weight_decay=100 --set train.epochs=40
# One layer whose weights grow a hundred thousand times in each step: they overflow in the update, after a finite loss.
cat >job.yaml <<'J'
data: {train: data}
model: {kind: layers, layers: [flatten, {linear: {features: 10}}]}
train: {batch: 60, epochs: 4, schedule: constant, momentum: 0, weight_decay: 100}
J
non_finite "holds|inf|after step" -n 2
