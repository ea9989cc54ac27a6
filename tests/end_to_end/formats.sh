# formats.sh: the same samples give the same model, whatever format they lie in: a table as CSV and as JSON lines,
# images as IDX, as folders of PNG files and as archives, in one piece, zipped and in shards.
. "${0%/*}/training.sh"
tool=$BUILD/bin/end_to_end_tool
[ -x "$tool" ] || tool=$BUILD/end_to_end_tool

# 150 rows of 4 numbers and a name.
awk 'BEGIN {
  seed = 5
  for (i = 0; i < 150; i++) {
    for (k = 0; k < 4; k++) { seed = (seed * 1103 + 12345) % 65536; x[k] = sprintf("%.4f", seed / 65536 * 6 - 3) }
    name = x[0] + x[1] > 0 ? "up" : x[2] > 0 ? "mid" : "down"
    print x[0] "," x[1] "," x[2] "," x[3] "," name >"table.csv"
    if (i % 3 == 0) print "{\"kind\":\"" name "\",\"d\":" x[3] ",\"c\":" x[2] ",\"b\":" x[1] ",\"a\":" x[0] "}" >"table.jsonl"
    else print "{\"a\": " x[0] ", \"b\": " x[1] ", \"c\": " x[2] ", \"d\": " x[3] ", \"kind\": \"" name "\"}\r" >"table.jsonl"
    print "{\"id\":" i ",\"x\":[" x[0] "," x[1] "," x[2] "," x[3] "],\"kind\":\"" name "\"}" >"array.jsonl"
  }
}'
gzip -k table.jsonl
cat >table.yaml <<'J'
model: {kind: mlp, hidden: [16]}
train: {batch: 32, epochs: 3, learning_rate: 0.05}
data: {train: table.csv, validation_fraction: 0.2}
J
train 0 csv table.yaml -n 2
model=$(sha csv/model.safetensors)
train 0 jsonl table.yaml -n 3 --set data.train=table.jsonl --set data.label=kind
same_model "$model" jsonl
train 0 zipped table.yaml -n 1 --set data.train=table.jsonl.gz --set data.label=kind
same_model "$model" zipped
train 0 named table.yaml -n 1 --set data.train=table.jsonl --set data.label=kind --set 'data.features="a, b, c, d"'
same_model "$model" named
train 0 array table.yaml -n 2 --set data.train=array.jsonl --set data.label=kind --set data.features=x
same_model "$model" array
train 0 other table.yaml -n 1 --set data.train=table.jsonl --set data.label=kind --set 'data.features="b, a, c, d"'
[ "$(sha other/model.safetensors)" != "$model" ] || fail "another order of the features gives the same model"
"$DDLA" eval jsonl --data validation --json >eval.out
says eval.out accuracy

# 64 images, once as idx.
samples t10k 64 idx
mv idx/t10k-images-idx3-ubyte idx/train-images-idx3-ubyte
mv idx/t10k-labels-idx1-ubyte idx/train-labels-idx1-ubyte
samples t10k 64 shown # as a test part, which the tool takes images from
mkdir files folder
i=0
while [ $i -lt 64 ]; do
  name=$(printf %03d $i)
  "$tool" png shown $i "files/$name.png"
  label=$("$tool" label shown $i)
  echo "$label" >"files/$name.cls"
  mkdir -p "folder/$label"
  cp "files/$name.png" "folder/$label/$name.png"
  i=$((i + 1))
done
cat >images.yaml <<'J'
model: {kind: mlp, hidden: [16]}
train: {batch: 16, epochs: 2, learning_rate: 0.05}
data: {train: idx, shift: 2, flip: true}
J
(cd files && tar -cf ../all.tar ./*)
gzip -k all.tar
mkdir shards
(cd files && tar --format=pax -cf ../shards/1.tar 0[0-2]*)
(cd files && tar --format=ustar -czf ../shards/2.tar.gz 0[3-6]*)
train 0 idx-run images.yaml -n 2
model=$(sha idx-run/model.safetensors)
agents=1
for data in all.tar all.tar.gz shards; do
  train 0 "of-$data" images.yaml -n $agents --set "data.train=$data"
  same_model "$model" "of-$data"
  agents=$((agents + 1))
done

# Folders have their classes in another order of samples: the same archive in that order.
mkdir sorted
for file in folder/*/*.png; do
  name=${file##*/}
  number=$(printf %03d "$(find sorted -name '*.png' | wc -l)")
  cp "$file" "sorted/$number.png"
  file=${file%/*}
  printf '{"label": "%s", "from": "%s"}' "${file##*/}" "${name%.png}" >"sorted/$number.json"
done
(cd sorted && tar -cf ../sorted.tar ./*)
train 0 folder-run images.yaml -n 1 --set data.train=folder
train 0 sorted-run images.yaml -n 2 --set data.train=sorted.tar
same_model "$(sha folder-run/model.safetensors)" sorted-run

# Images of another size are scaled alike.
train 0 folder-small images.yaml -n 1 --set data.train=folder --set 'data.size=[9,11]'
train 0 sorted-small images.yaml -n 1 --set data.train=sorted.tar --set 'data.size=[9,11]'
same_model "$(sha folder-small/model.safetensors)" sorted-small

# Parts by the names of archives: training, test and evaluation.
mkdir parted
(cd files && tar -cf ../parted/train-0.tar 0[0-4]* && tar -cf ../parted/test-0.tar 0[56]*)
train 0 parted-run images.yaml -n 1 --set data.train=parted
says parted-run/report.json '"samples": 14' '"test"'
"$DDLA" eval parted-run >eval.out
says eval.out "14 samples"
