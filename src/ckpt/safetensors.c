#include "ckpt/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "ckpt/safetensors_parts.h"

enum { LENGTH_BYTES = 8, SEAL_DIGITS = DDLA_XXH128_TEXT_BYTES - 1 };

typedef struct entry {
  ddla_safetensors_array array;
  int64_t begin, end; /* bytes from the first byte of the data */
} entry;

struct ddla_safetensors {
  int fd;
  char *path;
  int64_t size, data_begin; /* of the file; of its data */
  char *header;             /* length and text */
  json_t *root;             /* owns the names */
  entry *entries;
  int count;
  ddla_safetensors_note *notes;
  int note_count;
  bool sealed;
  char digest[DDLA_XXH128_TEXT_BYTES];
};

char *ddla_safetensors_seal_in(char *header, size_t bytes) {
  static const char before[] = "\"" DDLA_SAFETENSORS_SEAL "\":\"";
  char *at = memmem(header, bytes, before, sizeof before - 1);
  if (!at) return NULL;
  at += sizeof before - 1;
  size_t left = bytes - (size_t)(at - header);
  return left > SEAL_DIGITS && at[SEAL_DIGITS] == '"' ? at : NULL;
}

static ddla_status read_at(void *into, size_t bytes, const ddla_safetensors *file, int64_t offset) {
  char *to = into;
  while (bytes > 0) {
    ssize_t got = pread(file->fd, to, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ddla_file_fail(errno, "cannot read", file->path);
    if (got == 0) return DDLA_FAIL(CORRUPT, "%s became shorter while it was read", file->path);
    to += got;
    offset += got;
    bytes -= (size_t)got;
  }
  return DDLA_OK;
}

static ddla_status damaged(const ddla_safetensors *file, const char *name, const char *what) {
  return DDLA_FAIL(CORRUPT, "%s is damaged: tensor %s %s", file->path, ddla_text_quote(name).text,
                   what);
}

static ddla_status parse_dtype(ddla_dtype *out, const ddla_safetensors *file, const char *name,
                               const json_t *value) {
  static const ddla_dtype known[] = {
#define DTYPE(name, bytes, type) DDLA_##name,
      DDLA_DTYPE_LIST(DTYPE)
#undef DTYPE
  };
  const char *text = json_string_value(value);
  if (!text) return damaged(file, name, "has no dtype");
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(text, ddla_safetensors_dtype_name(known[i])) != 0) continue;
    *out = known[i];
    return DDLA_OK;
  }
  return DDLA_FAIL(UNSUPPORTED, "%s: tensor %s has the number format %s, which is not supported",
                   file->path, ddla_text_quote(name).text, ddla_text_quote(text).text);
}

/* Also refuses shapes whose bytes do not fit in 62 bits. */
static ddla_status parse_shape(ddla_shape *out, const ddla_safetensors *file, const char *name,
                               const json_t *value) {
  if (!json_is_array(value)) return damaged(file, name, "has no shape");
  size_t rank = json_array_size(value);
  if (rank > DDLA_RANK_MAX) {
    return DDLA_FAIL(UNSUPPORTED, "%s: tensor %s has %zu dimensions, at most %d are supported",
                     file->path, ddla_text_quote(name).text, rank, DDLA_RANK_MAX);
  }
  int64_t product = 1;
  out->rank = (int)rank;
  for (size_t i = 0; i < rank; i++) {
    const json_t *item = json_array_get(value, i);
    int64_t dim = json_is_integer(item) ? (int64_t)json_integer_value(item) : -1;
    if (dim < 0) return damaged(file, name, "has a dimension that is no whole number");
    if (dim > 0 && product > (INT64_MAX / 16) / dim) return damaged(file, name, "is too large");
    if (dim > 0) product *= dim;
    out->dim[i] = dim;
  }
  return DDLA_OK;
}

static ddla_status parse_offsets(entry *out, const ddla_safetensors *file, const char *name,
                                 const json_t *value) {
  const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
  bool two = json_array_size(value) == 2 && json_is_integer(begin) && json_is_integer(end);
  if (!two) return damaged(file, name, "has no data_offsets of two whole numbers");
  out->begin = (int64_t)json_integer_value(begin);
  out->end = (int64_t)json_integer_value(end);
  if (out->begin < 0 || out->end < out->begin)
    return damaged(file, name, "has offsets out of order");
  if (out->end > file->size - file->data_begin) return damaged(file, name, "lies outside the file");
  if ((uint64_t)(out->end - out->begin) != ddla_safetensors_bytes(&out->array)) {
    return damaged(file, name, "has another size than its shape and dtype say");
  }
  return DDLA_OK;
}

static ddla_status parse_entry(entry *out, const ddla_safetensors *file, const char *name,
                               const json_t *value) {
  entry made = {.array.name = name};
  if (!json_is_object(value) || json_object_size(value) != 3) {
    return damaged(file, name, "is not described by dtype, shape and data_offsets");
  }
  DDLA_TRY(parse_dtype(&made.array.dtype, file, name, json_object_get(value, "dtype")));
  DDLA_TRY(parse_shape(&made.array.shape, file, name, json_object_get(value, "shape")));
  DDLA_TRY(parse_offsets(&made, file, name, json_object_get(value, "data_offsets")));
  *out = made;
  return DDLA_OK;
}

static ddla_status parse_notes(ddla_safetensors *file, json_t *value) {
  if (!json_is_object(value))
    return DDLA_FAIL(CORRUPT, "%s is damaged: bad __metadata__", file->path);
  DDLA_TRY(DDLA_NEW(file->notes, json_object_size(value)));
  const char *key;
  json_t *text;
  json_object_foreach(value, key, text) {
    if (!json_is_string(text)) {
      return DDLA_FAIL(CORRUPT, "%s is damaged: %s in __metadata__ is no text", file->path,
                       ddla_text_quote(key).text);
    }
    file->notes[file->note_count++] = (ddla_safetensors_note){key, json_string_value(text)};
  }
  return DDLA_OK;
}

static int by_place(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

/* The data must be covered without overlap or hole, as the format demands. */
static ddla_status check_places(ddla_safetensors *file) {
  if (file->count > 0) qsort(file->entries, (size_t)file->count, sizeof(entry), by_place);
  int64_t end = 0;
  for (int i = 0; i < file->count; i++) {
    const entry *now = &file->entries[i];
    if (now->begin < end) return damaged(file, now->array.name, "overlaps another one");
    if (now->begin > end) return damaged(file, now->array.name, "begins behind a hole");
    end = now->end;
  }
  if (end == file->size - file->data_begin) return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%s is damaged: %lld bytes follow its last tensor", file->path,
                   (long long)(file->size - file->data_begin - end));
}

static ddla_status parse_root(ddla_safetensors *file) {
  if (!json_is_object(file->root)) {
    return DDLA_FAIL(CORRUPT, "%s is damaged or no safetensors file: the header is no JSON object",
                     file->path);
  }
  DDLA_TRY(DDLA_NEW(file->entries, json_object_size(file->root)));
  const char *name;
  json_t *value;
  json_object_foreach(file->root, name, value) {
    if (strcmp(name, "__metadata__") == 0) {
      DDLA_TRY(parse_notes(file, value));
      continue;
    }
    DDLA_TRY(parse_entry(&file->entries[file->count], file, name, value));
    file->count++;
  }
  return check_places(file);
}

/* Every byte of the header counts before any of it is believed. */
static ddla_status check_seal(ddla_safetensors *file, size_t bytes, const char *wanted) {
  char *digits = ddla_safetensors_seal_in(file->header, bytes);
  char found[DDLA_XXH128_TEXT_BYTES] = "";
  if (digits) {
    memcpy(found, digits, SEAL_DIGITS);
    memcpy(digits, DDLA_SAFETENSORS_SEAL_BLANK, SEAL_DIGITS);
  }
  ddla_xxh128_of(file->digest, file->header, bytes);
  file->sealed = digits != NULL;
  bool same = !digits || strcmp(found, file->digest) == 0;
  if (wanted) same = same && strcmp(wanted, file->digest) == 0;
  if (same) return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%s is damaged: its header does not have its checksum", file->path);
}

static ddla_status parse_header(ddla_safetensors *file, size_t bytes, const char *wanted) {
  json_error_t error;
  DDLA_TRY(check_seal(file, bytes, wanted));
  file->root =
      json_loadb(file->header + LENGTH_BYTES, bytes - LENGTH_BYTES, JSON_REJECT_DUPLICATES, &error);
  if (file->root) return parse_root(file);
  return DDLA_FAIL(CORRUPT, "%s is damaged or no safetensors file: header byte %d: %s", file->path,
                   error.position, ddla_text_quote(error.text).text);
}

static ddla_status read_header(ddla_safetensors *file, const char *wanted) {
  unsigned char length[LENGTH_BYTES];
  if (file->size < LENGTH_BYTES) {
    return DDLA_FAIL(CORRUPT, "%s is damaged or no safetensors file: it has only %lld bytes",
                     file->path, (long long)file->size);
  }
  DDLA_TRY(read_at(length, sizeof length, file, 0));
  uint64_t bytes = 0;
  for (int i = 0; i < LENGTH_BYTES; i++) bytes |= (uint64_t)length[i] << (8 * i);
  if (bytes > DDLA_SAFETENSORS_HEADER_MAX || bytes > (uint64_t)(file->size - LENGTH_BYTES)) {
    return DDLA_FAIL(CORRUPT,
                     "%s is damaged or no safetensors file: it claims a header of %llu bytes "
                     "in a file of %lld (at most %d)",
                     file->path, (unsigned long long)bytes, (long long)file->size,
                     DDLA_SAFETENSORS_HEADER_MAX);
  }
  size_t whole = (size_t)bytes + LENGTH_BYTES;
  DDLA_TRY(DDLA_NEW(file->header, whole));
  DDLA_TRY(read_at(file->header, whole, file, 0));
  file->data_begin = (int64_t)whole;
  return parse_header(file, whole, wanted);
}

static ddla_status open_regular(ddla_safetensors *file) {
  struct stat info;
  file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
  if (file->fd < 0) return ddla_file_fail(errno, "cannot open", file->path);
  if (fstat(file->fd, &info) != 0) return ddla_file_fail(errno, "cannot read", file->path);
  if (S_ISDIR(info.st_mode)) return ddla_file_fail(EISDIR, "cannot read", file->path);
  if (!S_ISREG(info.st_mode)) return DDLA_FAIL(INVALID, "%s is no regular file", file->path);
  file->size = info.st_size;
  return DDLA_OK;
}

ddla_status ddla_safetensors_open(ddla_safetensors **out, const char *path, const char *header) {
  ddla_safetensors *file = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(file, 1));
  file->fd = -1;
  DDLA_TRY_CLEAN(status, ddla_alloc_text(&file->path, path));
  DDLA_TRY_CLEAN(status, open_regular(file));
  DDLA_TRY_CLEAN(status, read_header(file, header));
  *out = file;
  file = NULL;
cleanup:
  ddla_safetensors_close(file);
  return status;
}

void ddla_safetensors_close(ddla_safetensors *file) {
  if (!file) return;
  if (file->fd >= 0) close(file->fd);
  json_decref(file->root);
  ddla_free(file->header);
  ddla_free(file->entries);
  ddla_free(file->notes);
  ddla_free(file->path);
  ddla_free(file);
}

int ddla_safetensors_count(const ddla_safetensors *file) { return file->count; }

const ddla_safetensors_array *ddla_safetensors_at(const ddla_safetensors *file, int index) {
  return &file->entries[index].array;
}

int ddla_safetensors_find(const ddla_safetensors *file, const char *name) {
  for (int i = 0; i < file->count; i++) {
    if (strcmp(file->entries[i].array.name, name) == 0) return i;
  }
  return -1;
}

const char *ddla_safetensors_note_of(const ddla_safetensors *file, const char *key) {
  for (int i = 0; i < file->note_count; i++) {
    if (strcmp(file->notes[i].key, key) == 0) return file->notes[i].value;
  }
  return NULL;
}

const ddla_safetensors_note *ddla_safetensors_note_at(const ddla_safetensors *file, int index) {
  return index < file->note_count ? &file->notes[index] : NULL;
}

const char *ddla_safetensors_header_of(const ddla_safetensors *file) { return file->digest; }
bool ddla_safetensors_is_sealed(const ddla_safetensors *file) { return file->sealed; }

/* Appends to a text that is cut with "..." where it gets too long. */
typedef struct list_text {
  char text[640];
  bool full;
} list_text;

static void add(list_text *list, const char *words) {
  size_t used = strlen(list->text), room = sizeof list->text - used;
  if (list->full) return;
  list->full = strlen(words) + 4 >= room;
  snprintf(list->text + used, room, "%s", list->full ? "..." : words);
}

static void add_mismatch(list_text *list, const ddla_safetensors_array *found,
                         const ddla_safetensors_array *wanted) {
  char words[320], have[96], want[96];
  ddla_shape_text(have, sizeof have, &found->shape);
  ddla_shape_text(want, sizeof want, &wanted->shape);
  snprintf(words, sizeof words, "%s%s is %s %s instead of %s %s", list->text[0] ? "; " : "",
           ddla_text_quote(wanted->name).text, ddla_safetensors_dtype_name(found->dtype), have,
           ddla_safetensors_dtype_name(wanted->dtype), want);
  add(list, words);
}

ddla_status ddla_safetensors_check(const ddla_safetensors *file,
                                   const ddla_safetensors_array *wanted, int count) {
  list_text missing = {0}, other = {0};
  for (int i = 0; i < count; i++) {
    int at = ddla_safetensors_find(file, wanted[i].name);
    const ddla_safetensors_array *found = at < 0 ? NULL : ddla_safetensors_at(file, at);
    if (!found) {
      add(&missing, missing.text[0] ? " " : "it lacks ");
      add(&missing, ddla_text_quote(wanted[i].name).text);
    } else if (found->dtype != wanted[i].dtype ||
               !ddla_shape_equal(&found->shape, &wanted[i].shape)) {
      add_mismatch(&other, found, &wanted[i]);
    }
  }
  if (!missing.text[0] && !other.text[0]) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s does not fit the model: %s%s%s", file->path, missing.text,
                   missing.text[0] && other.text[0] ? "; " : "", other.text);
}

ddla_status ddla_safetensors_read(void *into, ddla_safetensors *file, int index) {
  const entry *now = &file->entries[index];
  return read_at(into, (size_t)(now->end - now->begin), file, file->data_begin + now->begin);
}

ddla_status ddla_safetensors_read_all(ddla_safetensors *file, const ddla_safetensors_array *wanted,
                                      int count) {
  DDLA_TRY(ddla_safetensors_check(file, wanted, count));
  for (int i = 0; i < count; i++) {
    int at = ddla_safetensors_find(file, wanted[i].name);
    DDLA_TRY(ddla_safetensors_read(wanted[i].into, file, at));
  }
  return DDLA_OK;
}
