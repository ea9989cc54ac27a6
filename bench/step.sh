#!/bin/bash
# The training step of `cnn` (421,642 parameters) on Fashion-MNIST, ours against PyTorch: global batch 128, fp32, SGD
# with Nesterov momentum, dropout 0.25, feeding of data included on both sides.
#
#   PYTHON=torch/bin/python bench/step.sh [--json] [--rounds N] [--steps N] [--build DIR] [--without curve|two|all]...
#       [--model cnn|resnet] [--job FILE]
#
# --model chooses the peer's network, --job ours; `--model resnet` means examples/resnet.yaml and depth 20, and
# leaves out the loss curves.
#
# PYTHON is a Python with PyTorch in it (default: python3). Debian's PyTorch is no peer, it has no fast kernels:
#   python3 -m venv torch && torch/bin/pip install torch
# Without PyTorch only our side is measured. `--without all` leaves out the loss curves and the settings of the
# peer that were never its best.
#
# One agent is one process with one computing thread, pinned to one processor, on both sides. Rounds are
# interleaved: every row runs once in each round. Peers live through all rounds and sleep between theirs; ours starts
# anew each time. Both leave out their first steps. A row's figure in a round is 128 / (median time of a step); the
# table shows the median over rounds and least and most; ratios are taken within rounds.
#
# GFLOP/s counts, for cnn, 25.0 MFLOP for a sample, whatever a kernel saves by its algorithm: twice the multiply-adds of the
# forward pass (8.48), of the weights' gradients (8.48) and of the inputs' gradients without the first layer's (8.03). The
# peak is that of fused multiply-adds, measured by `ddla bench step` right before its steps.
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: PYTHON=python3 bench/step.sh [--json] [--rounds N] [--steps N] [--build DIR] [--without curve|two|all]... [--model cnn|resnet] [--job FILE]"
rounds=7 steps=60 json=0 build=build job= model=cnn without=
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --build) build=$2; shift ;;
    --model) model=$2; shift ;;
    --job) job=$2; shift ;;
    --without) without="$without $2"; shift ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
python=${PYTHON:-python3}
port=$((20000 + $$ % 20000))
# What both sides do: no decay of weights, a constant rate.
ours="--set train.weight_decay=0 --set train.schedule=constant --set train.warmup_steps=0 --set model.dropout=0.25"
if [ "$model" = resnet ]; then
  ours="${ours% --set model.dropout*}"
  without="$without curve"
fi
if [ -z "$job" ]; then
  job=examples/fashion-mnist.yaml
  if [ "$model" = resnet ]; then job=examples/resnet.yaml; fi
fi
one=(eager eager+dataloader channels_last+fused channels_last+fused+memory)
two=(eager channels_last+fused+memory channels_last+fused+memory+view+static)
if [[ $without != *all* ]]; then
  one+=(eager+fused fused+memory micro+channels_last+fused+memory compile+fused compile+channels_last+fused+memory
    autotune+channels_last+fused+memory compile+compile_step+channels_last+memory)
  two+=(compile+channels_last+fused+memory)
fi
if [[ $without == *two* ]]; then two=(); fi

build_program "$build"
warm_data
work=$(mktemp -d)
machine=$(machine)
cores=($(processor_list 2))
if [ ${#cores[@]} -lt 2 ]; then echo "two processors are needed" >&2; exit 1; fi
peers=()
trap 'for peer in "${peers[@]}"; do kill "$peer" 2>/dev/null || true; done; rm -rf "$work"' EXIT

torch=1
if ! "$python" -c 'import torch' 2>/dev/null; then
  torch=0 one=() two=()
  echo "$python has no PyTorch (see the head of bench/step.sh): only our side is measured" >&2
fi

# A peer is PROCESSES processes that read the pipes NAME.RANK.in and answer in NAME.RANK.out, each on a descriptor.
declare -A say hear
start_peer() { # NAME SETTING PROCESSES
  local rank in out line
  port=$((port + 1))
  for ((rank = 0; rank < $3; rank++)); do
    mkfifo "$work/$1.$rank.in" "$work/$1.$rank.out"
    taskset -c "${cores[rank]}" "$python" bench/peer_step_torch.py --model "$model" --setting "$2" --dropout 0.25 --rank $rank \
      --ranks "$3" --port $port <"$work/$1.$rank.in" >"$work/$1.$rank.out" 2>"$work/$1.$rank.err" &
    peers+=($!)
    exec {in}>"$work/$1.$rank.in" {out}<"$work/$1.$rank.out"
    say[$1.$rank]=$in hear[$1.$rank]=$out
  done
  for ((rank = 0; rank < $3; rank++)); do
    if read -r line <&"${hear[$1.$rank]}"; then echo "$line" >"$work/$1.about"; continue; fi
    echo "PyTorch cannot do $2: $(tail -n 1 "$work/$1.$rank.err")" >&2
    return 1
  done
}

run_peer() { # NAME PROCESSES
  local rank line
  for ((rank = 0; rank < $2; rank++)); do echo "run $steps" >&"${say[$1.$rank]}"; done
  for ((rank = $2 - 1; rank >= 0; rank--)); do read -r line <&"${hear[$1.$rank]}"; done
  note "$1" "$(field step_seconds <<<"$line")" "$(field cpu_seconds <<<"$line")"
}

note() { # NAME STEP_SECONDS [CPU_SECONDS]: a round's figure
  echo "step $1 $round $2 ${3:-0}" >>"$work/lines"
}

run_ours() { # AGENTS
  our_step "$1" "$job" $ours --steps "$steps" >"$work/ours.json"
  note "ours$1" "$(field median <"$work/ours.json")"
  echo "peak $1 $round $(field peak_gflops <"$work/ours.json")" >>"$work/lines"
}

# Two runs of one agent each that know nothing of each other, at the same time.
run_apart() {
  local run
  for run in 0 1; do
    taskset -c "${cores[run]}" "$program" bench step "$job" $ours --steps "$steps" -n 1 --lanes 1 --json >"$work/apart.$run" &
    apart[run]=$!
  done
  wait "${apart[0]}" && wait "${apart[1]}"
  note apart "$(awk -v a="$(field median <"$work/apart.0")" -v b="$(field median <"$work/apart.1")" \
    'BEGIN { print 1 / (1 / a + 1 / b) }')"
}

kept1=() kept2=()
for setting in "${one[@]}"; do
  echo "starts: PyTorch, $setting" >&2
  if start_peer "one:$setting" "$setting" 1; then kept1+=("$setting"); fi
done
for setting in "${two[@]}"; do
  echo "starts: PyTorch on two processes, $setting" >&2
  if start_peer "two:$setting" "$setting" 2; then kept2+=("$setting"); fi
done

for ((round = 1; round <= rounds; round++)); do
  echo "round $round of $rounds" >&2
  run_ours 1
  for setting in "${kept1[@]}"; do run_peer "one:$setting" 1; done
  run_ours 2
  run_apart
  for setting in "${kept2[@]}"; do run_peer "two:$setting" 2; done
done
for name in "${!say[@]}"; do echo quit >&"${say[$name]}"; done

# Mean loss of the steps up to 50, 100, 200 and 300, three seeds on each side.
if [[ $without != *curve* && $without != *all* ]]; then
  echo "loss curves" >&2
  for seed in 1 2 3; do
    for last in 50 100 200 300; do
      "$program" train "$job" $ours --set train.seed=$seed --set train.steps=$last -n 1 --out "$work/run" -q
      echo "loss ours $last $(sed -n '/"train"/,$p' "$work/run/report.json" | field loss)" >>"$work/lines"
      rm -r "$work/run"
    done
    if [ $torch = 0 ]; then continue; fi
    "$python" bench/peer_step_torch.py --setting channels_last+fused --dropout 0.25 --seed $seed --curve 50,100,200,300 |
      grep -o '"step": [0-9]*, "loss": [0-9.]*' | tr -d ',' | awk '{ print "loss peer", $2, $4 }' >>"$work/lines"
  done
fi

peer="PyTorch: none"
if [ $torch = 1 ]; then
  about=$work/one:eager.about
  peer="PyTorch $(field torch <"$about"), $(field capability <"$about"), $(field onednn <"$about")"
fi
# The same for every row, whatever a kernel saves by its algorithm.
mflop=$(awk -v rate="$(field gflops <"$work/ours.json")" -v samples="$(field samples_per_second <"$work/ours.json")" \
  'BEGIN { print 1000 * rate / samples }')
awk -v json=$json -v model="$model" -v mflop="$mflop" -v rounds="$rounds" -v steps="$steps" -v machine="$machine, $(load_average) at the end" \
  -v ours="ddla $("$program" --version | awk '{ print $NF }'), $(field library <"$work/ours.json")" -v peer="$peer" \
  -f bench/step.awk "$work/lines"
