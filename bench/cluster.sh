#!/bin/bash
# Data-parallel training on four emulated hosts, one process with one computing thread on each: ours under Open MPI's
# launcher against PyTorch DDP over gloo, on the same hosts and cables (tools/netlab, docs/howto/rehearse-a-cluster.md).
#
#   PYTHON=torch/bin/python bench/cluster.sh [--text FILE] [--model cnn|gpt]... [--link near|far]... [--rounds N]
#       [--steps N] [--setting WORDS]... [--ours WORD]... [--hosts N] [--build DIR]
#
# --ours WORD: `--set WORD` for ours, for example sync.mode=accumulated; --setting: of the peer, among them its own ways to
# send less: fp16, powersgdR, localH (bench/hosts_torch.py).
#
# Models: `cnn`, examples/fashion-mnist.yaml with a batch of 128; `gpt`, examples/gpt.yaml with a batch of 32 windows of
# FILE. Links: `near`, 1 Gbit/s; `far`, 100 Mbit/s and 20 ms one way. Without --model and --link all of them; without FILE
# no gpt. Linux, as root; PYTHON is a Python with PyTorch in it (see bench/step.sh).
#
# All hosts share this machine's processors: what they compute at once, on either side, takes its time.
#
# Rounds are interleaved. The peer lives through all rounds and sleeps between its own; ours starts anew each time. Both
# leave out as many first steps, in which TCP looks for its rate too: ours trains on a part of the data, so that an epoch
# is 20 steps and metrics.jsonl says when each ended. The peer is first tried with every setting (WORDS of
# bench/peer_step_torch.py, bench/peer_gpt_torch.py), one after another; the best one takes part in the rounds.
#
# bound      the time that what a host of ours sends in a step takes on its cable, and two one-way delays: gradients must
#            come before sums can go. By the rate that one TCP connection reaches (`netlab check`, without headers).
set -eu
cd "$(dirname "$0")/.."
. bench/measure.sh
usage="usage: PYTHON=python3 bench/cluster.sh [--text FILE] [--model cnn|gpt]... [--link near|far]... [--rounds N] [--steps N] [--setting WORDS]... [--ours WORD]... [--hosts N] [--build DIR]"
rounds=3 steps=0 hosts=4 build=build text= models=() links=() asked=() chosen=()
while [ $# -gt 0 ]; do
  case $1 in
    --text) text=$(readlink -f "$2"); shift ;;
    --model) models+=("$2"); shift ;;
    --link) links+=("$2"); shift ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --ours) chosen+=(--set "$2"); shift ;;
    --setting) asked+=("$2"); shift ;;
    --hosts) hosts=$2; shift ;;
    --build) build=$2; shift ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#links[@]} = 0 ]; then links=(near far); fi
if [ ${#models[@]} = 0 ]; then models=(cnn ${text:+gpt}); fi
python=${PYTHON:-python3}
build_program "$build"
cmake --build "$build" --target ddla_netlab ddla_mpi_openmpi >"$build/bench.log"
warm_data
export NETLAB_OWNER=$$ BUILD=$build
netlab=tools/netlab/netlab
work=$(mktemp -d)
trap '"$netlab" down 2>/dev/null || true; rm -rf "$work"' EXIT
"$python" -c 'import torch' || exit 1

# Data of 20 batches: of Fashion-MNIST, of the text.
cut_data() {
  "$python" - "$work/data" <<'P'
import gzip, os, struct, sys
source = "/usr/share/datasets/fashion-mnist/"
os.mkdir(sys.argv[1])
for name, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
    for part, count in (("train", 20 * 128), ("t10k", 8)):
        file = "%s-%s-ubyte.gz" % (part, name)
        data = gzip.open(source + file).read()
        cut = data[:4] + struct.pack(">I", count) + data[8 : header + count * size]
        gzip.open(os.path.join(sys.argv[1], file), "wb").write(cut)
P
  if [ -n "$text" ]; then head -c $((20 * 4096 + 1)) "$text" >"$work/text"; fi
}

# choose MODEL LINK: what both sides train; steps that are left out and steps that count, multiples of 20.
choose() {
  job=examples/fashion-mnist.yaml unit=samples each=128 warm=40 many=100
  ours=(--set data.train="$work/data" --set data.validation_fraction=0 --set checkpoint.every_epochs=0)
  peer=("$python" bench/peer_step_torch.py --dropout 0.25 --warmup)
  settings=(channels_last+fused+memory+view+static channels_last+fused+memory+view+static+bucket1)
  if [ "$1" = gpt ]; then
    job=examples/gpt.yaml unit=characters each=4096 warm=20 many=20
    ours+=(--set data.train="$work/text" --set train.keep_best=false)
    peer=("$python" bench/peer_gpt_torch.py "$text" --batch 32 --warm)
    settings=(sdpa+fused+memory+view+static sdpa+fused+memory+view+static+bucket1)
  fi
  if [ "$2" = far ] && [ "$1" = cnn ]; then many=40; fi
  if [ $steps != 0 ]; then many=$steps; fi
  peer+=("$warm")
  ours+=(--set train.epochs=$(((warm + many) / 20)) "${chosen[@]}")
  if [ ${#asked[@]} != 0 ]; then settings=("${asked[@]}"); fi
}

declare -A say hear process
start_peer() { # SETTING
  local in out line
  port=$((port + 1))
  mkfifo "$work/$1.in" "$work/$1.out"
  "$netlab" run env GLOO_SOCKET_IFNAME=eth0 MASTER_ADDR=10.77.0.1 MASTER_PORT=$port \
    "${peer[@]}" --setting "$1" --launched <"$work/$1.in" >"$work/$1.out" 2>"$work/$1.err" &
  process[$1]=$!
  exec {in}>"$work/$1.in" {out}<"$work/$1.out"
  say[$1]=$in hear[$1]=$out
  rm "$work/$1.in" "$work/$1.out"
  if read -r line <&"$out"; then about=$line; return; fi
  echo "PyTorch cannot do $1: $(grep -v '^$' "$work/$1.err" | tail -n 1)" >&2
  return 1
}

run_peer() { # SETTING STEPS: prints seconds of a step
  local line
  echo "run $2" >&"${say[$1]}"
  read -r line <&"${hear[$1]}"
  field seconds <<<"$line" | awk -v n="$2" '{ print $1 / n }'
}

end_peer() { # SETTING
  local in=${say[$1]} out=${hear[$1]}
  echo quit >&"$in"
  exec {in}>&- {out}<&-
  unset "say[$1]"
  wait "${process[$1]}" || true
}

sent_bytes() { "$netlab" bytes | awk '{ sum += $3 } END { printf "%.0f\n", sum }'; }

# Prints seconds of a step; its exchange, and what of it is not hidden, with the first steps; bytes that a host sends, as
# the program and as the port counts them.
run_ours() {
  local before after seconds
  before=$(sent_bytes)
  "$netlab" run "$program" train "$job" "${ours[@]}" --set parallel.lanes=1 --out "$work/run" -q >"$work/ours.log" 2>&1 ||
    { tail -n 5 "$work/ours.log" >&2; return 1; }
  after=$(sent_bytes)
  seconds=$(sed -n 's/.*"step": \([0-9]*\),.*"seconds": \([0-9.]*\).*/\1 \2/p' "$work/run/metrics.jsonl" |
    awk -v warm=$warm '$1 == warm { first = $2 } { step = $1; last = $2 } END { print (last - first) / (step - warm) }')
  sed -n '/"hosts": {/,/}/p' "$work/run/report.json" >"$work/hosts"
  rm -r "$work/run"
  echo "$seconds $(field exchange_seconds <"$work/hosts") $(field exposed_seconds <"$work/hosts")" \
    "$(field bytes_sent <"$work/hosts") $((after - before))" |
    awk -v n=$((warm + many)) -v h="$hosts" '{ print $1, $2 / n, $3 / n, $4 / n / h, $5 / n / h }'
}

column() { awk -v c="$2" '{ print $c }' "$work/$1" | median; }

row() { # NAME FILE: seconds of a step in its first column
  local ratio
  ratio=$(paste "$work/ours" "$work/$2" | awk '{ print $6 / $1 }' | median)
  awk -v each="$each" '{ print each / $1 }' "$work/$2" | sort -g |
    awk -v name="$1" -v middle="$(column "$2" 1)" -v each="$each" -v ratio="$ratio" \
      'NR == 1 { least = $1 } END {
        printf "%-52s %10.0f %10.0f %10.0f %9.1f %9.2f\n", name, each / middle, least, $1, 1e3 * middle, ratio }'
}

# One model on one link.
compare() {
  local setting round best
  echo "$model, $link: tries $hosts hosts of the peer" >&2
  for setting in "${settings[@]}"; do
    if ! start_peer "$setting"; then continue; fi
    run_peer "$setting" "$many" >"$work/second"
    echo "$(cat "$work/second") s a step: $setting" >&2
    echo "$(cat "$work/second") $setting" >>"$work/tried"
  done
  best=$(sort -g "$work/tried" | head -n 1 | cut -d' ' -f2)
  for setting in "${settings[@]}"; do
    if [ "$setting" != "$best" ] && [ -n "${say[$setting]:-}" ]; then end_peer "$setting"; fi
  done
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    run_ours >>"$work/ours"
    echo "ddla: $(tail -n 1 "$work/ours")" >&2
    run_peer "$best" "$many" | tee -a "$work/peer" >&2
  done
  printf '\n%s, %s: %s steps of %d %s\n' "$model" "$link" "$many" "$each" "$unit"
  printf '%-52s %10s %10s %10s %9s %9s\n' "" "$unit/s" least most "step ms" "ddla/it"
  row ddla ours
  end_peer "$best"
  row "PyTorch $best" peer
  sort -g "$work/tried" | awk -v each="$each" '{ printf "  tried once: %-40s %10.0f\n", $2, each / $1 }'
  bound
  rm -f "$work/ours" "$work/tried" "$work/peer"
}

bound() {
  awk -v step="$(column ours 1)" -v exchange="$(column ours 2)" -v exposed="$(column ours 3)" -v sent="$(column ours 4)" \
    -v wire="$(column ours 5)" -v goodput="$goodput" -v delay="$delay" 'BEGIN {
    least = sent / (goodput * 125000) + 2 * delay / 1000
    printf "a host sends %.3f MB in a step (%.3f with headers and start-up); bound %.1f ms, of ours %.2f\n",
      sent / 1e6, wire / 1e6, 1e3 * least, least / step
    printf "exchange %.1f ms, of it not hidden %.1f\n", 1e3 * exchange, 1e3 * exposed }'
}

cut_data
machine
"$program" --version
about= port=$((20000 + $$ % 20000))
for link in "${links[@]}"; do
  case $link in near) cable="--rate 1000" ;; far) cable="--rate 100 --delay 20" ;; *) echo "$usage" >&2; exit 2 ;; esac
  # shellcheck disable=SC2086 # words
  "$netlab" up "$hosts" $cable
  "$netlab" check >"$work/check" || true
  # whole frames are counted there: 1448 bytes of data in 1514
  goodput=$(sed -n 's/^rate:.*, \([0-9.]*\) reached.*/\1/p' "$work/check" | awk '{ print $1 * 1448 / 1514 }')
  delay=$(sed -n 's/^delay:[^0-9]*\([0-9.]*\) ms, none.*/\1/p; s/^delay:.*, \([0-9.]*\) reached.*/\1/p' "$work/check")
  printf '\n%s (%s): %.1f Mbit/s of data, %.2f ms one way\n' "$link" "$cable" "$goodput" "$delay"
  for model in "${models[@]}"; do
    choose "$model" "$link"
    compare
  done
  "$netlab" down
done
echo
echo "PyTorch $(field torch <<<"$about"); load $(load_average) at the end"
