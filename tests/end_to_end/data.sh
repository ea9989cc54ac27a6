# ddla data: a prepared set trains to the bits of its source, is checked, shown, counted and divided; what is damaged is
# named; nothing is left of what was stopped, came second or had no room.
. "$SOURCE/tests/end_to_end/training.sh"
tool=$BUILD/bin/end_to_end_tool

value() {
  "$tool" json "$@" || fail "$*"
}

# ends STATUS ARGUMENT...: ddla data ARGUMENT... ends so; what it prints is in out and err.
ends() {
  wanted=$1
  shift
  got=0
  "$DDLA" data "$@" >out 2>err || got=$?
  [ "$got" -eq "$wanted" ] || { cat out err >&2; fail "exit status $got, not $wanted: data $*"; }
}

# nothing_left NAME: neither the set NAME nor what would have become it is there.
nothing_left() {
  left=$(ls -a | grep -e "^$1" -e '^\.pages' || true)
  [ -z "$left" ] || fail "$1: left are $left"
}

# change FILE OFFSET: another byte there.
change() {
  byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
  # shellcheck disable=SC2059 # an octal escape
  printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

samples train 1200 data
samples t10k 200 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1}
model: {kind: mlp, hidden: [32]}
train: {batch: 60, steps: 12}
J

# The same bits, on one agent and on three, compressed or not, checked on opening or not; and a run goes on from it.
train 0 idx job.yaml
whole=$(sha idx/model.safetensors)
ends 0 prepare data --out plain --block-bytes 65536 --part-bytes 300000
says out "1200 samples of 28 x 28 x 1 uint8, 10 classes" "200 samples" "prepared"
[ -e plain/train-features-00003.part ] && [ ! -e plain/train-features-00004.part ] || fail "not four part files"
ends 0 prepare data --out packed --compress
for agents in 1 3; do
  for set in plain packed; do
    train 0 "$set-$agents" job.yaml --set "data.train=$set" -n "$agents"
    same_model "$whole" "$set-$agents"
  done
done
train 0 trusted job.yaml --set data.train=plain --set data.verify=index -n 3
same_model "$whole" trusted
train 0 resumed job.yaml --set train.steps=6
cp -r resumed resumed-idx
train 0 resumed-idx job.yaml --resume
train 0 resumed job.yaml --set data.train=plain --resume
same_model "$(sha resumed-idx/model.safetensors)" resumed
"$DDLA" eval plain-1 --json >eval.json
"$DDLA" eval idx --json >eval-idx.json
[ "$(value eval.json loss)" = "$(value eval-idx.json loss)" ] || fail "eval of the prepared form differs"

# A text.
text 20000 words.txt
cat >text.yaml <<'J'
task: {kind: language-modelling}
data: {train: words.txt, validation_fraction: 0.1}
model: {kind: transformer-decoder, blocks: 1, width: 16, heads: 2, window: 32}
train: {batch: 8, steps: 4}
J
ends 0 prepare words.txt --format text --out words
says out "20000 tokens" "27 classes"
train 0 text text.yaml -n 2
train 0 text-prepared text.yaml --set data.train=words -n 3
same_model "$(sha text/model.safetensors)" text-prepared
train 2 text-as-image job.yaml --set data.train=words

# What it is.
for set in data plain packed; do
  "$DDLA" data info "$set" --json >"$set.json"
  [ "$(value "$set.json" parts 0 fingerprint)" = "$(value data.json parts 0 fingerprint)" ] || fail "$set: fingerprint"
  [ "$(value "$set.json" parts 1 part)" = test ] || fail "$set: no test part"
  [ "$(value "$set.json" parts 1 classes 3 count)" = "$(value data.json parts 1 classes 3 count)" ] || fail "$set: classes"
done
[ "$(value plain.json format)" = prepared ] && [ "$(value data.json format)" = idx ] || fail "info: the format"
[ "$(value plain.json parts 0 prepared files)" = 5 ] || fail "info: the files"
ends 0 info words
says out "20000 tokens" "... and 7 more"
ends 0 head plain -n 2 --part test
says out "sample 1: " "sample 0: " "@"
ends 0 head words -n 1
[ "$(head -c 100 out)" = "$(head -c 100 words.txt)" ] || fail "head of a text: $(cat out)"
ends 0 head plain -n 1 --json
cp out head.json
[ "$(value head.json samples 0 class)" = "$(printf '%s' "$("$DDLA" data head plain -n 1 | sed -n 's/^sample 0: //p')")" ] || fail "head --json"
ends 2 head words --part test
says err "words has no part test"
printf '1.5,2,yes\n3,4,no\n1.5,2,no\n' >rows.csv
ends 0 head rows.csv
says out "sample 0: yes" "1.5 2"
ends 0 stats rows.csv
says out "1 samples repeat an earlier one, 1 of them with another label" "entropy of the classes: 0.9183 bits"
mkdir twice
cp data/t10k* twice
for kind in images-idx3 labels-idx1; do cp "data/t10k-$kind-ubyte" "twice/train-$kind-ubyte"; done
ends 0 stats twice --json
cp out stats.json
[ "$(value stats.json shared 0 samples)" = 200 ] || fail "stats: samples in both parts"
[ "$(value stats.json parts 0 channels 0 most)" = 1.0 ] || fail "stats: the largest number"

# Divided: the samples that training would set aside; and the same share of each class.
ends 0 split data --fraction 0.1 --out divided
says out "1080 samples" "120 samples" "200 samples"
"$DDLA" eval idx --data validation --json >held.json
"$DDLA" eval idx --data validation --json --set data.validation=divided --set data.validation_fraction=0 >divided.json
[ "$(value held.json accuracy)" = "$(value divided.json accuracy)" ] || fail "split sets other samples aside than training"
train 0 divided-run job.yaml --set data.train=divided --set data.validation=divided --set data.validation_fraction=0
ends 0 split data --fraction 0.25 --by-label --seed 3 --out shares --json
cp out shares.json
for class in 0 1 2 3 4 5 6 7 8 9; do
  kept=$(value shares.json parts 0 classes $class count)
  held=$(value shares.json parts 1 classes $class count)
  off=$((held * 4 - kept - held))
  [ $((off * off)) -le 4 ] || fail "class $class: $held of $((kept + held)) are set aside"
done
ends 2 split data --fraction 1.5 --out no
says err "a fraction of 1.5"
ends 2 split data --out no
says err "--fraction is missing"
ends 2 split data --fraction 0.1 --into test --out no
says err "has a part test already"
nothing_left no

# Damage: found, named, refused or left out.
ends 0 verify plain
says out "train: 5 files, 16 blocks" "whole"
cp -r plain bad
change bad/train-features-00001.part 70000
change bad/test-labels-00000.part 5
ends 1 verify bad
says out "bad/train-features-00001.part: block 1 (from offset 65536, 65536 bytes) is damaged" \
  "bad/test-labels-00000.part: block 0" "train: 5 files" "1 damage"
says err "bad is damaged in 2 places"
ends 1 verify bad --json
cp out bad.json
[ "$(value bad.json whole)" = false ] || fail "verify --json: whole"
says bad.json "train-features-00001.part: block 1"
rm bad/test-labels-00000.part
ends 1 verify bad
says out "test-labels-00000.part is missing"
rm bad/test.index
ends 1 verify bad
says out "bad/test.index is missing"
rm bad/test-*
train 2 refused job.yaml --set data.train=bad
says refused.err "bad/train-features-00001.part: block 1"
[ ! -e refused ] || fail "a run directory was left"
train 0 skipped job.yaml --set data.train=bad --set data.on_error=skip
says skipped.err "data.train: 85 samples are left out, which lie in 1 damaged block"
train 2 skipped job.yaml --set data.train=plain --set train.steps=20 --resume
train 2 never job.yaml --set data.train=bad --set data.on_error=skip --set data.verify=index
says never.err "data.verify index"
ends 2 verify data
says err "data is no prepared set"

# What cannot be prepared: nothing is left.
ends 2 prepare data
says err "--out DIR is missing"
ends 2 prepare data --out plain
says err "plain is there already"
ends 2 prepare nowhere --out no
says err "nowhere"
ends 2 prepare data --out no --block-bytes 0
says err "--block-bytes '0'"
printf '1,2\n1,x,2\n' >ragged.csv
ends 2 prepare ragged.csv --out no
says err "ragged.csv, line 2"
ends 2 verifi plain
says err "did you mean 'verify'"
nothing_left no

# Two at once: one wins, the other says so, the set is whole.
"$DDLA" data prepare data --out both >one.out 2>one.err &
one=$!
"$DDLA" data prepare data --out both >two.out 2>two.err &
two=$!
first=0
wait $one || first=$?
second=0
wait $two || second=$?
[ "$((first + second))" -eq 2 ] || { cat one.err two.err >&2; fail "two at once: $first and $second"; }
cat one.err two.err >err
grep -q -e "made by another process" -e "is there already" err || { cat err >&2; fail "two at once: no word"; }
ends 0 verify both
[ "$(ls -d both* | wc -l)" -eq 1 ] || fail "two at once: left are $(ls -d both*)"

# Stopped: by a signal while it writes, and killed; the next one clears up.
if [ -z "${SANITIZE:-}" ]; then
  for signal in INT TERM KILL; do
    tries=0
    stopped=false
    while ! $stopped && [ $tries -lt 20 ]; do
      tries=$((tries + 1))
      rm -rf big
      # A shell's children in the background do not hear SIGINT; env gives them ears.
      env --default-signal=INT "$DDLA" data prepare synthetic:64x64x3:10:40000 --out big --compress >big.out 2>big.err &
      pid=$!
      while kill -0 $pid 2>/dev/null && ! ls -d big.tmp-* >/dev/null 2>&1; do sleep 0.01; done
      kill -s $signal $pid 2>/dev/null || true
      got=0
      wait $pid || got=$?
      [ $got -eq 0 ] || stopped=true
    done
    $stopped || fail "SIG$signal always came too late"
    [ ! -e big ] || fail "SIG$signal: there is a set"
    if [ $signal = KILL ]; then
      ls -d big.tmp-* >/dev/null 2>&1 || fail "SIGKILL left nothing, so what is looked for below is not there"
      ends 0 prepare rows.csv --out big
      [ "$(ls -d big* | grep -vc 'big\.\(out\|err\)')" -eq 1 ] || fail "left are $(ls -d big*)"
    else
      [ $got -eq 130 ] || fail "SIG$signal: exit status $got"
      says big.err "stopped; nothing is left"
      [ "$(ls -d big* | grep -vc 'big\.\(out\|err\)')" -eq 0 ] || fail "SIG$signal: left are $(ls -d big*)"
    fi
  done
fi

# No room: a limit on the size of files, and a small disk where this user may mount one.
got=0
(ulimit -f 100; exec "$DDLA" data prepare data --out full) >out 2>err || got=$?
[ $got -eq 4 ] || { cat err >&2; fail "ulimit -f: exit status $got, not 4"; }
nothing_left full
mkdir disk
if mount -t tmpfs -o size=700k tmpfs disk 2>/dev/null; then
  trap 'umount "$PWD/disk"' EXIT
  ends 4 prepare data --out disk/set
  says err "No space left"
  [ -z "$(ls -A disk)" ] || fail "a full disk: left are $(ls -A disk)"
  umount disk
  trap - EXIT
else
  echo "no file system was mounted: the full disk was tried with ulimit -f alone"
fi
