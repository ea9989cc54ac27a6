# parts.sh: synchronous training whose shards come from parts of the data (data.partition): the same model on any number of
# agents, hosts and lanes, over resumes, with parts that exchange samples; parts that lie on hosts of their own; who is fed
# what; refusals.
. "${0%/*}/training.sh"

samples train 903 data
cat >job.yaml <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1, partition: dirichlet, partition_alpha: 0.3, partition_parts: 3}
model: {kind: layers, layers: [{conv2d: {channels: 4, kernel: 3}}, batch_norm, relu, flatten, {dropout: 0.2}, {linear: classes}]}
train: {shards: 7, batch: 70, epochs: 3, learning_rate: 0.02, micro_batch: 8}
checkpoint: {every_steps: 5, keep: 99}
parallel: {lanes: 1}
output: {audit: true}
J

# fed RUN: step, shard and samples of every shard, in order.
fed() {
  sed -n 's/.*"step": \([0-9]*\), "epoch": [0-9]*, "shard": \([0-9]*\), "samples": \[\(.*\)\].*/\1 \2 \3/p' "$1"/agents/*.audit |
    sort -n -k1,1 -k2,2 -s >"$1.fed"
}

# everywhere NAME WORDS...: one model, however many agents, hosts and lanes, and where it goes on in mid-epoch with others.
everywhere() {
  name=$1
  shift
  train 0 "$name" job.yaml -n 3 "$@"
  bits=$(sha "$name/model.safetensors")
  fed "$name"
  train 0 other job.yaml -n 1 "$@" --set parallel.lanes=2 --set parallel.balance=dynamic
  same_model "$bits" other
  train 0 hosts job.yaml -n 4 "$@" --set parallel.hosts=2
  same_model "$bits" hosts
  fed hosts
  cut -d' ' -f1 "$name.fed" | sort | uniq -c >steps
  cut -d' ' -f1 hosts.fed | sort | uniq -c >steps.hosts
  cmp -s steps steps.hosts || fail "$name: other samples on hosts"
  train 0 loader job.yaml -n 2 "$@" --set data.ahead=5
  same_model "$bits" loader
  ls hosts/checkpoints | tail -n +4 | while read -r step; do rm -r "hosts/checkpoints/$step"; done
  train 0 hosts job.yaml -n 6 "$@" --set parallel.hosts=3 --set sync.method=sharded --resume
  same_model "$bits" hosts
  rm -r other hosts loader
}
everywhere labels
train 0 shared job.yaml -n 3 --set data.partition=shared
[ "$(sha shared/model.safetensors)" != "$bits" ] || fail "parts change nothing"
everywhere sizes --set data.partition=by-size --set train.last_batch=drop
everywhere exchanged --set share.mode=exchange --set share.fraction=0.2
[ "$bits" != "$(sha labels/model.safetensors)" ] || fail "an exchange changes nothing"
says labels/report.json '"kind": "dirichlet"'
says labels/report.txt "  part    2      "
logged labels 0 "part 2 owns"

# Without a number there is a part for each agent, which divides the data anew where there are others.
train 0 agents job.yaml -n 3 --set data.partition_parts=0
same_model "$(sha labels/model.safetensors)" agents
train 0 agents job.yaml -n 4 --set data.partition_parts=0 --resume --set train.epochs=4
[ "$(grep -c '^  part ' agents/report.txt)" = 4 ] || fail "$(cat agents/report.txt)"
logged agents 0 "divided anew, in 4 parts; the checkpoint is of 3"

# Shards of a part: of 7 shards the last part has three, the others two. Every sample of a part comes as often as any other.
awk '{ part = $2 < 2 ? 0 : $2 < 4 ? 1 : 2; for (i = 3; i <= NF; i++) { sub(",", "", $i); n[part " " $i]++ } }
  END { for (k in n) { split(k, of, " "); s[of[1]]++; if (!(of[1] in least) || n[k] < least[of[1]]) least[of[1]] = n[k]
    if (n[k] > most[of[1]]) most[of[1]] = n[k]; owner[of[2]]++; if (owner[of[2]] > 1) twice++ }
    for (p = 0; p < 3; p++) if (most[p] - least[p] > 1) print "part", p, least[p], most[p]
    if (twice) print twice, "samples are in two parts" }' labels.fed >uneven
[ ! -s uneven ] || fail "$(cat uneven)"

# Data that lie on hosts of their own are the same as one file that is divided alike; also where samples travel.
awk 'BEGIN {
  for (h = 0; h < 3; h++) {
    system("mkdir -p table" h)
    file = "table" h "/rows.csv"
    print "a,b,c,d,label" >file
    if (h == 0) print "who,a,b,c,d,label" >"all.csv"
    for (i = 0; i < (h == 0 ? 300 : h == 1 ? 180 : 120); i++) {
      row = sprintf("%d,%d,%.3f,%d,k%d", i % 13, (i * 7 + h) % 17, i / 64 + h, i * i % 11, (i % 13 + i % 7) % 3 + h)
      print row >file
      print "host" h "," row >"all.csv"
    }
  } }'
cat >files.yaml <<'J'
data: {train: "table{host}/rows.csv", partition: files, standardize: false}
model: {kind: mlp, hidden: [16], dropout: 0.1}
train: {shards: 6, batch: 60, epochs: 4, optimizer: adamw, learning_rate: 0.003}
parallel: {lanes: 1, hosts: 3}
checkpoint: {every_steps: 8, keep: 99}
J
sed 's/^data: .*/data: {train: all.csv, partition: by-key, partition_key: who, partition_parts: 3, standardize: false}/' files.yaml >one.yaml
for sharing in "" "--set share.mode=exchange --set share.fraction=0.3"; do
  rm -rf one files cut
  # shellcheck disable=SC2086
  train 0 one one.yaml -n 1 --set parallel.hosts=1 $sharing
  bits=$(sha one/model.safetensors)
  for agents in "-n 3" "-n 6" "-n 3 --set parallel.lanes=2" "-n 4 --set sync.method=sharded" "-n 6 --set data.ahead=9"; do
    # shellcheck disable=SC2086 # words
    # Four agents on three hosts: the first host has two, and so more shards.
    case $agents in -n\ 4*) train 0 files4 files.yaml $agents $sharing; continue ;; esac
    # shellcheck disable=SC2086
    train 0 files files.yaml $agents $sharing --set output.overwrite=true
    same_model "$bits" files
  done
  cp -r files cut
  ls cut/checkpoints | tail -n +4 | while read -r step; do rm -r "cut/checkpoints/$step"; done
  # shellcheck disable=SC2086
  train 0 cut files.yaml -n 3 $sharing --resume
  same_model "$bits" cut
  rm -r files4
done
of_agents files sample_bytes_sent | grep -q '[1-9]' || fail "no sample was sent"
train 0 gradient files.yaml -n 3 --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=2
train 0 onegradient one.yaml -n 2 --set parallel.hosts=1 --set sync.mode=accumulated --set sync.method=gradient --set sync.interval=2
same_model "$(sha gradient/model.safetensors)" onegradient
train 0 private files.yaml -n 3 --set data.private=true
says private/report.txt "0 bytes of samples (data.private)"
# Hosts with other numbers of agents have other shards, and that is said.
train 0 moved files.yaml -n 3
train 0 moved files.yaml -n 5 --resume --set train.epochs=5
logged moved 0 "other shards of a batch than before"
train 0 schedule files.yaml -n 3 --set 'sync.schedule=[{from: 16, mode: accumulated, method: average, interval: 4, replica: host}]'

# A loader that is two epochs ahead with one of its lanes, and has the other's samples to make: it may not wait for exchanges.
awk 'BEGIN { print "a,b,label"; for (i = 0; i < 62; i++) printf "%d,%d,k%d\n", i % 13, i % 7, i % 3 }' >few.csv
cat >few.yaml <<'J'
data: {train: few.csv, partition: iid, partition_parts: 3}
model: {kind: mlp, hidden: [16]}
train: {shards: 3, batch: 60, epochs: 12}
share: {mode: exchange, fraction: 0.3}
J
train 0 slowly few.yaml -n 1 --set parallel.lanes=1 --set data.ahead=0
bits=$(sha slowly/model.safetensors)
for lanes in 2 3; do
  for ahead in 4 9 16; do
    train 0 few few.yaml -n 1 --set parallel.lanes=$lanes --set data.ahead=$ahead --set output.overwrite=true
    same_model "$bits" few
  done
done

# What cannot be.
refused() { # WORDS JOB ARGUMENT...
  told=$1
  shift
  train 2 refused "$@"
  says refused.err "$told"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused "train.shards is 7, so that a step has 7 shards, but each of 8 parts" job.yaml -n 2 --set data.partition_parts=8
refused "there are 3 parts, one for each host" files.yaml -n 3 --set data.partition_parts=2
refused "by which shards go to other hosts" files.yaml -n 3 --set parallel.balance=dynamic
refused "whoever is free" job.yaml -n 2 --set parallel.hosts=2 --set sync.mode=asynchronous --set sync.method=bounded
refused "there are no replicas" job.yaml -n 2 --set sync.heterogeneity=weighted
refused "shards of a batch have as few as 3 samples" files.yaml -n 3 --set data.private=true --set train.batch=20
refused "shards of a batch have as few as 1 samples" files.yaml -n 3 --set data.private=true --set train.batch=66
train 0 dropped files.yaml -n 3 --set data.private=true --set train.batch=66 --set train.last_batch=drop --set train.epochs=1
sed 's/^model: .*/model: {kind: layers, layers: [flatten, {linear: 8}, batch_norm, relu, {linear: classes}]}/' files.yaml >norm.yaml
train 0 norm norm.yaml -n 3 --set train.epochs=1
refused "sums of each shard are told" norm.yaml -n 3 --set data.private=true
refused "data.partition_parts" job.yaml -n 2 --set data.partition_parts=65
train 2 exchanged job.yaml -n 2 --set share.mode=exchange --set share.fraction=0.2 --set data.partition_parts=4 --resume --set train.epochs=4
says exchanged.err "partition_parts 3"
