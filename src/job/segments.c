#include "job/segments.h"

#include <string.h>

#include "base/text.h"
#include "job/copy.h"

ddla_status ddla_job_segment_blame(ddla_status code, int segment) {
  return ddla_status_prefix(code, "entry %d of sync.schedule: ", segment);
}

/* The entry's mode; that of the segment before where it names none. */
static const char *mode_of(const ddla_yaml *entry, const ddla_job_segment *before) {
  const ddla_yaml *mode = ddla_yaml_find(entry, "mode");
  return mode ? mode->text : before->job->sync.mode;
}

/* The job that an entry changes. */
static ddla_status begin_job(ddla_job **out, const ddla_job_segments *segments,
                             const ddla_yaml *entry) {
  static const char *const keys[] = {"sync.method", "sync.interval", "sync.codec",
                                     "sync.momentum_correction"};
  const ddla_job_segment *before = &segments->at[segments->count - 1];
  const char *mode = mode_of(entry, before);
  for (int i = segments->count - 1; i >= 0; i--)
    if (strcmp(segments->at[i].job->sync.mode, mode) == 0)
      return ddla_job_copy(out, segments->at[i].job);
  ddla_job *job = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_job_copy(&job, before->job));
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    DDLA_TRY_CLEAN(status, ddla_job_reset(job, ddla_option_find(keys[i])));
  *out = job;
  return DDLA_OK;
cleanup:
  ddla_job_destroy(job);
  return status;
}

static ddla_status read_from(int64_t *out, const ddla_yaml *entry, int64_t before) {
  const ddla_yaml *from = ddla_yaml_find(entry, "from");
  if (!from)
    return ddla_yaml_refuse(entry, "it lacks 'from', the committed steps with which it begins");
  if (!ddla_yaml_to_int(out, from) || *out < 1)
    return ddla_yaml_refuse(from, "from is %s, but it must be a whole number from 1 (steps)",
                            from->kind == DDLA_YAML_SCALAR ? ddla_text_quote(from->text).text
                                                           : "no number");
  if (*out <= before)
    return ddla_yaml_refuse(from,
                            "from is %lld, but the entry before begins with step %lld; put "
                            "entries in the order of their steps",
                            (long long)*out, (long long)before);
  return DDLA_OK;
}

static ddla_status put_key(ddla_job *job, const ddla_yaml *value) {
  const ddla_option *option = ddla_option_find_field("sync", value->key);
  if (!option)
    return ddla_yaml_refuse_key(value, "unknown key %s; beside 'from' it may have keys of sync%s",
                                ddla_text_quote(value->key).text,
                                ddla_option_hint_for("sync", value->key).text);
  if (option->type == DDLA_OPTION_TREE)
    return ddla_yaml_refuse_key(value, "%s cannot stand in its own entries", option->key);
  if (option->resume == DDLA_OPTION_SAME)
    return ddla_yaml_refuse_key(value, "%s is one for the whole run; set it in the section",
                                option->key);
  return ddla_job_put(job, option, value);
}

static ddla_status add_entry(ddla_job_segments *segments, const ddla_yaml *entry) {
  ddla_job_segment made = {0};
  ddla_status status = DDLA_OK;
  if (entry->kind != DDLA_YAML_MAPPING)
    return ddla_yaml_refuse(entry, "it must hold keys, as {from: 500, mode: accumulated, method: "
                                   "diloco, interval: 16}");
  DDLA_TRY(read_from(&made.from, entry, segments->at[segments->count - 1].from));
  DDLA_TRY(begin_job(&made.job, segments, entry));
  for (const ddla_yaml *value = entry->first; value; value = value->next)
    if (strcmp(value->key, "from") != 0) DDLA_TRY_CLEAN(status, put_key(made.job, value));
  segments->at[segments->count++] = made;
  return DDLA_OK;
cleanup:
  ddla_job_destroy(made.job);
  return status;
}

static ddla_status add_first(ddla_job_segments *segments, const ddla_job *job) {
  ddla_job *first = NULL;
  DDLA_TRY(ddla_job_copy(&first, job));
  segments->at[segments->count++] = (ddla_job_segment){0, first};
  return ddla_job_reset(first, ddla_option_find("sync.schedule"));
}

ddla_status ddla_job_segments_of(ddla_job_segments *out, const ddla_job *job) {
  ddla_job_segments made = {0};
  ddla_status status = DDLA_OK;
  const ddla_yaml *list = job->sync.schedule;
  if (list && list->kind != DDLA_YAML_SEQUENCE)
    return ddla_job_refuse(job, "sync.schedule",
                           "is a mapping, but it must be a list of entries, "
                           "as [{from: 500, mode: accumulated, method: diloco, interval: 16}]");
  if (list && list->count >= DDLA_JOB_SEGMENTS_MAX)
    return ddla_job_refuse(job, "sync.schedule", "has %d entries; there may be at most %d",
                           list->count, DDLA_JOB_SEGMENTS_MAX - 1);
  DDLA_TRY_CLEAN(status, add_first(&made, job));
  for (const ddla_yaml *entry = list ? list->first : NULL; entry; entry = entry->next) {
    status = add_entry(&made, entry);
    if (status != DDLA_OK) status = ddla_job_segment_blame(status, made.count);
    if (status != DDLA_OK) goto cleanup;
  }
  *out = made;
  return DDLA_OK;
cleanup:
  ddla_job_segments_fini(&made);
  return status;
}

void ddla_job_segments_fini(ddla_job_segments *segments) {
  for (int i = 0; i < segments->count; i++) ddla_job_destroy(segments->at[i].job);
  segments->count = 0;
}
