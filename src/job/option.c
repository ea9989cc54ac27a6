#include "job/option.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

static const ddla_option options[] = {
#define ROW(section, field, type, initial, low, high, words, resume, help)                         \
  {#section,                                                                                       \
   #field,                                                                                         \
   #section "." #field,                                                                            \
   DDLA_OPTION_##type,                                                                             \
   initial,                                                                                        \
   low,                                                                                            \
   high,                                                                                           \
   words,                                                                                          \
   DDLA_OPTION_##resume,                                                                           \
   help,                                                                                           \
   offsetof(ddla_job, section.field)},
#define SECTION(section, help) DDLA_JOB_ROWS_##section(ROW)
    DDLA_JOB_SECTIONS(SECTION)
#undef SECTION
#undef ROW
};

static const ddla_option_section sections[] = {
#define SECTION(section, help) {#section, help},
    DDLA_JOB_SECTIONS(SECTION)
#undef SECTION
};

enum {
  OPTIONS = sizeof options / sizeof options[0],
  SECTIONS = sizeof sections / sizeof sections[0]
};

int ddla_option_count(void) { return OPTIONS; }
const ddla_option *ddla_option_at(int index) { return &options[index]; }
int ddla_option_index(const ddla_option *option) { return (int)(option - options); }
int ddla_option_section_count(void) { return SECTIONS; }
const ddla_option_section *ddla_option_section_at(int index) { return &sections[index]; }

const ddla_option *ddla_option_find(const char *key) {
  for (int i = 0; i < OPTIONS; i++) {
    if (strcmp(options[i].key, key) == 0) return &options[i];
  }
  return NULL;
}

const ddla_option *ddla_option_find_field(const char *section, const char *field) {
  for (int i = 0; i < OPTIONS; i++) {
    if (strcmp(options[i].section, section) == 0 && strcmp(options[i].field, field) == 0) {
      return &options[i];
    }
  }
  return NULL;
}

/* The nearest of the words that options or sections offer; null if none is near. */
static const char *nearest_key(const char *section, const char *field) {
  const char *best = NULL;
  int least = 1 << 20;
  for (int i = 0; i < OPTIONS; i++) {
    bool inside = section && strcmp(options[i].section, section) == 0;
    bool near = inside && ddla_text_is_near(field, options[i].field);
    int distance = ddla_text_distance(field, inside ? options[i].field : options[i].key);
    if (!near) near = !inside && strcmp(field, options[i].field) == 0;
    if (!near && !section) near = ddla_text_is_near(field, options[i].key);
    if (near && distance < least) {
      least = distance;
      best = options[i].key;
    }
  }
  for (int i = 0; i < SECTIONS && !section; i++) {
    int distance = ddla_text_distance(field, sections[i].name);
    if (!ddla_text_is_near(field, sections[i].name) || distance >= least) continue;
    least = distance;
    best = sections[i].name;
  }
  return best;
}

static void add(ddla_option_hint *hint, const char *words) {
  size_t used = strlen(hint->text), room = sizeof hint->text - 1 - used;
  strncat(hint->text, words, room);
}

ddla_option_hint ddla_option_hint_for(const char *section, const char *field) {
  ddla_option_hint hint = {0};
  const char *near = nearest_key(section, field);
  if (near) {
    add(&hint, "; did you mean ");
    add(&hint, near);
    add(&hint, "?");
    return hint;
  }
  add(&hint, "; there are:");
  for (int i = 0; i < OPTIONS && section; i++) {
    if (strcmp(options[i].section, section) != 0) continue;
    add(&hint, " ");
    add(&hint, options[i].field);
  }
  for (int i = 0; i < SECTIONS && !section; i++) {
    add(&hint, " ");
    add(&hint, sections[i].name);
  }
  return hint;
}

ddla_option_hint ddla_option_allowed(const ddla_option *option) {
  static const char *const words[] = {"a whole number from %s to %s",
                                      "a number from %s to %s",
                                      "true or false",
                                      "text",
                                      "a name",
                                      "one of ",
                                      "a list of whole numbers from %s to %s",
                                      "a list of numbers from %s to %s",
                                      "a list of paths",
                                      "a list or a mapping"};
  ddla_option_hint hint = {0};
  if (option->type == DDLA_OPTION_CHOICE) {
    add(&hint, words[option->type]);
    add(&hint, option->words);
    return hint;
  }
  char low[DDLA_TEXT_REAL_BYTES], high[DDLA_TEXT_REAL_BYTES];
  bool whole = option->type == DDLA_OPTION_INT || option->type == DDLA_OPTION_SIZES;
  if (whole) {
    snprintf(low, sizeof low, "%.0f", option->low);
    snprintf(high, sizeof high, "%.0f", option->high);
  } else {
    ddla_text_from_real(low, option->low);
    ddla_text_from_real(high, option->high);
  }
  const char *text = words[option->type], *gap = strstr(text, "%s to %s");
  snprintf(hint.text, sizeof hint.text, "%.*s", gap ? (int)(gap - text) : (int)strlen(text), text);
  if (gap) {
    add(&hint, low);
    add(&hint, " to ");
    add(&hint, high);
  }
  if (*option->words) {
    add(&hint, " (");
    add(&hint, option->words);
    add(&hint, ")");
  }
  return hint;
}

static ddla_status refuse_value(const ddla_option *option, const ddla_yaml *value,
                                const ddla_yaml *part) {
  const char *shown = "empty";
  ddla_text_quoted quoted = ddla_text_quote(part->text);
  if (part->kind == DDLA_YAML_SEQUENCE) shown = "a list";
  else if (part->kind == DDLA_YAML_MAPPING) shown = "a mapping";
  else if (!part->empty) shown = quoted.text;
  bool stray =
      part->quoted && option->type != DDLA_OPTION_CHOICE && option->type != DDLA_OPTION_NAME;
  return ddla_yaml_refuse(part, "%s %s %s%s, but it must be %s", option->key,
                          part == value ? "is" : "has the item", shown, stray ? " in quotes" : "",
                          ddla_option_allowed(option).text);
}

static bool in_range(const ddla_option *option, double value) {
  return value >= option->low && value <= option->high;
}

static bool read_int(int64_t *out, const ddla_option *option, const ddla_yaml *value) {
  int64_t whole;
  if (!ddla_yaml_to_int(&whole, value) || !in_range(option, (double)whole)) return false;
  *out = whole;
  return true;
}

static bool read_real(double *out, const ddla_option *option, const ddla_yaml *value) {
  double real;
  if (!ddla_yaml_to_real(&real, value) || !in_range(option, real)) return false;
  *out = real;
  return true;
}

static bool is_name(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  bool starts = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
  bool reserved = strcmp(text, "null") == 0; /* would read back as no value */
  return starts && !reserved && strlen(text) <= 63 && strspn(text, letters) == strlen(text);
}

static bool is_choice(const char *words, const char *text) {
  size_t length = strlen(text);
  if (strchr(text, '|')) return false;
  for (const char *at = words; at; at = strchr(at, '|')) {
    at += *at == '|';
    if (length > 0 && strncmp(at, text, length) == 0 && (at[length] == '|' || !at[length]))
      return true;
  }
  return false;
}

static ddla_status assign_text(char **field, const ddla_option *option, const ddla_yaml *value) {
  bool fits = value->kind == DDLA_YAML_SCALAR;
  bool missing = value->empty && (*value->text || option->type != DDLA_OPTION_TEXT);
  if (option->type == DDLA_OPTION_NAME) fits = fits && is_name(value->text);
  if (option->type == DDLA_OPTION_CHOICE) fits = fits && is_choice(option->words, value->text);
  if (!fits || missing) return refuse_value(option, value, value);
  char *copy = NULL;
  DDLA_TRY(ddla_alloc_text(&copy, value->text));
  ddla_free(*field);
  *field = copy;
  return DDLA_OK;
}

/* Lists are read into a copy, so that the field changes only when all items are right. */
static ddla_status assign_list(void *field, const ddla_option *option, const ddla_yaml *value) {
  ddla_job_sizes sizes = {0};
  ddla_job_reals reals = {0};
  bool whole = option->type == DDLA_OPTION_SIZES;
  if (value->kind != DDLA_YAML_SEQUENCE) return refuse_value(option, value, value);
  if (value->count > DDLA_JOB_ITEMS_MAX) {
    return ddla_yaml_refuse(value, "%s has %d items, but at most %d are allowed", option->key,
                            value->count, DDLA_JOB_ITEMS_MAX);
  }
  for (const ddla_yaml *item = value->first; item; item = item->next) {
    bool fits = whole ? read_int(&sizes.at[sizes.count++], option, item)
                      : read_real(&reals.at[reals.count++], option, item);
    if (!fits) return refuse_value(option, value, item);
  }
  if (whole) memcpy(field, &sizes, sizeof sizes);
  else memcpy(field, &reals, sizeof reals);
  return DDLA_OK;
}

static void release_paths(ddla_job_paths *paths) {
  for (int i = 0; i < paths->count; i++) ddla_free(paths->at[i]);
  paths->count = 0;
}

/* The item's path: as it is where it is absolute, else behind the directory of the file that it
 * stands in, behind the current one on the command line; made absolute. */
static ddla_status add_path(ddla_job_paths *paths, const ddla_yaml *item) {
  const char *slash = strrchr(item->source, '/');
  const int length = slash ? (int)(slash - item->source) : 0;
  const bool inside = item->text[0] != '/';
  char joined[PATH_MAX], whole[PATH_MAX], here[PATH_MAX];
  int used = snprintf(joined, sizeof joined, "%.*s%s%s", inside ? length : 0, item->source,
                      inside && slash ? "/" : "", item->text);
  if (used < 0 || (size_t)used >= sizeof joined)
    return ddla_yaml_refuse(item, "the path is longer than %d bytes", PATH_MAX);
  const char *path = realpath(joined, whole);
  if (!path && joined[0] != '/' && getcwd(here, sizeof here)) { /* told where it is opened */
    used = snprintf(whole, sizeof whole, "%s/%s", here, joined);
    if (used > 0 && (size_t)used < sizeof whole) path = whole;
  }
  DDLA_TRY(ddla_alloc_text(&paths->at[paths->count], path ? path : joined));
  paths->count++;
  return DDLA_OK;
}

static ddla_status assign_paths(ddla_job_paths *field, const ddla_option *option,
                                const ddla_yaml *value) {
  ddla_job_paths read = {0};
  ddla_status status = DDLA_OK;
  if (value->kind != DDLA_YAML_SEQUENCE) return refuse_value(option, value, value);
  if (value->count > DDLA_JOB_PATHS_MAX)
    return ddla_yaml_refuse(value, "%s has %d items, but at most %d are allowed", option->key,
                            value->count, DDLA_JOB_PATHS_MAX);
  for (const ddla_yaml *item = value->first; item && status == DDLA_OK; item = item->next)
    status = item->kind == DDLA_YAML_SCALAR && *item->text ? add_path(&read, item)
                                                           : refuse_value(option, value, item);
  if (status != DDLA_OK) {
    release_paths(&read);
    return status;
  }
  release_paths(field);
  *field = read;
  return DDLA_OK;
}

ddla_status ddla_option_assign(ddla_job *job, const ddla_option *option, const ddla_yaml *value) {
  void *field = (char *)job + option->offset;
  bool fits = false;
  switch (option->type) {
  case DDLA_OPTION_INT: fits = read_int(field, option, value); break;
  case DDLA_OPTION_REAL: fits = read_real(field, option, value); break;
  case DDLA_OPTION_BOOL: fits = ddla_yaml_to_bool(field, value); break;
  case DDLA_OPTION_TEXT:
  case DDLA_OPTION_NAME:
  case DDLA_OPTION_CHOICE: return assign_text(field, option, value);
  case DDLA_OPTION_SIZES:
  case DDLA_OPTION_REALS: return assign_list(field, option, value);
  case DDLA_OPTION_PATHS: return assign_paths(field, option, value);
  case DDLA_OPTION_TREE:
    fits = value->kind != DDLA_YAML_SCALAR || value->empty;
    if (fits) *(const ddla_yaml **)field = value->count == 0 ? NULL : value;
    break;
  }
  return fits ? DDLA_OK : refuse_value(option, value, value);
}

static void write_real(double value, FILE *file) {
  char text[DDLA_TEXT_REAL_BYTES];
  ddla_text_from_real(text, value);
  fputs(text, file);
}

static void write_list(const void *field, const ddla_option *option, FILE *file) {
  const ddla_job_sizes *sizes = field;
  const ddla_job_reals *reals = field;
  bool whole = option->type == DDLA_OPTION_SIZES;
  int count = whole ? sizes->count : reals->count;
  fputc('[', file);
  for (int i = 0; i < count; i++) {
    if (i > 0) fputs(", ", file);
    if (whole) fprintf(file, "%lld", (long long)sizes->at[i]);
    else write_real(reals->at[i], file);
  }
  fputc(']', file);
}

static void write_paths(const ddla_job_paths *paths, FILE *file) {
  fputc('[', file);
  for (int i = 0; i < paths->count; i++) {
    if (i > 0) fputs(", ", file);
    ddla_yaml_write_text(paths->at[i], file);
  }
  fputc(']', file);
}

void ddla_option_write(const ddla_job *job, const ddla_option *option, FILE *file) {
  const void *field = (const char *)job + option->offset;
  const ddla_yaml *tree = NULL;
  switch (option->type) {
  case DDLA_OPTION_INT: fprintf(file, "%lld", (long long)*(const int64_t *)field); break;
  case DDLA_OPTION_REAL: write_real(*(const double *)field, file); break;
  case DDLA_OPTION_BOOL: fputs(*(const bool *)field ? "true" : "false", file); break;
  case DDLA_OPTION_TEXT: ddla_yaml_write_text(*(char *const *)field, file); break;
  case DDLA_OPTION_NAME:
  case DDLA_OPTION_CHOICE: fputs(*(char *const *)field, file); break;
  case DDLA_OPTION_SIZES:
  case DDLA_OPTION_REALS: write_list(field, option, file); break;
  case DDLA_OPTION_PATHS: write_paths(field, file); break;
  case DDLA_OPTION_TREE:
    tree = *(const ddla_yaml *const *)field;
    if (tree) ddla_yaml_write(tree, file);
    else fputs("[]", file);
    break;
  }
}

void ddla_option_release(ddla_job *job, const ddla_option *option) {
  void *field = (char *)job + option->offset;
  bool text = option->type == DDLA_OPTION_TEXT || option->type == DDLA_OPTION_NAME ||
              option->type == DDLA_OPTION_CHOICE;
  if (option->type == DDLA_OPTION_PATHS) release_paths(field);
  if (!text) return;
  ddla_free(*(char **)field);
  *(char **)field = NULL;
}
