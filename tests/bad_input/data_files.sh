# data_files.sh: data sets that the program must refuse, whatever the format: status 2, one message that names the file
# and what is wrong, and no run directory. The readers' own tests go deeper.
. "${0%/*}/refusing.sh"

printf 'model: {kind: mlp, hidden: [8]}\ntrain: {batch: 20, epochs: 1}\n' >job.yaml
bad() { # WORDS ARGUMENT...: the data in folder or file bad are refused
  words=$1
  shift
  refuse 2 "$words" job.yaml -n 2 --set "data.train=$bad" "$@"
}
fresh() { # NAME: a good data set in folder NAME
  bad=$1
  samples train 100 "$bad"
  images=$bad/train-images-idx3-ubyte
  labels=$bad/train-labels-idx1-ubyte
}

bad=nowhere
bad "nowhere|No such file"
mkdir bare
bad=bare
bad "bare|idx"

fresh cut-gzip
gzip "$images"
head -c 4000 "$images.gz" >cut
mv cut "$images.gz"
bad "train-images-idx3-ubyte.gz|cut short"

fresh cut
head -c 5000 "$images" >part
mv part "$images"
bad "cut/train-images-idx3-ubyte"

fresh magic
{ number 4 2052; tail -c +5 "$images"; } >other
mv other "$images"
bad "magic/train-images-idx3-ubyte"

fresh counts
{ number 4 2049; number 4 99; tail -c +9 "$labels" | head -c 99; } >other
mv other "$labels"
bad "100|99|counts/"

fresh range
{ head -c 60 "$labels"; printf '\012'; tail -c +62 "$labels"; } >other # label 10 of sample 52
mv other "$labels"
bad "10|data.classes" --set data.classes=10

fresh none
{ number 4 2051; number 4 0; number 4 28; number 4 28; } >"$images"
{ number 4 2049; number 4 0; } >"$labels"
bad "none|no samples"

fresh few
samples train 5 few
bad "5|8|data.train"

fresh tested
{ number 4 2051; number 4 1; number 4 2; number 4 2; printf 'abcd'; } >tested/t10k-images-idx3-ubyte
{ number 4 2049; number 4 1; printf '\001'; } >tested/t10k-labels-idx1-ubyte
bad "data.test|2 x 2|28 x 28"

bad=ragged.csv
printf '1,2,0\n3,4,1\n5,1\n' >ragged.csv
bad "ragged.csv, line 3"
bad=words.csv
printf '1,2,0\n3,x,1\n' >words.csv
bad "words.csv, line 2"
bad=huge.csv
printf '1,1e999,0\n3,1,1\n' >huge.csv
bad "huge.csv, line 1"

# A PNG of some hundred bytes that says it is 60000 x 60000.
crc() { gzip -c1 | tail -c 8 | head -c 4 | od -An -tx1 | awk '{ printf "\\x%s\\x%s\\x%s\\x%s", $4, $3, $2, $1 }'; }
chunk() { # TYPE FILE
  number 4 "$(wc -c <"$2")"
  { printf '%s' "$1"; cat "$2"; } >chunk.body
  cat chunk.body
  for byte in $(crc <chunk.body | sed 's/\\x/ /g'); do number 1 $((0x$byte)); done
}
mkdir -p bomb/train/cat bomb/train/dog
{ number 4 60000; number 4 60000; number 1 8; number 1 0; number 1 0; number 1 0; number 1 0; } >ihdr
printf 'x\001\003\000\000\000\000\001' >idat
: >iend
{ printf '\211PNG\r\n\032\n'; chunk IHDR ihdr; chunk IDAT idat; chunk IEND iend; } >bomb/train/cat/1.png
cp bomb/train/cat/1.png bomb/train/dog/1.png
bad=bomb
bad "1.png" --set data.size=[28,28]

if [ "$(id -u)" -ne 0 ]; then # the superuser may read everything
  fresh locked
  chmod 0 locked
  bad "locked|Permission denied"
  chmod 700 locked
fi
