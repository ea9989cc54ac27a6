/* What launchers, ssh and shells say when a program cannot be started on another host, in words
 * that say what to do. Threads: pure functions. */
#ifndef DDLA_MPI_COMPLAINT_H
#define DDLA_MPI_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

/* What was tried. Borrowed. */
typedef struct ddla_mpi_attempt {
  const char *library; /* of the launcher: "openmpi", "mpich" */
  const char *host;    /* on which; null: several */
  const char *program; /* that should have started there */
} ddla_mpi_attempt;

/* Writes what `said`, all that was heard, means; true if that was understood. Our own program's
 * words ("ddla: …") are passed on as they are; else what is not understood is its first line of
 * words, or nothing. */
bool ddla_mpi_complaint_read(char *out, size_t bytes, const char *said,
                             const ddla_mpi_attempt *attempt);

#endif
