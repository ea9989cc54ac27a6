# plugins.sh SOURCE.c: what a plug-in's rows do in jobs, commands and run directories. Same bits for any number of agents.
. "${0%/*}/../end_to_end/training.sh"

source=$1
build_plugin() { # OUT FLAG...
  to=$1
  shift
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -pedantic -fPIC -shared "$@" "$source" -o "$to" -I"$SOURCE/include" -lm ||
    fail "the plug-in does not compile"
}
# failing STATUS WORDS COMMAND...: ends with STATUS and one line of error that has WORDS.
failing() {
  wanted=$1
  words=$2
  shift 2
  code=0
  "$@" >/dev/null 2>out.err || code=$?
  [ $code -eq "$wanted" ] || { cat out.err; fail "status $code, not $wanted: $*"; }
  [ "$(wc -l <out.err)" -eq 1 ] || { cat out.err; fail "not one line of error: $*"; }
  grep -q "^ddla: .*$words" out.err || { cat out.err; fail "does not say '$words': $*"; }
}
hash_of() { sha256sum "$1/model.safetensors" | cut -d' ' -f1; }

mkdir -p sub/jobs
build_plugin sub/libgood.so
"$DDLA" check sub/libgood.so >check.out 2>&1 || { cat check.out; fail "check"; }
for words in "plug-in good: rows of every kind" "model   soft" "task    sorting" "format  made" "op      softplus" "agree with finite"; do
  grep -q "$words" check.out || { cat check.out; fail "check does not say '$words'"; }
done

# The path is relative to the job file, wherever ddla is started.
cat >sub/jobs/job.yaml <<'JOB'
task: {kind: sorting, plugins: [../libgood.so]}
data: {train: "made:600", test: "made:100"}
model: {kind: soft, width: 12}
train: {batch: 32, epochs: 3, optimizer: adamw, learning_rate: 0.01}
JOB
for n in 1 2 3; do
  "$DDLA" train sub/jobs/job.yaml -n $n --out run$n -q || fail "train -n $n"
done
[ "$(hash_of run1)" = "$(hash_of run2)" ] && [ "$(hash_of run1)" = "$(hash_of run3)" ] || fail "other bits for another number of agents"
grep -q '^test right 0.[89]\|^test right 1' run2/report.txt || { cat run2/report.txt; fail "the task's words"; }
grep -q '"first_class": "left"' run2/report.json || fail "the class that came first"
grep -q '"never": null' run2/report.json || fail "a number that is none"
grep -q "$PWD/sub/libgood.so" run2/job.yaml || fail "job.yaml has no whole path"
grep -q "$(sha256sum sub/libgood.so | cut -d' ' -f1)" run2/model.json || fail "model.json has no hash of the plug-in"
"$DDLA" eval run2 >eval.out || fail "eval"
right=$(sed -n 's/^test right \([0-9.]*\).*/\1/p' run2/report.txt)
grep -q "^test right $right of 100" eval.out || { cat eval.out run2/report.txt; fail "eval differs from the run's report"; }
# What a task adds up by itself is what a classifier's evaluation finds, over all batches; for any number of agents.
for n in 1 3; do
  "$DDLA" train sub/jobs/job.yaml --set task.kind=counting --set data.validation_fraction=0.3 -n $n --out counting$n -q || fail "counting"
  "$DDLA" train sub/jobs/job.yaml --set data.validation_fraction=0.3 -n $n --out sorting$n -q || fail "sorting"
  grep -q "^test right $(sed -n 's/^test right \([0-9.]*\) of 100$/\1/p' sorting$n/report.txt) of 100" counting$n/report.txt ||
    { cat sorting$n/report.txt counting$n/report.txt; fail "a task's own sums"; }
  [ "$(sed -n 's/.*"validation_accuracy": \([0-9.]*\).*/\1/p' sorting$n/metrics.jsonl)" = "$(sed -n 's/.*"validation_share": \([0-9.]*\).*/\1/p' counting$n/metrics.jsonl)" ] ||
    fail "a task's own metric of validation"
done
[ "$(hash_of counting1)" = "$(hash_of sorting3)" ] || fail "another measure, another model"
losses() { sed -n '/"test": {/,/}/s/.*"\(mean_loss\|count\)": \(.*\)/\2/p' "$1/report.json"; }
[ -n "$(losses counting1)" ] && [ "$(losses counting1)" = "$(losses counting3)" ] || fail "loss and count of another number of agents"
"$DDLA" train sub/jobs/job.yaml --set task.kind=counting --set data.validation_fraction=0.3 -n 2 --set parallel.hosts=2 --out hosts -q ||
  fail "counting on two hosts"
[ "$(hash_of hosts)" = "$(hash_of counting1)" ] && [ "$(losses hosts)" = "$(losses counting1)" ] || fail "two hosts give something else"
"$DDLA" info model run2 | grep -q softplus || fail "info model RUN"
"$DDLA" info model sub/jobs/job.yaml | grep -q softplus || fail "info model JOB"
for topic in ops:softplus models:soft tasks:sorting formats:made; do
  "$DDLA" info "${topic%:*}" sub/jobs/job.yaml | grep -q "^${topic#*:} " || fail "info ${topic%:*} does not list ${topic#*:}"
  if "$DDLA" info "${topic%:*}" | grep -q "^${topic#*:} "; then fail "info ${topic%:*} lists it without the plug-in"; fi
  "$DDLA" info "${topic%:*}" --set 'task.plugins=[sub/libgood.so]' --json | grep -q "\"${topic#*:}\"" || fail "info --set"
done

# A plug-in's op as a layer with an option, and as the activation of a model of ddla's own.
printf '%s\n' 'task: {plugins: [libgood.so]}' 'data: {train: "made:400", test: "made:100"}' \
  'model: {kind: layers, layers: [flatten, linear: 16, softplus: {sharpness: 2.0}, linear: classes]}' 'train: {epochs: 1}' >sub/layers.yaml
"$DDLA" train sub/layers.yaml -n 2 --out layers -q || fail "an op as a layer"
"$DDLA" info model sub/layers.yaml | grep -q softplus || fail "the layer is not there"
"$DDLA" train sub/layers.yaml --set model.kind=mlp --set model.layers=[] --set model.activation=softplus --out mlp -q || fail "activation"
failing 2 "did you mean softplus" "$DDLA" train sub/layers.yaml --set 'model.layers=[flatten, softplu, linear: classes]' --out no -q
failing 2 "sharpness" "$DDLA" train sub/layers.yaml --set 'model.layers=[flatten, softplus: {sharp: 1}, linear: classes]' --out no -q

# Tokens of a plug-in's format for a task of ddla's own.
printf '%s\n' 'task: {kind: language-modelling, plugins: [libgood.so]}' 'data: {train: "made:letters", format: letters}' \
  'model: {kind: transformer-decoder, blocks: 1, width: 16, heads: 2, window: 8}' 'train: {epochs: 1, batch: 16}' >sub/text.yaml
"$DDLA" train sub/text.yaml -n 2 --out text -q || fail "tokens"

# Samples and tokens of a plug-in in prepared form train to the same bits.
"$DDLA" data prepare made:600 --job sub/jobs/job.yaml --out prepared >prepared.out || fail "prepare"
grep -q "600 samples of 1 x 1 x 2 uint8, 2 classes" prepared.out || { cat prepared.out; fail "what was prepared"; }
"$DDLA" train sub/jobs/job.yaml --set data.train=prepared -n 3 --out run4 -q || fail "train on what was prepared"
[ "$(hash_of run4)" = "$(hash_of run1)" ] || fail "other bits from what was prepared"
"$DDLA" data prepare made:letters --job sub/text.yaml --out letters >letters.out || fail "prepare letters"
grep -q "4000 tokens, 4 classes" letters.out || { cat letters.out; fail "what was prepared of letters"; }
"$DDLA" train sub/text.yaml --set data.train=letters --set data.format=auto --out text2 -q || fail "train on letters"
[ "$(hash_of text2)" = "$(hash_of text)" ] || fail "other bits from prepared letters"

# Going on and measuring with another plug-in.
"$DDLA" train sub/jobs/job.yaml --resume --out run2 --set train.epochs=4 -q || fail "resume"
cp sub/libgood.so kept.so
build_plugin sub/libgood.so -O1
failing 2 "not what the run was trained with" "$DDLA" train sub/jobs/job.yaml --resume --out run2 --set train.epochs=5 -q
failing 2 "not what the run was trained with" "$DDLA" eval run2
"$DDLA" eval run2 --set 'task.plugins=[kept.so]' >/dev/null || fail "eval with the plug-in by --set"
sed -i 's/^  plugins: .*/  plugins: []/' run1/job.yaml
failing 2 "task.plugins lacks .*libgood.so, which the run was trained with" "$DDLA" eval run1
rm sub/libgood.so
failing 2 "run3/job.yaml:.*libgood.so, which cannot be opened: No such file" "$DDLA" eval run3
