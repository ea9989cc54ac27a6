#include "job/yaml.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/text.h"

enum { CHUNK_BYTES = 16 * 1024 };

/* Memory of a document: a list of blocks that are carved from the front and freed whole. */
typedef struct chunk {
  struct chunk *next;
  size_t used, room;
} chunk;

struct ddla_yaml_document {
  chunk *chunks;
  const char *source;
  ddla_yaml *root;
  int values;
};

typedef struct reader {
  yaml_parser_t parser;
  ddla_yaml_document *document;
  int depth;
} reader;

static ddla_status carve(void **out, ddla_yaml_document *document, size_t bytes) {
  bytes = (bytes + 15) / 16 * 16;
  chunk *now = document->chunks;
  if (!now || now->room - now->used < bytes) {
    size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    char *block = NULL;
    DDLA_TRY(DDLA_NEW(block, sizeof(chunk) + 16 + room));
    now = (chunk *)(void *)block;
    *now = (chunk){document->chunks, (sizeof(chunk) + 15) / 16 * 16, room + sizeof(chunk)};
    document->chunks = now;
  }
  *out = (char *)now + now->used;
  now->used += bytes;
  return DDLA_OK;
}

static ddla_status carve_text(const char **out, ddla_yaml_document *document, const char *text,
                              size_t bytes) {
  void *copy = NULL;
  DDLA_TRY(carve(&copy, document, bytes + 1));
  memcpy(copy, text, bytes);
  ((char *)copy)[bytes] = '\0';
  *out = copy;
  return DDLA_OK;
}

static ddla_status carve_value(ddla_yaml **out, reader *r, const yaml_event_t *event) {
  ddla_yaml_document *document = r->document;
  ddla_yaml here = {.text = "", .source = document->source};
  here.line = (int)event->start_mark.line + 1;
  here.column = (int)event->start_mark.column + 1;
  if (++document->values > DDLA_YAML_VALUES_MAX) {
    return ddla_yaml_refuse(&here, "more than %d values", DDLA_YAML_VALUES_MAX);
  }
  void *memory = NULL;
  DDLA_TRY(carve(&memory, document, sizeof here));
  *out = memory;
  **out = here;
  return DDLA_OK;
}

static ddla_status refuse_at(const ddla_yaml *at, int line, int column, const char *format,
                             va_list arguments) {
  char words[DDLA_STATUS_TEXT_BYTES];
  vsnprintf(words, sizeof words, format, arguments);
  bool one_word = strncmp(at->source, "--", 2) == 0; /* a value on the command line has no lines */
  if (one_word) return DDLA_FAIL(INVALID, "%s: %s", at->source, words);
  return DDLA_FAIL(INVALID, "%s:%d:%d: %s", at->source, line, column, words);
}

ddla_status ddla_yaml_refuse(const ddla_yaml *at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  ddla_status status = refuse_at(at, at->line, at->column, format, arguments);
  va_end(arguments);
  return status;
}

ddla_status ddla_yaml_refuse_key(const ddla_yaml *at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  ddla_status status = refuse_at(at, at->key ? at->key_line : at->line,
                                 at->key ? at->key_column : at->column, format, arguments);
  va_end(arguments);
  return status;
}

static bool is_after_tab(const reader *r, size_t line) {
  const char *text = (const char *)r->parser.input.string.start;
  const char *end = (const char *)r->parser.input.string.end;
  while (line > 0 && text < end) line -= *text++ == '\n';
  while (text < end && (*text == ' ' || *text == '-')) text++;
  return text < end && *text == '\t';
}

/* The failure that libyaml reports. */
static ddla_status parser_failure(const reader *r) {
  const yaml_parser_t *p = &r->parser;
  const char *source = r->document->source;
  const char *problem = p->problem ? p->problem : "not YAML";
  if (p->error == YAML_MEMORY_ERROR) return DDLA_FAIL(NO_MEMORY, "no memory to read %s", source);
  if (p->error == YAML_READER_ERROR) {
    return DDLA_FAIL(INVALID, "%s:%zu:%zu: %s (byte %zu)", source, p->mark.line + 1,
                     p->mark.column + 1, problem, p->problem_offset);
  }
  const char *hint = "";
  if (is_after_tab(r, p->problem_mark.line))
    hint = "; indent with spaces, YAML allows no tabs there";
  return DDLA_FAIL(INVALID, "%s:%zu:%zu: not YAML: %s%s%s%s", source, p->problem_mark.line + 1,
                   p->problem_mark.column + 1, p->context ? p->context : "", p->context ? ", " : "",
                   problem, hint);
}

static ddla_status next_event(yaml_event_t *event, reader *r) {
  if (yaml_parser_parse(&r->parser, event)) return DDLA_OK;
  return parser_failure(r);
}

static ddla_status refuse_event(const reader *r, const yaml_event_t *event, const char *words) {
  return DDLA_FAIL(INVALID, "%s:%zu:%zu: %s", r->document->source, event->start_mark.line + 1,
                   event->start_mark.column + 1, words);
}

static bool is_null(const char *text) {
  return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static ddla_status read_scalar(ddla_yaml *value, reader *r, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t bytes = event->data.scalar.length;
  if (event->data.scalar.tag) return refuse_event(r, event, "tags (!name) are not supported");
  if (memchr(text, '\0', bytes)) return refuse_event(r, event, "a zero byte in text");
  value->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  DDLA_TRY(carve_text(&value->text, r->document, text, bytes));
  value->empty = !value->quoted && is_null(value->text);
  return DDLA_OK;
}

static ddla_status read_value(ddla_yaml **out, reader *r, const yaml_event_t *event);

static ddla_status read_sequence(ddla_yaml *parent, reader *r) {
  ddla_yaml **end = &parent->first;
  for (;;) {
    yaml_event_t event;
    DDLA_TRY(next_event(&event, r));
    bool done = event.type == YAML_SEQUENCE_END_EVENT;
    ddla_status status = done ? DDLA_OK : read_value(end, r, &event);
    yaml_event_delete(&event);
    if (done || status != DDLA_OK) return status;
    end = &(*end)->next;
    parent->count++;
  }
}

/* Copies the key and refuses what cannot be one. */
static ddla_status read_key(ddla_yaml *key, const ddla_yaml *parent, reader *r,
                            const yaml_event_t *event) {
  if (event->type != YAML_SCALAR_EVENT) return refuse_event(r, event, "a key must be a plain word");
  if (event->data.scalar.length > DDLA_YAML_KEY_BYTES_MAX) {
    return refuse_event(r, event, "a key longer than 128 bytes");
  }
  DDLA_TRY(read_scalar(key, r, event));
  const ddla_yaml *older = ddla_yaml_find(parent, key->text);
  if (!older) return DDLA_OK;
  return ddla_yaml_refuse(key, "the key %s stands here twice (first on line %d); remove one",
                          ddla_text_quote(key->text).text, older->key_line);
}

static ddla_status read_entry(ddla_yaml **out, ddla_yaml *parent, reader *r,
                              const yaml_event_t *event) {
  ddla_yaml key = {.source = r->document->source};
  key.line = (int)event->start_mark.line + 1;
  key.column = (int)event->start_mark.column + 1;
  DDLA_TRY(read_key(&key, parent, r, event));
  yaml_event_t value;
  ddla_yaml *entry = NULL;
  DDLA_TRY(next_event(&value, r));
  ddla_status status = read_value(&entry, r, &value);
  yaml_event_delete(&value);
  DDLA_TRY(status);
  entry->key = key.text;
  entry->key_line = key.line;
  entry->key_column = key.column;
  *out = entry;
  return DDLA_OK;
}

static ddla_status read_mapping(ddla_yaml *parent, reader *r) {
  ddla_yaml **end = &parent->first;
  for (;;) {
    yaml_event_t event;
    DDLA_TRY(next_event(&event, r));
    bool done = event.type == YAML_MAPPING_END_EVENT;
    ddla_status status = done ? DDLA_OK : read_entry(end, parent, r, &event);
    yaml_event_delete(&event);
    if (done || status != DDLA_OK) return status;
    end = &(*end)->next;
    if (++parent->count > DDLA_YAML_ENTRIES_MAX) {
      return ddla_yaml_refuse(parent, "more than %d keys in one mapping", DDLA_YAML_ENTRIES_MAX);
    }
  }
}

static ddla_status read_collection(ddla_yaml *value, reader *r, const yaml_event_t *event) {
  bool mapping = event->type == YAML_MAPPING_START_EVENT;
  const yaml_char_t *tag = mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
  if (tag) return refuse_event(r, event, "tags (!name) are not supported");
  if (r->depth >= DDLA_YAML_DEPTH_MAX)
    return refuse_event(r, event, "nested deeper than 32 levels");
  r->depth++;
  value->kind = mapping ? DDLA_YAML_MAPPING : DDLA_YAML_SEQUENCE;
  DDLA_TRY(mapping ? read_mapping(value, r) : read_sequence(value, r));
  r->depth--;
  return DDLA_OK;
}

/* *out is a link in the tree, so it is set before the value is complete. */
static ddla_status read_value(ddla_yaml **out, reader *r, const yaml_event_t *event) {
  if (event->type == YAML_ALIAS_EVENT) {
    return refuse_event(r, event, "aliases (*name) are not supported; write the value out");
  }
  DDLA_TRY(carve_value(out, r, event));
  if (event->type == YAML_SCALAR_EVENT) return read_scalar(*out, r, event);
  return read_collection(*out, r, event);
}

/* Reads one event that may have only one of two types; true in *second if it is the second. */
static ddla_status read_marker(bool *second, reader *r, yaml_event_type_t one,
                               yaml_event_type_t two) {
  yaml_event_t event;
  DDLA_TRY(next_event(&event, r));
  ddla_status status = DDLA_OK;
  if (event.type != one && event.type != two) {
    status = refuse_event(r, &event, "a second document begins here; one file holds one document");
  }
  *second = event.type == two;
  yaml_event_delete(&event);
  return status;
}

static ddla_status read_empty(reader *r) {
  yaml_event_t event = {0};
  DDLA_TRY(carve_value(&r->document->root, r, &event));
  r->document->root->empty = true;
  return DDLA_OK;
}

static ddla_status read_stream(reader *r) {
  bool empty = false, unused = false;
  DDLA_TRY(read_marker(&unused, r, YAML_STREAM_START_EVENT, YAML_STREAM_START_EVENT));
  DDLA_TRY(read_marker(&empty, r, YAML_DOCUMENT_START_EVENT, YAML_STREAM_END_EVENT));
  if (empty) return read_empty(r);
  yaml_event_t event;
  DDLA_TRY(next_event(&event, r));
  ddla_status status = read_value(&r->document->root, r, &event);
  yaml_event_delete(&event);
  DDLA_TRY(status);
  DDLA_TRY(read_marker(&unused, r, YAML_DOCUMENT_END_EVENT, YAML_DOCUMENT_END_EVENT));
  return read_marker(&unused, r, YAML_STREAM_END_EVENT, YAML_STREAM_END_EVENT);
}

static ddla_status check_text(const char *text, size_t bytes, const char *source) {
  if (bytes > DDLA_YAML_BYTES_MAX) {
    return DDLA_FAIL(INVALID, "%s is larger than %d bytes", source, DDLA_YAML_BYTES_MAX);
  }
  size_t end = ddla_text_utf8_end(text, bytes);
  if (end == bytes) return DDLA_OK;
  int line = 1;
  for (size_t i = 0; i < end; i++) line += text[i] == '\n';
  return DDLA_FAIL(INVALID, "%s:%d: not UTF-8 (byte %zu is 0x%02x); save the file as UTF-8", source,
                   line, end, (unsigned)(unsigned char)text[end]);
}

static ddla_status read_document(ddla_yaml_document *document, const char *text, size_t bytes) {
  reader r = {.document = document};
  if (!yaml_parser_initialize(&r.parser)) return DDLA_FAIL(NO_MEMORY, "no memory to read YAML");
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, bytes);
  ddla_status status = read_stream(&r);
  yaml_parser_delete(&r.parser);
  return status;
}

ddla_status ddla_yaml_read(ddla_yaml_document **out, const char *text, size_t bytes,
                           const char *source) {
  DDLA_TRY(check_text(text, bytes, source));
  ddla_yaml_document *document = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(document, 1));
  DDLA_TRY_CLEAN(status, carve_text(&document->source, document, source, strlen(source)));
  DDLA_TRY_CLEAN(status, read_document(document, text, bytes));
  *out = document;
  document = NULL;
cleanup:
  ddla_yaml_destroy(document);
  return status;
}

void ddla_yaml_destroy(ddla_yaml_document *document) {
  if (!document) return;
  for (chunk *now = document->chunks; now;) {
    chunk *next = now->next;
    ddla_free(now);
    now = next;
  }
  ddla_free(document);
}

const ddla_yaml *ddla_yaml_root(const ddla_yaml_document *document) { return document->root; }

const ddla_yaml *ddla_yaml_find(const ddla_yaml *mapping, const char *key) {
  if (!mapping || mapping->kind != DDLA_YAML_MAPPING) return NULL;
  for (const ddla_yaml *entry = mapping->first; entry; entry = entry->next) {
    if (entry->key && strcmp(entry->key, key) == 0) return entry;
  }
  return NULL;
}

static bool is_word(const ddla_yaml *value) {
  return value->kind == DDLA_YAML_SCALAR && !value->quoted && !value->empty;
}

bool ddla_yaml_to_int(int64_t *out, const ddla_yaml *value) {
  return is_word(value) && ddla_text_to_int(out, value->text);
}

bool ddla_yaml_to_real(double *out, const ddla_yaml *value) {
  return is_word(value) && ddla_text_to_real(out, value->text);
}

bool ddla_yaml_to_bool(bool *out, const ddla_yaml *value) {
  if (!is_word(value)) return false;
  bool yes = strcmp(value->text, "true") == 0;
  if (!yes && strcmp(value->text, "false") != 0) return false;
  *out = yes;
  return true;
}

void ddla_yaml_write_text(const char *text, FILE *file) {
  fputc('"', file);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') fprintf(file, "\\%c", c);
    else if (c < ' ' || c == 0x7F) fprintf(file, "\\u%04x", c);
    else fputc(c, file);
  }
  fputc('"', file);
}

static bool is_plain(const char *text) {
  static const char letters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
  return strspn(text, letters) == strlen(text) && text[0] != '-' && text[0] != '.';
}

static void write_scalar(const ddla_yaml *value, FILE *file) {
  int64_t whole;
  double real;
  bool number = ddla_text_to_int(&whole, value->text) || ddla_text_to_real(&real, value->text);
  if (value->empty) fputs("null", file);
  else if (!value->quoted && (number || is_plain(value->text))) fputs(value->text, file);
  else ddla_yaml_write_text(value->text, file);
}

static void write_key(const char *key, FILE *file) {
  if (*key && is_plain(key)) fputs(key, file);
  else ddla_yaml_write_text(key, file);
}

void ddla_yaml_write(const ddla_yaml *value, FILE *file) {
  if (value->kind == DDLA_YAML_SCALAR) {
    write_scalar(value, file);
    return;
  }
  bool mapping = value->kind == DDLA_YAML_MAPPING;
  fputc(mapping ? '{' : '[', file);
  for (const ddla_yaml *item = value->first; item; item = item->next) {
    if (mapping) {
      write_key(item->key, file);
      fputs(": ", file);
    }
    ddla_yaml_write(item, file);
    if (item->next) fputs(", ", file);
  }
  fputc(mapping ? '}' : ']', file);
}

bool ddla_yaml_equal(const ddla_yaml *a, const ddla_yaml *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind || a->empty != b->empty || a->count != b->count) return false;
  if (!a->key != !b->key || (a->key && strcmp(a->key, b->key) != 0)) return false;
  if (!a->empty && strcmp(a->text, b->text) != 0) return false;
  const ddla_yaml *x = a->first, *y = b->first;
  for (; x && y; x = x->next, y = y->next) {
    if (!ddla_yaml_equal(x, y)) return false;
  }
  return x == y;
}
