# Every command: help, mistakes named once with exit status 2, valid JSON where it is offered.
. "$SOURCE/tests/end_to_end/training.sh"
tool=$BUILD/bin/end_to_end_tool

# refused WORDS ARGUMENT...: ddla ARGUMENT... ends with 2, prints nothing, and says WORDS on one line.
refused() {
  words=$1
  shift
  got=0
  "$DDLA" "$@" >out 2>err || got=$?
  [ "$got" -eq 2 ] || fail "exit status $got, not 2: $*"
  [ ! -s out ] || fail "$*: printed $(cat out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line on standard error: $(cat err)"
  says err "$words"
}

# json ARGUMENT...: ddla ARGUMENT... --json prints JSON and nothing else; it is in the file json.
json() {
  "$DDLA" "$@" --json >json 2>err || fail "$* --json: $(cat err)"
  [ ! -s err ] || fail "$* --json says $(cat err)"
  "$tool" json json || fail "$* --json is not JSON"
}

"$DDLA" --help >help
for command in train eval predict info doctor bench; do
  says help "ddla $command"
  "$DDLA" $command --help >one
  says one "ddla $command" "--json"
  "$DDLA" help $command >two
  cmp one two || fail "help $command differs from $command --help"
  [ $command != bench ] || command="bench op"
  # shellcheck disable=SC2086 # two words
  refused "there is no option '--jsn'; did you mean --json?" $command --jsn
done
"$DDLA" --version | grep -q '^ddla [0-9]' || fail "no version"
refused "did you mean 'train'?" trian
refused "there is no command 'fly'" fly
got=0
"$DDLA" >out 2>err || got=$?
[ "$got" -eq 2 ] && [ ! -s out ] || fail "without a command: exit status $got"
says err "ddla train"

# info
for topic in job tasks models layers ops kernels optimizers schedules formats transports collectives codecs status; do
  "$DDLA" info $topic >text
  [ -s text ] || fail "info $topic says nothing"
  json info $topic
  "$tool" json json 0 name >name || fail "info $topic lists nothing"
  "$tool" json json 0 help >>name || fail "info $topic explains nothing"
done
"$DDLA" info >text
says text collectives "model JOB"
says help "ddla info job"
"$DDLA" info job >text
says text "train: how it is trained" "batch: 128" "learning_rate"
"$DDLA" info status >text
says text "INTERRUPTED" 130
small="--set data.train=synthetic:28x28x1:10:64"
# shellcheck disable=SC2086 # a list of words
"$DDLA" info model $small >text
says text conv1 conv2 linear1 421,642
# shellcheck disable=SC2086
json info model $small
[ "$("$tool" json json parameters)" = 421642 ] || fail "the model has another number of parameters"
refused "did you mean 'model'?" info mdel
refused "neither a run directory nor something to list" info nowhere
refused "is not the directory of a run" info .
refused "one thing at a time" info ops models
refused "cannot open nowhere.yaml" info model nowhere.yaml
refused "needs to know what to list" info --json
# shellcheck disable=SC2086
train 0 run "$SOURCE/examples/fashion-mnist.yaml" $small --set train.batch=32
"$DDLA" info run >text
cmp text run/report.txt || fail "info RUN does not print the report"
json info run
json info model run
rm run/report.txt
refused "has no report yet" info run

# doctor
"$DDLA" doctor >text || fail "doctor: exit status $?: $(cat text)"
says text processor memory "oneDNN" probe "Training works here"
probe=$(sed -n 's/^ *probe  *\([0-9a-f]*\)$/\1/p' text)
[ ${#probe} -eq 32 ] || fail "the probe is '$probe'"
rounded=$(sed -n 's/^ *probe bf16  *//p' text)
[ ${#rounded} -eq 32 ] && [ "$rounded" != "$probe" ] || fail "the probe at bf16 is '$rounded'"
json doctor
says json "$probe"
[ "$("$tool" json json works)" = true ] || fail "doctor --json: works is not true"
refused "takes no files" doctor file

# bench
json bench op --op relu --seconds 0.005
[ "$("$tool" json json rows 0 op)" = relu ] || fail "bench op measured something else"
"$DDLA" bench op --op relu --seconds 0.005 >text
says text relu native_relu
for agents in 1 2; do
  # shellcheck disable=SC2086
  json bench step -n $agents --lanes 1 --batch 32 --steps 3 --profile $small
  [ "$("$tool" json json agents)" = $agents ] || fail "bench step ran on other agents"
  [ "$("$tool" json json steps)" = 3 ] || fail "bench step ran other steps"
  awk "BEGIN { exit !($("$tool" json json samples_per_second) > 0) }" || fail "no speed"
  says json "conv2d backward"
done
# shellcheck disable=SC2086
"$DDLA" bench step --batch 32 --steps 3 $small >text
says text samples/s "where it went"
json bench allreduce -n 3 --bytes 40000 --rounds 3
[ "$("$tool" json json rows 0 bytes)" = 40000 ] || fail "bench allreduce summed something else"
"$DDLA" bench allreduce --bytes 64 --rounds 2 >text
says text "2 agents" all_reduce/
refused "allreduce, exchange, codec" bench
refused "before its options" bench --json op
refused "did you mean 'step'?" bench stp
refused "expected a whole number from 1" bench step --steps 0
refused "expected a multiple of 4" bench allreduce --bytes 7
json bench codec --count 5000 --rounds 2 --topk 0.02 --block 64
[ "$("$tool" json json rows 3 codec)" = int8 ] || fail "bench codec has other codecs"
"$DDLA" bench codec --codec topk2 --count 5000 --rounds 1 >text
says text "5000 numbers" topk2
refused "no op" bench op --op fly
refused "did you mean 'int8'" bench codec --codec int9
refused "topk is 2" bench codec --topk 2
refused "block is 65" bench codec --block 65
refused "train.shards is 8" bench step -n 60
# shellcheck disable=SC2086
refused "did you mean train.batch?" bench step --set train.bach=3 $small
