#include <ddla/job.h>

#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "job/copy.h"
#include "job/option.h"
#include "job/yaml.h"

static const char set_source[] = "--set"; /* stands for the file in messages about ddla_job_set */

typedef struct kept_document {
  ddla_yaml_document *document;
  struct kept_document *next;
} kept_document;

/* Documents stay as long as the job: trees and places point into them. */
struct ddla_job_sources {
  kept_document *documents;
  const ddla_yaml **given; /* by option index; null while it has its initial value */
};

void ddla_job_destroy(ddla_job *job) {
  if (!job) return;
  for (int i = 0; i < ddla_option_count(); i++) ddla_option_release(job, ddla_option_at(i));
  struct ddla_job_sources *sources = job->sources;
  while (sources && sources->documents) {
    kept_document *next = sources->documents->next;
    ddla_yaml_destroy(sources->documents->document);
    ddla_free(sources->documents);
    sources->documents = next;
  }
  if (sources) ddla_free(sources->given);
  ddla_free(sources);
  ddla_free(job);
}

static ddla_status assign_initial(ddla_job *job, const ddla_option *option) {
  if (option->type == DDLA_OPTION_TREE) {
    *(const ddla_yaml **)(void *)((char *)job + option->offset) = NULL;
    return DDLA_OK;
  }
  ddla_yaml_document *document = NULL;
  DDLA_TRY(ddla_yaml_read(&document, option->initial, strlen(option->initial), "ddla/job_list.h"));
  ddla_status status = ddla_option_assign(job, option, ddla_yaml_root(document));
  ddla_yaml_destroy(document);
  return status;
}

ddla_status ddla_job_create(ddla_job **out) {
  ddla_job *job = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(job, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(job->sources, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(job->sources->given, ddla_option_count()));
  for (int i = 0; i < ddla_option_count(); i++) {
    DDLA_TRY_CLEAN(status, assign_initial(job, ddla_option_at(i)));
  }
  *out = job;
  job = NULL;
cleanup:
  ddla_job_destroy(job);
  return status;
}

/* Hands the document to the job, which destroys it. */
static ddla_status keep(ddla_job *job, ddla_yaml_document *document) {
  kept_document *kept = NULL;
  DDLA_TRY(DDLA_NEW(kept, 1));
  *kept = (kept_document){document, job->sources->documents};
  job->sources->documents = kept;
  return DDLA_OK;
}

ddla_status ddla_job_put(ddla_job *job, const ddla_option *option, const ddla_yaml *value) {
  DDLA_TRY(ddla_option_assign(job, option, value));
  job->sources->given[ddla_option_index(option)] = value;
  return DDLA_OK;
}

ddla_status ddla_job_reset(ddla_job *job, const ddla_option *option) {
  job->sources->given[ddla_option_index(option)] = NULL;
  return assign_initial(job, option);
}

ddla_status ddla_job_copy(ddla_job **out, const ddla_job *job) {
  ddla_job *copy = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_job_create(&copy));
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_yaml *value = job->sources->given[i];
    if (value) DDLA_TRY_CLEAN(status, ddla_job_put(copy, ddla_option_at(i), value));
  }
  *out = copy;
  return DDLA_OK;
cleanup:
  ddla_job_destroy(copy);
  return status;
}

static ddla_status assign_entry(ddla_job *job, const char *section, const ddla_yaml *entry) {
  const ddla_option *option = ddla_option_find_field(section, entry->key);
  if (!option) {
    return ddla_yaml_refuse_key(entry, "unknown key %s in %s%s", ddla_text_quote(entry->key).text,
                                section, ddla_option_hint_for(section, entry->key).text);
  }
  return ddla_job_put(job, option, entry);
}

static bool is_section(const char *name) {
  for (int i = 0; i < ddla_option_section_count(); i++) {
    if (strcmp(ddla_option_section_at(i)->name, name) == 0) return true;
  }
  return false;
}

static ddla_status refuse_section(const ddla_yaml *section) {
  const ddla_option *dotted = ddla_option_find(section->key);
  if (!dotted) {
    return ddla_yaml_refuse_key(section, "unknown key %s%s", ddla_text_quote(section->key).text,
                                ddla_option_hint_for(NULL, section->key).text);
  }
  return ddla_yaml_refuse_key(
      section, "unknown key '%s'; in a job file write '%s:' and below it, indented, '%s:'",
      dotted->key, dotted->section, dotted->field);
}

static ddla_status assign_section(ddla_job *job, const ddla_yaml *section) {
  if (!is_section(section->key)) return refuse_section(section);
  if (section->kind == DDLA_YAML_SCALAR && section->empty) return DDLA_OK;
  if (section->kind != DDLA_YAML_MAPPING) {
    return ddla_yaml_refuse(
        section, "%s is %s, but it must hold keys; write 'key: value' lines below it", section->key,
        section->kind == DDLA_YAML_SEQUENCE ? "a list" : "one value");
  }
  for (const ddla_yaml *entry = section->first; entry; entry = entry->next) {
    DDLA_TRY(assign_entry(job, section->key, entry));
  }
  return DDLA_OK;
}

static ddla_status assign_all(ddla_job *job, const ddla_yaml *root) {
  if (root->kind == DDLA_YAML_SCALAR && root->empty) {
    return ddla_yaml_refuse(
        root, "the job file is empty; write at least 'train:' (ddla info job lists all keys)");
  }
  if (root->kind != DDLA_YAML_MAPPING) {
    return ddla_yaml_refuse(root, "a job file holds sections such as 'train:', but this is %s",
                            root->kind == DDLA_YAML_SEQUENCE ? "a list" : "one value");
  }
  for (const ddla_yaml *section = root->first; section; section = section->next) {
    DDLA_TRY(assign_section(job, section));
  }
  return DDLA_OK;
}

ddla_status ddla_job_load_text(ddla_job **out, const char *text, size_t bytes, const char *name) {
  ddla_job *job = NULL;
  ddla_yaml_document *document = NULL;
  ddla_status status = ddla_job_create(&job);
  if (status != DDLA_OK) return status;
  DDLA_TRY_CLEAN(status, ddla_yaml_read(&document, text, bytes, name));
  const ddla_yaml *root = ddla_yaml_root(document);
  DDLA_TRY_CLEAN(status, keep(job, document));
  document = NULL;
  DDLA_TRY_CLEAN(status, assign_all(job, root));
  *out = job;
  job = NULL;
cleanup:
  ddla_yaml_destroy(document);
  ddla_job_destroy(job);
  return status;
}

ddla_status ddla_job_load(ddla_job **out, const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  DDLA_TRY(ddla_file_read(&text, &bytes, path, DDLA_YAML_BYTES_MAX));
  ddla_status status = ddla_job_load_text(out, text, bytes, path);
  ddla_free(text);
  return status;
}

/* The option named before '='; the value begins behind it. */
static ddla_status split(const ddla_option **option, const char **value, const char *assignment) {
  const char *equals = strchr(assignment, '=');
  size_t length = equals ? (size_t)(equals - assignment) : 0;
  char key[DDLA_YAML_KEY_BYTES_MAX];
  if (!equals || length == 0 || length >= sizeof key) {
    return DDLA_FAIL(INVALID, "--set %s: expected KEY=VALUE, for example train.batch=256",
                     ddla_text_quote(assignment).text);
  }
  memcpy(key, assignment, length);
  key[length] = '\0';
  *value = equals + 1;
  *option = ddla_option_find(key);
  if (*option) return DDLA_OK;
  char *dot = strchr(key, '.');
  if (dot) *dot = '\0';
  bool known = dot && is_section(key);
  ddla_option_hint hint = ddla_option_hint_for(known ? key : NULL, known ? dot + 1 : key);
  if (dot) *dot = '.';
  return DDLA_FAIL(INVALID, "--set: unknown key %s%s", ddla_text_quote(key).text, hint.text);
}

ddla_status ddla_job_set(ddla_job *job, const char *assignment) {
  const ddla_option *option = NULL;
  const char *text = NULL;
  ddla_yaml_document *document = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(split(&option, &text, assignment));
  DDLA_TRY_CLEAN(status, ddla_yaml_read(&document, text, strlen(text), set_source));
  const ddla_yaml *root = ddla_yaml_root(document);
  DDLA_TRY_CLEAN(status, keep(job, document));
  document = NULL;
  status = ddla_job_put(job, option, root);
cleanup:
  ddla_yaml_destroy(document);
  return status;
}

static const ddla_yaml *place_of(const ddla_job *job, const ddla_option *option) {
  return option ? job->sources->given[ddla_option_index(option)] : NULL;
}

ddla_status ddla_job_refuse(const ddla_job *job, const char *key, const char *format, ...) {
  const ddla_yaml *place = place_of(job, ddla_option_find(key));
  char words[DDLA_STATUS_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  if (place) return ddla_yaml_refuse_key(place, "%s %s", key, words);
  return DDLA_FAIL(INVALID, "%s %s", key, words);
}

ddla_status ddla_job_choose(int *index, const ddla_job *job, const char *key,
                            const char *const *names, int count) {
  const ddla_option *option = ddla_option_find(key);
  if (!option || option->type != DDLA_OPTION_NAME) return DDLA_FAIL(INTERNAL, "%s is no name", key);
  const char *value = *(char *const *)(const void *)((const char *)job + option->offset);
  const char *near = NULL;
  char all[512] = "";
  for (int i = 0; i < count; i++) {
    if (strcmp(names[i], value) == 0) {
      *index = i;
      return DDLA_OK;
    }
    if (!near && ddla_text_is_near(value, names[i])) near = names[i];
    strncat(all, i > 0 ? " " : "", sizeof all - 1 - strlen(all));
    strncat(all, names[i], sizeof all - 1 - strlen(all));
  }
  return ddla_job_refuse(job, key, "is %s, but it must be one of: %s%s%s%s",
                         ddla_text_quote(value).text, all, near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
}

bool ddla_job_is_given(const ddla_job *job, const char *key) {
  return place_of(job, ddla_option_find(key)) != NULL;
}

bool ddla_job_is_set(const ddla_job *job, const char *key) {
  const ddla_yaml *place = place_of(job, ddla_option_find(key));
  return place && strcmp(place->source, set_source) == 0;
}

const char *ddla_job_resume_key(int i) {
  for (int at = 0; at < ddla_option_count(); at++) {
    if (ddla_option_at(at)->resume == DDLA_OPTION_SAME && i-- == 0) return ddla_option_at(at)->key;
  }
  return NULL;
}
