/* Who started this process: an MPI launcher leaves its mark in the environment. Reads nothing else
 * and starts nothing. Threads: pure functions, but for what they are given. */
#ifndef DDLA_MPI_LAUNCHER_H
#define DDLA_MPI_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* What can be seen of a process; tests bring their own. */
typedef struct ddla_mpi_signs {
  const char *(*get)(void *argument, const char *name); /* a variable; null: it is not set */
  /* Name of the program that is this process's parent (1), its parent (2), ... into text; false
   * above the last. */
  bool (*ancestor)(void *argument, int above, char *text, size_t bytes);
  void *argument;
} ddla_mpi_signs;

/* Those of this process. Borrowed for ever. */
const ddla_mpi_signs *ddla_mpi_signs_here(void);

typedef struct ddla_mpi_launcher {
  const char *name;    /* "Open MPI's mpirun"; null: no launcher of MPI started this process */
  const char *library; /* whose plug-in fits: "openmpi", "mpich"; null: any may */
  const char *sign;    /* the variable that gave it away */
  int rank, ranks;     /* as the launcher says; -1: it does not */
  int place;           /* among its processes on this machine; -1: it does not say */
} ddla_mpi_launcher;

/* Finds the launcher. One launcher inside another leaves the marks of both: the nearer one counts,
 * by the names of the processes above this one. Errors: INVALID if that cannot be told. */
ddla_status ddla_mpi_launcher_find(ddla_mpi_launcher *out, const ddla_mpi_signs *signs);

/* True if Slurm started this process as one of several tasks without any service for MPI
 * (`srun --mpi=none`); the tasks cannot find each other. */
bool ddla_mpi_launcher_is_bare_slurm(const ddla_mpi_signs *signs);

#endif
