/* Manual pages, made of the rows of commands and of a job's options: ddla.1, a page for each
 * command, and ddla-job.5. Threads: one thread. */
#ifndef DDLA_CLI_MANUAL_H
#define DDLA_CLI_MANUAL_H

#include <stdio.h>

#include "base/status.h"

/* name: a command's, "job" for the job file, null for the program. Errors: INVALID for others. */
ddla_status ddla_manual_print(FILE *file, const char *name);

#endif
