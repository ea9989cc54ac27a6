# What the scripts that train have in common; sourced. All data are real: the first samples of Fashion-MNIST.
fashion=/usr/share/datasets/fashion-mnist

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# number BYTES VALUE: VALUE as BYTES bytes, the highest first.
number() {
  left=$1
  while [ "$left" -gt 0 ]; do
    left=$((left - 1))
    printf "\\$(printf %03o $(($2 >> 8 * left & 255)))"
  done
}

# head_of FILE SKIP BYTES: BYTES bytes of a gzipped file behind the first SKIP. (gzip minds that head ends first.)
head_of() {
  { gzip -dc "$1" 2>/dev/null || true; } | tail -c "+$(($2 + 1))" | head -c "$3"
}

# samples PART COUNT FOLDER: the first COUNT samples of train or t10k as idx files in FOLDER.
samples() {
  mkdir -p "$3"
  { number 4 2051; number 4 "$2"; number 4 28; number 4 28
    head_of "$fashion/$1-images-idx3-ubyte.gz" 16 $(($2 * 784)); } >"$3/$1-images-idx3-ubyte"
  { number 4 2049; number 4 "$2"; head_of "$fashion/$1-labels-idx1-ubyte.gz" 8 "$2"; } >"$3/$1-labels-idx1-ubyte"
}

# text CHARACTERS FILE: made-up words, always the same, of 27 different characters.
text() {
  awk -v count="$1" 'BEGIN {
    seed = 7
    for (made = 0; made < count; ) {
      length_of = 2 + next_of(6)
      letter = 97 + next_of(26)
      for (i = 0; i < length_of && made < count; i++) {
        printf "%c", letter
        made++
        letter = 97 + (letter - 97 + 1 + next_of(3) * 4) % 26
      }
      if (made < count) { printf " "; made++ }
    }
  }
  function next_of(bound) { seed = (seed * 1103 + 12345) % 65536; return int(seed / 65536 * bound) }' >"$2"
}

# sha FILE: its SHA-256.
sha() {
  sha256sum "$1" | cut -d' ' -f1
}

# ThreadSanitizer sees the lanes of one process and not what other processes do between them.
as_threads=
if [ "${SANITIZE:-}" = thread ]; then as_threads="--set parallel.agents_as=threads"; fi

# train STATUS RUN ARGUMENT...: runs `ddla train -q ARGUMENT... --out RUN`, which must end with STATUS. What it says
# on standard error is in the file RUN.err.
train() {
  wanted=$1
  run=$2
  shift 2
  got=0
  # shellcheck disable=SC2086 # two words or none; what the caller sets comes later and counts
  "$DDLA" train -q $as_threads "$@" --out "$run" >"$run.out" 2>"$run.err" || got=$?
  [ "$got" -eq "$wanted" ] || { cat "$run.err" >&2; fail "$run: exit status $got, not $wanted: train $*"; }
}

# says FILE WORDS...: each of WORDS stands in FILE.
says() {
  file=$1
  shift
  for words; do
    grep -qF -- "$words" "$file" || { cat "$file" >&2; fail "$file does not say '$words'"; }
  done
}

# logged RUN AGENT WORDS...: each of WORDS stands in the agent's log; agents that are threads have none.
logged() {
  log=$1/agents/$2.log
  shift 2
  [ -n "$as_threads" ] || says "$log" "$@"
}

# same_model WANTED RUN: RUN's model has this SHA-256, and its report says so.
same_model() {
  found=$(sha "$2/model.safetensors")
  [ "$found" = "$1" ] || fail "$2: model $found, not $1"
  says "$2/report.json" "\"sha256\": \"$1\""
}

# of_agents RUN FIELD: a number of each agent from report.json, in the agents' order.
of_agents() {
  sed -n '/^  "agents": \[/,/^  \]/p' "$1/report.json" | sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" | tr '\n' ' '
}

# no_agents RUN: no process is left that trains for RUN. (A run of that name in another folder is another test's.)
no_agents() {
  for proc in /proc/[0-9]*; do
    [ "$(readlink "$proc/cwd" 2>/dev/null)" = "$PWD" ] || continue
    words=$(tr '\0' ' ' 2>/dev/null <"$proc/cmdline") || continue
    case "$words" in *"--out $1 "*) fail "$1: process ${proc#/proc/} is left: $words" ;; esac
  done
}
