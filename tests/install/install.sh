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
[ -e "$prefix/share/man/man1/ddla.1" ] || fail "no manual page"
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
cat "$prefix"/include/ddla/*.h >headers
while read -r symbol; do
  grep -qw "$symbol" headers || fail "$symbol is visible, but in no public header"
done <symbols
grep -hE '^DDLA_API ' headers | grep -oE 'ddla_[a-z0-9_]+\(' | tr -d '(' | sort -u >declared
while read -r name; do
  grep -qx "$name" symbols || fail "$name is declared DDLA_API, but libddla.so has no such symbol"
done <declared
