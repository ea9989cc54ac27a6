# unequal.sh: replicas that own parts of the data (data.partition), and what is done about data that differ between them
# (sync.heterogeneity). The same bits again however work is cut within a replica and over a resume in mid-epoch; reports
# that say who owns what; refusals.
. "${0%/*}/training.sh"

samples train 1003 data
samples t10k 100 data

# job NAME: the job file is standard input.
job() { cat >"$1.yaml"; }

# An epoch has 10 steps; checkpoints are of steps 8, 12, 20, 24 and 30.
job mlp <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1, partition: dirichlet, partition_alpha: 0.3, partition_labels: 4}
model: {kind: mlp, hidden: [32], dropout: 0.2}
train: {shards: 8, batch: 100, epochs: 3, optimizer: adamw, learning_rate: 0.002, schedule: constant}
sync: {mode: accumulated, method: average, interval: 4, proximal: 0.1, shared_fraction: 0.1, fragments: 2}
parallel: {lanes: 1}
checkpoint: {every_steps: 6, keep: 9}
J
# Running values of batch norm, weighted too; batches that leave replicas without samples.
job norm <<'J'
data: {train: data, partition: by-size}
model: {kind: resnet, depth: 8, width: 8}
train: {shards: 7, batch: 167, epochs: 1, micro_batch: 12, learning_rate: 0.05}
sync: {mode: accumulated, method: average, interval: 2, heterogeneity: weighted}
parallel: {lanes: 1}
J

# whole NAME OPTION...: a run, one that is cut behind its second checkpoint and gone on with, and one with lanes of which each
# takes what it can have the same bits.
whole() {
  case_of=$1
  shift
  train 0 whole-$case_of mlp.yaml -n 3 "$@"
  cp -r whole-$case_of cut-$case_of
  ls cut-$case_of/checkpoints | tail -n +3 | while read -r step; do rm -r "cut-$case_of/checkpoints/$step"; done
  train 0 cut-$case_of mlp.yaml -n 3 "$@" --resume
  same_model "$(sha whole-$case_of/model.safetensors)" cut-$case_of
  train 0 lanes-$case_of mlp.yaml -n 3 "$@" --set parallel.lanes=2 --set parallel.balance=dynamic
  same_model "$(sha whole-$case_of/model.safetensors)" lanes-$case_of
}

# owned RUN: samples of each replica.
owned() {
  sed -n '/^  "partition": {/,/^  }/p' "$1/report.json" | sed -n 's/^ *"samples": \([0-9]*\),*$/\1/p' | tr '\n' ' '
}

# differ RUN RUN
differ() { [ "$(sha "$1/model.safetensors")" != "$(sha "$2/model.safetensors")" ] || fail "$1 and $2 are one model"; }

train 0 shared mlp.yaml -n 3 --set data.partition=shared
grep -q partition shared/report.json && fail "a report of parts without parts"
[ ! -e shared/partition.svg ] || fail "a picture of parts without parts"
for kind in iid by-label dirichlet by-size; do
  whole $kind --set data.partition=$kind
  says whole-$kind/report.json "\"kind\": \"$kind\"" '"heterogeneity": "none"'
  says whole-$kind/report.txt "parts of data    $kind" "  replica 2 "
  says whole-$kind/partition.svg "replica 2" "</svg>"
  logged whole-$kind 0 "replica 2 owns"
  owned whole-$kind >sizes
  [ "$(tr ' ' '\n' <sizes | awk '{ sum += $1 } END { print sum }')" = 903 ] || fail "$kind: $(cat sizes)"
  differ whole-$kind shared
done
[ "$(owned whole-iid)" = "301 301 301 " ] || fail "iid: $(owned whole-iid)"
[ "$(owned whole-by-size)" = "493 246 164 " ] || fail "by-size: $(owned whole-by-size)"
[ "$(sed -n '/"partition"/,$p' whole-by-label/report.json | grep -c '": [0-9]*,*$')" -ge 12 ] || fail "by-label: no labels"

# Every method of replicas, and what may be done about data that differ.
for method in average diloco streaming elastic admm; do
  [ $method = average ] || whole $method --set sync.method=$method
done
for row in average:weighted diloco:weighted streaming:weighted average:fedprox diloco:fedprox streaming:fedprox \
  average:scaffold diloco:scaffold average:shared-set elastic:shared-set; do
  method=${row%:*} name=${row#*:}
  if [ $method = average ]; then plain=whole-dirichlet; else plain=whole-$method; fi
  whole $method-$name --set sync.method=$method --set sync.heterogeneity=$name --set data.partition_exponent=1
  says whole-$method-$name/report.json "\"heterogeneity\": \"$name\""
  case $name in weighted) ;; *) differ whole-$method-$name $plain ;; esac
done
# Parts of equal size weigh alike, up to a sample.
whole weights --set data.partition=by-size --set sync.heterogeneity=weighted
differ whole-weights whole-by-size
says whole-average-shared-set/report.txt "shared besides"
says whole-average-scaffold/report.txt ", scaffold"

# Control variates go on where another number of replicas does, whose parts are other ones.
train 0 cut-average-scaffold mlp.yaml -n 2 --set sync.heterogeneity=scaffold --resume --set train.epochs=4
train 0 cut-average-scaffold mlp.yaml -n 4 --set sync.heterogeneity=scaffold --resume --set train.epochs=5
[ "$(owned cut-average-scaffold | wc -w)" = 4 ] || fail "parts of 4: $(owned cut-average-scaffold)"
logged cut-average-scaffold 0 "divided anew, in 4 parts; the checkpoint is of 2"
# A checkpoint without them, and one with them that are not wanted.
train 0 cut-dirichlet mlp.yaml -n 3 --set sync.heterogeneity=scaffold --resume --set train.epochs=4
train 0 cut-dirichlet mlp.yaml -n 3 --resume --set train.epochs=5
# Other parts are another run.
train 2 cut-dirichlet mlp.yaml -n 3 --set data.partition_alpha=3 --resume --set train.epochs=6
says cut-dirichlet.err "partition_alpha 0.3"

# Running values, empty shards, and hosts of two agents.
train 0 norm3 norm.yaml -n 3
train 0 pair norm.yaml -n 4 --set sync.replica=host --set parallel.hosts=2 --set train.shards=8
train 0 lanes norm.yaml -n 2 --set parallel.lanes=2 --set train.shards=8
same_model "$(sha pair/model.safetensors)" lanes
train 0 alone mlp.yaml -n 1 --set sync.heterogeneity=scaffold
[ "$(owned alone)" = "903 " ] || fail "one part: $(owned alone)"

# Segments: a row in one of them, none in the other.
job segments <<'J'
data: {train: data, partition: iid}
model: {kind: mlp, hidden: [16]}
train: {shards: 6, batch: 100, epochs: 2}
sync: {mode: accumulated, method: diloco, interval: 4, schedule: [{from: 8, method: average, heterogeneity: scaffold}]}
parallel: {lanes: 1}
J
train 0 segments segments.yaml -n 3

# Samples of one key stay together; the column is no feature.
awk 'BEGIN { print "user,a,b,label"
  for (i = 0; i < 600; i++) printf "u%d,%d,%d,%d\n", i * i % 29, i % 13, i % 7, (i % 13 + i % 7) % 2 }' >table.csv
job table <<'J'
data: {train: table.csv, partition: by-key, partition_key: user}
model: {kind: mlp, hidden: [8]}
train: {shards: 6, batch: 60, epochs: 2}
sync: {mode: accumulated, method: average, interval: 3}
parallel: {lanes: 1}
J
train 0 table table.yaml -n 3
[ "$(owned table | tr ' ' '\n' | awk '{ sum += $1 } END { print sum }')" = 600 ] || fail "by-key: $(owned table)"
"$DDLA" info model table.yaml >model.txt 2>&1 || true

# What does not go together.
refused() { # KEY WORDS ARGUMENT...
  key=$1 words=$2
  shift 2
  train 2 refused mlp.yaml "$@"
  says refused.err "$key" "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
synchronous="--set sync.mode=synchronous --set sync.method=allreduce --set sync.interval=1"
# shellcheck disable=SC2086 # words
refused data.partition_parts "is 3, but with sync.method average there are 2 parts" -n 2 --set data.partition_parts=3
refused data.partition "what comes next" --set sync.mode=asynchronous --set sync.method=gossip --set sync.interval=1
refused data.partition "what comes next" --set sync.mode=asynchronous --set sync.method=push --set sync.interval=1
refused data.partition "did you mean dirichlet?" --set data.partition=dirichlett
refused data.partition "raise data.partition_labels to at least 4" -n 3 --set data.partition=by-label --set data.partition_labels=2
refused data.partition "from 1 to 10" -n 3 --set data.partition=by-label --set data.partition_labels=11
refused data.partition "without a sample; lower data.partition_exponent" -n 3 --set data.partition=by-size \
  --set data.partition_exponent=9
refused data.partition "these have no keys" -n 3 --set data.partition=by-key
# shellcheck disable=SC2086
refused sync.heterogeneity "there are no replicas" $synchronous --set data.partition=shared --set sync.heterogeneity=fedprox
refused sync.heterogeneity "there are no replicas" --set data.partition=shared --set sync.method=gradient \
  --set sync.heterogeneity=scaffold
refused sync.heterogeneity "did you mean scaffold?" --set sync.heterogeneity=scafold
for row in weighted shared-set; do
  refused sync.heterogeneity "data.partition is shared" --set data.partition=shared --set sync.heterogeneity=$row
done
for method in elastic admm; do
  refused sync.heterogeneity "weigh alike" --set sync.method=$method --set sync.heterogeneity=weighted
  refused sync.heterogeneity "terms of their own" --set sync.method=$method --set sync.heterogeneity=fedprox
done
for method in streaming elastic admm; do
  refused sync.heterogeneity "stay apart" --set sync.method=$method --set sync.heterogeneity=scaffold
done
refused sync.codec "must be exact" --set sync.codec=int8 --set sync.heterogeneity=scaffold
cat >two.yaml <<'J'
data: {train: data, partition: iid}
train: {shards: 6, batch: 100, epochs: 2}
sync: {mode: accumulated, method: average, interval: 4, heterogeneity: shared-set, schedule: [{from: 8, shared_fraction: 0.2}]}
J
train 2 two two.yaml -n 2
says two.err sync.shared_fraction "in another part of the run"
