/* The command lines of MPI launchers (mpirun, mpiexec), from this side: how a program is started on
 * named hosts. Nothing is run here. Threads: pure functions. */
#ifndef DDLA_MPI_STARTER_H
#define DDLA_MPI_STARTER_H

#include <stddef.h>

#include "base/status.h"

enum { DDLA_MPI_WORDS_MAX = 128, DDLA_MPI_WORDS_BYTES = 16384 };

/* A command line, with a null behind the last word. Words lie in `text`: it stays in place. */
typedef struct ddla_mpi_words {
  int count;
  size_t used;
  char *word[DDLA_MPI_WORDS_MAX + 1];
  char text[DDLA_MPI_WORDS_BYTES];
} ddla_mpi_words;

/* Adds a word. Errors: INVALID if there is no room. */
ddla_status ddla_mpi_words_add(ddla_mpi_words *words, const char *word);

/* Adds the words of a text as a shell would, as far as blanks, quotes and backslashes go. Errors:
 * INVALID naming a quote that is not closed; no room. */
ddla_status ddla_mpi_words_split(ddla_mpi_words *words, const char *text);

/* Whose launcher says this of its version: "openmpi", "mpich"; null: it is neither's. Borrowed for
 * ever. */
const char *ddla_mpi_starter_library(const char *version);

/* What is started where. Borrowed. */
typedef struct ddla_mpi_start_line {
  const ddla_mpi_words *launcher; /* with the user's options */
  const char *library;            /* as above */
  const char *const *hosts;       /* [host_count] one process on each, in this order */
  int host_count;
  const char *const *command; /* with a null behind it */
} ddla_mpi_start_line;

/* The launcher's command line. Processes are not tied to cores. Errors: INVALID (no room). */
ddla_status ddla_mpi_starter_line(ddla_mpi_words *out, const ddla_mpi_start_line *line);

#endif
