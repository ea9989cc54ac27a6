#!/bin/sh
# mpirun.sh LIBRARY PLUGINS ARGUMENTS...: runs the launcher of an MPI library (openmpi, mpich) with settings for tests
# on one machine. Exit status 77, with a word, where launcher or plug-in (in the folder PLUGINS) is not there.
set -eu
library=$1 plugins=$2
shift 2
launcher=mpirun.$library
if ! command -v "$launcher" >/dev/null; then
  echo "skipped: there is no $launcher here"
  exit 77
fi
if [ ! -f "$plugins/ddla_mpi_$library.so" ]; then
  echo "skipped: this build has no plug-in for $library"
  exit 77
fi
case $library in
openmpi)
  # It keeps some thousand small blocks; ours are looked for under the other library.
  export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
  exec "$launcher" --oversubscribe --bind-to none "$@"
  ;;
*) exec "$launcher" "$@" ;;
esac
