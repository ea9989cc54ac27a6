# examples.sh CMAKE LIBDIR: the examples, built by their own Makefiles against what `make install` leaves, and run:
# the same bits for one agent and for two.
cmake=$1
libdir=$2
prefix=$PWD/prefix

fail() {
  echo "examples: $1" >&2
  exit 1
}

"$cmake" --install "$BUILD" --prefix "$prefix" >install.log || { cat install.log; fail "cmake --install"; }
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig" LD_LIBRARY_PATH="$prefix/$libdir"
cp -r "$SOURCE/examples" examples
for example in own_op own_task csv_mlp own_model all_reduce; do
  make -C "examples/$example" CFLAGS="-Werror -pedantic" >make.log 2>&1 || { cat make.log; fail "make -C examples/$example"; }
done
ddla=$prefix/bin/ddla

# Which of two numbers is the greater one.
rows() {
  awk -v first="$1" -v count="$2" 'BEGIN { print "a,b,greater"
    for (i = first; i < first + count; i++) { a = i * 37 % 101; b = i * 53 % 97; print a "," b "," (a > b ? "yes" : "no") } }'
}
rows 1 400 >train.csv
rows 401 100 >test.csv

# same NAME COMMAND...: COMMAND with a run directory and a number of agents says the same words, the model's hash among them.
same() {
  name=$1
  shift
  for n in 1 2; do
    "$@" "$name$n" $n >"$name$n.out" 2>&1 || { cat "$name$n.out"; fail "$name with $n agents"; }
  done
  cmp -s "$name"1.out "$name"2.out || { cat "$name"1.out "$name"2.out; fail "$name: another number of agents, other bits"; }
  accuracy=$(sed -n 's/^test accuracy \([0-9.]*\), model [0-9a-f]\{64\}$/\1/p' "$name"1.out)
  awk -v a="${accuracy:-0}" 'BEGIN { exit !(a > 0.9) }' || { cat "$name"1.out; fail "$name does not learn"; }
}
[ "$(wc -l <"$SOURCE/examples/csv_mlp/csv_mlp.c")" -lt 40 ] || fail "csv_mlp.c has 40 lines or more"
same csv_mlp examples/csv_mlp/csv_mlp train.csv test.csv
same own_op examples/own_op/own_op train.csv test.csv
examples/own_op/own_op check | grep -q "gradients agree with finite differences in 4 cases" || fail "own_op check"
if examples/csv_mlp/csv_mlp none.csv test.csv no 2>err; then fail "a file that is not there"; fi
grep -q "csv_mlp: .*none.csv" err || { cat err; fail "csv_mlp does not name the file"; }

# The plug-in, by the program.
cd examples/own_task
"$ddla" check libown_task.so | grep -q "op      log_cosh.*agree with finite differences" || fail "check"
./make_points train.points 4000
./make_points test.points 500
for n in 1 2; do
  "$ddla" train job.yaml -n $n --out run$n -q || fail "own_task with $n agents"
done
[ "$(sha256sum <run1/model.safetensors)" = "$(sha256sum <run2/model.safetensors)" ] || fail "own_task: other bits"
"$ddla" eval run2 >eval.out || fail "eval of own_task"
error=$(sed -n 's/^test error *\([0-9.]*\) .*/\1/p' eval.out)
awk -v e="${error:-9}" 'BEGIN { exit !(e < 0.05) }' || { cat eval.out; fail "own_task does not learn"; }
grep -q "^test error *$error " run2/report.txt || { cat run2/report.txt; fail "eval and report differ"; }
grep -q '"validation_mean_absolute_error"' run2/metrics.jsonl || fail "the metric is not in metrics.jsonl"
printf '0.5,1\n' >one.csv
"$ddla" predict run2 --csv one.csv | awk -F'\t' '{ exit !(NF == 3 && $2 > 0.4 && $2 < 0.6 && $3 > -0.9 && $3 < -0.6) }' ||
  fail "predict: $("$ddla" predict run2 --csv one.csv)"
head -c 1000 test.points >short.points
if "$ddla" train job.yaml --out no -q --set data.test=short.points 2>err; then fail "a file that is cut short"; fi
grep -q "short.points ends within sample 61 of 500" err || { cat err; fail "words about a file that is cut short"; }

# Headers are clean enough for a plug-in in C++, and the program loads it.
cat >plain.cc <<'CC'
#include <ddla/plugin.h>
static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input, int64_t classes, const ddla_job *) {
  DDLA_TRY(ddla_layer_flatten(logits, graph, input));
  return ddla_layer_linear(logits, graph, "only", *logits, classes);
}
static const ddla_named_model model = {"one-layer", "a linear layer", build};
static const ddla_named_model *const models[] = {&model, nullptr};
DDLA_PLUGIN("plain", "in C++", nullptr, models, nullptr, nullptr);
CC
# shellcheck disable=SC2046
${CXX:-c++} -std=c++11 -Wall -Wextra -Werror -pedantic -fPIC -shared plain.cc -o plain.so $(pkg-config --cflags ddla)
printf '%s\n' 'task: {plugins: [plain.so]}' 'data: {train: ../../train.csv}' 'model: {kind: one-layer}' 'train: {epochs: 1}' >plain.yaml
"$ddla" train plain.yaml --out plain -q || fail "a plug-in in C++"
