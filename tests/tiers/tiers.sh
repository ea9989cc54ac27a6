# Features that stay at an origin: the same bits as with data in memory, over a directory and over HTTP, on one host and
# on several, with little memory and with a disk tier; every byte is read once where it can be; what is damaged, missing,
# slow to answer or refused is named.
. "$SOURCE/tests/end_to_end/training.sh"
. "$SOURCE/tests/tiers/origin.sh"
tool=$BUILD/bin/end_to_end_tool

samples train 2400 data
samples t10k 200 data
"$DDLA" data prepare data --out plain --block-bytes 65536 --part-bytes 700000 >/dev/null
"$DDLA" data prepare data --out packed --block-bytes 65536 --compress >/dev/null
bytes=$(((2400 + 200) * 784))

cat >job.yaml <<'J'
data: {train: plain, validation_fraction: 0.1, mean: [0.286], std: [0.353], shift: 2}
model: {kind: mlp, hidden: [32]}
train: {batch: 60, epochs: 3, seed: 5}
parallel: {agents: 4}
output: {csv: true}
J

# tiered STATUS RUN ARGUMENT...
tiered() {
  ended=$1
  name=$2
  shift 2
  train "$ended" "$name" job.yaml --set share.mode=tiered "$@"
}

# share RUN KEY...: what report.json says under "share".
share() {
  "$tool" json "$1/report.json" share "$2" ${3:+"$3"} ${4:+"$4"} || fail "$1: no share.$2"
}

train 0 whole job.yaml
model=$(sha whole/model.safetensors)

# A directory: hosts, memory for all or for less, compressed blocks, a tier on disk, no peers, a look-ahead of its own.
for hosts in 1 2 4; do
  tiered 0 "hosts-$hosts" --set parallel.hosts=$hosts
  same_model "$model" "hosts-$hosts"
  [ "$(share "hosts-$hosts" origin_bytes)" -eq "$bytes" ] || fail "hosts-$hosts: each byte is not read once"
  [ "$(share "hosts-$hosts" misses)" -eq 0 ] || fail "hosts-$hosts: misses"
done
grep -q '^samples from ' hosts-4/report.txt || fail "report.txt says nothing of tiers"
[ "$(share hosts-1 sent_bytes)" -eq 0 ] || fail "one host sends samples"
[ "$(share hosts-4 sent_bytes)" -gt 0 ] || fail "hosts do not send samples"

tiered 0 with-loader --set data.ahead=16 --set share.ahead=1 --set parallel.hosts=2
same_model "$model" with-loader
tiered 0 packed --set data.train=packed --set parallel.hosts=2
same_model "$model" packed
tiered 0 little --set share.memory=0.2
same_model "$model" little
[ "$(share little origin_bytes)" -gt "$bytes" ] || fail "little memory, and nothing is read again"
tiered 0 alone --set share.memory=0.2 --set data.verify=index
same_model "$model" alone
[ "$(share alone origin_bytes)" -lt "$(share little origin_bytes)" ] || fail "samples alone are not less than blocks"
tiered 0 on-disk --set share.memory=0.2 --set share.disk=1 --set share.directory=tier
same_model "$model" on-disk
[ "$(share on-disk origin_bytes)" -eq "$bytes" ] || fail "on-disk: each byte is not read once"
[ "$(share on-disk tiers disk bytes)" -gt 0 ] || fail "nothing came from disk"
[ -z "$(ls -A tier)" ] || fail "the disk tier leaves files"
tiered 0 apart --set parallel.hosts=2 --set share.peers=false
same_model "$model" apart
[ "$(share apart sent_bytes)" -eq 0 ] || fail "hosts without peers send samples"
tiered 0 ahead --set parallel.hosts=2 --set share.ahead=1 --set train.micro_batch=4 --set parallel.lanes=2
train 0 micro job.yaml --set train.micro_batch=4
same_model "$(sha micro/model.safetensors)" ahead
tiered 0 dynamic --set parallel.hosts=2 --set parallel.balance=dynamic
same_model "$model" dynamic
tiered 0 threads --set parallel.agents_as=threads
same_model "$model" threads

# Replicas, with parts of their own too; a run that goes on; and one whose mode changes.
for keys in "sync.mode=accumulated --set sync.method=average" "sync.mode=accumulated --set sync.method=average --set data.partition=by-size"; do
  # shellcheck disable=SC2086 # words
  train 0 replicas-whole job.yaml --set $keys --set sync.interval=4 --set output.overwrite=true
  # shellcheck disable=SC2086
  tiered 0 replicas --set $keys --set sync.interval=4 --set output.overwrite=true
  same_model "$(sha replicas-whole/model.safetensors)" replicas
done
tiered 0 resumed --set train.epochs=1 --set parallel.hosts=2
tiered 0 resumed --set train.epochs=3 --set parallel.hosts=4 --resume
train 0 resumed-whole job.yaml --set train.epochs=1
train 0 resumed-whole job.yaml --resume
same_model "$(sha resumed-whole/model.safetensors)" resumed
train 0 gossip job.yaml --set share.mode=tiered --set sync.mode=asynchronous --set sync.method=gossip

# Mean and deviation: those of the samples, which the set keeps; or as `ddla data stats` shows them. A set that does not
# keep them is refused, and in memory they are found.
of_train() {
  "$DDLA" data stats plain --json | sed -n "s/.*\"$1\": \([0-9.e-]*\).*/\1/p" | head -n 1
}
by_itself="--set data.mean=[] --set data.std=[] --set data.validation_fraction=0"
# shellcheck disable=SC2086 # words
train 0 found job.yaml $by_itself --set data.train=data
found_model=$(sha found/model.safetensors)
for kept in plain packed; do
  # shellcheck disable=SC2086
  tiered 0 "kept-$kept" $by_itself --set data.train=$kept --set parallel.hosts=2
  same_model "$found_model" "kept-$kept"
done
[ "$(share kept-plain origin_bytes)" -eq "$bytes" ] || fail "kept-plain: each byte is not read once"
tiered 0 given --set "data.mean=[$(of_train mean)]" --set "data.std=[$(of_train deviation)]" \
  --set data.validation_fraction=0
same_model "$found_model" given
cp -r plain older
"$BUILD/bin/tiers_older" older
# shellcheck disable=SC2086
tiered 2 refused $by_itself --set data.train=older
says refused.err "data.train" "does not keep the sums" "prepare it again"
# shellcheck disable=SC2086
train 0 older-whole job.yaml $by_itself --set data.train=older
same_model "$found_model" older-whole
"$DDLA" data verify older >/dev/null || fail "an older set is damaged"
"$DDLA" data prepare older --out newer >/dev/null
# shellcheck disable=SC2086
tiered 0 newer $by_itself --set data.train=newer
same_model "$found_model" newer

# Rows of numbers, whose mean and deviation are found in two passes.
awk -v OFS=, 'BEGIN { for (i = 0; i < 900; i++) print i / 7 + 1000, (i * i) % 101 / 13, 0.1, i % 3 }' >rows.csv
"$DDLA" data prepare rows.csv --out rows --block-bytes 65536 >/dev/null
# shellcheck disable=SC2086
train 0 rows-found job.yaml $by_itself --set data.train=rows.csv --set data.shift=0
# shellcheck disable=SC2086
tiered 0 rows-kept $by_itself --set data.train=rows --set data.shift=0 --set parallel.hosts=2
same_model "$(sha rows-found/model.safetensors)" rows-kept

# HTTP.
serve plain
tiered 0 http --set data.train="$address" --set parallel.hosts=2
same_model "$model" http
stop_serving
sent=$(cat bytes.sent)
[ "$sent" -ge "$bytes" ] && [ "$sent" -lt $((bytes + 60000)) ] || fail "the server has sent $sent bytes, the data have $bytes"

# A server that now and then breaks off or is busy is asked again.
serve plain break 7 busy 5
tiered 0 rough --set data.train="$address" --set parallel.hosts=2
same_model "$model" rough
stop_serving
[ "$(cat bytes.sent)" -gt "$sent" ] || fail "nothing broke off"

# What cannot be served is named.
serve plain whole
tiered 2 no-ranges --set data.train="$address"
says no-ranges.err "train.index" "range"
stop_serving
serve plain short train-features
tiered 2 short --set data.train="$address"
says short.err "train-features-00000.part" "ends at byte"
stop_serving
mkdir empty
serve empty
tiered 2 missing --set data.train="$address"
says missing.err "$address" "train.index"
stop_serving
tiered 3 gone --set data.train="$address"
says gone.err "$address" "tried 5 times"

# A server that goes away, and damage that only reading finds, end the run.
serve plain rate 150000
tiered 3 lost --set data.train="$address" --set parallel.hosts=2 &
job=$!
sleep 2
stop_serving
wait "$job" || fail "a server that goes away: see lost.err"
says lost.err "cannot read $address" "tried 5 times"
cp -r plain damaged
printf x | dd of=damaged/train-features-00001.part bs=1 seek=70000 conv=notrunc 2>/dev/null
tiered 2 damaged --set data.train=damaged --set parallel.hosts=2
says damaged.err "train-features-00001.part: block 1 (from offset 65536, 65536 bytes) is damaged" "hash"
tiered 2 damaged-alone --set data.train=damaged --set parallel.agents=1
says damaged-alone.err "is damaged"
cp -r plain cut
truncate -s -100 cut/train-features-00001.part
tiered 2 cut --set data.train=cut
says cut.err "train-features-00001.part has" "bytes"
rm cut/train-features-00001.part
tiered 2 cut --set data.train=cut
says cut.err "train-features-00001.part is missing"

# A disk that is full is done without: memory and origin are left.
(ulimit -f 400; tiered 0 full --set share.memory=0.2 --set share.disk=1 --set share.directory=tier --set output.events=false)
same_model "$model" full
if [ "${SANITIZE:-}" != thread ]; then # agents that are threads have no log
  grep -q "the disk tier takes no more blocks" full/agents/0.log || fail "a full disk is not warned of"
  [ "$(grep -c "takes no more" full/agents/0.log)" -eq 1 ] || fail "a full disk is warned of more than once"
fi

# What does not go together.
refused() {
  words=$1
  shift
  tiered 2 refused "$@"
  says refused.err "$words"
}
refused "data.train" --set data.train=data
refused "data.validation_fraction" --set data.mean=[] --set data.std=[]
says refused.err "ddla data split"
refused "data.on_error" --set data.on_error=skip
refused "share.directory" --set share.disk=0.5
refused "data.private" --set data.private=true --set parallel.hosts=2
train 2 refused job.yaml --set data.train=http://127.0.0.1:9/data
says refused.err "data.train" "is an address" "share.mode: tiered"
text 20000 words.txt
"$DDLA" data prepare words.txt --format text --out words >/dev/null
train 2 refused job.yaml --set share.mode=tiered --set data.train=words
says refused.err "is a text"
