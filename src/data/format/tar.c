#include "data/format/tar.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

/* Fields of a header: offset and bytes (IEEE Std 1003.1, pax, table "ustar Header Block"). */
enum {
  NAME_AT = 0,
  NAME_BYTES = 100,
  SIZE_AT = 124,
  SIZE_BYTES = 12,
  SUM_AT = 148,
  SUM_BYTES = 8,
  TYPE_AT = 156,
  MAGIC_AT = 257,
  PREFIX_AT = 345,
  PREFIX_BYTES = 155,
  EXTRA_BYTES_MAX = 1 << 20 /* of a pax header or a long name */
};

/* What extra headers say about the file that follows. */
typedef struct extra {
  char name[DDLA_TAR_NAME_BYTES]; /* "": nothing */
  bool sized;
  uint64_t size;
} extra;

/* One header and what it is the header of. */
typedef struct block {
  const uint8_t *head, *content;
  size_t length;
  char type;
} block;

static bool is_zero(const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (bytes[i]) return false;
  return true;
}

bool ddla_tar_is_header(const uint8_t *bytes, size_t length) {
  return length >= DDLA_TAR_BLOCK && memcmp(bytes + MAGIC_AT, "ustar", 5) == 0;
}

/* Octal digits between blanks and zeros; with the highest bit set big-endian bytes (GNU). */
static bool read_number(uint64_t *out, const uint8_t *field, size_t bytes) {
  uint64_t value = 0;
  size_t i = 0;
  if (field[0] & 0x80) {
    value = field[0] & 0x7F;
    for (i = 1; i < bytes; i++) {
      if (value >> 55) return false;
      value = value << 8 | field[i];
    }
    *out = value;
    return true;
  }
  while (i < bytes && field[i] == ' ') i++;
  const size_t digits = i;
  for (; i < bytes && field[i] >= '0' && field[i] <= '7'; i++)
    value = value << 3 | (field[i] - '0');
  if (i == digits) return false;
  for (; i < bytes; i++)
    if (field[i] != ' ' && field[i] != '\0') return false;
  *out = value; /* 12 digits at most: 36 bits */
  return true;
}

/* The sum of a header's bytes, those of the sum itself taken for blanks. Some old writers took
 * bytes for signed numbers. */
static bool sum_is_right(const uint8_t *head) {
  uint64_t said = 0;
  int64_t plain = 0, with_sign = 0;
  if (!read_number(&said, head + SUM_AT, SUM_BYTES)) return false;
  for (int i = 0; i < DDLA_TAR_BLOCK; i++) {
    const int byte = i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : head[i];
    plain += byte;
    with_sign += byte < 128 ? byte : byte - 256;
  }
  return (int64_t)said == plain || (int64_t)said == with_sign;
}

static size_t field_length(const uint8_t *field, size_t bytes) {
  const uint8_t *end = memchr(field, 0, bytes);
  return end ? (size_t)(end - field) : bytes;
}

/* "prefix/name" of a header; GNU's own headers have other things where the prefix is. */
static void name_of(char out[DDLA_TAR_NAME_BYTES], const uint8_t *head) {
  const bool posix = memcmp(head + MAGIC_AT, "ustar", 6) == 0;
  const size_t prefix = posix ? field_length(head + PREFIX_AT, PREFIX_BYTES) : 0;
  const size_t length = field_length(head + NAME_AT, NAME_BYTES);
  memcpy(out, head + PREFIX_AT, prefix);
  if (prefix) out[prefix] = '/';
  const size_t at = prefix ? prefix + 1 : 0;
  memcpy(out + at, head + NAME_AT, length);
  out[at + length] = '\0';
}

/* Reads a header and finds its content; *more is false at the end. */
static ddla_status next_block(block *out, bool *more, ddla_tar *tar, const extra *said) {
  const size_t left = tar->length - tar->at;
  const uint8_t *head = tar->bytes + tar->at;
  *more = false;
  if (left < 2 * DDLA_TAR_BLOCK)
    return DDLA_FAIL(CORRUPT,
                     "cut short: %zu bytes at byte %zu; expected an entry, or two blocks of "
                     "zeros at the end",
                     left, tar->at);
  if (is_zero(head, DDLA_TAR_BLOCK)) {
    if (!is_zero(head, left))
      return DDLA_FAIL(CORRUPT,
                       "something follows the archive's end at byte %zu; expected zeros "
                       "(are these several archives in one?)",
                       tar->at);
    return DDLA_OK;
  }
  if (!sum_is_right(head))
    return DDLA_FAIL(CORRUPT, "the header at byte %zu is damaged: its sum is wrong", tar->at);
  char name[DDLA_TAR_NAME_BYTES];
  uint64_t size = 0;
  name_of(name, head);
  if (!read_number(&size, head + SIZE_AT, SIZE_BYTES))
    return DDLA_FAIL(CORRUPT, "entry %s: its size is no number", ddla_text_quote(name).text);
  if (said->sized) size = said->size;
  if (size > left - DDLA_TAR_BLOCK)
    return DDLA_FAIL(CORRUPT, "entry %s of %" PRIu64 " bytes is cut short: %zu bytes are left",
                     ddla_text_quote(said->name[0] ? said->name : name).text, size,
                     left - DDLA_TAR_BLOCK);
  *out = (block){.head = head,
                 .content = head + DDLA_TAR_BLOCK,
                 .length = (size_t)size,
                 .type = (char)head[TYPE_AT]};
  const size_t blocks = out->length / DDLA_TAR_BLOCK + (out->length % DDLA_TAR_BLOCK != 0);
  const size_t end = tar->at + (1 + blocks) * DDLA_TAR_BLOCK;
  tar->at = end < tar->length ? end : tar->length;
  *more = true;
  return DDLA_OK;
}

static ddla_status fail_extra(const block *from, const ddla_tar *tar, const char *what) {
  return DDLA_FAIL(CORRUPT, "the extra header at byte %zu %s", (size_t)(from->head - tar->bytes),
                   what);
}

/* One value of a pax header. */
static ddla_status take_record(extra *out, const block *from, const ddla_tar *tar, const char *key,
                               const char *value, size_t length) {
  if (strncmp(key, "GNU.sparse.", 11) == 0)
    return DDLA_FAIL(INVALID,
                     "the entry behind byte %zu is a sparse file; make the archive without "
                     "--sparse",
                     (size_t)(from->head - tar->bytes));
  if (strncmp(key, "path=", 5) == 0) {
    if (length >= sizeof out->name || memchr(value, 0, length))
      return fail_extra(from, tar, "has a name that is too long or holds a zero byte");
    memcpy(out->name, value, length);
    out->name[length] = '\0';
  } else if (strncmp(key, "size=", 5) == 0) {
    out->size = 0;
    for (size_t i = 0; i < length; i++) {
      if (value[i] < '0' || value[i] > '9' || out->size >> 58)
        return fail_extra(from, tar, "has a size that is no number");
      out->size = out->size * 10 + (uint64_t)(value[i] - '0');
    }
    out->sized = length > 0;
  }
  return DDLA_OK;
}

/* Records "LENGTH KEY=VALUE\n", where LENGTH counts all of the record. */
static ddla_status read_pax(extra *out, const block *from, const ddla_tar *tar) {
  const char *at = (const char *)from->content, *end = at + from->length;
  while (at < end) {
    const char *digit = at;
    size_t length = 0;
    for (; digit < end && *digit >= '0' && *digit <= '9' && length < EXTRA_BYTES_MAX; digit++)
      length = length * 10 + (size_t)(*digit - '0');
    const size_t used = (size_t)(digit - at);
    if (digit == end || *digit != ' ' || length < used + 4 || length > (size_t)(end - at) ||
        at[length - 1] != '\n')
      return fail_extra(from, tar, "has a record of another length than it says");
    const char *key = digit + 1, *stop = at + length - 1;
    const char *equals = memchr(key, '=', (size_t)(stop - key));
    if (!equals) return fail_extra(from, tar, "has a record without '='");
    DDLA_TRY(take_record(out, from, tar, key, equals + 1, (size_t)(stop - equals - 1)));
    at += length;
  }
  return DDLA_OK;
}

/* GNU: the content is the name of the entry that follows. */
static ddla_status read_long_name(extra *out, const block *from, const ddla_tar *tar) {
  const size_t length = field_length(from->content, from->length);
  if (length >= sizeof out->name) return fail_extra(from, tar, "has a name that is too long");
  memcpy(out->name, from->content, length);
  out->name[length] = '\0';
  return DDLA_OK;
}

/* Where the extra headers before an entry say something about it. */
static ddla_status read_extra(extra *out, bool *is_extra, const block *from, const ddla_tar *tar) {
  *is_extra = from->type == 'x' || from->type == 'g' || from->type == 'L' || from->type == 'K';
  if (!*is_extra) return DDLA_OK;
  if (from->length > EXTRA_BYTES_MAX) return fail_extra(from, tar, "has more than 2^20 bytes");
  if (from->type == 'x') return read_pax(out, from, tar);
  return from->type == 'L' ? read_long_name(out, from, tar) : DDLA_OK;
}

static ddla_status check_name(const char *name) {
  if (name[0] == '\0') return DDLA_FAIL(INVALID, "an entry without a name");
  if (name[0] == '/')
    return DDLA_FAIL(INVALID,
                     "entry %s: its name is absolute; expected one relative to the archive",
                     ddla_text_quote(name).text);
  for (const char *at = name; at; at = strchr(at, '/')) {
    at += *at == '/';
    if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
      return DDLA_FAIL(INVALID, "entry %s: its name leads out of the archive by '..'",
                       ddla_text_quote(name).text);
  }
  return DDLA_OK;
}

/* Kinds of entries that are neither files nor folders. */
static const char *kind_of(char type) {
  switch (type) {
  case '1': return "a link";
  case '2': return "a symbolic link";
  case '3': return "a character device";
  case '4': return "a block device";
  case '6': return "a named pipe";
  case 'S': return "a sparse file";
  case 'M': return "a part of a file of several volumes";
  default: return "of an unknown kind";
  }
}

/* "./a" becomes "a". */
static void drop_dots(char *name) {
  size_t skip = 0;
  while (name[skip] == '.' && name[skip + 1] == '/') {
    skip += 2;
    while (name[skip] == '/') skip++;
  }
  memmove(name, name + skip, strlen(name + skip) + 1);
}

/* *is_file: false for a folder. */
static ddla_status take_entry(ddla_tar_entry *out, bool *is_file, const block *from,
                              const extra *said) {
  char name[DDLA_TAR_NAME_BYTES];
  if (said->name[0]) memcpy(name, said->name, sizeof name);
  else name_of(name, from->head);
  const size_t length = strlen(name);
  const bool folder =
      from->type == '5' || (from->type == '\0' && length && name[length - 1] == '/');
  drop_dots(name);
  *is_file = !folder;
  if (folder && (name[0] == '\0' || strcmp(name, ".") == 0)) return DDLA_OK;
  DDLA_TRY(check_name(name));
  if (folder) return DDLA_OK;
  if (from->type != '0' && from->type != '\0' && from->type != '7')
    return DDLA_FAIL(INVALID, "entry %s is %s; expected files and folders only",
                     ddla_text_quote(name).text, kind_of(from->type));
  memcpy(out->name, name, sizeof name);
  out->content = from->content;
  out->length = from->length;
  return DDLA_OK;
}

ddla_status ddla_tar_next(ddla_tar_entry *out, bool *more, ddla_tar *tar) {
  ddla_tar there = *tar;
  bool is_file = false;
  while (!is_file) {
    extra said = {.sized = false};
    block from = {0};
    bool is_extra = true;
    while (is_extra) {
      DDLA_TRY(next_block(&from, more, &there, &said));
      if (!*more) {
        *tar = there;
        return DDLA_OK;
      }
      DDLA_TRY(read_extra(&said, &is_extra, &from, &there));
    }
    DDLA_TRY(take_entry(out, &is_file, &from, &said));
  }
  *tar = there;
  return DDLA_OK;
}
