# private.sh LIBRARY: no sample of private data leaves its host (data.private). A marked record is among the samples of each
# host; everything that processes hand to the MPI library is written down while they train by several methods and codecs,
# validate, save, audit, stop and go on, and so is what they write into the run directory: the mark is nowhere. The same
# search finds it where samples are sent on purpose.
. "${0%/*}/../end_to_end/training.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?
case "${SANITIZE:-}" in "") ;; *) echo "skipped: a sanitizer must be loaded first"; exit 77 ;; esac
search=$BUILD/bin/mpi_search

# mark HOST: 784 bytes that occur nowhere else.
mark() {
  awk -v seed="$1" 'BEGIN { for (i = 0; i < 784; i++) { seed = (seed * 16807 + 11) % 2147483647; printf "\\%03o", 1 + seed % 255 } }'
}

# Each host has 200 images, of which number 77 is marked.
samples train 600 all
for h in 0 1 2; do
  mkdir -p host$h
  printf "$(mark $((4711 + h)))" >mark$h
  [ "$(wc -c <mark$h)" = 784 ] || fail "mark$h has $(wc -c <mark$h) bytes"
  { number 4 2051; number 4 200; number 4 28; number 4 28
    tail -c +17 all/train-images-idx3-ubyte | tail -c +$((h * 200 * 784 + 1)) | head -c $((77 * 784))
    cat mark$h
    tail -c +17 all/train-images-idx3-ubyte | tail -c +$(((h * 200 + 78) * 784 + 1)) | head -c $((122 * 784))
  } >host$h/train-images-idx3-ubyte
  { number 4 2049; number 4 200; tail -c +9 all/train-labels-idx1-ubyte | tail -c +$((h * 200 + 1)) | head -c 200
  } >host$h/train-labels-idx1-ubyte
done
cat >job.yaml <<'J'
data: {train: "host{host}", partition: files, validation_fraction: 0.1, standardize: false, private: true}
model: {kind: mlp, hidden: [16]}
train: {shards: 6, batch: 60, epochs: 2, optimizer: adamw, learning_rate: 0.002, schedule: constant, keep_best: true}
sync: {mode: accumulated, method: average, interval: 3, replica: host}
parallel: {lanes: 1, timeout: 20}
checkpoint: {every_steps: 6, keep: 9}
output: {audit: true}
J

# host.sh PER WORDS...: runs the words as a rank of host rank / PER, with what it sends written down.
cat >host.sh <<'H'
per=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / per))"
if [ -n "${reasons:-}" ]; then export TMPDIR="$reasons"; fi
LD_PRELOAD=$traffic exec "$@"
H
export traffic="$BUILD/bin/traffic.so"

# recorded RUN RANKS PER ARGUMENT...: with the traffic in RUN.traffic.
recorded() {
  run=$1 ranks=$2 per=$3
  shift 3
  mkdir -p "$run.traffic"
  DDLA_TRAFFIC="$PWD/$run.traffic" timeout -k 10 120 $mpirun -n "$ranks" sh host.sh "$per" "$DDLA" train job.yaml "$@" \
    --out "$run" >"$run.out" 2>&1 || { cat "$run.out" >&2; fail "$run: train $*"; }
}

# clean RUN: no mark in what was sent, nor in any file of the run; and there is as much of it as the run says that it sent.
clean() {
  for m in mark0 mark1 mark2; do
    # shellcheck disable=SC2046 # names without blanks
    "$search" find $m "$1".traffic/* $(find "$1" -type f) >found || fail "$1: $m in $(cat found)"
  done
  sent=$(of_agents "$1" bytes_sent | tr ' ' '\n' | awk '{ sum += $1 } END { print sum }')
  [ "$(cat "$1".traffic/* | wc -c)" -ge "$sent" ] || fail "$1: $sent bytes sent, $(cat "$1".traffic/* | wc -c) written down"
  [ "$sent" -gt 1000 ] || fail "$1: only $sent bytes sent"
  of_agents "$1" sample_bytes_sent | tr -d ' 0\n' | grep . && fail "$1: samples were sent"
  says "$1/report.txt" " bytes of parameters, 0 bytes of samples (data.private)"
}

# The search finds what there is: both forms, in the midst of other bytes.
"$search" numbers mark1 >numbers1
cat host0/train-labels-idx1-ubyte numbers1 host0/train-labels-idx1-ubyte >mixed
! "$search" find mark1 mixed >found || fail "numbers are not found"
says found "as numbers"
! "$search" find mark1 host0/train-images-idx3-ubyte host1/train-images-idx3-ubyte >found || fail "the record is not found"
says found "host1/train-images-idx3-ubyte: as it is"
"$search" find mark1 host0/train-images-idx3-ubyte || fail "a mark where there is none"

recorded average 3 1
clean average
recorded diloco 6 2 --set sync.method=diloco --set sync.codec=int8
clean diloco
recorded streaming 3 1 --set sync.method=streaming --set sync.codec=topk2 --set sync.fragments=1
clean streaming
recorded scaffold 3 1 --set sync.heterogeneity=scaffold
clean scaffold
recorded admm 3 1 --set sync.method=admm --set sync.codec=sign
clean admm
recorded elastic 3 1 --set sync.method=elastic --set train.epochs=1
clean elastic
recorded synchronous 6 2 --set sync.mode=synchronous --set sync.method=allreduce --set sync.interval=1
clean synchronous
ls average/checkpoints | tail -n +3 | while read -r step; do rm -r "average/checkpoints/$step"; done
recorded average 3 1 --resume
clean average
"$DDLA" eval average --data train --set data.train=host1 >eval.out
says eval.out accuracy
"$search" find mark1 eval.out || fail "a mark in what ddla eval says"

# A reader that cannot go on quotes what it met; others get the key and the name of a file on that host.
mkdir reasons
export reasons="$PWD/reasons"

# kept_back QUOTED ARGUMENT...: a training fails for words that are nowhere but in a file for the host's own user.
kept_back() {
  quoted=$1
  shift
  rm -rf quoted.traffic reasons/*
  mkdir quoted.traffic
  ! DDLA_TRAFFIC="$PWD/quoted.traffic" timeout -k 10 60 $mpirun -n 3 sh host.sh 1 "$DDLA" train job.yaml \
    --set "data.train=host{host}/rows.csv" "$@" --out quoted >quoted.out 2>&1 || fail "'$quoted' is taken: $*"
  says quoted.out "the data cannot be used" "$reasons/ddla-withheld-"
  ! grep -l "$quoted" quoted.out quoted.traffic/* || fail "'$quoted' left its host"
  grep -qF "$quoted" reasons/* || fail "'$quoted' is not said on the host"
  [ "$(find reasons -type f ! -perm 600)" = "" ] || fail "others can read the reason"
}
for h in 0 1 2; do
  awk -v h=$h 'BEGIN { print "a,b,label"; for (i = 0; i < 100; i++) printf "%d,%d,k%d\n", i % 13, i * i % 11 + h, i % 3 }' >host$h/rows.csv
done
cp host0/rows.csv test.csv
echo "1,1,Otto Maier" >>test.csv
kept_back "Otto Maier" --set data.test=test.csv
for h in 2 0; do
  echo "Anna Mueller,1,k0" >>host$h/rows.csv
  kept_back "Anna Mueller"
done
unset reasons

# Sent on purpose: every host gives all that it has.
recorded shared 3 1 --set data.private=false --set share.mode=exchange --set share.fraction=1
for m in mark0 mark1 mark2; do
  ! "$search" find $m shared.traffic/* >found || fail "$m is not found in what was sent"
  says found "as it is"
done
of_agents shared sample_bytes_sent >sent
[ "$(cat sent)" = "$((180 * 788)) $((180 * 788)) $((180 * 788)) " ] || fail "sent: $(cat sent)"
