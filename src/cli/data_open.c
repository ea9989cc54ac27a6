/* The source of a call of `ddla data`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/data_kinds.h"
#include "train/plugins.h"
#include "train/training.h"

static ddla_status set_format(ddla_job *job, const char *format) {
  char assignment[128];
  if (!format) return DDLA_OK;
  if (strlen(format) > 100)
    return DDLA_FAIL(INVALID, "--format %s: there is none with so long a name",
                     ddla_text_quote(format).text);
  snprintf(assignment, sizeof assignment, "data.format=%s", format);
  return ddla_job_set(job, assignment);
}

ddla_status ddla_data_call_read(ddla_data_call *call, int argc, char **argv,
                                const ddla_words_option *options, int option_count) {
  ddla_words_option all[DDLA_DATA_OPTIONS_MAX] = {{"--format", NULL, &call->format, NULL},
                                                  {"--job", NULL, &call->job_path, NULL},
                                                  {"--json", NULL, NULL, &call->json}};
  enum { OWN = 3 };
  DDLA_ASSERT(option_count + OWN <= DDLA_DATA_OPTIONS_MAX);
  for (int i = 0; i < option_count; i++) all[OWN + i] = options[i];
  DDLA_TRY(ddla_words_read(&call->words, argc, argv, all, OWN + option_count));
  if (call->takes_directory && call->words.other_count != 2)
    return DDLA_FAIL(INVALID,
                     "ddla data %s takes a source and a directory, not %d words; `ddla data "
                     "--help` says more",
                     argv[0], call->words.other_count);
  if (!call->takes_directory && call->words.other_count != 1)
    return DDLA_FAIL(INVALID, "ddla data %s takes one source, not %d; `ddla data --help` says more",
                     argv[0], call->words.other_count);
  call->path = call->words.other[0];
  call->directory = call->words.other[1];
  DDLA_TRY(ddla_words_job(&call->job, &call->words, call->job_path));
  DDLA_TRY(set_format(call->job, call->format));
  return ddla_train_plugins(&call->plugins, call->job, NULL);
}

void ddla_data_call_fini(ddla_data_call *call) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) ddla_dataset_close(call->sets[p]);
  ddla_plugins_destroy(call->plugins);
  ddla_job_destroy(call->job);
}

ddla_data_source ddla_data_call_source(const ddla_data_call *call, ddla_data_part part) {
  ddla_data_source source = ddla_training_source(call->job, call->plugins, call->path, part);
  /* Then no token of a text is left over at the end. Not where the format is to be found out: a
   * window says that a file may be a text. */
  if (source.window > 0 || source.format || ddla_dataset_is_prepared(call->path)) source.window = 1;
  source.memory = call->memory;
  if (call->trusts_features && !source.skips_damaged &&
      !ddla_job_is_given(call->job, "data.verify"))
    source.trusts_features = true;
  return source;
}

int ddla_data_call_parts(ddla_data_source source[DDLA_PREPARED_PARTS],
                         int part[DDLA_PREPARED_PARTS], const ddla_data_call *call) {
  int count = 0;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    source[count] = ddla_data_call_source(call, (ddla_data_part)p);
    if (ddla_dataset_has_part(&source[count])) part[count++] = p;
  }
  if (count > 0) return count;
  source[0] = ddla_data_call_source(call, DDLA_DATA_TRAIN);
  part[0] = DDLA_DATA_TRAIN;
  return 1;
}

ddla_status ddla_data_call_open(ddla_data_call *call) {
  ddla_data_source source[DDLA_PREPARED_PARTS];
  ddla_dataset *set[DDLA_PREPARED_PARTS] = {NULL};
  int part[DDLA_PREPARED_PARTS];
  const int count = ddla_data_call_parts(source, part, call);
  const int64_t start_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  DDLA_TRY(ddla_dataset_open_all(set, source, count));
  call->open_seconds = (double)(ddla_clock_now_ns(ddla_clock_monotonic()) - start_ns) * 1e-9;
  for (int i = 0; i < count; i++) call->sets[part[i]] = set[i];
  return DDLA_OK;
}

ddla_status ddla_data_call_part(ddla_data_part *out, const char *option, const char *text,
                                ddla_data_part fallback) {
  for (int p = 0; text && p < DDLA_PREPARED_PARTS; p++) {
    if (strcmp(text, ddla_prepared_part_name((ddla_data_part)p)) != 0) continue;
    *out = (ddla_data_part)p;
    return DDLA_OK;
  }
  if (text)
    return DDLA_FAIL(INVALID, "%s %s: expected train, validation or test", option,
                     ddla_text_quote(text).text);
  *out = fallback;
  return DDLA_OK;
}

ddla_status ddla_data_call_number(int64_t *out, const char *option, const char *text,
                                  int64_t fallback, int64_t most) {
  int64_t value = fallback;
  if (text && (!ddla_text_to_int(&value, text) || value < 1 || value > most))
    return DDLA_FAIL(INVALID, "%s %s: expected a whole number from 1 to %" PRId64, option,
                     ddla_text_quote(text).text, most);
  *out = value;
  return DDLA_OK;
}
