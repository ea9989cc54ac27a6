# The committed reference and completions are those of the program, and the shells take them.
. "$SOURCE/tests/end_to_end/training.sh"

current() { # FORM FILE
  "$DDLA" reference "$1" >now
  cmp now "$SOURCE/$2" || fail "$2 is old; write it with: build/ddla reference $1 >$2"
}
current page docs/REFERENCE.md
current bash tools/completion/ddla.bash
current zsh tools/completion/_ddla
for command in train eval predict why top trace plot info doctor bench; do
  says "$SOURCE/docs/REFERENCE.md" "## ddla $command"
done
got=0
"$DDLA" reference fish >out 2>err || got=$?
[ $got -eq 2 ] || fail "reference fish: exit status $got"
if command -v bash >/dev/null; then
  # shellcheck disable=SC2016 # for the other shell
  bash -c '. "$0"; COMP_WORDS=(ddla tr); COMP_CWORD=1; _ddla; echo "${COMPREPLY[@]}"
    COMP_WORDS=(ddla train --re); COMP_CWORD=2; _ddla; echo "${COMPREPLY[@]}"' "$SOURCE/tools/completion/ddla.bash" >out
  says out "train trace" "--resume"
fi
