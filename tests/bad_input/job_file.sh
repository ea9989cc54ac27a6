# job_file.sh: job files and command lines that the program must refuse: status 2, one message that says where and
# what, quickly, and no run directory.
. "${0%/*}/refusing.sh"

samples train 100 data

# job STATUS WORDS: standard input is a job file.
job() {
  cat >bad.yaml
  refuse 2 "$1" bad.yaml
}

printf 'train:\n  bacth: 3\n' | job "bad.yaml:2:3|bacth|did you mean train.batch"
printf 'trian:\n  batch: 3\n' | job "bad.yaml:1:1|trian|did you mean|train"
printf 'train:\n  batch: many\n' | job "bad.yaml:2:10|train.batch|'many'|whole number"
printf 'train:\n  batch: 0\n' | job "bad.yaml:2:10|train.batch|'0'|from 1 to"
printf 'train:\n  momentum: 1.5\n' | job "bad.yaml:2:13|train.momentum|1.5"
printf 'train:\n  batch: 3\n  batch: 4\n' | job "bad.yaml:3:3|batch|twice|line 2"
printf 'train: {batch: 3}\n# \377\376\n' | job "bad.yaml:2|UTF-8"
printf '' | job "bad.yaml|empty"
printf 'train: [1, 2]\n' | job "bad.yaml:1|train"
printf 'train: {batch: 3\n' | job "bad.yaml:"
printf 'train: {batch: 3}\n---\ntrain: {batch: 4}\n' | job "bad.yaml:2"
printf 'model: {kind: cn}\n' | job "model.kind|'cn'|cnn mlp|did you mean cnn"
printf 'train: {optimizer: adam}\n' | job "train.optimizer|'adam'|did you mean adamw"
printf 'train: {precision: fp16}\n' | job "train.precision|'fp16'|fp32|bf16"
printf 'data: {train: data, format: idy}\n' | job "idy|idx"
printf 'train: {nesterov: true, momentum: 0}\n' | job "nesterov|momentum"
head -c 10000000 /dev/zero | tr '\0' '[' | job "bad.yaml|larger"
head -c 900000 /dev/zero | tr '\0' '[' | job "bad.yaml"
{ head -c 900000 /dev/zero | tr '\0' '{'; echo; } | job "bad.yaml"
{
  echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
  for i in 1 2 3 4 5 6 7 8 9; do
    echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]"
  done
} | job "bad.yaml|alias"
mkdir folder.yaml
refuse 2 "folder.yaml|irectory" folder.yaml
refuse 2 "missing.yaml|No such file" missing.yaml

printf 'data: {train: data}\nmodel: {kind: mlp, hidden: [8]}\ntrain: {batch: 20}\n' >good.yaml
refuse 2 "train.bach|did you mean train.batch" good.yaml --set train.bach=3
refuse 2 "train.batch" good.yaml --set train.batch
refuse 2 "--agent|did you mean --agents" good.yaml --agent 2
refuse 2 "one job file" good.yaml good.yaml
refuse 2 "one job file"
# More agents than shards; a value that is no number of agents.
refuse 2 "9|8|train.shards" good.yaml -n 9
refuse 2 "100|train.shards" good.yaml -n 100
refuse 2 "parallel.agents is 65|64" good.yaml -n 65 --set train.shards=70 --set train.batch=100
refuse 2 "parallel.agents|'x'" good.yaml -n x
refuse 2 "parallel.agents|'0'" good.yaml -n 0
refuse 2 "train.shards" good.yaml --set train.shards=21
refuse 2 "data.train|100|101" good.yaml --set train.shards=101 --set train.batch=200

# Layers whose shapes do not fit: the layer and both shapes are named.
printf 'data: {train: data}\nmodel:\n  kind: layers\n  layers:\n    - flatten\n    - {linear: {features: 8}}\n    - {conv2d: {channels: 4, kernel: 3}}\n' |
  job "bad.yaml:7:7|layer3|conv2d|[1, 8]|[batch, height, width, channels]"
printf 'data: {train: data}\nmodel:\n  kind: layers\n  layers:\n    - {conv2d: {channels: 4, kernel: 40}}\n' | job "conv2d|40|28"
printf 'data: {train: data}\nmodel:\n  kind: layers\n  layers:\n    - {linaer: {features: 8}}\n' | job "linaer|linear"
printf 'data: {train: data}\nmodel:\n  kind: layers\n  layers: []\n' | job "layers"
