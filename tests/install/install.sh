# install.sh CMAKE LIBDIR PROGRAM.c: what `make install` leaves can be used from C and C++ with pkg-config, shows no
# symbol but the public ones, and every public header stands on its own.
cmake=$1
libdir=$2
source=$3
prefix=$PWD/prefix

fail() {
  echo "install: $1" >&2
  exit 1
}

"$cmake" --install "$BUILD" --prefix "$prefix" >install.log || { cat install.log; fail "cmake --install"; }
DESTDIR=$PWD/stage "$cmake" --install "$BUILD" --prefix /opt/ddla >stage.log || fail "DESTDIR"
[ -e "stage/opt/ddla/include/ddla/status.h" ] || fail "DESTDIR is not honoured"
for page in man1/ddla.1 man1/ddla-train.1 man5/ddla-job.5; do
  [ -e "$prefix/share/man/$page" ] || fail "no manual page $page"
done
[ -L "$prefix/$libdir/libddla.so" ] && [ -e "$prefix/$libdir/libddla.a" ] || fail "a library is missing"

export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig"
flags=$(pkg-config --cflags --libs ddla)
strict="-Wall -Wextra -Werror -pedantic"
# shellcheck disable=SC2086 # lists of words
${CC:-cc} -std=c11 $strict "$source" -o use_c $flags
# shellcheck disable=SC2086
${CXX:-c++} -std=c++11 $strict -x c++ "$source" -o use_cxx $flags
# shellcheck disable=SC2046
${CC:-cc} -std=c11 "$source" -o use_static $(pkg-config --cflags ddla) \
  -Wl,-Bstatic -L"$prefix/$libdir" -lddla -Wl,-Bdynamic $(pkg-config --static --libs ddla | sed 's/-lddla//g')
for program in use_c use_cxx use_static; do
  words=$(LD_LIBRARY_PATH="$prefix/$libdir" ./$program) || fail "$program failed: $words"
  [ "$words" = "damaged file" ] || fail "$program printed '$words'"
done
if LD_LIBRARY_PATH="" ldd ./use_static | grep -q libddla; then fail "the static program needs libddla.so"; fi

for header in "$prefix"/include/ddla/*.h; do
  name=ddla/${header##*/}
  printf '#include <%s>\n#include <%s>\nint header_stands;\n' "$name" "$name" >header.c
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c11 $strict -c header.c -o header.o $flags || fail "$name does not stand on its own in C"
  # shellcheck disable=SC2086
  ${CXX:-c++} -std=c++11 $strict -x c++ -c header.c -o header.o $flags || fail "$name is not clean C++"
done

nm -D --defined-only "$prefix/$libdir/libddla.so" | awk '{ print $NF }' | sort -u >symbols
[ -s symbols ] || fail "no symbol is visible"
# Declared: the name before the parenthesis, which may stand on a later line than DDLA_API.
cat "$prefix"/include/ddla/*.h | tr '\n' ' ' | grep -oE 'DDLA_API [^;({=]*\(' | grep -oE 'ddla_[a-z0-9_]+\($' |
  tr -d '(' | sort -u >declared
while read -r symbol; do
  grep -qx "$symbol" declared || fail "$symbol is visible, but declared in no public header"
done <symbols
while read -r name; do
  grep -qx "$name" symbols || fail "$name is declared DDLA_API, but libddla.so has no such symbol"
done <declared

# A network that a program builds: trained, evaluated and used by it; `ddla eval` says why it cannot.
# shellcheck disable=SC2086
${CC:-cc} -std=c11 $strict "$SOURCE/examples/own_model/own_model.c" -o own_model $flags
export LD_LIBRARY_PATH="$prefix/$libdir"
rows() { # FIRST COUNT: two numbers and the class, which says whether the first is the greater one
  awk -v first="$1" -v count="$2" 'BEGIN { print "a,b,greater"
    for (i = first; i < first + count; i++) { a = i * 37 % 101; b = i * 53 % 97; print a "," b "," (a > b ? "yes" : "no") } }'
}
rows 1 300 >train.csv
rows 301 80 >test.csv
./own_model train.csv test.csv run >own.out || fail "own_model: $(cat own.out)"
accuracy=$(sed -n 's/^test accuracy \([0-9.]*\) .*/\1/p' own.out)
for numbers in "90 5 yes" "5 90 no"; do
  # shellcheck disable=SC2086
  set -- $numbers
  ./own_model predict run "$1" "$2" >own.out || fail "own_model predict"
  grep -q "^class $3 with probability [01][.0-9]*; test accuracy $accuracy\$" own.out ||
    fail "own_model predict $1 $2 says '$(cat own.out)', not $3 and accuracy $accuracy"
done
if ./own_model predict run 1 2 3 2>own.err; then fail "three numbers for a model of two"; fi
if "$prefix/bin/ddla" eval run 2>own.err; then fail "ddla eval builds a model that it cannot know"; fi
grep -q "built by a program of its own.*ddla_predictor_open" own.err || fail "ddla eval says '$(cat own.err)'"
