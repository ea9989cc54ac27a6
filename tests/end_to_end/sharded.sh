# sharded.sh: sync.method: sharded, where hosts divide the update among themselves, leaves the files that allreduce
# leaves, from any checkpoint to any; its hosts have less in memory; and what it cannot do is said before the start. The
# hosts are played by processes of this machine. That all jobs have the same bits: hosts.sh.
. "${0%/*}/training.sh"

samples train 1003 data
samples t10k 100 data

cat >job.yaml <<'J'
data: {train: data, shift: 2}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 250, epochs: 2, optimizer: adamw, clip_norm: 0.5, schedule: constant, check_every: 3}
checkpoint: {every_steps: 2, keep: 9}
J

# run NAME HOSTS AGENTS METHOD ARGUMENT...
run() {
  name=$1
  hosts=$2
  agents=$3
  method=$4
  shift 4
  train 0 "$name" job.yaml -n "$agents" --set "parallel.hosts=$hosts" --set "sync.method=$method" "$@"
}

# Every byte of every checkpoint.
run plain 1 2 allreduce
run divided 3 4 sharded
(cd plain/checkpoints && sha256sum ./*/*) >plain.sums
(cd divided/checkpoints && sha256sum -c --quiet ../../plain.sums) || fail "other checkpoints"
[ "$(wc -l <plain.sums)" -ge 8 ] || fail "not four checkpoints of two files: $(cat plain.sums)"
model=$(sha plain/model.safetensors)

# An optimizer without moments leaves nothing to be divided.
run none 1 2 allreduce --set train.optimizer=sgd --set train.momentum=0
run nothing 3 4 sharded --set train.optimizer=sgd --set train.momentum=0
same_model "$(sha none/model.safetensors)" nothing

# From one method and number of hosts to another, in the midst of an epoch.
change() {
  run "$1" "$2" "$3" "$4" --set train.steps=3
  run "$1" "$5" "$6" "$7" --resume
  same_model "$model" "$1"
  rm -r "$1"
}
change away 2 2 allreduce 3 3 sharded
change back 3 3 sharded 2 4 allreduce
change home 2 2 sharded 1 1 sharded
change other 4 4 sharded 2 3 sharded --set sync.range_bytes=16384

# Shares that follow speed, and so many ranges that there are fewer of them than with even shares: what is whose stays.
wide="--set model.hidden=[300] --set sync.range_bytes=16384"
# shellcheck disable=SC2086 # words
run straight 1 2 allreduce $wide
straight=$(sha straight/model.safetensors)
# shellcheck disable=SC2086
run balanced 2 4 sharded $wide --set parallel.balance=dynamic --set train.steps=3
# shellcheck disable=SC2086
run balanced 2 3 sharded $wide --set parallel.balance=dynamic --resume
same_model "$straight" balanced

# A moment that is damaged on its way: no other checkpoint is older, so the run ends.
run damaged 2 2 sharded --set train.steps=2
printf 'damage' | dd of="$(echo damaged/checkpoints/*/state.safetensors)" bs=1 seek=9000 conv=notrunc 2>dd.err
train 2 damaged job.yaml -n 2 --set parallel.hosts=2 --set sync.method=sharded --resume
says damaged.err "does not have its checksum"

# What cannot be divided.
train 2 whole job.yaml -n 2 --set parallel.hosts=2 --set sync.method=sharded --set train.optimizer=adafactor
says whole.err "train.optimizer" "allreduce"
train 0 alone job.yaml -n 2 --set sync.method=sharded --set train.optimizer=adafactor --set train.steps=1

train 2 fast job.yaml -n 2 --set parallel.hosts=2 --set sync.reduction=fast
says fast.err "sync.reduction" "parallel.hosts"
train 2 fast job.yaml -n 2 --set parallel.hosts=2 --set sync.reduction=fast --set sync.method=sharded
says fast.err "sync.reduction" "allreduce"

# An agent of the second host is killed: the last checkpoint is whole, and the run goes on from it.
"$DDLA" train job.yaml -n 2 --set parallel.hosts=2 --set sync.method=sharded --set train.epochs=100000 \
  --set output.hang_seconds=0 --set checkpoint.keep=2 --out killed -q 2>killed.err &
run=$!
tries=0
until [ -e killed/checkpoints/step-00000008 ] || [ -e killed/checkpoints/step-00000032 ]; do
  tries=$((tries + 1))
  [ $tries -lt 3000 ] || fail "no checkpoint came"
  sleep 0.01
done
kill -9 "$(sed -n 's/.*agent 1 of 2, process \([0-9]*\),.*/\1/p' killed/agents/1.log)"
status=0
wait $run || status=$?
[ $status = 7 ] || fail "a killed agent: status $status: $(cat killed.err)"
no_agents killed
step=$(ls killed/checkpoints | sed -n 's/^step-0*\([0-9]*\)$/\1/p' | sort -n | tail -n 1)
train 0 killed job.yaml -n 3 --set parallel.hosts=3 --set sync.method=sharded --set train.epochs=100000 \
  --set "train.steps=$((step + 1))" --resume

[ "${SANITIZE:-}" = "" ] || exit 0

# Memory. Four hosts: each keeps a quarter of four arrays of moments, and of the sum of gradients. The estimate says so,
# and so do the agents' peaks, of which checkpoints and a resume are part.
cat >big.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [2000, 1000]}
train: {shards: 4, batch: 64, epochs: 1, steps: 4, optimizer: adamw}
parallel: {lanes: 1}
checkpoint: {every_steps: 2}
J
array=$((4 * (784 * 2000 + 2000 * 1000 + 1000 * 10)))
peak() {
  train 0 "$1" big.yaml -n 4 --set parallel.hosts=4 --set "sync.method=$2" --set train.steps=2
  train 0 "$1" big.yaml -n 4 --set parallel.hosts=4 --set "sync.method=$2" --resume
  of_agents "$1" peak_bytes | tr " " "\n" | sort -n | tail -n 1
}
said() {
  "$DDLA" train big.yaml -n 4 --set parallel.hosts=4 --set "sync.method=$1" --set train.steps=1 --out "said-$1" |
    sed -n 's/^memory: \([0-9]*\) MiB shared.*/\1/p'
}
saved=$((($(said allreduce) - $(said sharded)) * 1048576 - array * 5 * 3 / 4))
[ $((saved * saved)) -le $((3 * 1048576 * 3 * 1048576)) ] || fail "the estimate of what is saved is wrong by $saved bytes"
all=$(peak all allreduce)
part=$(peak part sharded)
same_model "$(sha all/model.safetensors)" part
of_agents part peak_bytes >peaks
[ $((all - part)) -gt $((array * 5 * 3 / 4 * 9 / 10)) ] ||
  fail "peaks are $all and $part, which saves less than three quarters of 5 arrays of $array: $(cat peaks)"
