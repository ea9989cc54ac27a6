/* The table through which ddla calls an MPI library: one small shared object for each library, made
 * from mpi_plugin.c with that library's mpi.h, found and loaded at run time. The program itself
 * needs no MPI.
 *
 * Every function belongs to one thread at a time. Those that return int give 0 or the library's
 * error number, which `describe` turns into words. Only start, form and finalize block. Operations
 * are small numbers; a number is free again when poll has reported its end. */
#ifndef DDLA_MPI_PLUGIN_H
#define DDLA_MPI_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

enum {
  DDLA_MPI_PLUGIN_VERSION = 3, /* raised when the table changes; others are refused */
  DDLA_MPI_OPERATIONS = 8192,  /* under way at once */
  /* What callers send at once, a piece of a message; its receive is always posted before. */
  DDLA_MPI_PIECE_BYTES = 1 << 20
};

/* The name that the table has in the shared object. */
#define DDLA_MPI_PLUGIN_SYMBOL "ddla_mpi_plugin_table"

/* The plug-in's own state, in memory of the caller. */
typedef struct ddla_mpi_state ddla_mpi_state;

/* What start found. */
typedef struct ddla_mpi_start {
  int rank, ranks;
  int tag_max;       /* tags may be 0 to this */
  bool threads;      /* the library allows calls from several threads, one at a time */
  bool funneled;     /* from the thread that started it, beside threads that do not call */
  char version[256]; /* of the library, in its own words */
} ddla_mpi_start;

/* An operation that has ended. */
typedef struct ddla_mpi_end {
  int operation;
  bool cancelled;
  size_t bytes; /* received */
} ddla_mpi_end;

typedef struct ddla_mpi_plugin {
  int version;
  const char *library; /* which library it was made for: "openmpi", "mpich" */
  size_t state_bytes;

  /* Blocks until the library has started. The state must stay in place, zeroed before. */
  int (*start)(ddla_mpi_state *state, ddla_mpi_start *out);

  /* Start an operation with any rank of the world, or, to receive only, with rank -1: whoever
   * sends. At most 2^30 bytes. *operation is -1 if DDLA_MPI_OPERATIONS are under way. */
  int (*send)(ddla_mpi_state *state, const void *data, size_t bytes, int rank, int tag,
              int *operation);
  int (*recv)(ddla_mpi_state *state, void *data, size_t bytes, int rank, int tag, int *operation);

  /* Blocks until all ranks have called it. Those with `member` can add numbers up together. */
  int (*form)(ddla_mpi_state *state, bool member);

  /* Starts adding up `count` floats, at most 2^28, of all members, in place; members make the same
   * calls in the same order. It cannot be cancelled. *operation as above. */
  int (*sum)(ddla_mpi_state *state, float *data, size_t count, int *operation);

  /* Lets the library work, and lists operations that have ended; `ends` has room for all. */
  int (*poll)(ddla_mpi_state *state, ddla_mpi_end *ends, int *count);

  /* Asks to give up an operation; its end is reported by poll, cancelled or not. */
  int (*cancel)(ddla_mpi_state *state, int operation);

  void (*describe)(int error, char *text, size_t bytes);
  int (*finalize)(ddla_mpi_state *state);

  /* Ends the processes of all ranks that the launcher reaches, this one too, with a status. Null
   * for a library whose launcher would still wait for those that it does not reach. */
  void (*abort)(ddla_mpi_state *state, int status);
} ddla_mpi_plugin;

#endif
