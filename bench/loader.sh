#!/bin/sh
# Samples brought to a model on one core, against PyTorch's DataLoader, in turns, medians.
#
#   PYTHON=torch/bin/python bench/loader.sh [--json] [--rounds N] [--files N] [--build DIR]
#   bench/loader.sh --steps [--rounds N] [--ahead N] [--build DIR]
#
# images    Fashion-MNIST out of memory: shifted by up to 2 pixels, mirrored, standardised, in batches of 128, whole epochs
# files     N PNG files (400) of 96 to 320 pixels each way, made by the peer: read, decoded, scaled to 64 x 64
#
# The peer (bench/loader_torch.py) augments one image at a time, or whole batches, with 0, 1 and 2 workers; the fastest
# counts. `passed` is the time that went by, in which other programs may run; `worked` is processor time, for the peer without
# workers, whose processes it does not count. PYTHON needs torch and pillow.
#
# With --steps: a training step with and without a loader (data.ahead N, 16) in turns: of one agent with one lane, which leaves
# a processor of two free, and with a lane for each of two processors. The least and the median of the rounds' medians.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
rounds=7 files=400 json=0 steps=0 ahead=16 build=build python=${PYTHON:-python3}
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --files) files=$2; shift ;;
    --steps) steps=1 ;;
    --ahead) ahead=$2; shift ;;
    --build) build=$2; shift ;;
    *) echo "usage: bench/loader.sh [--json] [--rounds N] [--files N] [--steps] [--ahead N] [--build DIR]" >&2; exit 2 ;;
  esac
  shift
done
build_program "$build"
warm_data
work=$(mktemp -d)
peer=
trap 'if [ -n "$peer" ]; then kill $peer 2>/dev/null || true; fi; rm -rf "$work"' EXIT INT TERM
machine=$(machine)
core=$(processor_list 1)
fashion=/usr/share/datasets/fashion-mnist

# step MODEL LANES AHEAD COUNT: a round into MODEL.LANES.AHEAD.*, in milliseconds and shares.
step() {
  "$program" bench step "$work/$1.yaml" -n 1 --lanes "$2" --steps "$4" --set "data.ahead=$3" --json >"$work/step"
  field median <"$work/step" | awk '{ print 1e3 * $1 }' >>"$work/$1.$2.$3.ms"
  field data <"$work/step" | awk '{ print 100 * $1 }' >>"$work/$1.$2.$3.data"
}
# both MODEL LANES: a row of the table.
both() {
  for side in 0 "$ahead"; do
    printf '%-6s %5s %6s %10.4f %10.4f %7.2f %%\n' "$1" "$2" "$side" "$(median <"$work/$1.$2.$side.ms")" \
      "$(sort -g "$work/$1.$2.$side.ms" | head -n 1)" "$(median <"$work/$1.$2.$side.data")"
  done
}
if [ $steps = 1 ]; then
  heavy="data: {train: $fashion, shift: 2, flip: true, cutout: 8}"
  printf '%s\ntrain: {batch: 128}\nmodel: {kind: cnn}\n' "$heavy" >"$work/cnn.yaml"
  printf '%s\ntrain: {batch: 128}\nmodel: {kind: mlp, hidden: [128]}\n' "$heavy" >"$work/mlp.yaml"
  for round in $(seq 1 "$rounds"); do
    for lanes in 1 2; do
      for side in 0 "$ahead"; do
        step mlp $lanes "$side" 1500
        step cnn $lanes "$side" 60
      done
    done
  done
  printf 'a step of 128 augmented images, %d rounds in turns\n%s\n\n' "$rounds" "$machine"
  printf '%-6s %5s %6s %10s %10s %9s\n' model lanes ahead 'median ms' least data
  for model in mlp cnn; do
    for lanes in 1 2; do both $model $lanes; done
  done
  exit 0
fi

"$python" bench/loader_torch.py make "$work/png" "$files"
printf 'data: {train: %s, shift: 2, flip: true}\ntrain: {batch: 128}\nmodel: {kind: mlp, hidden: [8]}\n' $fashion >"$work/images.yaml"
printf 'data: {train: %s, size: [64, 64]}\nmodel: {kind: mlp, hidden: [8]}\n' "$work/png" >"$work/files.yaml"

# begin KIND ARGUMENT...: starts the peer; ask SETTING WORKERS: one epoch of it, a line of JSON in $answer.
begin() {
  mkfifo "$work/to" "$work/from"
  taskset -c "$core" "$python" bench/loader_torch.py "$@" <"$work/to" >"$work/from" &
  peer=$!
  exec 3>"$work/to" 4<"$work/from"
}
ask() {
  echo "$1 $2" >&3
  read -r answer <&4
}
end() {
  echo quit >&3
  exec 3>&- 4<&-
  wait $peer
  peer=
  rm "$work/to" "$work/from"
}

# keep KIND NAME SAMPLES SECONDS [PROCESSOR-SECONDS]: samples per second into KIND/NAME.passed and .worked
keep() {
  mkdir -p "$work/$1"
  echo "$3 $4" | awk '{ print $1 / $2 }' >>"$work/$1/$2.passed"
  if [ $# -gt 4 ]; then echo "$3 $5" | awk '{ print $1 / $2 }' >>"$work/$1/$2.worked"; fi
}
ours() { # KIND OPTION...
  kind=$1
  shift
  taskset -c "$core" "$program" bench loader "$work/$kind.yaml" --rounds 1 --json "$@" >"$work/ours"
  mkdir -p "$work/$kind"
  field samples_per_second <"$work/ours" >>"$work/$kind/ours.passed"
  field samples_per_processor_second <"$work/ours" >>"$work/$kind/ours.worked"
}
theirs() { # KIND SETTING WORKERS
  ask "$2" "$3"
  samples=$(echo "$answer" | field samples)
  if [ "$3" = 0 ]; then keep "$1" "$2.$3" "$samples" "$(echo "$answer" | field seconds)" "$(echo "$answer" | field cpu_seconds)"
  else keep "$1" "$2.$3" "$samples" "$(echo "$answer" | field seconds)"; fi
}

begin images $fashion
for round in $(seq 1 "$rounds"); do
  ours images
  theirs images batch 0
  theirs images batch 1
  theirs images batch 2
  if [ "$round" = 1 ]; then theirs images item 0; fi # so slow that once will do
done
end
begin folder "$work/png" 64
for round in $(seq 1 "$rounds"); do
  ours files --read
  theirs files pillow 0
  theirs files pillow 1
  theirs files pillow 2
done
end

# best KIND CLOCK: the peer's fastest setting and its samples per second
best() {
  for file in "$work/$1"/*."$2"; do
    name=$(basename "$file" ".$2")
    if [ "$name" != ours ]; then echo "$name $(median <"$file")"; fi
  done | sort -k 2 -g | tail -n 1
}
show() { # KIND CLOCK TARGET
  us=$(median <"$work/$1/ours.$2")
  set -- "$1" "$2" "$3" "$us" $(best "$1" "$2")
  ratio=$(awk -v a="$4" -v b="$6" 'BEGIN { printf "%.2f", a / b }')
  if [ $json = 1 ]; then
    printf '{"bench": "loader", "what": "%s", "clock": "%s", "rounds": %d, "machine": "%s", "ours": %.0f, "peer": "%s", ' \
      "$1" "$2" "$rounds" "$machine" "$4" "$5"
    printf '"theirs": %.0f, "ratio": %s, "target": %s}\n' "$6" "$ratio" "$3"
  else
    printf '%-8s %-8s %12.0f %12.0f  %-10s %6s x  (target %s x)\n' "$1" "$2" "$4" "$6" "$5" "$ratio" "$3"
  fi
}
if [ $json = 0 ]; then
  printf 'samples brought to a model on one core, samples/s, medians of %d rounds\n%s\n\n' "$rounds" "$machine"
  printf '%-8s %-8s %12s %12s  %s\n' what clock ddla PyTorch 'its best setting and workers'
fi
for clock in passed worked; do
  show images $clock 5
  show files $clock 2
done
if [ $json = 0 ]; then
  printf '\nall settings of the peer, samples/s that passed\n'
  for file in "$work"/images/*.passed "$work"/files/*.passed; do
    printf '%-8s %-12s %12.0f\n' "$(basename "$(dirname "$file")")" "$(basename "$file" .passed)" "$(median <"$file")"
  done
fi
