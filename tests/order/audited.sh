# What rows of output.audit must say of a run; sourced, behind training.sh.

# checked RUN SAMPLES USED EPOCHS: of so many samples every epoch has used so many, each once.
checked() {
  cat "$1"/agents/*.audit >rows
  awk -v samples="$2" -v used="$3" -v epochs="$4" '
    !/^{"step": [0-9]+, "epoch": [0-9]+, "shard": [0-9]+, "samples": \[[0-9, ]+\]}$/ { print "no row: " $0; bad = 1; exit }
    {
      match($0, /"epoch": [0-9]+/)
      epoch = substr($0, RSTART + 9, RLENGTH - 9) + 0
      match($0, /\[.*\]/)
      count = split(substr($0, RSTART + 1, RLENGTH - 2), list, ", ")
      for (i = 1; i <= count; i++) {
        if (list[i] + 0 >= samples) { print "no sample: " list[i]; bad = 1; exit }
        if (seen[epoch, list[i]]++) { print "epoch " epoch ": sample " list[i] " comes twice"; bad = 1; exit }
        have[epoch]++
      }
    }
    END {
      if (bad) exit 1
      for (epoch in have) found++
      if (found != epochs) { print found + 0 " epochs, not " epochs; exit 1 }
      for (epoch = 0; epoch < epochs; epoch++)
        if (have[epoch] != used) { print "epoch " epoch ": " have[epoch] + 0 " samples, not " used; exit 1 }
    }' rows >rows.wrong || fail "$1: $(cat rows.wrong)"
}
