# consensus.sh: `admm` and `elastic` reach what their papers' loops in one process reach (consensus_reference): the distance of
# the replicas to the global model, its accuracy and its loss, on a convex job (logistic regression) and on one that is not.
# Replicas own their parts of the data and train on all of it in each step, so that nothing is left to chance.
. "${0%/*}/../end_to_end/training.sh"
reference=$BUILD/bin/consensus_reference

# points COUNT SEED: three clouds of points in eight dimensions, which overlap.
points() {
  awk -v count="$1" -v seed="$2" 'BEGIN {
    for (i = 0; i < count; i++) {
      class = i % 3
      for (k = 0; k < 8; k++) {
        noise = 0
        for (n = 0; n < 6; n++) noise += uniform() - 0.5
        printf "%.5f,", cos(1 + class * 2.1 + k * 1.3) * 0.8 + 1.3 * noise
      }
      print class
    }
  }
  function uniform() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }'
}
points 480 11 >train.csv
points 1500 12 >test.csv

# trained METHOD HIDDEN ROUNDS INTERVAL RATE STRENGTH: the same three numbers of ddla.
trained() {
  case $1 in admm) key=sync.penalty ;; *) key=sync.moving_rate ;; esac
  hidden="[]"
  if [ "$2" != 0 ]; then hidden="[$2]"; fi
  train 0 "$1-$2" job.yaml -n 4 --set sync.method="$1" --set model.hidden="$hidden" --set train.steps=$(($3 * $4)) \
    --set sync.interval="$4" --set train.learning_rate="$5" --set "$key=$6"
  sed -n '/"test"/,$p' "$1-$2/report.json" | sed -n 's/^ *"\(accuracy\|loss\)": \([0-9.e-]*\),*$/\1 \2/p' | sort -u >"$1-$2.test"
  echo "$(awk '$1 == "accuracy" { print $2 }' "$1-$2.test") $(awk '$1 == "loss" { print $2 }' "$1-$2.test")" \
    "$(sed -n 's/.*"primal_residual": \([0-9.e-]*\).*/\1/p' "$1-$2/metrics.jsonl" | tail -n 1)"
}

cat >job.yaml <<'J'
data: {train: train.csv, test: test.csv, standardize: false, partition: iid}
model: {kind: mlp}
train: {batch: 480, shards: 4, optimizer: sgd, momentum: 0, nesterov: false, weight_decay: 0.01, schedule: constant, validate_every: 100}
sync: {mode: accumulated}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
J

# compare METHOD HIDDEN ROUNDS INTERVAL RATE STRENGTH POINTS LOSS: accuracies may differ by POINTS, losses by a part of LOSS;
# replicas are no further apart than 1.5 times as far, or nowhere.
compare() {
  wanted=$("$reference" train.csv test.csv "$1" "$2" "$3" "$4" "$5" "$6")
  got=$(trained "$1" "$2" "$3" "$4" "$5" "$6")
  echo "$1, hidden $2: $got; reference $wanted"
  echo "$got $wanted" | awk -v points="$7" -v part="$8" '{
    exit !(NF == 6 && 100 * ($4 - $1) <= points && $2 <= (1 + part) * $5 && $3 <= 1.5 * $6 + 1e-4)
  }' || fail "$1, hidden $2: accuracy, loss, distance $got; in one process $wanted"
}

compare admm 0 60 10 0.5 0.1 0.5 0.01
compare elastic 0 60 10 0.5 0.9 0.5 0.01
compare admm 16 80 10 0.3 0.3 1.5 0.05
compare elastic 16 80 10 0.3 0.9 1.5 0.05
