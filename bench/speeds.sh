# Agents of different speed, by quotas of control groups; sourced behind bench/measure.sh. Linux, root, and the cpu
# controller of cgroups, version 1 or 2. Wants: program, work (a folder of the caller's, removed at the end), and core: the
# share of a processor that speed 1 is. The groups have a weight that leaves little to other work while they run, so that it
# is the quotas that count.
period=${period:-10000} # microseconds

# The control groups' folder, and what a group's quota is written to.
if [ -e /sys/fs/cgroup/cpu/cpu.cfs_period_us ]; then
  groups=/sys/fs/cgroup/cpu/ddla-straggler-$$
elif grep -qw cpu /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
  groups=/sys/fs/cgroup/ddla-straggler-$$
  echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
else
  echo "straggler.sh: no control groups with a quota of processor time here" >&2
  exit 1
fi
mkdir "$groups"
if [ -e "$groups/cgroup.controllers" ]; then
  echo +cpu >"$groups/cgroup.subtree_control"
  echo 10000 >"$groups/cpu.weight"
else
  echo 262144 >"$groups/cpu.shares"
fi
clean() {
  rmdir "$groups"/* 2>/dev/null || true
  rmdir "$groups" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT INT TERM

# group INDEX SPEED: makes a control group of this speed.
group() {
  mkdir -p "$groups/$1"
  quota=$(awk -v speed="$2" -v core="$core" -v period=$period 'BEGIN { printf "%d", speed * core * period }')
  [ "$quota" -ge 1000 ] || { echo "straggler.sh: a quota of $quota us is less than the kernel takes" >&2; exit 1; }
  if [ -e "$groups/$1/cpu.max" ]; then
    echo "$quota $period" >"$groups/$1/cpu.max"
  else
    echo "$period" >"$groups/$1/cpu.cfs_period_us"
    echo "$quota" >"$groups/$1/cpu.cfs_quota_us"
  fi
}

# place INDEX PROCESS: into the group of this number.
place() { echo "$2" >"$groups/$1/cgroup.procs"; }

# train_at RUN SPEEDS JOB OPTION...: a training, each agent of one lane in the group of its speed as soon as it is there.
# first_group: where several train at once, the number of the first group of each. LOCK: a command before each training,
# for machines that are shared.
train_at() {
  out=$1
  wanted=$2
  job=$3
  shift 3
  index=${first_group:-0}
  for speed in $wanted; do
    group $index "$speed"
    index=$((index + 1))
  done
  rm -rf "$out"
  count=$(echo "$wanted" | wc -w)
  ${LOCK:-} "$program" train "$job" -q -n "$count" --set parallel.lanes=1 --set checkpoint.every_epochs=0 \
    --set output.hang_seconds=0 --out "$out" "$@" &
  launcher=$!
  children=
  until [ "$(echo "$children" | wc -w)" -ge "$count" ]; do
    if [ ! -e "/proc/$launcher" ]; then break; fi
    children=$(sed -n 's/.*agent [0-9]* of [0-9]*, process \([0-9]*\),.*/\1/p' "$out"/agents/*.log 2>/dev/null || true)
  done
  index=${first_group:-0}
  for child in $children; do
    place $index "$child"
    index=$((index + 1))
  done
  wait "$launcher"
}
