#include "data/format/csv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/format/labels.h"

enum { PEEK_BYTES = 4096 };

/* What the first row tells about the file. */
typedef struct layout {
  int64_t columns, features, rows;
  int64_t label, key; /* columns from 0; -1: none */
  int64_t first_line;
  bool header;
  ddla_label_kind kind;
} layout;

static ddla_status name_of(char out[DDLA_LABEL_BYTES], const ddla_csv_cursor *cursor,
                           const ddla_csv_field *field) {
  if (ddla_csv_field_text(out, DDLA_LABEL_BYTES, field)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s, line %lld, column %d: a name of %zu bytes; at most %d are read",
                   cursor->path, (long long)field->line, field->column, field->length,
                   DDLA_LABEL_BYTES - 1);
}

static bool spells(const ddla_csv_field *field, const char *name) {
  char text[DDLA_LABEL_BYTES];
  return ddla_csv_field_text(text, sizeof text, field) && strcmp(text, name) == 0;
}

/* Columns that are looked for by their names, or by their numbers. */
typedef struct wanted_columns {
  const char *label, *key;        /* key: null if none is wanted */
  int64_t named_label, named_key; /* columns with these names; -1: none */
} wanted_columns;

/* Reads the first row: counts columns, finds those that are wanted by name, and tells whether any
 * field is a number. */
static ddla_status read_first_row(layout *out, wanted_columns *wanted, bool *numeric,
                                  ddla_csv_cursor cursor) {
  bool last = false;
  wanted->named_label = wanted->named_key = -1;
  *numeric = false;
  out->first_line = cursor.line;
  while (!last) {
    ddla_csv_field field = {0};
    float value = 0;
    DDLA_TRY(ddla_csv_next_field(&field, &last, &cursor));
    if (wanted->named_label < 0 && spells(&field, wanted->label))
      wanted->named_label = out->columns;
    if (wanted->key && wanted->named_key < 0 && spells(&field, wanted->key))
      wanted->named_key = out->columns;
    if (ddla_csv_number(&value, &field)) *numeric = true;
    out->columns++;
  }
  return DDLA_OK;
}

static ddla_status find_label(layout *out, int64_t named, const char *wanted, const char *path) {
  int64_t number = 0;
  if (strcmp(wanted, "none") == 0) {
    out->label = -1;
  } else if (out->header && named >= 0) {
    out->label = named;
  } else if (strcmp(wanted, "last") == 0) {
    out->label = out->columns - 1;
  } else if (ddla_text_to_int(&number, wanted)) {
    if (number < 1 || number > out->columns)
      return DDLA_FAIL(INVALID, "%s: no column %lld for the label; the file has columns 1 to %lld",
                       path, (long long)number, (long long)out->columns);
    out->label = number - 1;
  } else {
    return DDLA_FAIL(INVALID,
                     "%s: no column %s for the label%s; expected a column's name, its number from "
                     "1, \"last\" or \"none\"",
                     path, ddla_text_quote(wanted).text,
                     out->header ? "" : ", as the first line does not name the columns");
  }
  return DDLA_OK;
}

static ddla_status find_key(layout *out, const wanted_columns *wanted, const char *path) {
  int64_t number = 0;
  out->key = -1;
  if (!wanted->key) return DDLA_OK;
  if (out->header && wanted->named_key >= 0) out->key = wanted->named_key;
  else if (ddla_text_to_int(&number, wanted->key) && number >= 1 && number <= out->columns)
    out->key = number - 1;
  else
    return DDLA_FAIL(INVALID,
                     "%s: no column %s for the key%s; expected a column's name or its number, 1 to "
                     "%lld",
                     path, ddla_text_quote(wanted->key).text,
                     out->header ? "" : ", as the first line does not name the columns",
                     (long long)out->columns);
  if (out->key != out->label) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s: column %lld is the key and the label; name another one for the label", path,
                   (long long)out->key + 1);
}

static ddla_status count_features(layout *out, const char *path) {
  out->features = out->columns - (out->label >= 0) - (out->key >= 0);
  if (out->features >= 1) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s: no features beside the label in column %lld; is the delimiter right?", path,
                   (long long)out->label + 1);
}

/* Whether the words for a column can only be its name. */
static bool is_name(const char *wanted) {
  int64_t number = 0;
  return strcmp(wanted, "last") != 0 && strcmp(wanted, "none") != 0 &&
         !ddla_text_to_int(&number, wanted);
}

static ddla_status read_layout(layout *out, const ddla_csv_cursor *cursor,
                               const ddla_data_source *source) {
  wanted_columns wanted = {
      .label = source->label_column && source->label_column[0] ? source->label_column : "last",
      .key = source->key_column && source->key_column[0] ? source->key_column : NULL};
  bool numeric = false;
  DDLA_TRY(read_first_row(out, &wanted, &numeric, *cursor));
  out->header = !numeric || (wanted.named_label >= 0 && is_name(wanted.label)) ||
                (wanted.named_key >= 0 && is_name(wanted.key));
  if (source->header != DDLA_DATA_HEADER_AUTO) out->header = source->header == DDLA_DATA_HEADER_YES;
  DDLA_TRY(find_label(out, wanted.named_label, wanted.label, cursor->path));
  DDLA_TRY(find_key(out, &wanted, cursor->path));
  return count_features(out, cursor->path);
}

static ddla_status count_rows(layout *out, ddla_csv_cursor cursor) {
  while (ddla_csv_next_row(&cursor)) {
    int64_t line = cursor.line, fields = 0;
    for (bool last = false; !last; fields++) {
      ddla_csv_field field = {0};
      DDLA_TRY(ddla_csv_next_field(&field, &last, &cursor));
    }
    if (fields != out->columns)
      return DDLA_FAIL(INVALID, "%s, line %lld: %lld fields; expected %lld as in line %lld",
                       cursor.path, (long long)line, (long long)fields, (long long)out->columns,
                       (long long)out->first_line);
    out->rows++;
  }
  if (out->rows == 0)
    return DDLA_FAIL(INVALID, "%s holds no samples%s", cursor.path,
                     out->header ? ", only a line that names the columns" : "");
  return DDLA_OK;
}

static ddla_status choose_shape(ddla_dataset *set, const layout *in,
                                const ddla_data_source *source) {
  ddla_data_shape shape = source->shape;
  set->shape = (ddla_data_shape){.height = 1, .width = 1, .channels = in->features};
  if (shape.height == 0 && shape.width == 0) return DDLA_OK;
  if (shape.channels == 0) shape.channels = 1;
  if (ddla_data_shape_count(shape) != in->features)
    return DDLA_FAIL(INVALID, "%s: %lld features do not make images of %lld x %lld x %lld",
                     source->path, (long long)in->features, (long long)shape.height,
                     (long long)shape.width, (long long)shape.channels);
  set->shape = shape;
  return DDLA_OK;
}

/* Reads a label and names its place if it is none. */
static ddla_status read_label(int32_t *out, ddla_dataset *set, layout *in,
                              const ddla_data_source *source, const ddla_csv_cursor *cursor,
                              const ddla_csv_field *field) {
  char name[DDLA_LABEL_BYTES];
  DDLA_TRY(name_of(name, cursor, field));
  ddla_status status = ddla_labels_read(out, &in->kind, set, source, name);
  if (status == DDLA_OK) return DDLA_OK;
  return ddla_status_prefix(status, "%s, line %lld, column %d: ", cursor->path,
                            (long long)field->line, field->column);
}

static ddla_status fail_number(const ddla_csv_cursor *cursor, const ddla_csv_field *field) {
  char text[DDLA_LABEL_BYTES];
  if (!ddla_csv_field_text(text, sizeof text, field)) memcpy(text, "a long text", 12);
  return DDLA_FAIL(INVALID,
                   "%s, line %lld, column %d: %s is not a number; every feature must be a finite "
                   "decimal number",
                   cursor->path, (long long)field->line, field->column,
                   text[0] ? ddla_text_quote(text).text : "an empty field");
}

static ddla_status read_key(int32_t *out, ddla_dataset *set, const ddla_csv_cursor *cursor,
                            const ddla_csv_field *field) {
  char name[DDLA_LABEL_BYTES];
  DDLA_TRY(name_of(name, cursor, field));
  if (name[0]) return ddla_classes_add(out, &set->key_names, name, strlen(name));
  return DDLA_FAIL(INVALID,
                   "%s, line %lld, column %d: an empty key; every sample must be somebody's",
                   cursor->path, (long long)field->line, field->column);
}

static ddla_status read_row(ddla_dataset *set, layout *in, const ddla_data_source *source,
                            ddla_csv_cursor *cursor, int64_t row) {
  float *values = (float *)(void *)set->features_block.data + row * in->features;
  for (int64_t column = 0, next = 0; column < in->columns; column++) {
    ddla_csv_field field = {0};
    bool last = false;
    DDLA_TRY(ddla_csv_next_field(&field, &last, cursor));
    if (column == in->label)
      DDLA_TRY(read_label(&set->labels[row], set, in, source, cursor, &field));
    else if (column == in->key) DDLA_TRY(read_key(&set->keys[row], set, cursor, &field));
    else if (!ddla_csv_number(&values[next++], &field)) return fail_number(cursor, &field);
  }
  return DDLA_OK;
}

/* Keys get numbers in the order of their bytes, so that the order of rows does not matter. */
static ddla_status sort_keys(ddla_dataset *set) {
  int32_t *renumber = NULL;
  if (!set->keys) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(renumber, set->key_names.count));
  ddla_status status = ddla_classes_sort(&set->key_names, renumber);
  for (int64_t i = 0; status == DDLA_OK && i < set->count; i++)
    set->keys[i] = renumber[set->keys[i]];
  ddla_free(renumber);
  return status;
}

static ddla_status make_room(ddla_dataset *set, const layout *in, const ddla_data_source *source) {
  set->type = DDLA_DATA_FLOAT32;
  set->count = in->rows;
  size_t bytes = (size_t)in->rows * (size_t)in->features * sizeof(float);
  DDLA_TRY(ddla_data_block_make(&set->features_block, bytes, source->memory));
  set->features = set->features_block.data;
  if (in->key >= 0) DDLA_TRY(DDLA_NEW(set->keys, in->rows));
  if (in->label < 0) return DDLA_OK;
  bytes = (size_t)in->rows * sizeof *set->labels;
  DDLA_TRY(ddla_data_block_make(&set->labels_block, bytes, source->memory));
  set->labels = (int32_t *)(void *)set->labels_block.data;
  if (!source->class_names) return DDLA_OK;
  return ddla_classes_set(&set->classes, source->class_names, source->class_count);
}

ddla_status ddla_csv_parse(ddla_dataset *set, const char *bytes, size_t length,
                           const ddla_data_source *source) {
  layout in = {0};
  DDLA_TRY(ddla_data_check_text(bytes, length, source->path));
  ddla_csv_cursor cursor = ddla_csv_start(bytes, length, source->delimiter, source->path);
  if (!ddla_csv_next_row(&cursor)) return DDLA_FAIL(INVALID, "%s holds no samples", source->path);
  DDLA_TRY(read_layout(&in, &cursor, source));
  for (bool last = !in.header; !last;) {
    ddla_csv_field field = {0};
    DDLA_TRY(ddla_csv_next_field(&field, &last, &cursor));
  }
  DDLA_TRY(count_rows(&in, cursor));
  DDLA_TRY(choose_shape(set, &in, source));
  DDLA_TRY(make_room(set, &in, source));
  for (int64_t row = 0; ddla_csv_next_row(&cursor); row++)
    DDLA_TRY(read_row(set, &in, source, &cursor, row));
  DDLA_TRY(sort_keys(set));
  return ddla_labels_finish(set, in.kind, source);
}

static ddla_status csv_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_block raw = {0};
  DDLA_TRY(ddla_data_file_load(&raw, source->path, ddla_data_memory_private()));
  ddla_status status = ddla_csv_parse(set, (const char *)raw.data, raw.bytes, source);
  ddla_data_block_release(&raw);
  return status;
}

/* Text, or a gzip file whose name says that it holds text. */
static bool csv_accepts(const ddla_data_source *source) {
  uint8_t head[PEEK_BYTES];
  if (!ddla_data_is_file(source->path)) return false;
  if (strstr(source->path, ".csv") || strstr(source->path, ".tsv")) return true;
  size_t length = ddla_data_file_peek(head, sizeof head, source->path);
  for (size_t i = 0; i < length; i++)
    if (head[i] < ' ' && head[i] != '\t' && head[i] != '\n' && head[i] != '\r') return false;
  return true;
}

const ddla_data_format ddla_data_format_csv = {
    .name = "csv",
    .looks_for =
        "a text file with one sample per line, numbers and a label separated by , ; or tab",
    .accepts = csv_accepts,
    .read = csv_read};
