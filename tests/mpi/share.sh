# share.sh LIBRARY: data sets between hosts, which processes of this machine play, under an MPI launcher (openmpi, mpich):
# `ddla data broadcast` and `gather`, and share.mode of a training, which gives the bits of the data read directly. What is
# wrong on one host is said once, naming it, and leaves nothing.
. "${0%/*}/../end_to_end/training.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?
tool=$BUILD/bin/end_to_end_tool

samples train 1003 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.1, shift: 2}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 500, epochs: 2, optimizer: adamw, learning_rate: 0.002}
parallel: {lanes: 1, timeout: 20}
J

# host.sh PER WORDS...: runs the words as a rank of host rank / PER, with HOST in them for its name. Those of another host
# than the first get the words $away, the rank $odd the words $more.
cat >host.sh <<'H'
per=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / per))"
# shellcheck disable=SC2086 # words
if [ "$rank" -ge "$per" ]; then set -- "$@" ${away:-}; fi
# shellcheck disable=SC2086
if [ "$rank" = "${odd:-}" ]; then set -- "$@" $more; fi
count=$#
while [ $count -gt 0 ]; do
  word=$1 count=$((count - 1))
  shift
  set -- "$@" "$(echo "$word" | sed "s/HOST/$DDLA_HOST_NAME/g")"
done
exec "$@"
H

# joined STATUS NAME RANKS PER WORDS...: ddla WORDS... on all ranks; what it says is in NAME.out.
joined() {
  wanted=$1 name=$2 ranks=$3 per=$4 got=0
  shift 4
  timeout -k 10 120 $mpirun -n "$ranks" sh host.sh "$per" "$DDLA" "$@" >"$name.out" 2>&1 || got=$?
  case $wanted in
  ill) [ $got != 0 ] && [ $got != 124 ] ;;
  *) [ $got = "$wanted" ] ;;
  esac || { cat "$name.out" >&2; fail "$name: exit status $got, not $wanted: $ranks ranks, $per for each host: $*"; }
}

once() { # FILE WORDS: one line of the file has them
  says "$1" "$2"
  [ "$(grep -cF -- "$2" "$1")" = 1 ] || { cat "$1" >&2; fail "$1 says '$2' more than once"; }
}

nothing_left() { # no temporary directory, no set of these names
  for name in "$@" ./*.tmp-*; do
    if [ -e "$name" ]; then fail "$name is left"; fi
  done
}

print() { "$DDLA" data info "$1" --json >info.json; "$tool" json info.json parts 0 fingerprint; }

train 0 alone job.yaml -n 1
bits=$(sha alone/model.safetensors)

# One host's data to all, by a command: of any format, then of the set that it became.
joined 0 sent 3 1 data broadcast data sets/HOST
says sent.out "3 of 3 hosts took it"
for host in 0 1 2; do
  "$DDLA" data verify sets/host$host >/dev/null || fail "sets/host$host is not whole"
  [ "$(print sets/host$host)" = "$(print data)" ] || fail "sets/host$host has another fingerprint"
done
rm -r sets/host1
joined 0 again 4 2 data broadcast sets/host0 sets/HOST --json
[ "$("$tool" json again.out took)" = 1 ] || fail "took: $(cat again.out)"
joined 0 kept 3 1 data broadcast sets/host2 sets/HOST
says kept.out "0 of 3 hosts took it"
"$DDLA" data broadcast data alone-set >one.out || fail "one host: exit status $?"
[ "$(print alone-set)" = "$(print data)" ] || fail "alone-set has another fingerprint"

# In a training only the first host needs the data; a run goes on with the set that is there.
export away="--set data.train=/nowhere"
broadcast="--set share.mode=broadcast --set share.directory=tier/HOST"
# shellcheck disable=SC2086 # words
joined 0 spread 3 1 train job.yaml $broadcast --out spread
says spread.out "3 of 3 hosts took it"
same_model "$bits" spread
train 0 longer job.yaml -n 1 --set train.epochs=3 --set train.schedule=constant
# shellcheck disable=SC2086
joined 0 first 4 2 train job.yaml $broadcast --out resumed --set train.schedule=constant
# shellcheck disable=SC2086
joined 0 then 3 1 train job.yaml $broadcast --out resumed --set train.schedule=constant --set train.epochs=3 --resume
says then.out "0 of 3 hosts took it"
same_model "$(sha longer/model.safetensors)" resumed
# One host: nothing is sent, the source is opened.
# shellcheck disable=SC2086
joined 0 single 2 2 train job.yaml --set share.mode=broadcast --set share.directory=unused --out single
same_model "$bits" single
nothing_left unused
# Every replica is a host of its own.
# shellcheck disable=SC2086
joined 0 replicas 3 3 train job.yaml $broadcast --out replicas --set sync.mode=accumulated --set sync.method=average
away=

# Parts of hosts: 400 samples of the first, from 300 to 700, from 700 on; the second one's is a prepared set.
slice() { # FOLDER FIRST COUNT
  mkdir -p "$1"
  { number 4 2051; number 4 "$3"; number 4 28; number 4 28
    tail -c "+$((17 + 784 * $2))" data/train-images-idx3-ubyte | head -c $((784 * $3)); } >"$1/train-images-idx3-ubyte"
  { number 4 2049; number 4 "$3"; tail -c "+$((9 + $2))" data/train-labels-idx1-ubyte | head -c "$3"; } \
    >"$1/train-labels-idx1-ubyte"
}
slice part/host0 0 400
slice plain/host1 300 400
slice part/host2 700 303
cp data/t10k* part/host0
cp data/t10k* plain/host1
"$DDLA" data prepare plain/host1 --out part/host1 --compress >/dev/null
joined 0 gathered 3 1 data gather part/HOST united/HOST
says gathered.out "1103 samples of 3 hosts, 200 more stood twice"
[ "$(print united/host0)" = "$(print data)" ] || fail "united/host0 has another fingerprint"
nothing_left united/host1 united/host2
says united/host0/manifest.json '"duplicates": 100' '"host": "host1"'
cp -r united/host0 was
rm -r united
joined 0 gathered 3 1 data gather part/HOST united/HOST --json
diff -r was united/host0 || fail "the same parts make another set"
joined 0 found 3 1 data gather part/HOST united/HOST
says found.out "gathered before from the same parts"

gather="--set share.mode=gather --set share.directory=pool/HOST --set data.train=part/HOST"
# shellcheck disable=SC2086
joined 0 pooled 3 1 train job.yaml $gather --out pooled
says pooled.out "1103 samples of 3 hosts, 200 more stood twice" "2 of 3 hosts took it"
same_model "$bits" pooled
# shellcheck disable=SC2086
joined 0 pooled 3 1 train job.yaml $gather --out pooled --set output.overwrite=true
says pooled.out "gathered before" "0 of 3 hosts took it"
same_model "$bits" pooled

# What is wrong is said once, with host and path, and leaves nothing.
refused() { # NAME WORDS RANKS PER COMMAND...
  name=$1 words=$2
  shift 2
  joined ill "$name" "$@"
  once "$name.out" "$words"
}
refused missing "host host0: cannot read /nowhere" 3 1 data broadcast /nowhere new/HOST
mkdir -p full/host1
refused taken "on host host1: full/host1 is there already and does not hold this data set" 3 1 data broadcast data full/HOST
nothing_left full/host0 full/host2
refused private "data.private is true" 2 1 data broadcast data new/HOST --set data.private=true
refused parts "ddla data gather takes a source and a directory" 1 1 data gather data
mkdir -p odd/host0 odd/host1
printf '1,2,red\n' >odd/host0/a.csv
printf '1,2,3,red\n' >odd/host1/a.csv
refused differ "host host0 has for train samples of 1 x 1 x 2 float32 with labels, host host1 has samples of 1 x 1 x 3" \
  2 1 data gather odd/HOST/a.csv new/set
export odd=1 more="--set data.train=/nowhere"
# shellcheck disable=SC2086
refused nopart "agent 1 on host host1: cannot read /nowhere" 3 1 train job.yaml $gather --out no --set share.directory=no/HOST
export more="--set share.mode=none"
# shellcheck disable=SC2086
refused modes "agent 1 on host host1 has another share.mode (none)" 3 1 train job.yaml $broadcast --out no
odd=
# shellcheck disable=SC2086
refused both "data.private is true, but share.mode broadcast" 2 1 train job.yaml $broadcast --out no --set data.private=true
nothing_left new no

# No room: a limit on files stands for a full disk. (UCX has files for its shared memory.)
export odd=2 UCX_TLS=tcp,self
cat >limited.sh <<'H'
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
if [ "$rank" = 2 ]; then ulimit -f 64; fi
exec sh host.sh "$@"
H
more= got=0
timeout -k 10 120 $mpirun -n 3 sh limited.sh 1 "$DDLA" data broadcast data small/HOST >small.out 2>&1 || got=$?
[ $got != 0 ] && [ $got != 124 ] || { cat small.out >&2; fail "a full disk: exit status $got"; }
once small.out "host host2 failed: cannot write small/host2.tmp-"
nothing_left small/host2
