# ddla predict: images as eval sees them, tables, answers for people and programs, what is refused.
. "$SOURCE/tests/end_to_end/training.sh"
tool=$BUILD/bin/end_to_end_tool
samples train 640 data
samples t10k 20 data

value() {
  "$tool" json "$@" || fail "$*"
}

# refused WORDS ARGUMENT...: ddla predict ARGUMENT... ends with 2, prints nothing, and says WORDS.
refused() {
  words=$1
  shift
  got=0
  "$DDLA" predict "$@" >out 2>err || got=$?
  [ "$got" -eq 2 ] || fail "exit status $got, not 2: predict $*"
  [ ! -s out ] || fail "predict $*: printed $(cat out)"
  says err "$words"
}

train 0 run "$SOURCE/examples/fashion-mnist.yaml" --set data.train=data --set train.steps=12 --set train.batch=64
images=""
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
  "$tool" png data $i $i.png
  images="$images $i.png"
done

# The same images, so as many are right as eval says.
# shellcheck disable=SC2086 # a list of words
"$DDLA" predict run $images >answers
[ "$(wc -l <answers)" -eq 20 ] || fail "not one line per image"
right=0
i=0
while IFS="$(printf '\t')" read -r file label probability; do
  [ "$file" = "$i.png" ] || fail "line $i is about $file"
  [ "$label" != "$("$tool" label data $i)" ] || right=$((right + 1))
  case "$probability" in 0.* | 1.0*) ;; *) fail "$file: probability $probability" ;; esac
  i=$((i + 1))
done <answers
"$DDLA" eval run --json >eval.json
[ "$(value eval.json accuracy)" = "$(awk "BEGIN { printf \"%.9g\", $right / 20 }")" ] ||
  [ "$(value eval.json accuracy)" = "$right.0" ] || fail "$right of 20 are right, eval says $(value eval.json accuracy)"
[ "$right" -gt 3 ] || fail "only $right of 20 are right"

# Scaled threefold, the shrunk image is the same again; all classes add up to 1.
"$tool" png data 3 large.png 3
"$DDLA" predict run 3.png large.png --top 10 --json >top.json
[ "$(value top.json predictions 0 top 0 label)" = "$(value top.json predictions 1 top 0 label)" ] ||
  fail "the enlarged image is taken for something else"
for i in 0 1 2 3 4 5 6 7 8 9; do value top.json predictions 0 top $i probability; done >probabilities
sort -rg probabilities >sorted
cmp probabilities sorted || fail "the most probable class is not first"
awk '{ sum += $1 } END { exit !(sum > 0.9999 && sum < 1.0001) }' probabilities || fail "not 1 in all"
[ "$("$DDLA" predict run 3.png -k 2 | tr '\t' '\n' | wc -l)" -eq 5 ] || fail "--top 2: not two classes"

echo text >bad.png
head -c 200 4.png >cut.png
refused "bad.png is not a PNG image" run 1.png bad.png
refused "2 of 4 images" run 1.png bad.png 2.png cut.png
says err bad.png cut.png
refused "cannot read missing.png" run missing.png
refused "not tables" run --csv 1.png
refused "takes a run directory and then images" run
refused "expected a whole number from 1 to 1000" run 1.png --top 0
refused "--top needs a value" run 1.png --top

# Tables: with and without header and label, names of classes from training.
awk 'BEGIN { srand(1); print "a,b,kind"
  for (i = 0; i < 300; i++) { k = i % 3; printf "%.4f,%.4f,%s\n", 3 * k + rand(), 2 * (k == 1) + rand(),
    k == 0 ? "ash" : k == 1 ? "birch" : "cedar" } }' >trees.csv
cat >trees.yaml <<'END'
data: {train: trees.csv, test: trees.csv}
model: {kind: mlp, hidden: [16]}
train: {epochs: 20, batch: 30}
END
train 0 trees trees.yaml
says trees/report.txt "test accuracy    1.0000" birch
"$DDLA" predict trees --csv trees.csv >with_label
[ "$(head -n 3 with_label | cut -f2 | tr '\n' ' ')" = "ash birch cedar " ] || fail "$(head -n 3 with_label)"
cut -d, -f1,2 trees.csv >no_label.csv
tail -n +2 no_label.csv >no_header.csv
"$DDLA" predict trees --csv no_label.csv >without_label
"$DDLA" predict trees --csv no_header.csv >without_header
sed 's/^[^#]*#//' with_label >1
sed 's/^[^#]*#//' without_label >2
sed 's/^[^#]*#//' without_header >3
cmp 1 2 || fail "the label's column changes the answer"
cmp 1 3 || fail "the header changes the answer"
"$DDLA" predict trees --csv no_label.csv --json >rows.json
[ "$(value rows.json predictions 299 row)" = 300 ] || fail "not 300 rows"
[ "$(value rows.json predictions 2 top 0 class)" = 2 ] || fail "cedar is not class 2"
refused "rows of 2 numbers, not images" trees 1.png
cut -d, -f1 no_label.csv >narrow.csv
refused "has 1 columns" trees --csv narrow.csv
printf '1,2\nx,3\n' >words.csv
refused "words.csv" trees --csv words.csv
refused "missing.csv" trees --csv missing.csv
