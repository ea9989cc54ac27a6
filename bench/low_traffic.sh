#!/bin/bash
# Training over a slow and distant network with a hundredth of the bytes: replicas that exchange now and then through a
# codec against the plain sum of gradients in every step. Is the model as good, and is the exchange hidden?
#
#   bench/low_traffic.sh [--text FILE] [--model cnn|gpt]... [--dir DIR] [--seeds N] [--epochs N] [--steps N] [--core SHARE]
#                        [--build DIR] [tune] [train] [link] [table]
#
# Models: `cnn`, examples/fashion-mnist.yaml as it is, or for other --epochs than its 10; `gpt`, examples/gpt.yaml at bf16,
# or for other --steps than the 3,444 of its 14 epochs of Karpathy's selection of Shakespeare; the last tenth of FILE is its
# test. Without --model both; without FILE no gpt. Four agents on either side:
#
#   plain  sync.mode synchronous, sync.method allreduce: fp32 gradients, in every step
#   rare   sync.mode accumulated, with the settings of `choose` below
#
# tune   both sides over one grid of learning rates, about a third of the length, seed 1, on a tenth of the training samples
# train  each side with its best rate on all training samples, seeds 11, 12, ...; the test's metric
# link   200 steps on four emulated hosts (tools/netlab; Linux, as root) with 100 Mbit/s and 20 ms one way, one process with
#        one lane each, and each with this --core share of a processor (cnn 0.35, gpt 0.45; bench/speeds.sh), so that hosts do
#        not wait for each other's processors: time, waiting for exchanges, bytes as the hosts' ports count them. The model
#        that is given out at the start is in them; `rare` runs five times as long besides, which tells bytes of a start from
#        those of a step
# table  what there is; without a word all four
#
# Everything that was computed stays in DIR (runs/low-traffic): a call goes on where another one ended. What tune and
# train give are functions of the data and the settings, whatever else the machine does; PERFORMANCE.md has the figures.
#
# The interval is one-sided, 95 %, of the mean of paired differences, by Student's distribution.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: bench/low_traffic.sh [--text FILE] [--model cnn|gpt]... [--dir DIR] [--seeds N] [--epochs N] [--steps N] [--core SHARE] [--build DIR] [tune] [train] [link] [table]"
text= models=() dir=runs/low-traffic seeds=5 epochs=10 steps=3444 share= build=build stages=()
while [ $# -gt 0 ]; do
  case $1 in
    --text) text=$(readlink -f "$2"); shift ;;
    --model) models+=("$2"); shift ;;
    --dir) dir=$2; shift ;;
    --seeds) seeds=$2; shift ;;
    --epochs) epochs=$2; shift ;;
    --steps) steps=$2; shift ;;
    --core) share=$2; shift ;;
    --build) build=$2; shift ;;
    tune | train | link | table) stages+=("$1") ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#models[@]} = 0 ]; then models=(cnn ${text:+gpt}); fi
if [ ${#stages[@]} = 0 ]; then stages=(tune train link table); fi
agents=4 rate=100 delay=20 link_steps=200 first_seed=11
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# choose MODEL: the job and its lengths, the grid, and what `rare` is.
choose() {
  model=$1
  rare=(sync.mode=accumulated sync.method=streaming sync.fragments=1 sync.mixing=0 sync.carry=1 sync.outer_learning_rate=1)
  case $model in
    cnn)
      job=examples/fashion-mnist.yaml grid="0.02 0.03 0.05 0.1 0.15 0.3" batch=128 whole=$((469 * epochs)) part=$((469 * epochs / 3))
      common=()
      # The momentum is in the outer steps alone: replicas are less far apart without one of their own.
      rare+=(train.momentum=0 train.nesterov=false sync.outer_momentum=0.8 sync.interval=14 sync.delay=11 sync.codec=int4)
      metric=accuracy margin=0.3 unit=points core=${share:-0.35}
      ;;
    gpt)
      job=examples/gpt.yaml grid="0.002 0.0025 0.003 0.005 0.007" batch=32 whole=$steps part=$((steps / 3 / 8 * 8))
      common=(train.precision=bf16 train.keep_best=false "data.train=$dir/text.train")
      # Here too the momentum is outside. Gradients of eight windows are longer by chance, so they are not clipped.
      rare+=(train.beta1=0 train.clip_norm=0 sync.outer_momentum=0.8 sync.interval=7 sync.delay=2 sync.codec=topk2
        sync.topk=0.4)
      metric=loss margin=0.02 unit=nats core=${share:-0.45}
      [ -f "$text" ] || { echo "$usage" >&2; exit 2; }
      if [ ! -f "$dir/text.test" ]; then
        head -c $(($(wc -c <"$text") * 9 / 10)) "$text" >"$dir/text.train"
        tail -c +$(($(wc -c <"$text") * 9 / 10 + 1)) "$text" >"$dir/text.test"
      fi
      ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  common+=(checkpoint.every_epochs=0)
  length=(train.steps=$whole) third=(train.steps=$part)
  settings="$job ${common[*]} | ${length[*]} | ${third[*]} | ${rare[*]}"
  if [ -f "$dir/$model.settings" ] && [ "$(cat "$dir/$model.settings")" != "$settings" ]; then
    echo "$dir has runs of $model with other settings than this script's; remove them or give another --dir" >&2
    exit 1
  fi
  echo "$settings" >"$dir/$model.settings"
}

sets() { # KEY=VALUE...: sets `words`
  words=()
  local one
  for one; do words+=(--set "$one"); done
}

side_sets() { # plain|rare KEY=VALUE...
  local side=$1
  shift
  if [ "$side" = rare ]; then set -- "$@" "${rare[@]}"; fi
  sets "${common[@]}" "$@"
}

# once NAME SIDE KEY=VALUE...: a run on this machine, unless its report is there.
once() {
  local name=$model.$1
  [ -s "$dir/$name.json" ] && return
  echo "$(date +%T) $name" >&2
  side_sets "${@:2}"
  if ! "$program" train "$job" -q -n $agents "${words[@]}" --out "$work/run"; then
    case $1 in tune.*) echo "{}" >"$dir/$name.json" ;; *) return 1 ;; esac # a rate of the grid may be too high
    rm -rf "$work/run"
    return
  fi
  mv "$work/run/metrics.jsonl" "$dir/$name.jsonl"
  mv "$work/run/report.json" "$dir/$name.json"
  rm -r "$work/run"
}

tune() {
  local side at
  for at in $grid; do
    for side in plain rare; do
      once "tune.$side.$at" $side "${third[@]}" train.learning_rate="$at" data.validation_fraction=0.1
    done
  done
}

validated() { tail -n 1 "$dir/$model.tune.$1.$2.jsonl" 2>/dev/null | field "validation_$metric"; } # SIDE RATE

# The rate of the grid that did best on validation.
best_rate() { # SIDE
  local at
  for at in $grid; do echo "$(validated "$1" "$at") $at"; done | grep -v '^ ' |
    sort -g $([ $metric = loss ] || echo -r) | head -n 1 | cut -d' ' -f2
}

train() {
  local side seed at test=()
  if [ "$model" = gpt ]; then test=("data.test=$dir/text.test" data.validation_fraction=0); fi
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    for side in plain rare; do
      at=$(best_rate $side)
      once "train.$side.$at.$seed" $side "${length[@]}" train.learning_rate="$at" train.seed=$seed "${test[@]}"
    done
  done
}

tested() { # SIDE SEED
  sed -n '/"test"/,$p' "$dir/$model.train.$1.$(best_rate "$1").$2.json" 2>/dev/null | field $metric
}

sent_bytes() { "$netlab" bytes | awk '{ sum += $3 } END { printf "%.0f\n", sum }'; }

# Gives each host's process its quota as soon as all of them are there.
slow_down() {
  local found host=0
  until found=$(pgrep -f -x "$program train .* --out $work/run") && [ "$(wc -w <<<"$found")" = $agents ]; do sleep 0.05; done
  for one in $found; do
    place $host "$one"
    host=$((host + 1))
  done
}

# over_link NAME SIDE STEPS: the same over the emulated network; also the bytes that all hosts have sent.
over_link() {
  local name=$model.link.$1 before
  [ -s "$dir/$name.json" ] && return
  echo "$(date +%T) $name" >&2
  side_sets "$2" train.steps="$3" data.validation_fraction=0 parallel.lanes=1
  before=$(sent_bytes)
  slow_down &
  local got=0 placing=$!
  "$netlab" run "$program" train "$job" -q "${words[@]}" --out "$work/run" >"$work/words" 2>&1 || got=$?
  kill $placing 2>/dev/null || true
  if [ $got != 0 ]; then
    tail -n 5 "$work/words" >&2
    return $got
  fi
  echo $(($(sent_bytes) - before)) >"$dir/$name.bytes"
  mv "$work/run/report.json" "$dir/$name.json"
  rm -r "$work/run"
}

link() {
  local got=0
  export NETLAB_OWNER=$$ BUILD=$build OMPI_MCA_orte_tmpdir_base=$work # process numbers of labs are alike
  netlab=tools/netlab/netlab
  if ls "$dir/$model.link."{plain,rare,longer}.json >"$work/words" 2>&1; then return; fi
  period=5000
  if [ -z "${groups:-}" ]; then . bench/speeds.sh; fi # one set of groups for all models
  for ((host = 0; host < agents; host++)); do group $host 1; done
  "$netlab" up $agents --rate $rate --delay $delay
  {
    over_link plain plain $link_steps && over_link rare rare $link_steps &&
      over_link longer rare $((5 * link_steps))
  } || got=$?
  "$netlab" down
  return $got
}

# Paired differences, one a line, above 0 where `rare` is worse.
differences() {
  local seed
  for ((seed = first_seed; seed < first_seed + seeds; seed++)); do
    echo "$seed $(tested plain $seed) $(tested rare $seed)"
  done | awk -v metric=$metric 'NF == 3 { print $1, $2, $3, metric == "loss" ? $3 - $2 : 100 * ($2 - $3) }'
}

quality() {
  local at
  [ -n "$(best_rate plain)" ] || return 0
  printf '\n%s: validation %s after a third of the length\n%-8s' "$model" $metric ""
  for at in $grid; do printf '%10s' "$at"; done
  for side in plain rare; do
    printf '\n%-8s' $side
    for at in $grid; do printf '%10.4f' "$(validated $side "$at")"; done
  done
  printf '\n\n'
  differences | paired plain rare $margin $unit
}

link_row() { # NAME STEPS
  local file=$dir/$model.link.$1
  [ -s "$file.json" ] || return 0
  sed -n '/"train"/,/}/p' "$file.json" | field seconds >"$work/seconds"
  echo "$1 $2 $(cat "$work/seconds") $(field exposed_seconds <"$file.json") $(field exchange_seconds <"$file.json")" \
    "$(cat "$file.bytes")"
}

traffic() {
  [ -s "$dir/$model.link.plain.json" ] || return 0
  printf '\n%-8s %6s %10s %14s %12s %14s\n' "" steps "step, ms" "waiting, %" "exchange, ms" "bytes/sample"
  { link_row plain $link_steps; link_row rare $link_steps; link_row longer $((5 * link_steps)); } |
    awk -v batch=$batch -v whole=$whole '
    { printf "%-8s %6d %10.1f %14.1f %12.1f %14.1f\n", $1, $2, 1e3 * $3 / $2, 100 * $4 / $3, 1e3 * $5 / $2,
        $6 / $2 / batch
      steps[$1] = $2; bytes[$1] = $6 }
    END {
      if (!("longer" in bytes)) exit
      each = (bytes["longer"] - bytes["rare"]) / (steps["longer"] - steps["rare"])
      start = bytes["rare"] - each * steps["rare"]
      plain = bytes["plain"] / steps["plain"]
      printf "fewer bytes: %.0f x in %d steps, %.0f x in %d; %.0f x in all %d steps (%.2f MB at the start, %.1f kB a step)\n",
        plain * steps["rare"] / bytes["rare"], steps["rare"], plain * steps["longer"] / bytes["longer"], steps["longer"],
        plain * whole / (start + each * whole), whole, start / 1e6, each / 1e3 }'
}

table() {
  quality
  traffic
}

build_program "$build"
if [[ " ${stages[*]} " = *" link "* ]]; then cmake --build "$build" --target ddla_netlab ddla_mpi_openmpi >"$build/bench.log"; fi
warm_data
machine
"$program" --version
for model in "${models[@]}"; do
  choose "$model"
  for stage in "${stages[@]}"; do $stage; done
done
