# full.sh DRAWN [PATTERN]: every line of designed.txt (those that match PATTERN), then DRAWN runs of end_to_end/hang.sh
# with parameters from a seed: a run hangs, and within 3 s of the limit one screen says which agent is late, in which
# phase, and why, and so does `ddla why`. Prints a table; fails below 99 % right. HANG_SEED sets the seed (1), HANG_JOBS
# how many runs go on at once (5; they mostly wait).
. "$SOURCE/tests/hang/jobs.sh"
drawn=$1
pattern=${2:-.}
seed=${HANG_SEED:-1}
jobs=${HANG_JOBS:-5}
tab=$(printf '\t')
echo "seed $seed, $jobs runs at once"
trap 'kill $(jobs -p) 2>/dev/null; exit 1' INT TERM

REFERENCE=$PWD/reference
export REFERENCE
mkdir reference
for model in mlp clip cnn resnet text; do # what an undisturbed run makes
  mkdir "run.$model"
  (
    cd "run.$model"
    write_job $model step
    "$DDLA" train -q job.yaml -n 1 --out run
    sha256sum <run/model.safetensors >"$REFERENCE/$model"
  )
done

# The rounds: NUMBER, a tab, and a line of designed.txt or the words "drawn KIND SEED".
grep -v -e '^#' -e '^$' "$SOURCE/tests/hang/designed.txt" | grep -E -- "$pattern" >lines || true
i=0
while [ $i -lt "$drawn" ]; do
  case $((i % 6)) in 0) kind=stopped ;; 1) kind=looping ;; 2) kind=reading ;; 3) kind=skipping ;; 4) kind=unreaped ;; 5) kind=orphaned ;; esac
  echo "drawn $kind $((seed * 1000 + i))" >>lines
  i=$((i + 1))
done
awk '{ printf "%d\t%s\n", NR, $0 }' lines >rounds
[ -s rounds ] || { echo "no line of designed.txt matches $pattern" >&2; exit 1; }
mkdir round

# one NUMBER LINE: plays a round; its verdict is the last line of round/NUMBER/out.
one() {
  mkdir "round/$1"
  cd "round/$1"
  case $2 in
    drawn*)
      # shellcheck disable=SC2086 # three words
      set -- $2
      if DDLA_TEST_SEED=$3 HANG_STRICT=1 sh -eu "$SOURCE/tests/end_to_end/hang.sh" 1 "$2" >out 2>&1; then
        echo "right $(sed -n 's/^shown after //p' out | tail -1)" >>out
      else
        echo "wrong: $(tr '\n' ' ' <out)" >>out
      fi
      ;;
    *) sh -eu "$SOURCE/tests/hang/round.sh" "$1" "$2" >out 2>&1 || echo "wrong: the script failed: $(tail -3 out | tr '\n' ' ')" >>out ;;
  esac
}

# Side by side: each takes every $jobs-th round.
slot=0
while [ $slot -lt "$jobs" ]; do
  (
    while IFS=$tab read -r number line; do
      [ $((number % jobs)) -ne $slot ] || (one "$number" "$line" </dev/null)
    done <rounds
  ) &
  slot=$((slot + 1))
done
wait

echo "kind        rounds  right  slowest screen after its limit (s)"
while IFS=$tab read -r number line; do
  kind=$(echo "$line" | sed 's/^drawn \([a-z]*\).*/\1/; s/ *|.*//')
  case $line in drawn*) kind="drawn-$kind" ;; esac
  verdict=$(grep -E '^(right|wrong)' "round/$number/out" | tail -1)
  printf '%s\t%s\t%s\n' "$kind" "$(echo "$verdict" | cut -d' ' -f1)" "$(echo "$verdict" | awk '{ print $2 - $3 }')"
  case $verdict in right*) ;; *) printf '%s\t%s\n%s\n' "$number" "$line" "$(tail -12 "round/$number/out")" >>missed ;; esac
done <rounds >verdicts
awk -F'\t' '{ all[$1]++; if (!($1 in seen)) { seen[$1]; order[++n] = $1 } }
  $2 == "right" { right[$1]++; total++; if ($3 > slow[$1]) slow[$1] = $3 }
  END { for (i = 1; i <= n; i++) { k = order[i]
          printf "%-16s %4d %6d  %s\n", k, all[k], right[k], (slow[k] > 0 ? sprintf("%.2f", slow[k] / 1000) : "") }
        printf "%-16s %4d %6d  %.1f %%\n", "all", NR, total, 100 * total / NR
        exit !(total >= 0.99 * NR) }' verdicts && status=0 || status=1
[ ! -s missed ] || cat missed
exit $status
