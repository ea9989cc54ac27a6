# exchange.sh: replicas that exchange a fraction of their samples at every epoch's end (share.mode: exchange). Samples that
# travel between hosts with data of their own train the same model as those of a division of one file, of which every host
# makes the lists itself; whatever agents and lanes hosts have, and over a resume; refusals.
. "${0%/*}/training.sh"

# Hosts 0, 1 and 2 have 300, 180 and 120 rows, of classes that others do not all have; all.csv has them in this order, with a
# column that says whose they are.
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
cat >job.yaml <<'J'
data: {train: "table{host}/rows.csv", partition: files, standardize: false}
model: {kind: mlp, hidden: [16], dropout: 0.1}
train: {shards: 6, batch: 60, epochs: 5, optimizer: adamw, learning_rate: 0.003, schedule: constant}
sync: {mode: accumulated, method: average, interval: 4, replica: host}
share: {mode: exchange, fraction: 0.3}
parallel: {lanes: 1, hosts: 3}
checkpoint: {every_steps: 8, keep: 99}
J
sed 's/^data: .*/data: {train: all.csv, partition: by-key, partition_key: who, standardize: false}/' job.yaml >one.yaml

train 0 three job.yaml -n 3
bits=$(sha three/model.safetensors)
train 0 one one.yaml -n 3
same_model "$bits" one
train 0 six job.yaml -n 6
same_model "$bits" six
train 0 lanes job.yaml -n 3 --set parallel.lanes=2 --set parallel.balance=dynamic
same_model "$bits" lanes
# Loaders are ahead of the lanes, also over the ends of epochs.
for ahead in 1 8 40; do
  train 0 ahead job.yaml -n 6 --set data.ahead=$ahead --set output.overwrite=true
  same_model "$bits" ahead
done
train 0 none job.yaml -n 3 --set share.mode=none
[ "$(sha none/model.safetensors)" != "$bits" ] || fail "an exchange changes nothing"
train 0 less job.yaml -n 3 --set share.fraction=0.1
[ "$(sha less/model.safetensors)" != "$bits" ] || fail "a fraction changes nothing"
train 0 zero job.yaml -n 3 --set share.fraction=0
same_model "$(sha none/model.safetensors)" zero

# Bytes of samples: 5 epochs have 4 ends between them; a record is 4 numbers and a label.
of_agents three sample_bytes_sent >sent
[ "$(cat sent)" = "$((4 * 90 * 20)) $((4 * 54 * 20)) $((4 * 36 * 20)) " ] || fail "sent: $(cat sent)"
of_agents one sample_bytes_sent >sent
[ "$(cat sent)" = "0 0 0 " ] || fail "sent of one file: $(cat sent)"
says three/report.txt "bytes of samples"

# Gone on with in the midst of epochs 1 and 3: who holds what is as it was.
for keep in 2 5; do
  cp -r three cut$keep
  ls cut$keep/checkpoints | tail -n +$((keep + 1)) | while read -r step; do rm -r "cut$keep/checkpoints/$step"; done
  train 0 cut$keep job.yaml -n 3 --resume
  same_model "$bits" cut$keep
done
cp -r one cutone
ls cutone/checkpoints | tail -n +5 | while read -r step; do rm -r "cutone/checkpoints/$step"; done
train 0 cutone one.yaml -n 3 --resume
same_model "$bits" cutone
train 2 cutone one.yaml -n 3 --resume --set share.fraction=0.5 --set train.epochs=6
says cutone.err "share.fraction"

# A run cannot be gone on with where an exchange is dropped or added, but where another word of share.mode changes nothing.
train 2 cutone one.yaml -n 3 --resume --set share.mode=none --set train.epochs=6
says cutone.err "with exchanged samples 0.3, the job says none"
train 2 none job.yaml -n 3 --resume --set train.epochs=6
says none.err "with exchanged samples none, the job says 0.3"
train 0 zero job.yaml -n 3 --resume --set share.fraction=0 --set share.mode=none --set train.epochs=6
[ "$(sha zero/model.safetensors)" != "$(sha none/model.safetensors)" ] || fail "a sixth epoch changes nothing"

# Segments: the exchange goes on through them.
train 0 segments job.yaml -n 3 --set 'sync.schedule=[{from: 16, interval: 2}]'
train 0 segmentsone one.yaml -n 3 --set 'sync.schedule=[{from: 16, interval: 2}]'
same_model "$(sha segments/model.safetensors)" segmentsone

# Stopped in the midst of it: in order, and gone on with.
for round in 1 2 3; do
  train 130 stopped$round job.yaml -n 3 --set train.epochs=40000 --set train.seconds=0.$round --set data.ahead=$((8 * round - 8))
  train 130 stopped$round job.yaml -n 3 --set train.epochs=40000 --set train.seconds=0.2 --resume
done

# Images, whose bytes travel; a part that is larger than the others together.
for h in 0 1; do samples train $((400 - 250 * h)) image$h; done
cat >image.yaml <<'J'
data: {train: "image{host}", partition: files, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [16]}
train: {shards: 4, batch: 50, epochs: 4}
sync: {mode: accumulated, method: diloco, interval: 2, replica: host}
share: {mode: exchange, fraction: 1}
parallel: {lanes: 1, hosts: 2}
J
train 0 image image.yaml -n 2
of_agents image sample_bytes_sent >sent
[ "$(cat sent)" = "$((3 * 135 * 788)) $((3 * 135 * 788)) " ] || fail "sent of images: $(cat sent)"

# What cannot be.
refused() { # WORDS ARGUMENT...
  words=$1
  shift
  train 2 refused job.yaml -n 3 "$@"
  says refused.err "$words"
  [ "$(wc -l <refused.err)" = 1 ] || fail "more than one word: $(cat refused.err)"
  [ ! -e refused/job.yaml ] || fail "a refused job has a run directory"
}
refused "sends samples to other hosts" --set data.private=true
refused "there are no parts" --set data.partition=shared --set data.train=table0/rows.csv
refused "some samples are everybody's" --set data.partition=iid --set data.train=table0/rows.csv --set sync.heterogeneity=shared-set \
  --set sync.shared_fraction=0.1
refused "share.fraction" --set share.fraction=1.5
