#include "compare/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "job/option.h"

/* A stretch of somebody's text. */
typedef struct piece {
  const char *at;
  int length;
} piece;

static ddla_status unknown_method(const char *word) {
  char all[512] = "";
  const char *near = NULL;
  int count = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  for (int i = 0; i < count; i++) {
    const char *name = rows[i]->method;
    if (!near && ddla_text_is_near(word, name)) near = name;
    strncat(all, i > 0 ? " " : "", sizeof all - 1 - strlen(all));
    strncat(all, name, sizeof all - 1 - strlen(all));
  }
  return DDLA_FAIL(INVALID, "--modes: there is no method %s%s%s%s; there are: %s",
                   ddla_text_quote(word).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "", all);
}

static ddla_status find_method(ddla_entry *entry, piece word) {
  char name[DDLA_ENTRY_BYTES];
  int count = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  snprintf(name, sizeof name, "%.*s", word.length, word.at);
  for (int i = 0; i < count && !entry->strategy; i++)
    if (strcmp(rows[i]->method, name) == 0) entry->strategy = rows[i];
  return entry->strategy ? DDLA_OK : unknown_method(name);
}

static ddla_status unknown_key(const ddla_entry *entry, const char *key) {
  char section[DDLA_ENTRY_BYTES];
  const int length = (int)strcspn(key, ".");
  snprintf(section, sizeof section, "%.*s", length, key);
  return DDLA_FAIL(INVALID, "--modes %s: there is no key %s%s", entry->name,
                   ddla_text_quote(key).text, ddla_option_hint_for(section, key + length + 1).text);
}

/* KEY=VALUE of the section sync, or of the section that it names. */
static ddla_status add_set(ddla_entry *entry, piece word) {
  char text[DDLA_ENTRY_BYTES], key[DDLA_ENTRY_BYTES];
  snprintf(text, sizeof text, "%.*s", word.length, word.at);
  char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return DDLA_FAIL(INVALID, "--modes %s: expected KEY=VALUE behind the method, not %s",
                     entry->name, ddla_text_quote(text).text);
  if (entry->set_count == DDLA_ENTRY_SETS_MAX)
    return DDLA_FAIL(INVALID, "--modes %s: more than %d keys", entry->name, DDLA_ENTRY_SETS_MAX);
  *equals = '\0';
  snprintf(key, sizeof key, "%s%.*s", strchr(text, '.') ? "" : "sync.", DDLA_ENTRY_BYTES - 8, text);
  if (!ddla_option_find(key)) return unknown_key(entry, key);
  char *set = entry->set[entry->set_count++];
  const int used = snprintf(set, sizeof entry->set[0], "%s=%s", key, equals + 1);
  if (used >= (int)sizeof entry->set[0])
    return DDLA_FAIL(INVALID, "--modes %s: %s is too long", entry->name, key);
  return DDLA_OK;
}

/* Length of the keys' next one: up to a plus sign, unless a digit follows it as in 1e+5. */
static int set_length(piece rest) {
  for (int i = 0; i < rest.length; i++)
    if (rest.at[i] == '+' && !(i + 1 < rest.length && isdigit((unsigned char)rest.at[i + 1])))
      return i;
  return rest.length;
}

static void name_folder(ddla_entry *entry) {
  for (size_t i = 0; i < sizeof entry->folder; i++) {
    const char c = entry->name[i];
    entry->folder[i] =
        (char)(c == '\0' || isalnum((unsigned char)c) || strchr("=._-", c) ? c : '-');
    if (!c) return;
  }
}

static ddla_status read_entry(ddla_entry *out, piece word) {
  ddla_entry entry = {0};
  if (word.length >= (int)sizeof entry.name - 8)
    return DDLA_FAIL(INVALID, "--modes: an entry has more than %d characters",
                     (int)sizeof entry.name - 9);
  snprintf(entry.name, sizeof entry.name, "%.*s", word.length, word.at);
  const int method = (int)strcspn(entry.name, ":");
  DDLA_TRY(find_method(&entry, (piece){entry.name, method}));
  piece rest = {word.at + method + 1, word.length - method - 1};
  while (rest.length >= 0) {
    const int length = set_length(rest);
    DDLA_TRY(add_set(&entry, (piece){rest.at, length}));
    rest = (piece){rest.at + length + 1, rest.length - length - 1};
  }
  name_folder(&entry);
  *out = entry;
  return DDLA_OK;
}

static ddla_status add_entry(ddla_entries *entries, piece word) {
  ddla_entry entry = {0};
  DDLA_TRY(read_entry(&entry, word));
  for (int i = 0; i < entries->count; i++)
    if (strcmp(entries->at[i].folder, entry.folder) == 0)
      return DDLA_FAIL(INVALID, "--modes: %s is there twice", entry.name);
  if (entries->count == DDLA_ENTRIES_MAX)
    return DDLA_FAIL(INVALID, "--modes: more than %d entries", DDLA_ENTRIES_MAX);
  entries->at[entries->count++] = entry;
  return DDLA_OK;
}

/* Length of the next entry: up to a comma that is in no bracket. */
static int entry_length(const char *text) {
  int depth = 0, i = 0;
  for (; text[i] && (text[i] != ',' || depth > 0); i++)
    depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
  return i;
}

ddla_status ddla_entries_read(ddla_entries *out, const char *text) {
  ddla_entries entries = {.count = 0};
  for (const char *at = text; at;) {
    const int length = entry_length(at);
    DDLA_TRY(add_entry(&entries, (piece){at, length}));
    at = at[length] ? at + length + 1 : NULL;
  }
  *out = entries;
  return DDLA_OK;
}

/* "METHOD" or "METHOD:KEYS". */
static ddla_status add_trial(ddla_entries *entries, const ddla_strategy *row, piece keys) {
  char name[DDLA_ENTRY_BYTES];
  const int length = snprintf(name, sizeof name, "%s%s%.*s", row->method, keys.length ? ":" : "",
                              keys.length, keys.at);
  return add_entry(entries, (piece){name, length});
}

ddla_status ddla_entries_initial(ddla_entries *out) {
  ddla_entries entries = {.count = 0};
  int count = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  for (int i = 0; i < count; i++)
    for (const char *at = rows[i]->trials; at;) {
      const int length = (int)strcspn(at, ",");
      DDLA_TRY(add_trial(&entries, rows[i], (piece){at, length}));
      at = at[length] ? at + length + 1 : NULL;
    }
  *out = entries;
  return DDLA_OK;
}
