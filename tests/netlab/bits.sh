# The promise over a network: one SHA-256 of the demo's model after STEPS steps (100 in the full form), whatever number of
# agents, of emulated hosts, placement and MPI library, with agents that take shards as they come; and that of agents that
# no launcher started.
#
#   bits.sh STEPS "RANKS..." "HOSTS..." "LIBRARIES..."
steps=$1 counts=$2 labs=$3 libraries=$4
. "${0%/*}/../end_to_end/training.sh"
. "${0%/*}/lab.sh"
for library in $libraries; do
  sh "$SOURCE/tests/mpi/mpirun.sh" "$library" "$BUILD/plugins" -n 1 true || exit $?
done

job="$SOURCE/examples/fashion-mnist.yaml"
if [ ! -d "$fashion" ]; then echo "skipped: $fashion is not there"; exit 77; fi
dynamic="--set parallel.balance=dynamic"
set_up="--set train.steps=$steps --set train.shards=8 --set parallel.lanes=1 --set parallel.timeout=60"

# shellcheck disable=SC2086 # words
train 0 alone "$job" -n 2 $set_up
bits=$(sha alone/model.safetensors)
# shellcheck disable=SC2086
train 0 local "$job" -n 3 $set_up $dynamic
same_model "$bits" local

# over LIBRARY HOSTS RANKS PER: the hosts are filled one after another, PER ranks on each.
over() {
  name=$1-$2-$3-$4
  # shellcheck disable=SC2086
  timeout -k 10 280 "$netlab" run --mpi "$1" -n "$3" --per-host "$4" "$DDLA" train "$job" $set_up $dynamic \
    --out "$name" >"$name.out" 2>&1 || { cat "$name.out" >&2; fail "$name: exit status $?"; }
  same_model "$bits" "$name"
  echo "$3 ranks, $4 on each of $2 hosts at most, $1: $bits"
  rm -rf "$name"
}

for hosts in $labs; do
  made "$hosts" --rate 1000
  for ranks in $counts; do
    [ "$ranks" -ge "$hosts" ] || continue
    even=$(((ranks + hosts - 1) / hosts)) # as few on each as will do; and, if that is something else, as many as leave
    most=$((ranks - hosts + 1))           # the last hosts one
    for library in $libraries; do
      over "$library" "$hosts" "$ranks" "$even"
      if [ "$most" -gt "$even" ]; then over "$library" "$hosts" "$ranks" "$most"; fi
    done
  done
  "$netlab" down
done
