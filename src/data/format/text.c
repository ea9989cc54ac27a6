#include "data/format/text.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/format.h"

enum { CODE_POINTS = 0x110000, WINDOW_INITIAL = 128, CHARACTER_BYTES = 8 };

int ddla_text_character_bytes(const char *at) {
  const unsigned char first = (unsigned char)*at;
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Unicode code point of a character of well-formed UTF-8. */
static uint32_t code_of(const char *at) {
  static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  const int bytes = ddla_text_character_bytes(at);
  uint32_t code = (unsigned char)*at & first_bits[bytes];
  for (int i = 1; i < bytes; i++) code = code << 6 | ((unsigned char)at[i] & 0x3F);
  return code;
}

static void write_code(char out[CHARACTER_BYTES], uint32_t code) {
  memset(out, 0, CHARACTER_BYTES);
  if (code < 0x80) {
    out[0] = (char)code;
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char head[] = {0, 0xC0, 0xE0, 0xF0};
  out[0] = (char)(head[more] | code >> (6 * more));
  for (int i = 1; i <= more; i++) out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3F));
}

static ddla_status check_bytes(const char *bytes, size_t length, const char *path) {
  const size_t good = ddla_text_utf8_end(bytes, length);
  if (good < length)
    return DDLA_FAIL(INVALID,
                     "%s: byte %zu (0x%02x) is not part of valid UTF-8; expected a text in UTF-8",
                     path, good, (unsigned char)bytes[good]);
  const char *zero = length ? memchr(bytes, 0, length) : NULL;
  if (zero)
    return DDLA_FAIL(INVALID, "%s: byte %zu is zero; expected a text", path,
                     (size_t)(zero - bytes));
  return DDLA_OK;
}

/* number[code point]: 1 + its token. Tokens are numbered in the order of code points. */
static ddla_status number_characters(int32_t *number, ddla_dataset *set, const char *bytes,
                                     size_t length) {
  for (size_t at = 0; at < length; at += (size_t)ddla_text_character_bytes(bytes + at))
    number[code_of(bytes + at)] = 1;
  for (uint32_t code = 0; code < CODE_POINTS; code++) {
    if (number[code] == 0) continue;
    char name[CHARACTER_BYTES];
    int32_t token = 0;
    write_code(name, code);
    DDLA_TRY(ddla_classes_add(&token, &set->classes, name, strlen(name)));
    number[code] = token + 1;
  }
  return DDLA_OK;
}

static ddla_status take_characters(int32_t *number, ddla_dataset *set,
                                   const ddla_data_source *source) {
  DDLA_TRY(ddla_classes_set(&set->classes, source->class_names, source->class_count));
  for (int i = 0; i < source->class_count; i++) {
    const char *name = source->class_names[i];
    const size_t length = strlen(name);
    if (ddla_text_utf8_end(name, length) != length ||
        (int)length != ddla_text_character_bytes(name))
      return DDLA_FAIL(INVALID, "the vocabulary holds %s, which is not one character",
                       ddla_text_quote(name).text);
    number[code_of(name)] = i + 1;
  }
  return DDLA_OK;
}

static ddla_status write_tokens(uint16_t *token, const int32_t *number, const char *bytes,
                                size_t length, const char *path) {
  for (size_t at = 0; at < length;) {
    const int size = ddla_text_character_bytes(bytes + at);
    const int32_t found = number[code_of(bytes + at)];
    if (found == 0) {
      char name[CHARACTER_BYTES] = {0};
      memcpy(name, bytes + at, (size_t)size);
      return DDLA_FAIL(INVALID,
                       "%s: byte %zu begins the character %s (U+%04X), which the model's "
                       "vocabulary lacks",
                       path, at, ddla_text_quote(name).text, (unsigned)code_of(bytes + at));
    }
    *token++ = (uint16_t)(found - 1);
    at += (size_t)size;
  }
  return DDLA_OK;
}

static ddla_status make_tokens(ddla_dataset *set, int32_t *number, const char *bytes, size_t length,
                               const ddla_data_source *source) {
  for (size_t i = 0; i < length; i++) set->length += ((unsigned char)bytes[i] & 0xC0) != 0x80;
  if (set->length <= set->shape.height)
    return DDLA_FAIL(INVALID,
                     "%s has %" PRId64 " characters; at least %" PRId64
                     " are needed, one more than model.window",
                     source->path, set->length, set->shape.height + 1);
  set->count = (set->length - 1) / set->shape.height;
  DDLA_TRY(source->class_names ? take_characters(number, set, source)
                               : number_characters(number, set, bytes, length));
  DDLA_TRY(ddla_data_block_make(&set->features_block, (size_t)set->length * sizeof(uint16_t),
                                source->memory));
  set->features = set->features_block.data;
  return write_tokens((uint16_t *)(void *)set->features_block.data, number, bytes, length,
                      source->path);
}

ddla_status ddla_text_parse(ddla_dataset *set, const char *bytes, size_t length,
                            const ddla_data_source *source) {
  int32_t *number = NULL;
  set->type = DDLA_DATA_TOKENS;
  set->shape = (ddla_data_shape){
      .height = source->window > 0 ? source->window : WINDOW_INITIAL, .width = 1, .channels = 1};
  DDLA_TRY(check_bytes(bytes, length, source->path));
  DDLA_TRY(DDLA_NEW(number, CODE_POINTS));
  ddla_status status = make_tokens(set, number, bytes, length, source);
  ddla_free(number);
  return status;
}

static ddla_status text_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_block block = {0};
  DDLA_TRY(ddla_data_file_load(&block, source->path, ddla_data_memory_private()));
  ddla_status status = ddla_text_parse(set, (const char *)block.data, block.bytes, source);
  ddla_data_block_release(&block);
  return status;
}

static bool text_accepts(const ddla_data_source *source) {
  return source->window > 0 && ddla_data_is_file(source->path);
}

const ddla_data_format ddla_data_format_text = {
    .name = "text",
    .looks_for = "a file of text in UTF-8, for tasks that take text",
    .accepts = text_accepts,
    .read = text_read};
