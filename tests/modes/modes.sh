# Ways to train, combined: method, codec, who starts the agents, number format, number of agents, optimizer, going on from
# a checkpoint, data that replicas own, and who serves the parameters. Each combination either trains, or is refused before
# the start with the reason that docs/MODES.md gives. Methods that promise it have the same model when they are resumed.
#
#   modes.sh pairs     so few combinations that every value of one thing meets every value of every other, in a combination
#                      that trains if there is one, else in one that is refused
#   modes.sh triples   the same of any three things: the full form
#   modes.sh all I N   all of them, which takes half a day: the I-th of N shares (see all.sh)
kind=$1 share=${2:-1} shares=${3:-1}
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

# Of the optimizers one of each kind: element by element, with numbers of whole tensors, with sums of rows and columns.
cat >axes <<A
method $methods
codec none bf16 fp16 int8 int4 sign topk topk2
start local openmpi mpich
precision fp32 bf16
agents 1 2 4
optimizer sgd adamw lamb adafactor
resume no yes
unequal shared none weighted fedprox scaffold shared-set
servers 0 1
A

# has_rows AXIS LIST MACRO: every row of that table is a value of the axis. (Of unequal, `shared` is the one value that is no row:
# data that no replica owns.)
has_rows() {
  sed -n "s/^$3\(.*\))\$/\1/p" "$SOURCE/src/$2" | tr _ - >rows
  [ -s rows ] || fail "no row in $2"
  while read -r row; do
    grep -q "^$1 .*\b$row\b" axes || fail "$1 $row is not tried here"
  done <rows
}
has_rows method sync/sync_list.h 'DDLA_STRATEGY('
has_rows codec codec/codec_list.h 'DDLA_CODEC('
has_rows unequal sync/heterogeneity_list.h 'DDLA_HETEROGENEITY(unequal, '

# combinations: one in each line, and behind it the key that is named where it is refused, or "-": it trains.
combinations() {
  awk -v kind="$1" -v share="$share" -v shares="$shares" '
    { axes++; name[axes] = $1; axis[$1] = axes; count[axes] = NF - 1; for (i = 2; i <= NF; i++) value[axes, i - 2] = $i }
    function random(bound) { seed = (seed * 16807) % 2147483647; return seed % bound }
    function of(row, what) { return value[axis[what], row[axis[what]]] }
    function is(word, words) { return index(" " words " ", " " word " ") > 0 }

    # The list of docs/MODES.md, in the order in which the program looks.
    function refusal(row,   method, unequal, codec, optimizer, agents) {
      method = of(row, "method"); unequal = of(row, "unequal"); codec = of(row, "codec")
      optimizer = of(row, "optimizer"); agents = of(row, "agents")
      if (method == "gossip" && of(row, "servers") > 0) return "sync.servers"
      if (codec != "none" && is(method, "allreduce sharded gradient")) return "sync.codec"
      if (optimizer == "adafactor" && agents > 1) {
        # Agents that MPI starts on one machine are one host, which has whole tensors.
        if (method == "sharded" && of(row, "start") == "local") return "train.optimizer"
        if (is(method, "bounded push backup")) return "train.optimizer"
      }
      if (unequal != "shared" && is(method, "bounded push gossip backup")) return "data.partition"
      if (!is(unequal, "shared none")) {
        if (is(method, "allreduce sharded gradient")) return "sync.heterogeneity"
        if (is(unequal, "weighted fedprox") && is(method, "elastic admm")) return "sync.heterogeneity"
        if (unequal == "scaffold" && is(method, "streaming elastic admm")) return "sync.heterogeneity"
        if (unequal == "scaffold" && codec != "none") return "sync.codec"
      }
      if (method == "gossip" && codec != "none") return "sync.codec"
      if (is(method, "bounded push backup") && agents > 1 && optimizer == "lamb") return "train.optimizer"
      return "-"
    }

    function put(row,   a, text) {
      for (a = 1; a <= axes; a++) text = text value[a, row[a]] " "
      print text refusal(row)
    }

    # each DOES: what it does with every row. What no refusal asks for, and nothing else, is not varied by "learn".
    function each(a, row, does,   i) {
      if (a > axes) {
        if (does == "learn") learn(row)
        else if (number++ % shares == share - 1) put(row)
        return
      }
      for (i = 0; i < (does == "learn" && is(name[a], "precision resume") ? 1 : count[a]); i++) {
        row[a] = i
        each(a + 1, row, does)
      }
    }

    # What meets: values of two axes, or of three (c is 0 of two). A meeting has a name as a whole, and one by which it is
    # known whether a row trains in which it is.
    function meeting(row, a, b, c) { return a SUBSEP row[a] SUBSEP b SUBSEP row[b] SUBSEP c (c ? SUBSEP row[c] : "") }
    function plain(row, a) { return is(name[a], "precision resume") ? 0 : row[a] }
    function known(row, a, b, c) {
      return a SUBSEP plain(row, a) SUBSEP b SUBSEP plain(row, b) SUBSEP c (c ? SUBSEP plain(row, c) : "")
    }
    # All meetings of a row: with does "learn" they are known to train; else those are counted that no earlier row has, and
    # that this row is fit for, and with "mark" they are had from now on.
    function meetings(row, does,   a, b, c, n, trains) {
      trains = does == "learn" || refusal(row) == "-"
      for (a = 1; a < axes; a++) for (b = a + 1; b <= axes; b++)
        for (c = kind == "pairs" ? axes : b + 1; c <= axes; c++) n += meet(row, a, b, kind == "pairs" ? 0 : c, does, trains)
      return n
    }
    function meet(row, a, b, c, does, trains) {
      if (does == "learn") { able[known(row, a, b, c)] = 1; return 1 }
      if (((known(row, a, b, c) in able) != trains) || (meeting(row, a, b, c) in met)) return 0
      if (does == "mark") met[meeting(row, a, b, c)] = 1
      return 1
    }
    function learn(row) { if (refusal(row) == "-") meetings(row, "learn") }

    # Agents start soonest without MPI, and what is refused is so before they do.
    function draw(row, trains,   i) {
      for (i = 1; i <= axes; i++) row[i] = random(count[i])
      if (random(2) || !trains && kind == "pairs") row[axis["start"]] = 0
    }
    # The row, of some that are drawn, that has these values and the most meetings that are missing.
    function find(wanted, a, b, c,   trains, try, i, row, n, best, kept) {
      trains = known(wanted, a, b, c) in able
      for (try = 0; try < 100 || best == 0; try++) {
        draw(row, trains)
        row[a] = wanted[a]; row[b] = wanted[b]
        if (c) row[c] = wanted[c]
        if ((refusal(row) == "-") != trains) continue
        n = meetings(row, "count")
        if (n > best) { best = n; for (i = 1; i <= axes; i++) kept[i] = row[i] }
      }
      meetings(kept, "mark")
      put(kept)
    }
    function cover(a, b, c,   i, j, k, wanted) {
      for (i = 0; i < count[a]; i++) for (j = 0; j < count[b]; j++) for (k = 0; k < (c ? count[c] : 1); k++) {
        wanted[a] = i; wanted[b] = j
        if (c) wanted[c] = k
        if (!(meeting(wanted, a, b, c) in met)) find(wanted, a, b, c)
      }
    }

    END {
      seed = 4711
      if (kind == "all") { each(1, row, "put"); exit }
      each(1, row, "learn")
      for (a = 1; a < axes; a++) for (b = a + 1; b <= axes; b++)
        for (c = kind == "pairs" ? axes : b + 1; c <= axes; c++) cover(a, b, kind == "pairs" ? 0 : c)
    }' axes
}

mode_of() {
  case $1 in
  allreduce | sharded | backup) echo synchronous ;;
  bounded | push | gossip) echo asynchronous ;;
  *) echo accumulated ;;
  esac
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
  method=$1 codec=$2 how=$3 precision=$4 agents=$5 optimizer=$6 resume=$7 unequal=$8 servers=$9 key=${10}
  words="--set sync.mode=$(mode_of "$method") --set sync.method=$method --set sync.codec=$codec \
    --set train.precision=$precision --set train.optimizer=$optimizer --set sync.servers=$servers"
  case $(mode_of "$method") in
  accumulated) words="$words --set sync.interval=4" ;;
  synchronous) if [ "$how" = local ]; then words="$words --set parallel.hosts=$agents"; fi ;;
  esac
  if [ "$method" = streaming ]; then words="$words --set sync.fragments=2"; fi
  if [ "$unequal" != shared ]; then
    words="$words --set data.partition=by-size --set sync.heterogeneity=$unequal"
  fi
  got=0
  # shellcheck disable=SC2086
  start "$how" "$agents" whole $words || got=$?
  if [ "$key" != - ]; then
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
while read -r method codec how precision agents optimizer resume unequal servers key; do
  case "$how $launchers " in local* | *"$how "*" $how "*) ;; *) continue ;; esac
  try "$method" "$codec" "$how" "$precision" "$agents" "$optimizer" "$resume" "$unequal" "$servers" "$key" </dev/null
  tried=$((tried + 1))
done <list
echo "$tried of $(wc -l <list) combinations"
