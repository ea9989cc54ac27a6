# owned.sh LIBRARY: data that lie on hosts of their own (data.partition: files) under an MPI launcher: each host opens its own
# files by the same keys, and the model is that of hosts which one machine plays; one message where hosts do not fit.
. "${0%/*}/../end_to_end/training.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?

# Folders table0 to table2, and by the same name in a folder of each host.
for h in 0 1 2; do
  mkdir -p table$h
  awk -v h=$h 'BEGIN { print "a,b,c,label"
    for (i = 100 * h; i < 100 * h + 200 + 50 * h; i++)
      printf "%d,%d,%d,k%d\n", i % 13, i % 7, i * i % 11, h + (i % 13 + i % 7) % 3 }' >table$h/rows.csv
  mkdir -p of$h
  cp -r table$h of$h/table
done
cat >job.yaml <<'J'
data: {train: "table{host}/rows.csv", validation_fraction: 0.1, partition: files}
model: {kind: mlp, hidden: [16], dropout: 0.1}
train: {shards: 6, batch: 60, epochs: 3, optimizer: adamw, learning_rate: 0.005, schedule: constant, keep_best: true}
sync: {mode: accumulated, method: average, interval: 4, replica: host}
parallel: {lanes: 1, timeout: 20}
checkpoint: {every_steps: 6, keep: 9}
J

# host.sh PER WORDS...: runs the words as a rank of host rank / PER, in the folder of that host; the rank $odd also gets
# the words $more.
cat >host.sh <<'H'
per=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / per))"
if [ -n "${apart:-}" ]; then cd "of$((rank / per))"; fi
# shellcheck disable=SC2086 # words
if [ "$rank" = "${odd:-}" ]; then set -- "$@" $more; fi
exec "$@"
H

# joined STATUS RUN RANKS PER ARGUMENT...
joined() {
  wanted=$1 run=$2 ranks=$3 per=$4
  shift 4
  got=0
  timeout -k 10 120 $mpirun -n "$ranks" sh host.sh "$per" "$DDLA" train "$PWD/job.yaml" "$@" --out "$PWD/$run" \
    >"$run.out" 2>&1 || got=$?
  case $wanted in
  ill) [ $got != 0 ] && [ $got != 124 ] ;;
  *) [ $got = "$wanted" ] ;;
  esac || { cat "$run.out" >&2; fail "$run: exit status $got, not $wanted: $ranks ranks, $per for each host: $*"; }
}

once() { # FILE WORDS: one line of the file has them
  says "$1" "$2"
  [ "$(grep -cF -- "$2" "$1")" = 1 ] || { cat "$1" >&2; fail "$1 says '$2' more than once"; }
}

train 0 played job.yaml -n 3 --set parallel.hosts=3
bits=$(sha played/model.safetensors)
joined 0 three 3 1
same_model "$bits" three
joined 0 six 6 2
same_model "$bits" six
[ "$(sha six/best.safetensors)" = "$(sha played/best.safetensors)" ] || fail "six: another best model"
says six/report.txt "parts of data    files" "  replica 2      270 samples: "
says six/model.json '"k4"'
export apart=yes
joined 0 folders 3 1 --set data.train=table/rows.csv
same_model "$bits" folders
ls folders/checkpoints | tail -n +3 | while read -r step; do rm -r "folders/checkpoints/$step"; done
joined 0 folders 3 1 --set data.train=table/rows.csv --resume
same_model "$bits" folders

# Samples that travel: as between played hosts, and over a resume in the midst of an epoch.
export apart=""
set -- --set share.mode=exchange --set share.fraction=0.4 --set train.epochs=4
train 0 playing job.yaml -n 3 --set parallel.hosts=3 "$@"
bits=$(sha playing/model.safetensors)
joined 0 exchange 6 2 "$@"
same_model "$bits" exchange
ls exchange/checkpoints | tail -n +4 | while read -r step; do rm -r "exchange/checkpoints/$step"; done
joined 0 exchange 3 1 "$@" --resume
same_model "$bits" exchange
[ "$(of_agents exchange sample_bytes_sent)" != "0 0 0 " ] || fail "no sample was sent"
# One model in every step, made from samples of all hosts.
set -- "$@" --set sync.mode=synchronous --set sync.method=sharded --set sync.interval=1
train 0 playing job.yaml -n 3 --set parallel.hosts=3 "$@" --set output.overwrite=true
joined 0 synchronous 6 2 "$@"
same_model "$(sha playing/model.safetensors)" synchronous
set --
export apart=yes

# Who does not fit is named once, wherever it is found out.
mkdir -p of1/narrow of0/narrow of2/narrow
for h in 0 1 2; do cp of$h/table/rows.csv of$h/narrow; done
cut -d, -f1,2,4 of1/table/rows.csv >of1/narrow/rows.csv
joined ill narrow 3 1 --set data.train=narrow/rows.csv
once narrow.out "the training samples of host 1 are of 1 x 1 x 2, not 1 x 1 x 3"
rm of2/narrow/rows.csv
joined ill missing 3 1 --set data.train=narrow/rows.csv
once missing.out "host 2: cannot read narrow/rows.csv"
# Sets that are everybody's: one file for each host, which must be the same.
for h in 0 1 2; do cp of0/table/rows.csv of$h/all.csv; done
joined 0 everybody 3 1 --set data.train=table/rows.csv --set data.test=all.csv
head -n 150 of2/all.csv >short.csv
mv short.csv of2/all.csv
joined ill test 3 1 --set data.train=table/rows.csv --set data.test=all.csv
once test.out "agent 2 on host host2 has another test set ("
joined ill validation 3 1 --set data.train=table/rows.csv --set data.validation=all.csv --set data.validation_fraction=0
once validation.out "agent 2 on host host2 has another validation set ("
export odd=1 more="--set data.partition=iid"
joined ill partition 3 1 --set data.train=table/rows.csv
once partition.out "agent 1 on host host1 has another data.partition (iid)"
# What a host does not tell is not read: hosts tell each other of their data before their jobs are compared.
for more in "--set data.standardize=false" "--set data.mean=[1,2,3] --set data.std=[1,1,1]"; do
  export odd=1 more
  joined ill moments 3 1 --set data.train=table/rows.csv
  once moments.out "host 1 tells of 0 channels"
done
export odd=0
joined ill moments 3 1 --set data.train=table/rows.csv
once moments.out "host 1 tells of 3 channels"
export apart="" odd=3 more="--set data.train=table0/rows.csv"
joined ill agents 6 2
once agents.out "agent 3 has other data than agent 2"
odd=0 more="--set train.batch=abc"
joined ill batch 3 1
once batch.out "train.batch"
