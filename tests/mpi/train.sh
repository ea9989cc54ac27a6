# train.sh LIBRARY: `ddla train` started by an MPI launcher (openmpi, mpich): the same bits as without, on one host and on
# several (which processes of this machine play); one message for what is wrong on any of them; and an end when one dies.
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/../order/audited.sh"
library=$1
mpirun="sh $SOURCE/tests/mpi/mpirun.sh $library $BUILD/plugins"
$mpirun -n 1 true || exit $?

samples train 1003 data
samples t10k 100 data
cat >job.yaml <<'J'
data: {train: data, shift: 2, validation_fraction: 0.1}
model: {kind: mlp, hidden: [64, 32], dropout: 0.2}
train: {shards: 8, batch: 500, epochs: 2, optimizer: adamw, clip_norm: 0.5, learning_rate: 0.002, keep_best: true}
parallel: {lanes: 1, timeout: 20}
J

# host.sh PER WORDS...: runs the words as a rank of host rank / PER; the rank $odd also gets the words $more, and the
# environment $with. Where $pinned is not empty, rank r may use processor r alone.
cat >host.sh <<'H'
per=$1
shift
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export DDLA_HOST_NAME="host$((rank / per))"
if [ -n "${pinned:-}" ]; then set -- taskset -c "$rank" "$@"; fi
# shellcheck disable=SC2086 # words
if [ "$rank" = "${odd:-}" ]; then set -- env $with "$@" $more; fi
exec "$@"
H

# joined STATUS RUN RANKS PER ARGUMENT...
joined() {
  wanted=$1 run=$2 ranks=$3 per=$4
  shift 4
  got=0
  timeout -k 10 120 $mpirun -n "$ranks" sh host.sh "$per" "$DDLA" train "$@" --out "$run" >"$run.out" 2>&1 || got=$?
  case $wanted in
  ill) [ $got != 0 ] && [ $got != 124 ] ;;
  *) [ $got = "$wanted" ] ;;
  esac || { cat "$run.out" >&2; fail "$run: exit status $got, not $wanted: $ranks ranks, $per for each host: $*"; }
}

once() { # FILE WORDS: one line of the file has them
  says "$1" "$2"
  [ "$(grep -cF -- "$2" "$1")" = 1 ] || { cat "$1" >&2; fail "$1 says '$2' more than once"; }
}

train 0 alone job.yaml -n 1
bits=$(sha alone/model.safetensors)
joined 0 one 1 1 job.yaml
same_model "$bits" one
joined 0 together 3 3 job.yaml
same_model "$bits" together
joined 0 apart 3 1 job.yaml
same_model "$bits" apart
joined 0 both 5 2 job.yaml
same_model "$bits" both
says both.out "5 agents on 3 hosts"
# Processes of all hosts together compute every sample once in an epoch, also where others go on.
joined 0 audited 4 2 job.yaml --set output.audit=true
same_model "$bits" audited
checked audited 903 903 2
sums="--set output.audit=true --set sync.mode=accumulated --set sync.method=average --set sync.interval=2 --set train.schedule=constant"
# shellcheck disable=SC2086 # words
joined 0 gone-on 4 2 job.yaml $sums --set train.steps=2
# shellcheck disable=SC2086 # words
joined 0 gone-on 2 1 job.yaml $sums --resume
checked gone-on 903 903 2
joined 0 divided 5 2 job.yaml --set sync.method=sharded --set sync.range_bytes=16384
same_model "$bits" divided

# Processes that the launcher has given a processor each are bound to it, whatever hosts they play; masks of which one
# contains another are left alone.
if command -v taskset >/dev/null && taskset -c 1 true && taskset -c 0 true; then
  export pinned=yes
  joined 0 pinned 2 1 job.yaml
  same_model "$bits" pinned
  if ! grep -q hwloc pinned.out; then
    once pinned.out "binding: 2 lanes on processors 0-1 (parallel.bind: auto)"
    says pinned/agents/1.log "lane 0 of agent 1 on processors 1"
    export pinned="" odd=1 more="" with="taskset -c 1"
    joined 0 within 2 2 job.yaml --set parallel.bind=cores
    same_model "$bits" within
    once within.out "binding: none, the launcher gave agents processors that overlap (parallel.bind: cores)"
  fi
  unset pinned odd more with
fi

# Sums by the library: near, and said so; not together with what divides sums, nor on a resume.
joined 0 fast 5 2 job.yaml --set sync.reduction=fast
says fast.out "sums between hosts are made by"
says fast/report.json '"reduction": "fast"'
loss() { sed -n 's/^.*"loss": *\([0-9.e-]*\).*/\1/p' "$1/report.json" | head -n 1; }
awk -v a="$(loss alone)" -v b="$(loss fast)" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < 1e-8) }' ||
  fail "losses $(loss alone) and $(loss fast)"
joined 0 clipped 3 1 job.yaml --set sync.reduction=fast --set train.optimizer=adafactor --set sync.range_bytes=16384
joined ill both 3 1 job.yaml --set sync.reduction=fast --set sync.method=sharded
once both.out "sync.reduction"
joined 0 single 2 2 job.yaml --set sync.reduction=fast
same_model "$bits" single
joined ill fast 2 1 job.yaml --resume --set train.epochs=3
once fast.out "sync.reduction"
joined 0 free 5 2 job.yaml --set parallel.balance=dynamic
same_model "$bits" free

# With replicas every process has a model of its own, or those of a host together; the bits are those of played ones.
replicas="--set sync.mode=accumulated --set sync.method=diloco --set sync.interval=2"
# shellcheck disable=SC2086 # words
train 0 played job.yaml -n 3 $replicas
# shellcheck disable=SC2086
joined 0 replicas 3 2 job.yaml $replicas
same_model "$(sha played/model.safetensors)" replicas
says replicas.out "3 agents on 3 hosts" "3 replicas of the model, which exchange by diloco every 2 steps"
# shellcheck disable=SC2086
joined 0 pairs 4 2 job.yaml $replicas --set sync.replica=host
says pairs.out "2 replicas of the model"

# The mode changes in mid-run, in the same processes: the bits of played hosts; a run goes on in the segment of its checkpoint.
schedule="[{from: 1, mode: accumulated, method: diloco, interval: 2, codec: int8}, {from: 3, mode: synchronous, method: sharded}]"
train 0 schedule job.yaml -n 3 --set "sync.schedule=$schedule"
mixed=$(sha schedule/model.safetensors)
joined 0 segments 3 2 job.yaml --set "sync.schedule=$schedule" --set checkpoint.every_steps=1 --set checkpoint.keep=9
same_model "$mixed" segments
says segments.out "from step 1: 3 replicas of the model" "from step 3: sync.mode synchronous, sync.method sharded"
rm -r segments/checkpoints/step-00000004 segments/checkpoints/step-00000003 segments/report.json
joined 0 segments 3 1 job.yaml --set "sync.schedule=$schedule" --resume
same_model "$mixed" segments
joined 0 segments 4 2 job.yaml --set sync.replica=host --set "sync.schedule=$schedule" --set output.overwrite=true
says segments.out "from step 1: 2 replicas of the model"

# Asynchronous hosts, without staleness: the bits of synchronous training; with it, one model in the end.
bounded="--set sync.mode=asynchronous --set sync.method=bounded --set sync.staleness=0 --set train.clip_norm=0"
train 0 unclipped job.yaml -n 1 --set train.clip_norm=0
# shellcheck disable=SC2086
joined 0 bounded 3 1 job.yaml $bounded
same_model "$(sha unclipped/model.safetensors)" bounded
# shellcheck disable=SC2086
joined 0 pushed 4 2 job.yaml $bounded --set sync.method=push --set sync.replica=host --set sync.staleness=2
says pushed/report.json '"staleness": '

# A run goes on under MPI that was begun without, and says so when it is finished.
train 0 begun job.yaml -n 2 --set train.steps=2 --set checkpoint.every_steps=1 --set train.schedule=constant
train 0 through job.yaml -n 1 --set train.schedule=constant
joined 0 begun 3 1 job.yaml --resume --set train.schedule=constant --set sync.method=sharded --set train.steps=3
joined 0 begun 2 1 job.yaml --resume --set train.schedule=constant
same_model "$(sha through/model.safetensors)" begun
joined 0 begun 2 1 job.yaml --resume --set train.schedule=constant
once begun.out "already finished"

# What is wrong with one is said once.
export odd=1 more="--set train.batch=32"
joined ill other 2 1 job.yaml
once other.out "agent 1 on host host1 has another train.batch (32) than agent 0 on host host0 (500)"
export more="--set sync.interval=3"
joined ill alone 2 1 job.yaml --set sync.mode=accumulated --set sync.method=average --set sync.interval=2
once alone.out "agent 1 on host host1 has another sync.interval (3)"
export more="--set data.train=/nowhere"
joined ill missing 2 1 job.yaml
once missing.out "agent 1 on host host1: cannot read /nowhere"

# One host's processor has less: by itself that ends the run; with parallel.isa: common all take its instruction set.
best=$(sed -n 's/.*"isa": "\([a-z0-9_]*\)".*/\1/p' alone/report.json)
case $best in
avx512*) lesser=avx2 ;;
*) lesser=plain ;;
esac
export more="" with="DDLA_CPU_AT_MOST=$lesser"
if [ "$best" != plain ]; then
  train 0 held job.yaml -n 1 --set "parallel.isa=$lesser"
  bits=$(sha held/model.safetensors)
  [ "$bits" != "$(sha alone/model.safetensors)" ] || fail "$lesser gives the bits of $best: this test shows nothing"
  joined ill strict 2 1 job.yaml
  once strict.out "agent 1 on host host1 has another instruction set ($lesser) than agent 0 on host host0 ($best)"
  says strict.out "parallel.isa to common"
  joined 0 common 3 1 job.yaml --set parallel.isa=common
  same_model "$bits" common
  once common.out "instruction set: $lesser (parallel.isa: common; agent 1 on host host1 has no more)"
  joined 0 forced 2 1 job.yaml --set "parallel.isa=$lesser"
  same_model "$bits" forced
  joined ill toomuch 2 1 job.yaml --set "parallel.isa=$best"
  once toomuch.out "agent 1 on host host1: --set: parallel.isa is $best, but this machine's processor has no more than"
  export more="--set parallel.isa=strict"
  joined ill keys 2 1 job.yaml --set parallel.isa=common
  once keys.out "agent 1 on host host1 has another parallel.isa (strict) than agent 0 on host host0 (common)"
fi
unset odd more with
joined 0 alike 2 1 job.yaml --set parallel.isa=common
once alike.out "instruction set: $best (parallel.isa: common)"
joined ill key 3 1 job.yaml --set train.bach=3
once key.out "did you mean train.batch?"
joined ill count 3 1 job.yaml -n 2
once count.out "MPI has started 3 processes"
joined ill wild 4 2 job.yaml --set train.learning_rate=900 --set train.optimizer=sgd --set train.clip_norm=0 \
  --set train.epochs=50
grep -q 'loss is\|holds\|norm is' wild.out || { cat wild.out >&2; fail "a wild run says nothing"; }

# One dies: all end, nothing stays.
timeout -k 10 120 $mpirun -n 4 sh host.sh 2 "$DDLA" train job.yaml --set train.epochs=1000000 --out killed >killed.out 2>&1 &
run=$!
tries=0
until [ -s killed/agents/3.log ] && [ -s killed/metrics.jsonl ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { cat killed.out >&2; fail "the agents did not start"; }
  sleep 0.1
done
kill -9 "$(sed -n 's/.*agent 3 of 4, process \([0-9]*\),.*/\1/p' killed/agents/3.log)"
got=0
wait $run || got=$?
[ $got != 0 ] && [ $got != 124 ] || { cat killed.out >&2; fail "after a death: exit status $got"; }
tries=0
until (no_agents killed) 2>/dev/null; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || no_agents killed
  sleep 0.1
done
ls killed/checkpoints/*/model.safetensors >/dev/null || fail "no checkpoint is left"
