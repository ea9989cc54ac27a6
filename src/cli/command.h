/* Commands of the program `ddla`. One file and one row of command_list.h each. Only this layer and
 * agent/ print. */
#ifndef DDLA_CLI_COMMAND_H
#define DDLA_CLI_COMMAND_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

typedef struct ddla_command {
  const char *name, *arguments; /* "train", "JOB.yaml [-n AGENTS] …" */
  const char *summary;          /* one line */
  const char *help;             /* the options, a line each; may be null */
  /* argv[0] is the command's name. Failures are printed by the caller. */
  ddla_status (*run)(int argc, char **argv, int64_t start_ns);
} ddla_command;

/* The table; count in *count. Borrowed for ever. */
const ddla_command *const *ddla_command_table(int *count);

/* Prints a command's help. */
void ddla_command_print_help(FILE *file, const ddla_command *command);

#endif
