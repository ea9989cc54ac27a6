#include "ckpt/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/text.h"
#include "ckpt/safetensors_parts.h"

enum { DATA_ALIGNMENT = 64, LENGTH_BYTES = 8 };

static const char *const dtype_names[] = {
#define NAME(name, bytes, type) #name,
    DDLA_DTYPE_LIST(NAME)
#undef NAME
};

const char *ddla_safetensors_dtype_name(ddla_dtype dtype) { return dtype_names[dtype]; }

size_t ddla_safetensors_bytes(const ddla_safetensors_array *array) {
  return (size_t)ddla_shape_count(&array->shape) * ddla_dtype_bytes(array->dtype);
}

static ddla_status no_memory(void) { return DDLA_FAIL(NO_MEMORY, "no memory for a file's header"); }

/* Adds key: value, whose ownership passes to the object in any case. */
static ddla_status put(json_t *object, const char *key, json_t *value, const char *path) {
  if (ddla_text_utf8_end(key, strlen(key)) != strlen(key)) {
    json_decref(value);
    return DDLA_FAIL(INVALID, "cannot write %s: the name %s is not UTF-8", path,
                     ddla_text_quote(key).text);
  }
  if (json_object_get(object, key)) {
    json_decref(value);
    return DDLA_FAIL(INVALID, "cannot write %s: the name %s is used twice", path,
                     ddla_text_quote(key).text);
  }
  return json_object_set_new(object, key, value) == 0 ? DDLA_OK : no_memory();
}

static ddla_status put_array(json_t *root, size_t *offset, const ddla_safetensors_array *array,
                             const char *path) {
  if (strcmp(array->name, "__metadata__") == 0) {
    return DDLA_FAIL(INVALID, "cannot write %s: no array may be called __metadata__", path);
  }
  json_t *shape = json_array();
  for (int i = 0; i < array->shape.rank; i++) {
    if (json_array_append_new(shape, json_integer(array->shape.dim[i])) == 0) continue;
    json_decref(shape);
    return no_memory();
  }
  size_t end = *offset + ddla_safetensors_bytes(array);
  json_t *row =
      json_pack("{s:s, s:o, s:[I, I]}", "dtype", ddla_safetensors_dtype_name(array->dtype), "shape",
                shape, "data_offsets", (json_int_t)*offset, (json_int_t)end);
  *offset = end;
  return row ? put(root, array->name, row, path) : no_memory();
}

static ddla_status put_notes(json_t *root, const ddla_safetensors_content *content,
                             const char *path) {
  if (content->note_count == 0 && !content->sealed) return DDLA_OK;
  json_t *notes = json_object();
  DDLA_TRY(put(root, "__metadata__", notes, path));
  for (int i = 0; i < content->note_count; i++) {
    const ddla_safetensors_note *note = &content->notes[i];
    json_t *value = json_string(note->value);
    if (!value) {
      return DDLA_FAIL(INVALID, "cannot write %s: the value of %s is not UTF-8", path,
                       ddla_text_quote(note->key).text);
    }
    DDLA_TRY(put(notes, note->key, value, path));
  }
  if (!content->sealed) return DDLA_OK;
  return put(notes, DDLA_SAFETENSORS_SEAL, json_string(DDLA_SAFETENSORS_SEAL_BLANK), path);
}

static ddla_status put_all(json_t *root, const ddla_safetensors_content *content,
                           const char *path) {
  size_t offset = 0;
  for (int i = 0; i < content->array_count; i++) {
    DDLA_TRY(put_array(root, &offset, &content->arrays[i], path));
  }
  return put_notes(root, content, path);
}

/* Length and text, padded, in one block. */
static ddla_status frame(char **out, size_t *bytes, const char *text) {
  size_t length = strlen(text);
  size_t whole = LENGTH_BYTES + length;
  whole = (whole + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
  char *block = NULL;
  DDLA_TRY(DDLA_NEW(block, whole + 1));
  memset(block, ' ', whole);
  memcpy(block + LENGTH_BYTES, text, length);
  for (size_t i = 0; i < LENGTH_BYTES; i++) {
    block[i] = (char)(unsigned char)((whole - LENGTH_BYTES) >> (8 * i));
  }
  *out = block;
  *bytes = whole;
  return DDLA_OK;
}

/* The bytes before the data, with its seal filled in; digest gets the checksum of the blank form.
 */
static ddla_status make_header(char **out, size_t *bytes, char digest[DDLA_XXH128_TEXT_BYTES],
                               const ddla_safetensors_content *content, const char *path) {
  ddla_status status = DDLA_OK;
  char *text = NULL;
  json_t *root = json_object();
  if (!root) return no_memory();
  DDLA_TRY_CLEAN(status, put_all(root, content, path));
  text = json_dumps(root, JSON_COMPACT);
  if (!text) status = no_memory();
  if (text) status = frame(out, bytes, text);
  if (status != DDLA_OK) goto cleanup;
  ddla_xxh128_of(digest, *out, *bytes);
  char *seal = content->sealed ? ddla_safetensors_seal_in(*out, *bytes) : NULL;
  if (seal) memcpy(seal, digest, DDLA_XXH128_TEXT_BYTES - 1);
cleanup:
  free(text); /* jansson allocated it */
  json_decref(root);
  return status;
}

ddla_status ddla_safetensors_header_digest(char out[DDLA_XXH128_TEXT_BYTES],
                                           const ddla_safetensors_content *content) {
  char *header = NULL, digest[DDLA_XXH128_TEXT_BYTES];
  size_t bytes = 0;
  DDLA_TRY(make_header(&header, &bytes, digest, content, "a file"));
  ddla_free(header);
  memcpy(out, digest, sizeof digest);
  return DDLA_OK;
}

static ddla_status append_stream(ddla_file_writer *writer, const ddla_safetensors_array *array) {
  size_t left = ddla_safetensors_bytes(array), bytes = 0;
  const void *data = NULL;
  for (; left > 0; left -= bytes) {
    DDLA_TRY(array->stream.next(array->stream.argument, &data, &bytes));
    DDLA_ASSERT(bytes > 0 && bytes <= left);
    DDLA_TRY(ddla_file_append(writer, data, bytes));
  }
  return DDLA_OK;
}

static ddla_status append_all(ddla_file_writer *writer, const char *header, size_t bytes,
                              const ddla_safetensors_content *content) {
  DDLA_TRY(ddla_file_append(writer, header, bytes));
  for (int i = 0; i < content->array_count; i++) {
    const ddla_safetensors_array *array = &content->arrays[i];
    if (array->stream.next) DDLA_TRY(append_stream(writer, array));
    else DDLA_TRY(ddla_file_append(writer, array->data, ddla_safetensors_bytes(array)));
  }
  return DDLA_OK;
}

/* The header once more, with what was not known before the arrays were written. */
static ddla_status complete(ddla_file_writer *writer, size_t bytes,
                            const ddla_safetensors_content *content, const char *path) {
  char *header = NULL, digest[DDLA_XXH128_TEXT_BYTES];
  size_t now = 0;
  DDLA_TRY(content->complete(content->complete_argument));
  DDLA_TRY(make_header(&header, &now, digest, content, path));
  DDLA_ASSERT(now == bytes);
  const ddla_status status = ddla_file_rewrite(writer, header, bytes);
  ddla_free(header);
  return status;
}

ddla_status ddla_safetensors_write(ddla_safetensors_digest *out, const char *path,
                                   const ddla_safetensors_content *content) {
  ddla_safetensors_digest digest = {0};
  ddla_file_writer *writer = NULL;
  char *header = NULL;
  size_t bytes = 0;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, make_header(&header, &bytes, digest.header, content, path));
  DDLA_TRY_CLEAN(status, ddla_file_create(&writer, path, out != NULL));
  DDLA_TRY_CLEAN(status, append_all(writer, header, bytes, content));
  if (content->complete) DDLA_TRY_CLEAN(status, complete(writer, bytes, content, path));
  DDLA_TRY_CLEAN(status, ddla_file_commit(out ? digest.sha256 : NULL, writer));
  if (out) *out = digest;
cleanup:
  ddla_file_destroy(writer);
  ddla_free(header);
  return status;
}
