#!/bin/bash
# The training step of examples/gpt.yaml (818,048 parameters, windows of 128 characters) against PyTorch, one thread
# each on one processor: fp32, AdamW, clipping, feeding of data included on both sides.
#
#   PYTHON=torch/bin/python bench/gpt.sh TEXT [--json] [--rounds N] [--steps N] [--batch N] [--build DIR]
#     [--setting WORDS]...
#
# TEXT is a file in UTF-8; Karpathy's selection of Shakespeare has 65 different characters. PYTHON is a Python with
# PyTorch in it (default: python3). WORDS are settings of bench/peer_gpt_torch.py; without any, those that were among
# its best somewhere. Rounds are interleaved: every row runs once in each. Peers live through all rounds and sleep
# between theirs; ours starts anew each time. Both leave out their first steps. A row's figure in a round is that of
# its median step; the table shows medians over rounds, least and most; ratios are taken within rounds.
set -eu
usage="usage: PYTHON=python3 bench/gpt.sh TEXT [--json] [--rounds N] [--steps N] [--batch N] [--build DIR] [--setting WORDS]..."
rounds=5 steps=8 batch=64 json=0 build=build text= settings=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --steps) steps=$2; shift ;;
    --batch) batch=$2; shift ;;
    --build) build=$2; shift ;;
    --setting) settings+=("$2"); shift ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) text=$(readlink -f "$1") ;;
  esac
  shift
done
if [ ! -f "$text" ]; then echo "$usage" >&2; exit 2; fi
cd "$(dirname "$0")/.."
. bench/measure.sh
if [ ${#settings[@]} -eq 0 ]; then
  settings=(plain+fused sdpa+fused sdpa+fused+memory sdpa+fused+memory+micro sdpa+fused+compile+memory
    sdpa+fused+compile+memory+micro)
fi
python=${PYTHON:-python3}
build_program "$build"
work=$(mktemp -d)
machine=$(machine)
core=$(processor_list 1)
peers=()
trap 'for peer in "${peers[@]}"; do kill "$peer" 2>/dev/null || true; done; rm -rf "$work"' EXIT

declare -A say hear
kept=()
for setting in "${settings[@]}"; do
  echo "starts: PyTorch, $setting" >&2
  mkfifo "$work/$setting.in" "$work/$setting.out"
  taskset -c "$core" "$python" bench/peer_gpt_torch.py "$text" --setting "$setting" --batch "$batch" \
    <"$work/$setting.in" >"$work/$setting.out" 2>"$work/$setting.err" &
  peers+=($!)
  exec {in}>"$work/$setting.in" {out}<"$work/$setting.out"
  say[$setting]=$in hear[$setting]=$out
  if read -r about <&"$out"; then kept+=("$setting"); continue; fi
  echo "PyTorch cannot do $setting: $(tail -n 1 "$work/$setting.err")" >&2
done

for ((round = 1; round <= rounds; round++)); do
  echo "round $round of $rounds" >&2
  our_step 1 examples/gpt.yaml --set "data.train=$text" --set "train.batch=$batch" --steps "$steps" >"$work/ours.json"
  echo "ddla $round $(field median <"$work/ours.json") $(field peak_gflops <"$work/ours.json")" >>"$work/lines"
  for setting in "${kept[@]}"; do
    echo "run $steps" >&"${say[$setting]}"
    read -r line <&"${hear[$setting]}"
    echo "$setting $round $(field step_seconds <<<"$line")" >>"$work/lines"
  done
done
for setting in "${kept[@]}"; do echo quit >&"${say[$setting]}"; done

awk -v json=$json -v characters=$((batch * 128)) -v rounds="$rounds" -v steps="$steps" \
  -v machine="$machine, $(load_average) at the end" -v ours="$(field library <"$work/ours.json")" \
  -v peer="PyTorch $(field torch <<<"${about:-}")" '
  { if (!($1 in known)) { known[$1] = 1; name[++names] = $1 }
    speed[$1, $2] = characters / $3 }
  function values(row, out,    i, n) {
    for (i = 1; i <= rounds; i++) if ((row, i) in speed) out[++n] = speed[row, i]
    return sorted(out, n)
  }
  function sorted(out, n,    i, j, swap) {
    for (i = 2; i <= n; i++)
      for (j = i; j > 1 && out[j] < out[j - 1]; j--) { swap = out[j]; out[j] = out[j - 1]; out[j - 1] = swap }
    return n
  }
  function middle(out, n) { return n % 2 ? out[(n + 1) / 2] : (out[n / 2] + out[n / 2 + 1]) / 2 }
  function ratio(row,    i, out) { for (i = 1; i <= rounds; i++) out[i] = speed["ddla", i] / speed[row, i]
    sorted(out, rounds); return middle(out, rounds) }
  END {
    if (!json) printf "training step of a GPT, %d rounds of %d steps of %d characters, one thread\n%s\nddla on %s; %s\n\n%-40s %12s %9s %9s %9s\n", \
      rounds, steps, characters, machine, ours, peer, "", "characters/s", "least", "most", "ddla/it"
    else printf "{\"bench\": \"gpt\", \"machine\": \"%s\", \"rows\": [", machine
    for (k = 1; k <= names; k++) {
      split("", out); n = values(name[k], out)
      if (json) printf "%s{\"row\": \"%s\", \"characters_per_second\": %.6g, \"least\": %.6g, \"most\": %.6g, \"ours_over_this\": %.4g}", \
        (k > 1 ? ", " : ""), name[k], middle(out, n), out[1], out[n], ratio(name[k])
      else printf "%-40s %12.0f %9.0f %9.0f %9.2f\n", name[k], middle(out, n), out[1], out[n], ratio(name[k])
    }
    if (json) print "]}"
  }' "$work/lines"
