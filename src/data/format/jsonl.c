#include "data/format/jsonl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/format/labels.h"

enum { LEVELS_MAX = 3, NUMBERS_MAX = 1 << 24, PEEK_BYTES = 64, PATH_TEXT_BYTES = 80 };

/* A key whose numbers are features: what its value is in the first line, and so in every one. */
typedef struct feature {
  int levels; /* of arrays in each other; 0: a number */
  int64_t size[LEVELS_MAX], count;
  int64_t offset; /* of its numbers in a sample */
  int64_t row;    /* of the newest sample that had it, from 1 */
} feature;

typedef struct reader {
  ddla_dataset *set;
  const ddla_data_source *source;
  const char *label; /* its key; null: there are no labels */
  bool named;        /* source->features says which keys are read; others are skipped */
  ddla_classes keys; /* of features, in their order in a sample */
  feature *features; /* [keys.count] */
  int32_t *order;    /* [keys.count] that a line had them in: most lines have the same */
  int64_t numbers, rows, first_line, line;
  ddla_label_kind kind;
  int target_levels;         /* 1: the target is an array; 0: a number */
  int64_t targets;           /* numbers of a target; 0: labels are classes, or there are none */
  int64_t label_row;         /* of the newest sample that had one, from 1 */
  int64_t place[LEVELS_MAX]; /* in the arrays that are being read */
} reader;

/* "key 'x': " before what is wrong with its value. */
static ddla_status fail_key(ddla_status status, const char *key) {
  return ddla_status_prefix(status, "key %s: ", ddla_text_quote(key).text);
}

/* Sizes of the value at the cursor; they hold if all parts of an array are alike. */
static ddla_status measure(feature *out, ddla_jsonl_cursor cursor) {
  feature made = {.count = 1};
  while (ddla_jsonl_take(&cursor, '[')) {
    if (made.levels == LEVELS_MAX)
      return DDLA_FAIL(INVALID,
                       "more than %d arrays in each other; expected numbers, or arrays of "
                       "[height][width][channels]",
                       LEVELS_MAX);
    int64_t entries = 0;
    ddla_jsonl_cursor inside = cursor;
    if (ddla_jsonl_take(&inside, ']')) return DDLA_FAIL(INVALID, "an empty array");
    do {
      DDLA_TRY(ddla_jsonl_skip(&inside));
      entries++;
    } while (ddla_jsonl_take(&inside, ','));
    made.size[made.levels++] = entries;
    if (__builtin_mul_overflow(made.count, entries, &made.count) || made.count > NUMBERS_MAX)
      return DDLA_FAIL(INVALID, "more than %d numbers; a sample may have no more", NUMBERS_MAX);
  }
  *out = made;
  return DDLA_OK;
}

/* "[2][7]", where in its arrays a value stands. */
static void write_place(char out[PATH_TEXT_BYTES], const reader *in, int levels) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < levels && used < PATH_TEXT_BYTES; i++)
    used += (size_t)snprintf(out + used, PATH_TEXT_BYTES - used, "[%" PRId64 "]", in->place[i]);
}

static ddla_status fail_ragged(const reader *in, const feature *form, int level, bool more) {
  char place[PATH_TEXT_BYTES];
  write_place(place, in, level);
  return DDLA_FAIL(INVALID,
                   "its array %s%shas %s%" PRId64 " entries; expected %" PRId64
                   " as at the beginning of line %" PRId64,
                   place, level ? " " : "", more ? "more than " : "",
                   more ? form->size[level] : in->place[level], form->size[level], in->first_line);
}

static ddla_status read_numbers(float **out, reader *in, const feature *form, int level,
                                ddla_jsonl_cursor *cursor) {
  if (level == form->levels) {
    if (ddla_jsonl_peek(cursor) != DDLA_JSONL_NUMBER)
      return ddla_jsonl_refuse(cursor, "a finite decimal number");
    return ddla_jsonl_number((*out)++, NULL, cursor);
  }
  if (!ddla_jsonl_take(cursor, '[')) return ddla_jsonl_refuse(cursor, "an array");
  for (int64_t i = 0; i < form->size[level]; i++) {
    in->place[level] = i;
    if (ddla_jsonl_take(cursor, ']')) return fail_ragged(in, form, level, false);
    if (i > 0) DDLA_TRY(ddla_jsonl_expect(cursor, ','));
    DDLA_TRY(read_numbers(out, in, form, level + 1, cursor));
  }
  if (ddla_jsonl_take(cursor, ']')) return DDLA_OK;
  if (ddla_jsonl_take(cursor, ',')) return fail_ragged(in, form, level, true);
  return ddla_jsonl_refuse(cursor, "',' or ']'");
}

/* Runs through the first line; `visit` moves the cursor behind each value. */
static ddla_status visit_keys(reader *in, ddla_jsonl_cursor cursor,
                              ddla_status (*visit)(reader *in, const char *key,
                                                   ddla_jsonl_cursor *cursor)) {
  char key[DDLA_JSONL_KEY_BYTES];
  bool more = false, first = true;
  DDLA_TRY(ddla_jsonl_expect(&cursor, '{'));
  for (;; first = false) {
    DDLA_TRY(ddla_jsonl_next_key(&more, key, &cursor, first));
    if (!more) return ddla_jsonl_finish(&cursor);
    ddla_status status = visit(in, key, &cursor);
    if (status != DDLA_OK) return fail_key(status, key);
  }
}

static bool is_label(const reader *in, const char *key) {
  return in->label && strcmp(key, in->label) == 0;
}

static ddla_status add_key(reader *in, const char *key) {
  int32_t number = 0;
  const int before = in->keys.count;
  if (!key[0])
    return DDLA_FAIL(INVALID, "the name of a key is empty or longer than %d bytes",
                     DDLA_JSONL_KEY_BYTES - 1);
  if (before == DDLA_CLASSES_LIMIT)
    return DDLA_FAIL(INVALID, "more than %d keys; numbers are better kept in arrays",
                     DDLA_CLASSES_LIMIT);
  DDLA_TRY(ddla_classes_add(&number, &in->keys, key, strlen(key)));
  if (number < before) return DDLA_FAIL(INVALID, "it comes twice");
  return DDLA_OK;
}

/* Without a list of keys every number and array is a feature; others have to be left out by one. */
static ddla_status find_key(reader *in, const char *key, ddla_jsonl_cursor *cursor) {
  if (is_label(in, key)) return ddla_jsonl_skip(cursor);
  const ddla_jsonl_kind kind = ddla_jsonl_peek(cursor);
  if (kind != DDLA_JSONL_NUMBER && kind != DDLA_JSONL_ARRAY)
    return ddla_jsonl_refuse(cursor, "a number or an array of numbers (data.features names the "
                                     "keys to read, data.label the label's)");
  DDLA_TRY(add_key(in, key));
  return ddla_jsonl_skip(cursor);
}

/* The keys of "a, b,c". */
static ddla_status split_keys(reader *in, const char *list) {
  while (*list) {
    char key[DDLA_JSONL_KEY_BYTES] = "";
    list += strspn(list, " ");
    size_t length = strcspn(list, ",");
    const char *next = list + length + (list[length] == ',');
    while (length > 0 && list[length - 1] == ' ') length--;
    if (length < sizeof key) memcpy(key, list, length);
    if (is_label(in, key))
      return DDLA_FAIL(INVALID, "%s is the label's key and cannot be a feature as well",
                       ddla_text_quote(key).text);
    ddla_status status = add_key(in, key);
    if (status != DDLA_OK) return fail_key(status, key);
    list = next;
  }
  return DDLA_OK;
}

/* What labels are is decided by the first: an array and a number with a point or an exponent are
 * targets of regression. */
static ddla_status measure_label(reader *in, ddla_jsonl_cursor *cursor) {
  feature form = {0};
  float value = 0;
  bool whole = true;
  ddla_jsonl_cursor there = *cursor;
  const ddla_jsonl_kind kind = ddla_jsonl_peek(&there);
  if (kind == DDLA_JSONL_NUMBER) DDLA_TRY(ddla_jsonl_number(&value, &whole, &there));
  if (kind == DDLA_JSONL_NUMBER && !whole) in->targets = 1;
  if (kind == DDLA_JSONL_ARRAY) {
    DDLA_TRY(measure(&form, there));
    if (form.levels != 1)
      return DDLA_FAIL(INVALID, "%d arrays in each other; expected one array of numbers",
                       form.levels);
    in->target_levels = 1;
    in->targets = form.count;
  }
  in->label_row = 1;
  return ddla_jsonl_skip(cursor);
}

static ddla_status measure_key(reader *in, const char *key, ddla_jsonl_cursor *cursor) {
  if (is_label(in, key)) return measure_label(in, cursor);
  const int32_t found = ddla_classes_find(&in->keys, key, strlen(key));
  if (found < 0) return ddla_jsonl_skip(cursor);
  DDLA_TRY(measure(&in->features[found], *cursor));
  in->features[found].row = 1;
  return ddla_jsonl_skip(cursor);
}

static ddla_status check_keys(const reader *in, int64_t row) {
  for (int32_t k = 0; k < in->keys.count; k++)
    if (in->features[k].row != row)
      return DDLA_FAIL(INVALID, "the key %s is missing; every line must have it",
                       ddla_text_quote(in->keys.names[k]).text);
  if (in->label && in->label_row != row)
    return DDLA_FAIL(INVALID,
                     "the key %s of the label is missing; data.label names another one, "
                     "or is \"none\" for data without labels",
                     ddla_text_quote(in->label).text);
  return DDLA_OK;
}

/* Where each key's numbers lie in a sample. */
static ddla_status place_keys(reader *in) {
  for (int32_t k = 0; k < in->keys.count; k++) {
    in->features[k].offset = in->numbers;
    in->features[k].row = 0;
    in->order[k] = k;
    in->numbers += in->features[k].count;
    if (in->numbers > NUMBERS_MAX)
      return DDLA_FAIL(INVALID, "more than %d numbers; a sample may have no more", NUMBERS_MAX);
  }
  in->label_row = 0;
  return DDLA_OK;
}

/* Finds the keys and the sizes of their values. In the order of their bytes, as objects have none
 * of their own: two files give the same features however they were written. */
static ddla_status read_form(reader *in, ddla_jsonl_cursor line) {
  int32_t *renumber = NULL;
  if (in->named) DDLA_TRY(split_keys(in, in->source->features));
  else DDLA_TRY(visit_keys(in, line, find_key));
  if (in->keys.count == 0) return DDLA_FAIL(INVALID, "no features beside the label");
  DDLA_TRY(DDLA_NEW(in->features, in->keys.count));
  DDLA_TRY(DDLA_NEW(in->order, in->keys.count));
  if (!in->named) {
    DDLA_TRY(DDLA_NEW(renumber, in->keys.count));
    ddla_status status = ddla_classes_sort(&in->keys, renumber);
    ddla_free(renumber);
    DDLA_TRY(status);
  }
  DDLA_TRY(visit_keys(in, line, measure_key));
  DDLA_TRY(check_keys(in, 1));
  return place_keys(in);
}

static ddla_status read_targets(reader *in, int64_t row, ddla_jsonl_cursor *cursor) {
  const feature form = {.levels = in->target_levels, .size = {in->targets}, .count = in->targets};
  float *out = in->set->targets + row * in->targets;
  return read_numbers(&out, in, &form, 0, cursor);
}

static ddla_status read_class(reader *in, int64_t row, ddla_jsonl_cursor *cursor) {
  char text[DDLA_LABEL_BYTES];
  DDLA_TRY(ddla_jsonl_class(text, sizeof text, cursor));
  return ddla_labels_read(&in->set->labels[row], &in->kind, in->set, in->source, text);
}

static ddla_status read_label(reader *in, int64_t row, ddla_jsonl_cursor *cursor) {
  if (in->label_row == row + 1) return DDLA_FAIL(INVALID, "it comes twice");
  in->label_row = row + 1;
  return in->targets ? read_targets(in, row, cursor) : read_class(in, row, cursor);
}

static ddla_status read_feature(reader *in, feature *form, int64_t row, ddla_jsonl_cursor *cursor) {
  float *out = (float *)(void *)in->set->features_block.data + row * in->numbers + form->offset;
  if (form->row == row + 1) return DDLA_FAIL(INVALID, "it comes twice");
  form->row = row + 1;
  return read_numbers(&out, in, form, 0, cursor);
}

/* Number of a key that may be a feature's; the one that stood here in the last line is the first
 * guess. */
static int32_t number_of(reader *in, const char *key, int32_t place) {
  if (place < in->keys.count && strcmp(in->keys.names[in->order[place]], key) == 0)
    return in->order[place];
  const int32_t found = ddla_classes_find(&in->keys, key, strlen(key));
  if (found >= 0 && place < in->keys.count) in->order[place] = found;
  return found;
}

static ddla_status read_object(reader *in, int64_t row, ddla_jsonl_cursor cursor) {
  char key[DDLA_JSONL_KEY_BYTES];
  bool more = false, first = true;
  int32_t place = 0;
  DDLA_TRY(ddla_jsonl_expect(&cursor, '{'));
  for (;; first = false) {
    ddla_status status = DDLA_OK;
    DDLA_TRY(ddla_jsonl_next_key(&more, key, &cursor, first));
    if (!more) break;
    const int32_t number = is_label(in, key) ? -1 : number_of(in, key, place);
    if (is_label(in, key)) status = read_label(in, row, &cursor);
    else if (number >= 0) status = read_feature(in, &in->features[number], row, &cursor);
    else if (in->named) status = ddla_jsonl_skip(&cursor);
    else
      status = DDLA_FAIL(INVALID,
                         "it is not in line %" PRId64 "; expected the same keys in every "
                         "line, or those to read in data.features",
                         in->first_line);
    if (status != DDLA_OK) return fail_key(status, key);
    place += number >= 0;
  }
  DDLA_TRY(check_keys(in, row + 1));
  return ddla_jsonl_finish(&cursor);
}

/* The next line that is not blank; false at the end. */
static bool next_line(ddla_jsonl_cursor *line, int64_t *number, const char **rest,
                      const char *end) {
  while (*rest < end) {
    const char *stop = memchr(*rest, '\n', (size_t)(end - *rest));
    *line = ddla_jsonl_start(*rest, (size_t)((stop ? stop : end) - *rest));
    *rest = stop ? stop + 1 : end;
    ++*number;
    if (ddla_jsonl_peek(line) != DDLA_JSONL_END) return true;
  }
  return false;
}

/* Lines, at most up to the first that is too short for its numbers, a digit and a mark each: there
 * reading ends at the latest, and a small file cannot ask for much memory. */
static int64_t count_rows(const reader *in, const char *rest, const char *end) {
  ddla_jsonl_cursor line = {0};
  int64_t rows = 0, number = 0;
  while (next_line(&line, &number, &rest, end)) {
    rows++;
    if (line.end - line.at < 2 * (in->numbers + in->targets)) break;
  }
  return rows;
}

static ddla_status choose_shape(ddla_data_shape *out, const reader *in) {
  const feature *only = &in->features[0];
  ddla_data_shape shape = in->source->shape;
  *out = (ddla_data_shape){.height = 1, .width = 1, .channels = in->numbers};
  if (shape.height == 0 && shape.width == 0) {
    if (in->keys.count > 1 || only->levels < 2) return DDLA_OK;
    *out = (ddla_data_shape){.height = only->size[0],
                             .width = only->size[1],
                             .channels = only->levels == LEVELS_MAX ? only->size[2] : 1};
    return DDLA_OK;
  }
  if (shape.channels == 0) shape.channels = 1;
  if (ddla_data_shape_count(shape) != in->numbers)
    return DDLA_FAIL(
        INVALID, "%" PRId64 " features do not make images of %" PRId64 " x %" PRId64 " x %" PRId64,
        in->numbers, shape.height, shape.width, shape.channels);
  *out = shape;
  return DDLA_OK;
}

static ddla_status make_room(reader *in, const char *bytes, const char *end) {
  ddla_data_records records = {.type = DDLA_DATA_FLOAT32,
                               .count = count_rows(in, bytes, end),
                               .labelled = in->label && !in->targets,
                               .targets = in->targets};
  DDLA_TRY(choose_shape(&records.shape, in));
  DDLA_TRY(ddla_dataset_make(&records, in->set, in->source));
  if (!records.labelled || !in->source->class_names) return DDLA_OK;
  return ddla_classes_set(&in->set->classes, in->source->class_names, in->source->class_count);
}

/* "file, line 7: " before what is wrong with it. */
static ddla_status fail_line(ddla_status status, const reader *in) {
  return ddla_status_prefix(status, "%s, line %" PRId64 ": ", in->source->path, in->line);
}

static ddla_status read_all(reader *in, const char *bytes, const char *end) {
  ddla_jsonl_cursor line = {0};
  const char *rest = bytes;
  if (!next_line(&line, &in->line, &rest, end))
    return DDLA_FAIL(INVALID, "%s holds no samples", in->source->path);
  in->first_line = in->line;
  ddla_status status = read_form(in, line);
  if (status == DDLA_OK) status = make_room(in, bytes, end);
  for (int64_t row = 0; status == DDLA_OK; row++) {
    status = read_object(in, row, line);
    if (status != DDLA_OK || !next_line(&line, &in->line, &rest, end)) break;
  }
  return status == DDLA_OK ? DDLA_OK : fail_line(status, in);
}

ddla_status ddla_jsonl_parse(ddla_dataset *set, const char *bytes, size_t length,
                             const ddla_data_source *source) {
  const char *label = source->label_column;
  reader in = {.set = set,
               .source = source,
               .label = !label || !label[0]     ? "label"
                        : strcmp(label, "none") ? label
                                                : NULL,
               .named = source->features && source->features[0]};
  DDLA_TRY(ddla_data_check_text(bytes, length, source->path));
  if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) bytes += 3, length -= 3;
  ddla_status status = read_all(&in, bytes, bytes + length);
  ddla_classes_fini(&in.keys);
  ddla_free(in.features);
  ddla_free(in.order);
  DDLA_TRY(status);
  return ddla_labels_finish(set, in.kind, source);
}

static ddla_status jsonl_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_block raw = {0};
  DDLA_TRY(ddla_data_file_load(&raw, source->path, ddla_data_memory_private()));
  ddla_status status = ddla_jsonl_parse(set, (const char *)raw.data, raw.bytes, source);
  ddla_data_block_release(&raw);
  return status;
}

/* By its name, or because it begins with an object. */
static bool jsonl_accepts(const ddla_data_source *source) {
  uint8_t head[PEEK_BYTES];
  if (!ddla_data_is_file(source->path)) return false;
  if (strstr(source->path, ".jsonl") || strstr(source->path, ".ndjson")) return true;
  const size_t length = ddla_data_file_peek(head, sizeof head, source->path);
  ddla_jsonl_cursor cursor = ddla_jsonl_start((const char *)head, length);
  if (length >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) cursor.at += 3;
  return ddla_jsonl_take(&cursor, '{');
}

const ddla_data_format ddla_data_format_jsonl = {
    .name = "jsonl",
    .looks_for = "a text file with one JSON object per line, of numbers, arrays and a label",
    .accepts = jsonl_accepts,
    .read = jsonl_read};
