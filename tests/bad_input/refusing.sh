# What the scripts that feed the program bad input have in common; sourced.
. "${0%/*}/../end_to_end/training.sh"

# refuse STATUS WORDS ARGUMENT...: `ddla train ARGUMENT...` ends with STATUS and one message on standard error, which
# has WORDS (several may be given, separated by |); it leaves no run directory.
refuse() {
  status=$1
  words=$2
  shift 2
  rm -rf out out.err out.out
  train "$status" out "$@"
  said "$words" "$*"
  [ ! -e out ] || fail "a run directory was left: train $*"
}

# said WORDS WHAT: out.err is one message of the program with these words.
said() {
  [ "$(wc -l <out.err)" -eq 1 ] || { cat out.err >&2; fail "not one line of error: train $2"; }
  grep -q '^ddla: ' out.err || { cat out.err >&2; fail "not a message of the program: train $2"; }
  rest=$1
  while [ -n "$rest" ]; do
    says out.err "${rest%%|*}"
    case $rest in *"|"*) rest=${rest#*|} ;; *) rest= ;; esac
  done
}
