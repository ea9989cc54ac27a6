# test.sh DDLA_TIDY: the good tree has no finding; the bad one has just those of expected.txt, every rule fires.
tidy=$1
here=$(cd "$(dirname "$0")" && pwd)
status=0

fail() {
  echo "$1"
  status=1
}

found=$("$tidy" "$here/fixtures/good" 2>&1) || fail "findings in the good tree:
$found"

found=$("$tidy" "$here/fixtures/bad" 2>/dev/null) && fail "the bad tree passed"
difference=$(printf '%s\n' "$found" | diff "$here/fixtures/expected.txt" -) ||
  fail "the bad tree gives something else than fixtures/expected.txt:
$difference"

for rule in $("$tidy" --rules) exception; do
  printf '%s\n' "$found" | grep -q "^[^:]*:[0-9]*: $rule: " || fail "rule $rule never fired"
done
exit $status
