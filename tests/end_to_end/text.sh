# text.sh: a small GPT learns a text, is measured, continues it, goes on after a stop; what is no text is refused.
. "${0%/*}/training.sh"

value() { "$BUILD/bin/end_to_end_tool" json "$@"; }

text 4000 text.txt
text 600 other.txt
cat >job.yaml <<'J'
task: {kind: language-modelling}
data: {train: text.txt, validation_fraction: 0.1, test: other.txt}
model: {kind: transformer-decoder, blocks: 1, width: 32, heads: 2, window: 16}
train: {epochs: 12, batch: 25, shards: 4, optimizer: adamw, learning_rate: 0.01, weight_decay: 0.01, keep_best: true}
checkpoint: {every_steps: 50, keep: 100}
J
train 0 whole job.yaml -n 2
whole=$(sha whole/model.safetensors)
# 4000 characters are 249 windows of 16 and their targets; 25 of them, 400 characters, are set aside.
says whole/report.txt "nats for each character" "perplexity" "592 characters"
"$DDLA" eval whole --json --data validation >validation.json
[ "$(value validation.json characters)" = 400 ] || fail "$(cat validation.json)"
# Letters alone are worth log 26 = 3.26; which of three comes next, and where words end, can be learnt.
awk -v loss="$(value validation.json loss)" 'BEGIN { exit !(loss < 2.4) }' || fail "learnt too little: $(cat validation.json)"
[ "$(value whole/report.json best validation_loss | cut -c1-7)" = "$(value validation.json loss | cut -c1-7)" ] ||
  fail "eval and training measure $(value validation.json loss) and $(value whole/report.json best validation_loss)"
"$DDLA" eval whole >eval.txt
[ "$(sed -n 's/^test loss  *\([0-9.]*\).*/\1/p' eval.txt)" = "$(sed -n 's/^test loss  *\([0-9.]*\).*/\1/p' whole/report.txt)" ] ||
  fail "eval says another test loss"

# Any number of agents, and a run that was stopped in between.
train 0 three job.yaml -n 3
same_model "$whole" three
mkdir -p resumed/checkpoints
cp -r whole/checkpoints/step-00000050 resumed/checkpoints
cp whole/job.yaml whole/metrics.jsonl resumed
train 0 resumed job.yaml -n 1 --resume
same_model "$whole" resumed

# Continuing: as many characters as asked for, the same again, beyond the model's window, and others by another seed.
"$DDLA" predict whole --prompt ab --length 60 --top-k 5 --temperature 0.8 >1
"$DDLA" predict whole --prompt ab --length 60 --top-k 5 --temperature 0.8 --seed 1 >2
"$DDLA" predict whole --prompt ab --length 60 --top-k 5 --temperature 0.8 --seed 2 >3
"$DDLA" predict whole --prompt ab --length 20 --top-k 5 --temperature 0.8 >4
[ "$(wc -c <1)" -eq 63 ] || fail "not 62 characters and the line's end: $(cat 1)"
cmp 1 2 || fail "the same seed gives another text"
if cmp -s 1 3; then fail "another seed gives the same text"; fi
case $(cat 1) in "$(cat 4)"*) ;; *) fail "a longer text begins otherwise" ;; esac
"$DDLA" predict whole --prompt ab --length 40 --temperature 0 >5
"$DDLA" predict whole --prompt ab --length 40 --top-k 1 --seed 9 >6
cmp 5 6 || fail "the most probable character is not that of top-k 1"

refused() { # WORDS ARGUMENT...
  words=$1
  shift
  if "$DDLA" "$@" >refused.out 2>refused.err; then fail "accepted: $*"; fi
  says refused.err "$words"
}
refused "the character 'Q' (byte 1) is not among the 27" predict whole --prompt aQ
refused "byte 1 (0xff) is not part of valid UTF-8" predict whole --prompt "$(printf 'a\377')"
refused "give its beginning with --prompt" predict whole --length 3
refused "continues texts" predict whole 1.png
refused "--top-k '-1'" predict whole --prompt a --top-k -1
printf 'abc\377 def, and more text than one window' >bad.txt
refused "bad.txt: byte 3 (0xff) is not part of valid UTF-8" train job.yaml --set data.train=bad.txt --out bad
printf 'QQQQQQQQQQQQQQQQQQQQQQ' >strange.txt
refused "'Q'" train job.yaml --set data.test=strange.txt --out bad
refused "byte 0 begins the character 'Q'" eval whole --set data.test=strange.txt
printf 'short' >short.txt
refused "has 5 characters; at least 17 are needed" train job.yaml --set data.train=short.txt --out bad
refused "3 heads (model.heads) cannot share evenly" train job.yaml --set model.heads=3 --out bad
refused "transformer-encoder does that" train job.yaml --set task.kind=image-classification --set data.train=synthetic:8x8x1:3:50 \
  --set data.test= --out bad
refused "use transformer-decoder" train job.yaml --set model.kind=transformer-encoder --out bad
refused "is for images" train job.yaml --set data.flip=true --out bad
refused "takes images" train job.yaml --set model.kind=cnn --out bad

# The example, where its text is there (DDLA_DATA: a folder with tinyshakespeare/input.txt).
shakespeare=${DDLA_DATA:-}/tinyshakespeare/input.txt
if [ ! -f "$shakespeare" ]; then exit 0; fi
train 0 shakespeare "$SOURCE/examples/gpt.yaml" -n 2 --set "data.train=$shakespeare" --set train.steps=12 \
  --set train.warmup_steps=2
[ "$(value shakespeare/model.json classes)" = 65 ] || fail "Shakespeare has not 65 characters"
awk -v loss="$(value shakespeare/report.json best validation_loss)" 'BEGIN { exit !(loss < 3.4) }' ||
  fail "12 steps on Shakespeare leave a validation loss of $(value shakespeare/report.json best validation_loss)"
