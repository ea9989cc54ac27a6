# bad.sh SOURCE.c: plug-ins that cannot be used are refused in one line that names job, file, reason and what to do; nothing
# crashes, and no run directory is left.
. "${0%/*}/../end_to_end/training.sh"

source=$1
printf '%s\n' 'task: {kind: work, plugins: [libbad.so]}' 'data: {train: given, format: given}' 'model: {kind: plain}' \
  'train: {batch: 16, epochs: 1}' >job.yaml

# expect STATUS WORDS COMMAND...
expect() {
  wanted=$1
  words=$2
  shift 2
  code=0
  "$@" >out.out 2>out.err || code=$?
  [ $code -eq "$wanted" ] || { cat out.err; fail "status $code, not $wanted ($words)"; }
  [ "$(wc -l <out.err)" -eq 1 ] || { cat out.err; fail "not one line of error ($words)"; }
  grep -q "^ddla: .*$words" out.err || { cat out.err; fail "does not say '$words'"; }
}
refused() { # WORDS: by train, which leaves nothing, and names the place in the job
  expect 2 "$1" "$DDLA" train job.yaml -n 2 --out run -q
  [ ! -e run ] || fail "a run directory was left ($1)"
}
placed() { # WORDS: the plug-in is refused: job, line and file are named, by info too
  refused "job.yaml:1:[0-9]*: task.plugins names $PWD/libbad.so, which $1"
  expect 2 "$1" "$DDLA" info ops job.yaml
}
build_bad() { # NUMBER
  ${CC:-cc} -std=c11 -O1 -Wall -Wextra -fPIC -shared -DBAD="$1" "$source" -o libbad.so -I"$SOURCE/include" 2>cc.out ||
    { cat cc.out; fail "bad.c does not compile"; }
}

# Files that are no plug-ins.
placed "cannot be opened: No such file or directory"
mkdir libbad.so
placed "is not a file"
rmdir libbad.so
echo "not an object, but as long as the head of one has to be, which is sixty-four" >libbad.so
placed "is no object file; expected a shared object"
: >libbad.so
placed "is no object file; expected a shared object"
echo 'int f(void) { return 1; }' >plain.c
${CC:-cc} -fPIC -shared plain.c -o libbad.so
placed "is a shared object without the entry ddla_plugin_entry; it must say DDLA_PLUGIN"
${CC:-cc} -c plain.c -o libbad.so
placed "is an object file, but no shared object"
build_bad 0
bytes=$(stat -c %s libbad.so)
for part in 100 300 4000 9000 $((bytes / 2)); do
  build_bad 0
  [ "$part" -lt $((bytes - 4000)) ] || continue
  head -c "$part" libbad.so >cut.so
  mv cut.so libbad.so
  placed "is a shared object that is cut short"
done
build_bad 0
chmod 000 libbad.so
[ "$(id -u)" -eq 0 ] || placed "cannot be"
chmod 644 libbad.so
refuse_set() { expect 2 "$1" "$DDLA" train job.yaml --out run -q --set "$2"; }
refuse_set "libbad.so, which is named twice" 'task.plugins=[libbad.so, ./libbad.so]'
refuse_set "task.plugins has 9 items, but at most 8" 'task.plugins=[a, b, c, d, e, f, g, h, i]'
refuse_set "must be a list of paths" 'task.plugins=libbad.so'
refuse_set "has the item a list" 'task.plugins=[[libbad.so]]'
refuse_set "--set.*no.so, which cannot be opened" 'task.plugins=[no.so]'
cp libbad.so libworse.so
refuse_set "has the op twice, a name that another" 'task.plugins=[libbad.so, libworse.so]'

# The same rows without a fault work, so that what follows is refused for its fault.
"$DDLA" train job.yaml -n 2 --out fine -q || fail "the plug-in without a fault"
"$DDLA" check libbad.so >/dev/null || fail "check of the plug-in without a fault"

while read -r number how words; do
  build_bad "$number"
  $how "$words"
done <<'CASES'
1 placed was built for version 4711 of the plug-in interface, not 1; compile it again with the headers of this program
2 placed was built for another version: its ddla_plugin has 1 bytes, not .*compile it again
3 placed cannot be loaded: undefined symbol: ddla_of_the_future; it needs what this program does not have
4 placed has no name
5 refused task.plugins cannot be used: an op is named relu, as one of ddla's own is; choose another name
6 placed has the op twice, a name that another plug-in or row has already
7 placed has the op twice, which lacks one of its functions
8 placed names its op 'a name'; expected at most 40 letters
9 refused task.plugins cannot be used: a plug-in has the model cnn, but ddla has one of this name
10 refused a plug-in has the task language-modelling, but ddla has one of this name
11 placed has the task work, which lacks one of its functions
12 refused a plug-in has the format csv, but ddla has one of this name
13 refused given: its format made no records
14 refused twice: output 0 has \[1152921504606846976, 2\], more than
15 refused twice: output 0 has number format 77, which there is not
16 refused twice: has 3 outputs; 1 to 2 are possible
17 refused twice: its output is said to be input 4, which is not there
18 refused cross_entropy: .*\[1, 2\]
22 refused task work sets no value loss
23 refused
24 refused task work gives loss as F32 \[1, 2\]; expected F64 \[\]
25 refused model plain: gives no value of the graph
26 refused given: label -3 of sample 9 is out of range; expected 0 to 65535
27 refused given: its format makes 64 samples of 1 x 1099511627776 x 2 .*no shape of a sample
28 refused given: its format makes records twice
CASES

# Ops that are wrong in what they compute.
while read -r number status words; do
  build_bad "$number"
  expect "$status" "$words" "$DDLA" check libbad.so
done <<'CASES'
19 70 op twice, case 0: gradient of input 0, element 0 is .*, finite difference
20 70 op twice, case 0: twice: bytes before .* were overwritten
21 70 op twice, case 0: element 0 of output 0 is -*inf
29 2 op twice has no sample cases
CASES
expect 2 "takes one plug-in" "$DDLA" check
