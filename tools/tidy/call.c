/* call: functions that are not called, and what to call instead. */
#include <string.h>

#include "tidy.h"

typedef enum reach {
  EVERYWHERE,
  LIBRARY,      /* src/, tests left out */
  LIBRARY_QUIET /* src/ but cli and agent: a host process is neither written to nor ended */
} reach;

typedef struct ban {
  const char *name;
  reach reach;
  const char *home; /* the one file where it may stand, or "" */
  const char *instead;
} ban;

#define HEAP "src/base/alloc.c", "memory comes from base/alloc.h (DDLA_NEW, ddla_free)"
#define CLOCK "src/base/clock.c", "time comes from the ddla_clock that is passed in"
#define DICE "", "random numbers come from base/rng.h"
#define QUIET "", "only agent and cli print; return DDLA_FAIL or use ddla_log_line"

static const ban bans[] = {
    {"strcpy", EVERYWHERE, "", "use snprintf, or memcpy with a checked length"},
    {"strcat", EVERYWHERE, "", "use snprintf"},
    {"strncpy", EVERYWHERE, "", "it does not end the string; use snprintf"},
    {"sprintf", EVERYWHERE, "", "use snprintf"},
    {"vsprintf", EVERYWHERE, "", "use vsnprintf"},
    {"gets", EVERYWHERE, "", "use fgets"},
    {"strtok", EVERYWHERE, "", "use strspn and strcspn"},
    {"atoi", EVERYWHERE, "", "use strtol and look at where it stopped"},
    {"atol", EVERYWHERE, "", "use strtol and look at where it stopped"},
    {"atof", EVERYWHERE, "", "use strtod and look at where it stopped"},
    {"alloca", EVERYWHERE, "", "use an array of fixed size, or DDLA_NEW"},
    {"system", EVERYWHERE, "", "use posix_spawn with arguments"},
    {"popen", EVERYWHERE, "", "use posix_spawn with arguments"},
    {"tmpnam", EVERYWHERE, "", "use mkstemp or mkdtemp"},
    {"rand", EVERYWHERE, DICE},
    {"srand", EVERYWHERE, DICE},
    {"random", EVERYWHERE, DICE},
    {"srandom", EVERYWHERE, DICE},
    {"drand48", EVERYWHERE, DICE},
    {"malloc", LIBRARY, HEAP},
    {"calloc", LIBRARY, HEAP},
    {"realloc", LIBRARY, HEAP},
    {"aligned_alloc", LIBRARY, HEAP},
    {"posix_memalign", LIBRARY, HEAP},
    {"strdup", LIBRARY, "", "use ddla_alloc_text"},
    {"strndup", LIBRARY, "", "use DDLA_NEW and memcpy"},
    {"asprintf", LIBRARY, "", "use snprintf into memory of base/alloc.h"},
    {"free", LIBRARY, HEAP},
    {"time", LIBRARY, CLOCK},
    {"clock", LIBRARY, CLOCK},
    {"clock_gettime", LIBRARY, CLOCK},
    {"gettimeofday", LIBRARY, CLOCK},
    {"assert", LIBRARY, "", "use DDLA_ASSERT, which is always on"},
    {"printf", LIBRARY_QUIET, QUIET},
    {"vprintf", LIBRARY_QUIET, QUIET},
    {"puts", LIBRARY_QUIET, QUIET},
    {"putchar", LIBRARY_QUIET, QUIET},
    {"perror", LIBRARY_QUIET, QUIET},
    {"stdout", LIBRARY_QUIET, QUIET},
    {"stderr", LIBRARY_QUIET, QUIET},
    {"exit", LIBRARY_QUIET, "", "the library ends no process; return a status"},
    {"abort", LIBRARY_QUIET, "",
     "the library ends no process; return a status, or DDLA_ASSERT a bug"},
};

enum { BAN_COUNT = sizeof bans / sizeof bans[0] };

static bool is_reached(const tidy_file *file, const ban *row) {
  if (row->reach == EVERYWHERE) return strcmp(file->path, row->home) != 0;
  if (strcmp(file->area, "src") != 0 || file->is_test || strcmp(file->path, row->home) == 0)
    return false;
  bool loud = strcmp(file->folder, "cli") == 0 || strcmp(file->folder, "agent") == 0;
  return row->reach == LIBRARY || !loud;
}

/* libc and jansson hand out blocks that are released with free. */
static bool has_foreign_blocks(const tidy_file *file) {
  static const char *const givers[] = {"open_memstream", "scandir",    "getline",
                                       "realpath",       "json_dumps", NULL};
  for (int i = 0; i < file->token_count; i++)
    if (file->tokens[i].kind == TIDY_NAME && tidy_one_of(tidy_token_text(file, i), givers))
      return true;
  return false;
}

static bool is_use(const tidy_file *file, int i) {
  const tidy_token *token = &file->tokens[i];
  bool stream = tidy_is(token, "stdout") || tidy_is(token, "stderr");
  if (!stream && (i + 1 >= file->token_count || !tidy_is(token + 1, "("))) return false;
  if (i == 0) return true;
  return !tidy_is(token - 1, ".") &&
         !tidy_is(token - 1, "->"); /* a field of that name is another thing */
}

void tidy_rule_call(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    for (int k = 0; k < file->token_count; k++) {
      const tidy_token *token = &file->tokens[k];
      if (token->kind != TIDY_NAME || !is_use(file, k)) continue;
      for (int b = 0; b < BAN_COUNT; b++) {
        if (!tidy_is(token, bans[b].name) || !is_reached(file, &bans[b])) continue;
        if (strcmp(bans[b].name, "free") == 0 && has_foreign_blocks(file)) continue;
        char *text = tidy_text("%s: %s", bans[b].name, bans[b].instead);
        tidy_report(tree, &(tidy_finding){file->path, "call", bans[b].name, text, token->line});
      }
    }
  }
}
