#!/bin/sh
# All combinations of modes.sh, or a share of them: tests/modes/all.sh [I/N], of the build in build/. No test, as that takes half a day.
set -eu
cd "$(dirname "$0")/../.."
part=${1:-1/1}
export DDLA="$PWD/build/ddla" SOURCE="$PWD" BUILD="$PWD/build" SANITIZE=
scratch=build/scratch/modes_all-$(echo "$part" | tr / -)
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
exec sh -eu "$SOURCE/tests/modes/modes.sh" all "${part%/*}" "${part#*/}"
