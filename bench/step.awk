# Medians over rounds, ratios within rounds, loss curves: a table or JSON. Read by bench/step.sh.
# Lines: step NAME ROUND SECONDS CPU_SECONDS | peak AGENTS ROUND GFLOPS | loss SIDE STEP LOSS
$1 == "step" {
  if (!($2 in known)) { known[$2] = 1; name[++names] = $2 }
  speed[$2, $3] = 128 / $4
  all[$2] = all[$2] " " 128 / $4
}
$1 == "peak" { all["peak" $2] = all["peak" $2] " " $4 }
$1 == "loss" { losses[$2, $3] = losses[$2, $3] " " $4; if (!($3 in at)) { at[$3] = 1; point[++points] = $3 } }

function sorted(text, values,    n, i, j, swap) {
  n = split(text, values, " ")
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && values[j] + 0 < values[j - 1] + 0; j--) {
      swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
    }
  return n
}

function median(text,    values, n) {
  n = sorted(text, values)
  if (n == 0) return 0
  return n % 2 ? values[(n + 1) / 2] + 0 : (values[n / 2] + values[n / 2 + 1]) / 2
}

function least(text,    values, n) { n = sorted(text, values); return n ? values[1] + 0 : 0 }
function most(text,    values, n) { n = sorted(text, values); return n ? values[n] + 0 : 0 }

# Median over rounds of a's speed / b's.
function ratio(a, b,    i, text) {
  for (i = 1; i <= rounds; i++) if ((a, i) in speed && (b, i) in speed) text = text " " speed[a, i] / speed[b, i]
  return median(text)
}

# The fastest of the peer's rows that begin with a word.
function best(prefix,    i, found, value) {
  for (i = 1; i <= names; i++)
    if (index(name[i], prefix) == 1 && median(all[name[i]]) > value) { found = name[i]; value = median(all[found]) }
  return found
}

function label(row) {
  if (row == "ours1") return "ddla, 1 agent"
  if (row == "ours2") return "ddla, 2 agents"
  if (row == "apart") return "ddla, 2 runs apart"
  return "PyTorch " (index(row, "two:") == 1 ? "2 processes, " : "") substr(row, 5)
}

function base(row) { return index(row, "two:") == 1 || row == "apart" ? "ours2" : "ours1" }

function print_row(row,    value, agents, rate) {
  value = median(all[row]); agents = base(row) == "ours2" || row == "ours2" ? 2 : 1; rate = value * mflop / 1000
  printf "%-66s %9.0f %9.0f %9.0f %8.2f %8.1f %6.0f%% %8.2f\n", label(row), value, least(all[row]), most(all[row]), \
    128000 / value, rate, 100 * rate / median(all["peak" agents]), ratio(base(row), row)
}

function json_row(row, comma) {
  printf "%s{\"row\": \"%s\", \"samples_per_second\": %.6g, \"least\": %.6g, \"most\": %.6g, \"ours_over_this\": %.4g}", \
    comma, label(row), median(all[row]), least(all[row]), most(all[row]), ratio(base(row), row)
}

function print_ratios() {
  printf "\n"
  if (best("one:")) {
    printf "one agent over one PyTorch thread, default      %6.2f\n", ratio("ours1", "one:eager")
    printf "one agent over one PyTorch thread, at its best  %6.2f  (%s)\n", ratio("ours1", best("one:")), substr(best("one:"), 5)
  }
  if (best("two:")) {
    printf "two agents over DDP with gloo, default          %6.2f\n", ratio("ours2", "two:eager")
    printf "two agents over DDP with gloo, at its best      %6.2f  (%s)\n", ratio("ours2", best("two:")), substr(best("two:"), 5)
  }
  printf "two agents over one agent                       %6.2f\n", ratio("ours2", "ours1")
  printf "two agents over two runs apart, summed          %6.2f\n", ratio("ours2", "apart")
}

function print_losses(    i, side, k) {
  if (!points) return
  printf "\nmean loss of the steps up to       mean (least to most) of three seeds\n"
  for (i = 1; i <= points; i++) {
    printf "%8d", point[i]
    for (k = 1; k <= 2; k++) {
      side = k == 1 ? "ours" : "peer"
      if ((side, point[i]) in losses)
        printf "    %s %.4f (%.4f to %.4f)", k == 1 ? "ddla" : "PyTorch", mean(losses[side, point[i]]), \
          least(losses[side, point[i]]), most(losses[side, point[i]])
    }
    printf "\n"
  }
}

function mean(text,    values, n, i, sum) {
  n = split(text, values, " ")
  for (i = 1; i <= n; i++) sum += values[i]
  return n ? sum / n : 0
}

function print_json(    i) {
  printf "{\"bench\": \"step\", \"rounds\": %d, \"steps\": %d, \"machine\": \"%s\", \"ours\": \"%s\", \"peer\": \"%s\", ", \
    rounds, steps, machine, ours, peer
  printf "\"mflop_per_sample\": %.1f, \"peak_gflops\": [%.4g, %.4g], \"rows\": [", mflop, median(all["peak1"]), median(all["peak2"])
  for (i = 1; i <= names; i++) json_row(name[i], (i > 1 ? ", " : ""))
  printf "], \"two_over_one\": %.4g, \"two_over_apart\": %.4g", ratio("ours2", "ours1"), ratio("ours2", "apart")
  if (best("one:")) printf ", \"one_over_best\": %.4g, \"one_best\": \"%s\"", ratio("ours1", best("one:")), label(best("one:"))
  if (best("two:")) printf ", \"two_over_best\": %.4g, \"two_best\": \"%s\"", ratio("ours2", best("two:")), label(best("two:"))
  printf ", \"losses\": ["
  for (i = 1; i <= points; i++)
    printf "%s{\"step\": %d, \"ours\": %.5g, \"peer\": %.5g}", (i > 1 ? ", " : ""), point[i], mean(losses["ours", point[i]]), \
      mean(losses["peer", point[i]])
  printf "]}\n"
}

END {
  if (json) { print_json(); exit }
  printf "training step of %s, batch 128, fp32, %d rounds of %d steps, one thread for each agent\n%s\n%s; %s\n", model, rounds, steps, machine, ours, peer
  printf "multiply-add peak %.0f GFLOP/s on one processor, %.0f on two; share of peak by %.1f MFLOP a sample\n\n", median(all["peak1"]), median(all["peak2"]), mflop
  printf "%-66s %9s %9s %9s %8s %8s %7s %8s\n", "", "samples/s", "least", "most", "ms", "GFLOP/s", "peak", "ours/it"
  for (i = 1; i <= names; i++) print_row(name[i])
  print_ratios()
  print_losses()
}
