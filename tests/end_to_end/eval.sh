# ddla eval gives what the run's report says, without the training data, and refuses what is not a run's.
. "$SOURCE/tests/end_to_end/training.sh"
tool=$BUILD/bin/end_to_end_tool
samples train 640 data
samples t10k 300 data
job="$SOURCE/examples/fashion-mnist.yaml"
set="--set data.train=data --set train.steps=6 --set train.batch=64"

# value FILE KEY...: the value under the keys of a JSON file.
value() {
  "$tool" json "$@" || fail "$*"
}

# same EVAL REPORT: an evaluation and the test of a report have the same numbers.
same() {
  for key in accuracy loss samples macro weighted classes confusion; do
    one=$(value "$1" $key) two=$(value "$2" test $key)
    [ "$one" = "$two" ] || fail "$1: $key is $one, the report says $two"
  done
}

# refused WORDS ARGUMENT...: ddla eval ARGUMENT... ends with 2, prints nothing, and says WORDS.
refused() {
  words=$1
  shift
  got=0
  "$DDLA" eval "$@" >out 2>err || got=$?
  [ "$got" -eq 2 ] || fail "exit status $got, not 2: eval $*"
  [ ! -s out ] || fail "eval $*: printed $(cat out)"
  says err "$words"
  [ "$(wc -l <err)" -eq 1 ] || fail "eval $*: more than one line on standard error"
}

# shellcheck disable=SC2086 # a list of words
train 0 last "$job" $set
mv data/train-images-idx3-ubyte data/train-labels-idx1-ubyte .
"$DDLA" eval last --json --set parallel.lanes=1 >one.json
"$DDLA" eval last --json --set parallel.lanes=3 >three.json
same one.json last/report.json
same three.json last/report.json
[ "$(value one.json sha256)" = "$(sha last/model.safetensors)" ] || fail "another file's SHA-256"
"$DDLA" eval last >last.txt
sed -n '/precision/,/weighted/p' last.txt >a
sed -n '/precision/,/weighted/p' last/report.txt >b
cmp a b || fail "the report for people differs"
"$DDLA" eval last/job.yaml --model last/model.safetensors >err 2>&1 && fail "a job file needs its data"
mv train-images-idx3-ubyte train-labels-idx1-ubyte data
"$DDLA" eval last/job.yaml --model last/model.safetensors --json >job.json
same job.json last/report.json

# The best model is what the report tests, and what eval takes; the last is there under its name.
# shellcheck disable=SC2086
train 0 best "$job" $set --set data.validation_fraction=0.2 --set train.keep_best=true --set train.epochs=2
"$DDLA" eval best --json >best.json
same best.json best/report.json
[ "$(value best.json model)" = best/best.safetensors ] || fail "eval did not take the best model"
"$DDLA" eval best --model model.safetensors --data validation --json >validation.json
[ "$(value validation.json samples)" = 128 ] || fail "the validation part has another size"
"$DDLA" eval best --data train --json >train.json
[ "$(value train.json samples)" = 512 ] || fail "the training part has another size"
last=$(tail -n 1 best/metrics.jsonl)
echo "$last" >row.json
[ "$(value row.json validation_accuracy)" = "$(value validation.json accuracy)" ] ||
  fail "validation: $(value validation.json accuracy), the run said $last"

refused "cannot read nowhere" nowhere
refused "holds no job.yaml" data
refused "is a job file; name the model" last/job.yaml
refused "one run directory" last best
refused "'tset': expected test, validation or train" last --data tset
refused "did you mean --model?" last --modle x
refused "no validation samples" last --data validation
refused "does not fit the model" last --set model.kind=mlp
refused "No such file" last --model nowhere
refused "the model takes 28 x 28 x 1" last --set data.test=synthetic:8x8x1:10:60
cp -r last hurt
printf x | dd of=hurt/model.safetensors bs=1 seek=100000 conv=notrunc 2>/dev/null
refused "is not the file that the run wrote" hurt
"$DDLA" eval hurt --model hurt/model.safetensors >out || fail "a model that is named is used as it is"
head -c 5000 last/model.safetensors >hurt/short.safetensors
refused "short.safetensors" hurt --model short.safetensors
echo '{"format": 1}' >hurt/model.json
refused "hurt/model.json: task" hurt
echo '{' >hurt/model.json
refused "hurt/model.json:" hurt
sed 's/"format": 1/"format": 9/' last/model.json >hurt/model.json
refused "format 9" hurt
rm hurt/model.json
refused "no model.json" hurt
rm last/model.safetensors
refused "has not ended" last
