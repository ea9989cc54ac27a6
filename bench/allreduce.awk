# Medians over rounds, the peer's best setting per size, ratios: a table or JSON. Read by bench/allreduce.sh.
# Lines: name ranks bytes median_us wrong
{
  key = $1 " " $2 " " $3
  times[key] = times[key] " " $4
  wrong += $5
  if (index($1, "mpi:") == 1) settings[$1] = 1
}

function median(key,    values, n, i, j, swap) {
  n = split(times[key], values, " ")
  if (n == 0) return 0
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && values[j] + 0 < values[j - 1] + 0; j--) {
      swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
    }
  return values[int((n + 1) / 2)] + 0
}

function ratio(a, b) { return b > 0 ? a / b : 0 }

END {
  n = split(sizes, size, " "); r = split(agents, ranks, " ")
  if (json) {
    printf "{\"bench\": \"allreduce\", \"type\": \"f32\", \"rounds\": %d, \"cores\": %d, \"cpu\": \"%s\", ", rounds, cores, cpu
    printf "\"vector\": \"%s\", \"peer\": \"%s\", \"load\": %s, \"wrong\": %d, \"rows\": [", vector, mpi, load, wrong
  } else {
    printf "all-reduce f32, median of %d rounds, microseconds; %s, %d cores, %s; peer: %s; load %s\n", rounds, cpu, cores, vector, mpi, load
    printf "own, common, private: where our results go; x: peer's best setting / own; memcpy: one core, one copy\n"
  }
  for (a = 1; a <= r; a++) {
    if (!json) printf "\n%s agents\n%10s %10s %10s %10s %10s %-20s %7s %10s %10s\n", ranks[a], "bytes", "own", "common", "private", "peer", "(setting)", "x", "memcpy", "memcpy/own"
    for (i = 1; i <= n; i++) {
      at = " " ranks[a] " " size[i]
      best = 0; which = "-"
      for (s in settings) {
        value = median(s at)
        if (value > 0 && (best == 0 || value < best)) { best = value; which = substr(s, 5) }
      }
      own = median("ddla_own" at); common = median("ddla_common" at); hidden = median("ddla_private" at)
      copy = median("memcpy 1 " size[i])
      comma = a > 1 || i > 1 ? ", " : ""
      if (json)
        printf "%s{\"agents\": %d, \"bytes\": %d, \"own_us\": %.2f, \"common_us\": %.2f, \"private_us\": %.2f, \"peer_us\": %.2f, \"peer_setting\": \"%s\", \"peer_over_own\": %.3f, \"memcpy_us\": %.2f, \"memcpy_over_own\": %.3f}", comma, ranks[a], size[i], own, common, hidden, best, which, ratio(best, own), copy, ratio(copy, own)
      else
        printf "%10d %10.1f %10.1f %10.1f %10.1f %-20s %7.2f %10.1f %10.2f\n", size[i], own, common, hidden, best, which, ratio(best, own), copy, ratio(copy, own)
    }
  }
  if (json) print "]}"
  else if (wrong) print "WRONG RESULTS: " wrong
  exit wrong > 0
}
