# Ways to train, combined: method, codec, who starts the agents, number format, number of agents, optimizer, and going on
# from a checkpoint. Each combination either trains, or is refused before the start with the reason that docs/MODES.md
# gives. Methods that promise it have the same model when they are resumed.
#
#   modes.sh pairs     so few combinations that every value of one thing meets every value of every other
#   modes.sh triples   the same of any three things: the full form
#   modes.sh all       all of them, which takes many hours
kind=$1
. "${0%/*}/../end_to_end/training.sh"
methods="allreduce sharded average diloco streaming elastic admm gradient bounded push gossip backup"
samples train 256 data
samples t10k 64 data
cat >job.yaml <<'J'
data: {train: data, validation_fraction: 0.125}
model: {kind: mlp, hidden: [16]}
train: {batch: 28, epochs: 2, shards: 4, learning_rate: 0.02}
checkpoint: {every_steps: 4, keep: 100}
parallel: {lanes: 1}
J

# Every row of the table is tried.
sed -n 's/^DDLA_STRATEGY(\(.*\))$/\1/p' "$SOURCE/src/sync/sync_list.h" | while read -r row; do
  case " $methods " in *" $row "*) ;; *) fail "method $row is not tried here" ;; esac
done

cat >axes <<A
method $methods
codec none bf16 int8 topk2
start local openmpi mpich
precision fp32 bf16
agents 1 2 4
optimizer sgd adamw lamb
resume no yes
unequal shared none weighted fedprox scaffold shared-set
A

# Every row of that table, too; `shared` is the one thing that is none: data that no replica owns.
sed -n 's/^DDLA_HETEROGENEITY(unequal, \(.*\))$/\1/p' "$SOURCE/src/sync/heterogeneity_list.h" | tr _ - | while read -r row; do
  grep -q "^unequal .*\b$row\b" axes || fail "heterogeneity $row is not tried here"
done

# combinations: one in each line.
combinations() {
  awk -v kind="$1" '
    { axes++; name[axes] = $1; count[axes] = NF - 1; for (i = 2; i <= NF; i++) value[axes, i - 2] = $i }
    function random(bound) { seed = (seed * 16807) % 2147483647; return seed % bound }
    function put(row,   a, text) {
      for (a = 1; a <= axes; a++) text = text (a > 1 ? " " : "") value[a, row[a]]
      print text
    }
    function all(a, row,   i) {
      if (a > axes) { put(row); return }
      for (i = 0; i < count[a]; i++) { row[a] = i; all(a + 1, row) }
    }
    # Pairs, or triples, of a row that no earlier one has; with mark they are had from now on.
    function fresh(row, mark,   a, b, c, n) {
      for (a = 1; a < axes; a++) for (b = a + 1; b <= axes; b++)
        for (c = kind == "pairs" ? axes : b + 1; c <= axes; c++) {
          last = kind == "pairs" ? "" : c SUBSEP row[c]
          if ((a, row[a], b, row[b], last) in met) continue
          n++
          if (mark) met[a, row[a], b, row[b], last] = 1
        }
      return n
    }
    END {
      seed = 4711
      if (kind == "all") { all(1, row); exit }
      for (a = 1; a < axes; a++) for (b = a + 1; b <= axes; b++)
        for (c = kind == "pairs" ? axes : b + 1; c <= axes; c++)
          left += count[a] * count[b] * (kind == "pairs" ? 1 : count[c])
      while (left > 0) {
        best = -1
        for (try = 0; try < 300; try++) {
          for (a = 1; a <= axes; a++) row[a] = random(count[a])
          n = fresh(row, 0)
          if (n > best) { best = n; for (a = 1; a <= axes; a++) kept[a] = row[a] }
        }
        left -= best
        if (fresh(kept, 1) > 0) put(kept)
      }
    }' axes
}

mode_of() {
  case $1 in
  allreduce | sharded | backup) echo synchronous ;;
  bounded | push | gossip) echo asynchronous ;;
  *) echo accumulated ;;
  esac
}

sends_numbers() { case $1 in allreduce | sharded | gradient | gossip) true ;; *) false ;; esac; }

# unfit METHOD UNEQUAL: whether replicas of this method cannot do this about their data.
unfit() {
  case $1:$2 in
  elastic:weighted | admm:weighted | elastic:fedprox | admm:fedprox) true ;;
  streaming:scaffold | elastic:scaffold | admm:scaffold) true ;;
  *) false ;;
  esac
}

# refusal METHOD CODEC AGENTS OPTIMIZER UNEQUAL: the key that is named; nothing: it trains. The list of docs/MODES.md.
refusal() {
  if [ "$1" = gossip ] && [ "$5" != shared ]; then echo data.partition; return; fi
  if [ "$2" != none ] && sends_numbers "$1"; then echo sync.codec; return; fi
  case $1 in
  average | diloco | streaming | elastic | admm) ;;
  allreduce | sharded | gradient) case $5 in shared | none) ;; *) echo sync.heterogeneity; return ;; esac ;;
  *) if [ "$5" != shared ]; then echo data.partition; return; fi ;;
  esac
  if unfit "$1" "$5"; then echo sync.heterogeneity; return; fi
  if [ "$5" = scaffold ] && [ "$2" != none ]; then echo sync.codec; return; fi
  case $1 in bounded | push | backup) if [ "$3" -gt 1 ] && [ "$4" = lamb ]; then echo train.optimizer; fi ;; esac
}

# start START AGENTS RUN WORDS...: trains; the exit status is that of `ddla train`, or the launcher's.
start() {
  how=$1 agents=$2 run=$3
  shift 3
  # shellcheck disable=SC2086
  case $how in
  local) "$DDLA" train -q job.yaml -n "$agents" $as_threads "$@" --out "$run" ;;
  *) sh "$SOURCE/tests/mpi/mpirun.sh" "$how" "$BUILD/plugins" -n "$agents" "$DDLA" train -q job.yaml "$@" --out "$run" ;;
  esac >"$run.out" 2>"$run.err"
}

# resumed RUN START AGENTS WORDS...: from the run's first checkpoint.
resumed() {
  first=$1 how=$2 agents=$3
  shift 3
  earliest=$(ls "$first/checkpoints" | head -n 1)
  mkdir -p again/checkpoints
  cp "$first/job.yaml" "$first/metrics.jsonl" again
  cp -r "$first/checkpoints/$earliest" again/checkpoints
  start "$how" "$agents" again "$@" --resume || { cat again.err >&2; fail "resumed from $earliest: $*"; }
}

try() {
  method=$1 codec=$2 how=$3 precision=$4 agents=$5 optimizer=$6 resume=$7 unequal=$8
  words="--set sync.mode=$(mode_of "$method") --set sync.method=$method --set sync.codec=$codec \
    --set train.precision=$precision --set train.optimizer=$optimizer"
  case $(mode_of "$method") in
  accumulated) words="$words --set sync.interval=4" ;;
  synchronous) if [ "$how" = local ]; then words="$words --set parallel.hosts=$agents"; fi ;;
  esac
  if [ "$method" = streaming ]; then words="$words --set sync.fragments=2"; fi
  if [ "$unequal" != shared ]; then
    words="$words --set data.partition=by-size --set sync.heterogeneity=$unequal"
  fi
  key=$(refusal "$method" "$codec" "$agents" "$optimizer" "$unequal")
  got=0
  # shellcheck disable=SC2086
  start "$how" "$agents" whole $words || got=$?
  if [ -n "$key" ]; then
    [ "$got" -ne 0 ] || fail "$*: is not refused"
    says whole.err "$key"
    [ ! -e whole/metrics.jsonl ] || fail "$*: is refused behind the start"
  else
    [ "$got" -eq 0 ] || { cat whole.err >&2; fail "$*: exit status $got"; }
    if [ "$resume" = yes ]; then
      # shellcheck disable=SC2086
      resumed whole "$how" "$agents" $words
      case $method in
      bounded | push | gossip | backup) [ -s again/model.safetensors ] || fail "$*: no model" ;;
      *) same_model "$(sha whole/model.safetensors)" again ;;
      esac
    fi
  fi
  rm -rf whole again
}

launchers=
for library in openmpi mpich; do
  if [ "${SANITIZE:-}" = thread ]; then break; fi # it finds what it does not know within the libraries
  if sh "$SOURCE/tests/mpi/mpirun.sh" "$library" "$BUILD/plugins" -n 1 true >/dev/null 2>&1; then launchers="$launchers $library"; fi
done
tried=0
combinations "$kind" >list
while read -r method codec how precision agents optimizer resume unequal; do
  case "$how $launchers " in local* | *"$how "*" $how "*) ;; *) continue ;; esac
  try "$method" "$codec" "$how" "$precision" "$agents" "$optimizer" "$resume" "$unequal" </dev/null
  tried=$((tried + 1))
done <list
echo "$tried of $(wc -l <list) combinations"
