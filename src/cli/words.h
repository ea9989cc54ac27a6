/* The words of a command line: options with and without values, and the others in their order.
 * Threads: one thread. */
#ifndef DDLA_CLI_WORDS_H
#define DDLA_CLI_WORDS_H

#include <ddla/job.h>

#include "base/status.h"

enum { DDLA_WORDS_SETS_MAX = 256, DDLA_WORDS_OTHERS_MAX = 4096 };

/* One option that a command takes: writes into value (takes a word) or flag. */
typedef struct ddla_words_option {
  const char *name, *alias; /* "--out", "-o" or null */
  const char **value;
  bool *flag;
} ddla_words_option;

typedef struct ddla_words {
  const char *set[DDLA_WORDS_SETS_MAX]; /* values of --set, in order */
  const char *other[DDLA_WORDS_OTHERS_MAX];
  int set_count, other_count;
} ddla_words;

/* Reads argv[1 …]; --set KEY=VALUE is known to every command. Errors: INVALID for an unknown option
 * (the nearest is suggested), a missing value, too many words. */
ddla_status ddla_words_read(ddla_words *out, int argc, char **argv,
                            const ddla_words_option *options, int option_count);

/* What may have been meant by a wrong word: candidate if it is like the word and more so than best
 * (null: none yet), else best. */
const char *ddla_words_nearer(const char *best, const char *word, const char *candidate);

/* Job file (null: all initial values) with the --set words applied. The caller owns *out. */
ddla_status ddla_words_job(ddla_job **out, const ddla_words *words, const char *path);

#endif
