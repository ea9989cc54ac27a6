# Read by the other scripts of this directory: numbers out of JSON, medians, what machine this is.

field() { # KEY: the first value of this key in the JSON on standard input, without quotes
  tr '\n' ' ' | grep -o "\"$1\": *\(\"[^\"]*\"\|[^,}\"]*\)" | head -n 1 | sed 's/^"[^"]*": *//; s/^"//; s/" *$//; s/ *$//'
}

median() { # the numbers on standard input, one a line
  sort -g | awk '{ value[NR] = $1 } END {
    if (NR == 0) print 0
    else if (NR % 2) print value[(NR + 1) / 2]
    else print (value[NR / 2] + value[NR / 2 + 1]) / 2
  }'
}

load_average() { cut -d' ' -f1 /proc/loadavg; }

processor() { sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1; }

vectors() { # the widest instructions of this processor
  grep -o -m1 -w -e avx512f /proc/cpuinfo || grep -o -m1 -w -e avx2 /proc/cpuinfo || uname -m
}

machine() { echo "$(processor), $(nproc) processors, $(vectors); load $(load_average) at the start"; }

# The processors that agents are pinned to, one each: the first ones that this process may use.
processor_list() { # COUNT
  taskset -cp $$ | sed 's/.*: //' | tr , '\n' | while IFS=- read -r first last; do
    seq "$first" "${last:-$first}"
  done | head -n "$1"
}

# Runs a command whose child processes are agents, and pins each of them to a processor of its own.
pinned_agents() { # COUNT COMMAND...
  agents=$1
  shift
  "$@" &
  launcher=$!
  for try in $(seq 1 200); do
    children=$(pgrep -P "$launcher" || true)
    if [ "$(echo "$children" | wc -w)" -ge "$agents" ]; then break; fi
    sleep 0.01
  done
  set -- $(processor_list "$agents")
  for child in $children; do
    if [ $# -gt 0 ]; then taskset -a -cp "$1" "$child" >/dev/null 2>&1 || true; shift; fi
  done
  wait "$launcher"
}

# A run of `ddla bench step` in JSON, agents of one lane, each pinned to a processor.
our_step() { # AGENTS JOB OPTIONS...
  count=$1
  shift
  if [ "$count" = 1 ]; then
    taskset -c "$(processor_list 1)" "$program" bench step "$@" -n 1 --lanes 1 --json
  else
    pinned_agents "$count" "$program" bench step "$@" -n "$count" --lanes 1 --json
  fi
}

build_program() { # BUILD: brings the program of this build directory up to date and sets `program` to it
  if [ ! -f "$1/CMakeCache.txt" ]; then cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release >&2; fi
  cmake --build "$1" --target ddla >"$1/bench.log" || { cat "$1/bench.log" >&2; return 1; }
  program=$1/ddla
}

# Files of the data set into the page cache.
warm_data() { cat /usr/share/datasets/fashion-mnist/*.gz >/dev/null; }

# From lines `SEED FIRST SECOND WORSE` on standard input: a table of pairs, and the mean of WORSE with the bound that it has with
# 95 %, one-sided, by Student's distribution.
paired() { # FIRST SECOND MARGIN UNIT
  awk -v first="$1" -v second="$2" -v margin="$3" -v unit="$4" '
    BEGIN {
      split("6.314 2.920 2.353 2.132 2.015 1.943 1.895 1.860 1.833", t, " ") # by degrees of freedom
      printf "%-8s %10s %10s %10s\n", "seed", first, second, "worse"
    }
    { printf "%-8s %10.4f %10.4f %10.4f\n", $1, $2, $3, $4; a += $2; b += $3; d += $4; dd += $4 * $4; n++ }
    END {
      if (n < 2 || n > 10) exit
      mean = d / n
      most = mean + t[n - 1] * sqrt((dd - n * mean * mean) / (n - 1) / n)
      printf "%-8s %10.4f %10.4f %10.4f %s; with 95 %% at most %.4f; allowed %g: %s\n", "mean", a / n, b / n, mean, unit,
        most, margin, most <= margin ? "yes" : "NO" }'
}
