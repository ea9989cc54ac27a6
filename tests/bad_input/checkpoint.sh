# checkpoint.sh: damaged checkpoints. One that is not whole is passed over for an older one, and the run still ends with
# the same model; where none is whole, or it is of another kind, going on is refused with status 2 and changes nothing.
. "${0%/*}/refusing.sh"

samples train 300 data
cat >job.yaml <<'J'
data: {train: data}
model: {kind: mlp, hidden: [16]}
train: {batch: 60, epochs: 2, optimizer: adamw}
checkpoint: {every_steps: 2, keep: 100}
J
train 0 whole job.yaml
whole=$(sha whole/model.safetensors)

fresh() { # a run that has come to step 8, with checkpoints of steps 6 and 8
  rm -rf out
  mkdir -p out/checkpoints
  cp whole/job.yaml whole/metrics.jsonl out
  cp -r whole/checkpoints/step-00000006 whole/checkpoints/step-00000008 out/checkpoints
  newest=out/checkpoints/step-00000008
  older=out/checkpoints/step-00000006
}
flip() { # FILE PLACE: turns all bits of a byte
  byte=$(tail -c "+$(($2 + 1))" "$1" | head -c 1 | od -An -tu1)
  { head -c "$2" "$1"; number 1 $((255 - byte)); tail -c "+$(($2 + 2))" "$1"; } >flipped
  cat flipped >"$1"
}
shorten() { # FILE BYTES: leaves the first bytes
  head -c "$2" "$1" >part
  cat part >"$1"
}
spoil() { # HOW FOLDER
  size=$(wc -c <"$2/model.safetensors")
  case $1 in
    cut) shorten "$2/model.safetensors" $((size - 1)) ;;
    cut-header) shorten "$2/state.safetensors" 100 ;;
    empty) shorten "$2/state.safetensors" 0 ;;
    long) echo >>"$2/model.safetensors" ;;
    flip-length) flip "$2/model.safetensors" 6 ;;
    flip-header) flip "$2/state.safetensors" 20 ;;
    flip-first) flip "$2/model.safetensors" $((size / 2)) ;;
    flip-last) flip "$2/state.safetensors" $(($(wc -c <"$2/state.safetensors") - 1)) ;;
    no-state) rm "$2/state.safetensors" ;;
    no-model) rm "$2/model.safetensors" ;;
    swapped) cp whole/checkpoints/step-00000004/model.safetensors "$2/model.safetensors" ;;
  esac
}
listing() { find out -type f -not -path '*/agents/*' | sort | xargs sha256sum; }

agents=1
for how in cut cut-header empty long flip-length flip-header flip-first flip-last no-state no-model swapped; do
  fresh
  spoil $how "$newest"
  train 0 out job.yaml -n $agents --resume
  same_model "$whole" out
  says out/agents/0.log "step-00000008" "resumes from out/checkpoints/step-00000006"
  fresh
  spoil $how "$newest"
  spoil $how "$older"
  listing >before
  train 2 out job.yaml -n $agents --resume
  said "out/checkpoints" "$how"
  listing >after
  cmp -s before after || { diff before after >&2; fail "a refused run changed files: $how"; }
  agents=$((agents % 3 + 1))
done

# What a crash leaves of a checkpoint under way is no checkpoint, and is cleared away.
fresh
cp -r "$newest" out/checkpoints/step-00000009.tmp-1
shorten out/checkpoints/step-00000009.tmp-1/model.safetensors 1000
train 0 out job.yaml -n 2 --resume
same_model "$whole" out
[ ! -e out/checkpoints/step-00000009.tmp-1 ] || fail "what a crash left is still there"

# A directory that holds a run is not written to unasked.
listing >before
train 2 out job.yaml
said "out already holds a run|--resume|--out|output.overwrite" "a second run in one directory"
listing >after
cmp -s before after || fail "a refused second run changed files"
train 0 out job.yaml --set output.overwrite=true --set train.steps=4
[ ! -e out/checkpoints/step-00000010 ] || fail "checkpoints of the replaced run are left"
