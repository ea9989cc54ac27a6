# host.sh PROGRAM: the library inside a program that goes on after every failure, and is not written to.
program=$1

"$program" >out 2>err </dev/null || { echo "host: the program ended with $?" >&2; cat err >&2; exit 1; }
[ -e verdict ] || { echo "host: no verdict" >&2; exit 1; }
if [ -s verdict ]; then sort verdict | uniq -c >&2; exit 1; fi
for file in out err; do
  if [ -s $file ]; then echo "host: the library wrote into std$file:" >&2; cat $file >&2; exit 1; fi
done
