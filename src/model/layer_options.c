/* Keys of a layer in the job file, read by the row's words "kernel=3 bias=true". */
#include <string.h>

#include "base/text.h"
#include "model/layer_row.h"

enum { KEY_BYTES = DDLA_ATTR_NAME_BYTES };

/* One word of the row. */
typedef struct key_word {
  char name[KEY_BYTES], initial[KEY_BYTES]; /* "kernel", "3" */
} key_word;

typedef struct reading {
  ddla_attrs *options;
  const char *keys;
  bool is_op;
  const ddla_layer_use *use;
} reading;

/* Cuts the next word off *at; false at the end. */
static bool next_key(key_word *out, const char **at) {
  *at += strspn(*at, " ");
  if (!**at) return false;
  const size_t name = strcspn(*at, "="), rest = strcspn(*at + name, " ");
  *out = (key_word){.name = ""};
  memcpy(out->name, *at, name < KEY_BYTES ? name : KEY_BYTES - 1);
  if (rest > 1) memcpy(out->initial, *at + name + 1, rest <= KEY_BYTES ? rest - 1 : KEY_BYTES - 1);
  *at += name + rest;
  return true;
}

static bool find_key(key_word *out, const char *keys, const char *name) {
  while (next_key(out, &keys))
    if (strcmp(out->name, name) == 0) return true;
  return false;
}

static bool is_list(const key_word *key) { return strcmp(key->initial, "[]") == 0; }
static bool is_bool(const key_word *key) {
  return strcmp(key->initial, "true") == 0 || strcmp(key->initial, "false") == 0;
}
static bool is_real(const key_word *key) { return strchr(key->initial, '.') != NULL; }

/* A whole number, or the word for the number of classes. */
static bool read_int(int64_t *out, const reading *r, const ddla_yaml *value) {
  if (ddla_yaml_to_int(out, value)) return true;
  if (value->kind != DDLA_YAML_SCALAR || strcmp(value->text, "classes") != 0) return false;
  *out = r->use->list->classes;
  return true;
}

static ddla_status read_list(const reading *r, const key_word *key, const ddla_yaml *value) {
  int64_t item[DDLA_ATTR_VALUES_MAX] = {0};
  int count = 0;
  for (const ddla_yaml *at = value->first; at && count < DDLA_ATTR_VALUES_MAX; at = at->next)
    if (!read_int(&item[count++], r, at))
      return DDLA_FAIL(INVALID, "item %d of %s is no whole number", count, key->name);
  if (count != value->count || count == 0)
    return DDLA_FAIL(INVALID, "%s has %d numbers; it can have 1 to %d", key->name, value->count,
                     DDLA_ATTR_VALUES_MAX);
  ddla_attrs_set_ints(r->options, key->name, item, count);
  return DDLA_OK;
}

static ddla_status read_value(const reading *r, const key_word *key, const ddla_yaml *value) {
  int64_t integer = 0;
  double real = 0;
  bool truth = false;
  if (value->kind == DDLA_YAML_SEQUENCE && (r->is_op || is_list(key)))
    return read_list(r, key, value);
  if (is_list(key)) return DDLA_FAIL(INVALID, "%s takes a list of whole numbers", key->name);
  if (is_bool(key)) {
    if (!ddla_yaml_to_bool(&truth, value))
      return DDLA_FAIL(INVALID, "%s takes true or false", key->name);
    ddla_attrs_set_int(r->options, key->name, truth);
  } else if (is_real(key)) {
    if (!ddla_yaml_to_real(&real, value)) return DDLA_FAIL(INVALID, "%s takes a number", key->name);
    ddla_attrs_set_real(r->options, key->name, real);
  } else {
    if (!read_int(&integer, r, value))
      return DDLA_FAIL(INVALID, "%s takes a whole number", key->name);
    ddla_attrs_set_int(r->options, key->name, integer);
  }
  return DDLA_OK;
}

static ddla_status refuse_key(const reading *r, const char *name) {
  key_word key = {.name = ""};
  for (const char *at = r->keys; next_key(&key, &at);)
    if (ddla_text_is_near(name, key.name))
      return DDLA_FAIL(INVALID, "has no key %s; did you mean %s?", ddla_text_quote(name).text,
                       key.name);
  return DDLA_FAIL(INVALID, "has no key %s; its keys and their initial values: %s",
                   ddla_text_quote(name).text, *r->keys ? r->keys : "none");
}

static ddla_status read_mapping(const reading *r, const ddla_yaml *value) {
  for (const ddla_yaml *at = value->first; at; at = at->next) {
    key_word key = {.name = ""};
    if (!find_key(&key, r->keys, at->key)) return refuse_key(r, at->key);
    DDLA_TRY(read_value(r, &key, at));
  }
  return DDLA_OK;
}

/* Fills in what was not given. */
static ddla_status complete(const reading *r) {
  key_word key = {.name = ""};
  for (const char *at = r->keys; next_key(&key, &at);) {
    bool given = false;
    for (int i = 0; i < r->options->count; i++)
      given |= strcmp(r->options->item[i].name, key.name) == 0;
    if (given) continue;
    if (!key.initial[0] || is_list(&key))
      return DDLA_FAIL(INVALID, "needs %s; its keys and their initial values: %s", key.name,
                       r->keys);
    const ddla_yaml initial = {.kind = DDLA_YAML_SCALAR, .text = key.initial};
    if (!r->is_op) DDLA_TRY(read_value(r, &key, &initial));
  }
  return DDLA_OK;
}

ddla_status ddla_layer_read_options(ddla_attrs *options, const char *keys, bool is_op,
                                    const ddla_layer_use *use) {
  ddla_attrs read = {0};
  const reading r = {.options = &read, .keys = keys, .is_op = is_op, .use = use};
  const ddla_yaml *value = use->value;
  key_word first = {.name = ""};
  if (value && value->kind == DDLA_YAML_MAPPING) {
    DDLA_TRY(read_mapping(&r, value));
  } else if (value && !value->empty) {
    const char *at = keys;
    if (!next_key(&first, &at)) return DDLA_FAIL(INVALID, "takes no value; write its name alone");
    DDLA_TRY(read_value(&r, &first, value));
  }
  DDLA_TRY(complete(&r));
  *options = read;
  return DDLA_OK;
}
