# The committed reference, manual pages and completions are those of the program, and the shells take them.
. "$SOURCE/tests/end_to_end/training.sh"

current() { # FORM FILE
  # shellcheck disable=SC2086 # one word or two
  "$DDLA" reference $1 >now
  cmp now "$SOURCE/$2" || fail "$2 is old; write it with: build/ddla reference $1 >$2"
}
current page docs/REFERENCE.md
current bash tools/completion/ddla.bash
current zsh tools/completion/_ddla
current man docs/man/ddla.1
current "man job" docs/man/ddla-job.5
pages=2
for command in $(sed -n 's/^## ddla //p' "$SOURCE/docs/REFERENCE.md"); do
  current "man $command" "docs/man/ddla-$command.1"
  pages=$((pages + 1))
done
[ "$(ls "$SOURCE/docs/man" | wc -l)" -eq "$pages" ] || fail "docs/man has pages of no command"
for page in "$SOURCE"/docs/man/*; do
  # A page has no date: nobody would keep it.
  if command -v groff >/dev/null; then groff -t -man -ww -z "$page" >words 2>&1 || true; [ ! -s words ] || { cat words >&2; fail "$page"; }; fi
  if command -v mandoc >/dev/null; then
    if mandoc -Tlint -Wwarning "$page" | grep -v 'missing date'; then fail "$page"; fi
  fi
done
says "$SOURCE/docs/man/ddla-train.1" '\fB\-n\fR, \fB\-\-agents\fR \fIN\fR'
says "$SOURCE/docs/man/ddla-job.5" '\fBtrain.batch\fR: a whole number from 1'
for command in train eval predict why top trace plot info doctor bench; do
  says "$SOURCE/docs/REFERENCE.md" "## ddla $command"
done
got=0
"$DDLA" reference fish >out 2>err || got=$?
[ $got -eq 2 ] || fail "reference fish: exit status $got"
got=0
"$DDLA" reference man fish >out 2>err || got=$?
[ $got -eq 2 ] && [ ! -s out ] || fail "reference man fish: exit status $got"
if command -v bash >/dev/null; then
  # shellcheck disable=SC2016 # for the other shell
  bash -c '. "$0"; COMP_WORDS=(ddla tr); COMP_CWORD=1; _ddla; echo "${COMPREPLY[@]}"
    COMP_WORDS=(ddla train --re); COMP_CWORD=2; _ddla; echo "${COMPREPLY[@]}"' "$SOURCE/tools/completion/ddla.bash" >out
  says out "train trace" "--resume"
fi
