/* Finds and loads the plug-in of an MPI library. */
#ifndef DDLA_MPI_LOAD_H
#define DDLA_MPI_LOAD_H

#include "base/status.h"
#include "mpi/plugin.h"

typedef struct ddla_mpi_loaded {
  const ddla_mpi_plugin *plugin;
  char path[1024]; /* of the file */
} ddla_mpi_loaded;

/* Looks for ddla_mpi_LIBRARY.so in `folder`; or, where that is null, beside the program or library
 * that contains this function (as in a build folder), in ../lib/ddla and lib/ddla seen from there,
 * and where it was to be installed. A plug-in stays loaded until the process ends, since MPI
 * libraries cannot be unloaded. Errors: UNSUPPORTED, saying where it was looked for or what the
 * loader said, and which package or option brings it. */
ddla_status ddla_mpi_load(ddla_mpi_loaded *out, const char *library, const char *folder);

/* Whether a plug-in would be found; loads nothing. Errors: UNSUPPORTED, as above. */
ddla_status ddla_mpi_load_check(const char *library, const char *folder);

#endif
