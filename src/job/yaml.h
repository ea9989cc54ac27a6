/* YAML documents from untrusted text as a small read-only tree. One document per file; no aliases,
 * no tags; limits on size, depth and number of values, so that no text can take more than a few
 * megabytes or milliseconds. Built on libyaml's events, whose marks give every value its line and
 * column. Threads: a document that has been read may be looked at from any thread. */
#ifndef DDLA_JOB_YAML_H
#define DDLA_JOB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum {
  DDLA_YAML_BYTES_MAX = 1 << 20,
  DDLA_YAML_DEPTH_MAX = 32,
  DDLA_YAML_VALUES_MAX = 1 << 16,
  DDLA_YAML_ENTRIES_MAX = 1024, /* of one mapping */
  DDLA_YAML_KEY_BYTES_MAX = 128
};

typedef enum ddla_yaml_kind {
  DDLA_YAML_SCALAR,
  DDLA_YAML_SEQUENCE,
  DDLA_YAML_MAPPING
} ddla_yaml_kind;

/* One value. Everything is owned by its document. Lines and columns count from 1. */
typedef struct ddla_yaml {
  ddla_yaml_kind kind;
  bool quoted;             /* scalar in quotes or a block scalar: text, whatever it looks like */
  bool empty;              /* scalar without a value: nothing, ~ or null */
  const char *key;         /* of a mapping's entry, else null */
  const char *text;        /* of a scalar, UTF-8 without zero bytes; "" for others */
  struct ddla_yaml *first; /* first item or entry */
  struct ddla_yaml *next;  /* next one in the same sequence or mapping */
  int count;               /* items or entries */
  int line, column;        /* where the value starts */
  int key_line, key_column;
  const char *source; /* name of the file */
} ddla_yaml;

typedef struct ddla_yaml_document ddla_yaml_document;

/* Reads the text; `source` (copied) names it in messages. An empty text, or nothing but comments,
 * gives an empty scalar. The caller owns *out. Errors: INVALID naming source, line, column and
 * reason; NO_MEMORY. */
ddla_status ddla_yaml_read(ddla_yaml_document **out, const char *text, size_t bytes,
                           const char *source);

void ddla_yaml_destroy(ddla_yaml_document *document);

/* The top value; borrowed from the document, never null. */
const ddla_yaml *ddla_yaml_root(const ddla_yaml_document *document);

/* The entry of a mapping with this key, or null; null too if `mapping` is null or no mapping. */
const ddla_yaml *ddla_yaml_find(const ddla_yaml *mapping, const char *key);

/* A scalar as a value of that type; false if it is none (quoted text is no number and no truth
 * value). */
bool ddla_yaml_to_int(int64_t *out, const ddla_yaml *value);
bool ddla_yaml_to_real(double *out, const ddla_yaml *value);
bool ddla_yaml_to_bool(bool *out, const ddla_yaml *value);

/* INVALID with "source:line:column: " of the value before the words. */
ddla_status ddla_yaml_refuse(const ddla_yaml *at, const char *format, ...) DDLA_PRINTF(2, 3);

/* The same at the key of a mapping's entry. */
ddla_status ddla_yaml_refuse_key(const ddla_yaml *at, const char *format, ...) DDLA_PRINTF(2, 3);

/* Writes the value in flow style on one line: {conv2d: {channels: 32}}. Reads back as an equal
 * tree. */
void ddla_yaml_write(const ddla_yaml *value, FILE *file);

/* Writes text as a double-quoted YAML scalar (which is also a JSON string). */
void ddla_yaml_write_text(const char *text, FILE *file);

/* True if both trees have the same keys, texts and order; either may be null. */
bool ddla_yaml_equal(const ddla_yaml *a, const ddla_yaml *b);

#endif
