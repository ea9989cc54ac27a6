/* ddla trace: the last steps of a run for Perfetto or chrome://tracing. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/words.h"
#include "watch/trace.h"

enum { STEPS = 3 };

static ddla_status write_trace(const ddla_watch *watch, int64_t steps, const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  int64_t whole = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for a trace");
  ddla_status status = ddla_trace_write(&whole, file, watch, steps);
  if (fclose(file) != 0 && status == DDLA_OK)
    status = DDLA_FAIL(NO_MEMORY, "no memory for a trace");
  if (status == DDLA_OK && whole < steps)
    fprintf(stderr, "ddla: the run holds only %" PRId64 " steps; output.trace_steps keeps more\n",
            whole);
  if (status == DDLA_OK && path) status = ddla_file_write(path, text, bytes);
  else if (status == DDLA_OK) fwrite(text, 1, bytes, stdout);
  free(text); /* made by open_memstream */
  return status;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  const char *count = NULL, *out = NULL;
  int64_t steps = STEPS;
  ddla_watch *watch = NULL;
  const ddla_words_option options[] = {{"--steps", NULL, &count, NULL},
                                       {"--out", "-o", &out, NULL}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count != 1 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla trace takes one run directory; `ddla trace --help` says more");
  if (count && (!ddla_text_to_int(&steps, count) || steps < 1))
    return DDLA_FAIL(INVALID, "--steps is %s; expected a whole number from 1",
                     ddla_text_quote(count).text);
  DDLA_TRY(ddla_watch_open(&watch, words.other[0]));
  ddla_status status = write_trace(watch, steps, out);
  ddla_watch_destroy(watch);
  return status;
}

const ddla_command ddla_command_trace = {
    .name = "trace",
    .arguments = "RUN [--steps N] [--out FILE]",
    .summary = "writes the last steps of a run for Perfetto or chrome://tracing",
    .help = "  --steps N          so many steps (3)\n"
            "  -o, --out FILE     into this file; else to standard output\n\n"
            "Phases of some dozens of steps are always there; ops only of runs that were started\n"
            "with output.trace_steps.\n",
    .run = run};
