# replicas_learn.sh: methods of sync.mode accumulated learn what synchronous training learns: softmax regression and a
# small MLP on 1000 images, by the test's accuracy; and the residuals of admm fall.
. "${0%/*}/training.sh"

samples train 1000 data
samples t10k 1000 data

cat >regression.yaml <<'J'
data: {train: data}
model: {kind: layers, layers: [flatten, {linear: classes}]}
train: {shards: 3, batch: 1000, steps: 400, optimizer: sgd, momentum: 0.9, learning_rate: 0.02, schedule: constant,
        weight_decay: 0.01}
sync: {mode: accumulated, method: average, interval: 20, penalty: 0.1}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
J
cat >mlp.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [32]}
train: {shards: 3, batch: 96, epochs: 12, optimizer: adamw, learning_rate: 0.003}
sync: {mode: accumulated, method: average, interval: 8, fragments: 2, penalty: 0.02}
parallel: {lanes: 1}
checkpoint: {every_epochs: 0}
J

# accuracy RUN: of the test, in ten-thousandths.
accuracy() {
  sed -n '/"test": {/,/}/s/^ *"accuracy": \([0-9.]*\),*$/\1/p' "$1/report.json" | head -1 |
    awk '{ printf "%d\n", 10000 * $1 + 0.5 }'
}

for job in regression mlp; do
  train 0 $job-synchronous $job.yaml -n 3 --set sync.mode=synchronous --set sync.method=allreduce --set sync.interval=1
  wanted=$(accuracy $job-synchronous)
  [ "$wanted" -gt 7000 ] || fail "$job: synchronous training reaches $wanted / 10000"
  for method in average diloco streaming elastic admm; do
    train 0 $job-$method $job.yaml -n 3 --set sync.method=$method
    found=$(accuracy $job-$method)
    [ "$found" -gt $((wanted - 400)) ] || fail "$job: $method reaches $found / 10000, synchronous training $wanted"
  done
  train 0 $job-int4 $job.yaml -n 3 --set sync.method=diloco --set sync.codec=int4
  found=$(accuracy $job-int4)
  [ "$found" -gt $((wanted - 400)) ] || fail "$job: diloco by int4 reaches $found / 10000, synchronous training $wanted"
done

# Replicas agree more and more, and the global model comes to rest.
residuals() { sed -n "s/.*\"$1\": \([0-9.e-]*\).*/\1/p" regression-admm/metrics.jsonl; }
for name in primal_residual dual_residual; do
  residuals $name | awk -v name=$name 'NR == 60 { early = $1 } { late = $1 }
    END { if (!(late < 0.75 * early)) { print name " fell from " early " to " late " only"; exit 1 } }' >words ||
    fail "$(cat words)"
done
