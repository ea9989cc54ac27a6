# owned.sh: data that lie on hosts of their own (data.partition: files), on hosts that this machine plays: one model whatever
# agents and lanes hosts have, resumes, reports, classes and shapes that differ, refusals.
. "${0%/*}/training.sh"

# rows HOST FIRST END: rows of a table of 4 numbers and a label, for numbers from FIRST to END - 1.
rows() {
  mkdir -p "table$1"
  awk -v first="$2" -v end="$3" 'BEGIN { print "a,b,c,d,label"
    for (i = first; i < end; i++) printf "%d,%d,%.2f,%d,k%d\n", i % 13, i % 7, i / 64, i * i % 11, (i % 13 + i % 7) % 3 }' \
    >"table$1/rows.csv"
}
rows 0 0 300
rows 1 300 420
rows 2 420 600
awk 'BEGIN { print "a,b,c,d,label"
  for (i = 0; i < 90; i++) printf "%d,%d,%.2f,%d,k%d\n", i % 13, i % 7, i / 8, i * i % 11, (i % 13 + i % 7) % 3 }' >test.csv

cat >job.yaml <<'J'
data: {train: "table{host}/rows.csv", test: test.csv, validation_fraction: 0.1, partition: files}
model: {kind: mlp, hidden: [16], dropout: 0.1}
train: {shards: 6, batch: 60, epochs: 3, optimizer: adamw, learning_rate: 0.005, schedule: constant, keep_best: true}
sync: {mode: accumulated, method: average, interval: 4, replica: host, fragments: 2}
parallel: {lanes: 1, hosts: 3}
checkpoint: {every_steps: 6, keep: 9}
J

# owned RUN: samples of each replica.
owned() {
  sed -n '/^  "partition": {/,/^  }/p' "$1/report.json" | sed -n 's/^ *"samples": \([0-9]*\),*$/\1/p' | tr '\n' ' '
}

# measured RUN LIKE: both have the same validations and the same test.
measured() {
  for run_of in "$1" "$2"; do
    grep -o '"validation_[a-z]*": [0-9.e-]*' "$run_of/metrics.jsonl" >"$run_of.found" || true
    sed -n '/^  "test": {/,/^  }/p' "$run_of/report.json" >>"$run_of.found"
  done
  grep -q loss "$1.found" || fail "$1: nothing was measured"
  cmp "$1.found" "$2.found" || fail "$1 was measured otherwise than $2"
}

train 0 three job.yaml -n 3
[ "$(owned three)" = "270 108 162 " ] || fail "parts: $(owned three)"
says three/report.json '"kind": "files"' '"k2":'
says three/report.txt "parts of data    files" "  replica 2      162 samples: k"
says three/partition.svg "replica 2" "</svg>"
grep -q '"validation_accuracy"' three/metrics.jsonl || fail "no validation: $(head -1 three/metrics.jsonl)"
logged three 0 "replica 1 owns 108 samples"
bits=$(sha three/model.safetensors)

# Two agents for each host, several lanes: the same model, the same best one, the same test.
train 0 six job.yaml -n 6
same_model "$bits" six
train 0 lanes job.yaml -n 3 --set parallel.lanes=2
same_model "$bits" lanes
for run in six lanes; do
  [ "$(sha $run/best.safetensors)" = "$(sha three/best.safetensors)" ] || fail "$run: another best model"
  measured $run three
done

# A run that is cut in mid-epoch and gone on with.
cp -r three cut
ls cut/checkpoints | tail -n +3 | while read -r step; do rm -r "cut/checkpoints/$step"; done
train 0 cut job.yaml -n 3 --resume
same_model "$bits" cut
# Not with other data: the fingerprint is that of all parts.
cp -r three other
ls other/checkpoints | tail -n +3 | while read -r step; do rm -r "other/checkpoints/$step"; done
cp -r table1 kept1
rows 1 301 421
train 2 other job.yaml -n 3 --resume
says other.err "training data"
rm -r table1
mv kept1 table1

# One host: its files are all data, as with any partition of one.
train 0 one job.yaml -n 2 --set parallel.hosts=1 --set data.train=table0/rows.csv
train 0 plain job.yaml -n 2 --set parallel.hosts=1 --set data.train=table0/rows.csv --set data.partition=iid
same_model "$(sha plain/model.safetensors)" one

# Weights by size; every method of replicas.
train 0 weighted job.yaml -n 3 --set sync.heterogeneity=weighted
[ "$(sha weighted/model.safetensors)" != "$bits" ] || fail "weights change nothing"
for method in diloco streaming elastic admm; do train 0 $method job.yaml -n 3 --set sync.method=$method; done

# Classes are united by name: host 1 has one that others lack, and lacks one that they have.
awk 'BEGIN { print "a,b,c,d,label"; for (i = 0; i < 200; i++) printf "%d,%d,3,4,%s\n", i % 13, i % 5, i % 2 ? "a-new" : "k1" }' \
  >table1/rows.csv
train 0 classes job.yaml -n 3
says classes/model.json '"a-new"' '"k0"' '"k2"'
says classes/report.txt "replica 1      180 samples: "
sed -n '/"class_names"/,/]/p' classes/model.json | tr -d ' \n' | grep -qF '["a-new","k0","k1","k2"]' || fail "$(cat classes/model.json)"

# Text: one alphabet.
text 3000 all.txt
mkdir -p text0 text1
head -c 1400 all.txt >text0/input.txt
tail -c +1401 all.txt | tr 'z' 'Z' >text1/input.txt
cat >text.yaml <<'J'
data: {train: "text{host}/input.txt", partition: files, validation_fraction: 0.1}
task: {kind: language-modelling}
model: {kind: transformer-decoder, window: 16, width: 16, heads: 2, blocks: 1}
train: {shards: 4, batch: 16, epochs: 2, optimizer: adamw, learning_rate: 0.002}
sync: {mode: accumulated, method: average, interval: 2, replica: host}
parallel: {lanes: 1, hosts: 2}
J
train 0 text text.yaml -n 2
train 0 text4 text.yaml -n 4
same_model "$(sha text/model.safetensors)" text4

# Images, whose own test samples are measured where they lie.
for h in 0 1; do samples train $((300 + 100 * h)) image$h; samples t10k $((60 + 20 * h)) image$h; done
cat >image.yaml <<'J'
data: {train: "image{host}", partition: files, shift: 2}
model: {kind: mlp, hidden: [16]}
train: {shards: 4, batch: 50, epochs: 2}
sync: {mode: accumulated, method: diloco, interval: 2, replica: host}
parallel: {lanes: 1, hosts: 2}
J
train 0 image image.yaml -n 2
says image/report.txt "140 samples"
train 0 image4 image.yaml -n 4
same_model "$(sha image/model.safetensors)" image4
measured image4 image

# What cannot be.
refused() { # WORDS ARGUMENT...
  words=$1
  shift
  train 2 refused job.yaml "$@"
  says refused.err "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused "what comes next" -n 3 --set sync.mode=asynchronous --set sync.method=push --set sync.interval=1
refused "all hosts get the same" -n 3 --set share.mode=broadcast --set share.directory=here
refused "every agent is a replica" -n 3 --set sync.replica=agent
refused "write {host}" -n 3 --set data.train=table0/rows.csv
refused "shows some samples to all" -n 3 --set sync.heterogeneity=shared-set
refused "host 3: cannot read table3/rows.csv" -n 4 --set parallel.hosts=4
mkdir -p table3
echo "a,b,label
1,2,k0
2,3,k1
1,5,k1" >table3/rows.csv
refused "the training samples of host 3 are of 1 x 1 x 2, not 1 x 1 x 4" -n 4 --set parallel.hosts=4 --set data.validation_fraction=0.5
refused "host 3: " -n 4 --set parallel.hosts=4
# Few private samples, whose sums would tell of them. 35 rows leave 31 for training, 36 leave 32.
private="-n 4 --set parallel.hosts=4 --set data.private=true"
rows 3 600 635
# shellcheck disable=SC2086 # words
refused "host 3: data.standardize is true" $private
# shellcheck disable=SC2086 # words
refused "sums of 31 samples" $private
# shellcheck disable=SC2086 # words
train 0 few job.yaml $private --set data.standardize=false
train 0 few job.yaml $private --set data.mean=[1,2,3,4] --set data.std=[1,1,1,1] --set output.overwrite=true
train 0 few job.yaml -n 4 --set parallel.hosts=4 --set output.overwrite=true
rows 3 600 636
# shellcheck disable=SC2086 # words
train 0 few job.yaml $private --set output.overwrite=true
got=0
"$DDLA" eval three --data train >eval.out 2>&1 || got=$?
[ $got = 2 ] || fail "eval of a file of each host: $got"
says eval.out "--set data.train=PATH"
"$DDLA" eval three >eval.out
says eval.out "accuracy"
