#include "mpi/hosts_file.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

enum { WORD_BYTES = 96 };

/* A line that is being read. */
typedef struct line {
  const char *name; /* of the file */
  int number;
  const char *at, *end; /* what is left of it, without comment and line end */
} line;

#define REFUSE(l, format, ...)                                                                     \
  DDLA_FAIL(INVALID, "%s:%d: " format, (l)->name, (l)->number, __VA_ARGS__)

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

static void skip_blanks(line *l) {
  while (l->at < l->end && is_blank(*l->at)) l->at++;
}

/* The next word of the line, up to a blank or '='; empty behind the last. A word that is too long
 * is cut, which no name and no key survives. */
static void next_word(char out[WORD_BYTES], line *l) {
  size_t used = 0;
  skip_blanks(l);
  for (; l->at < l->end && !is_blank(*l->at) && *l->at != '='; l->at++)
    if (used < WORD_BYTES - 1) out[used++] = *l->at ? *l->at : '?';
  out[used] = '\0';
}

static ddla_status read_slots(int *out, const line *l, const char *word) {
  int64_t value = 0;
  if (!ddla_text_to_int(&value, word) || value < 1 || value > DDLA_HOSTS_FILE_SLOTS_MAX)
    return REFUSE(l, "%s slots: expected a whole number from 1 to %d", ddla_text_quote(word).text,
                  DDLA_HOSTS_FILE_SLOTS_MAX);
  *out = (int)value;
  return DDLA_OK;
}

static ddla_status check_name(const line *l, const char *name) {
  size_t length = 0;
  while (is_of_name(name[length])) length++;
  if (name[0] == '\0') return REFUSE(l, "%s", "there is no host before this");
  if (strpbrk(name, "[,"))
    return REFUSE(l, "%s is a list; write each host on a line of its own",
                  ddla_text_quote(name).text);
  if (strchr(name, '@'))
    return REFUSE(l, "%s names a user; name it for this host in ~/.ssh/config instead",
                  ddla_text_quote(name).text);
  if (name[length] != '\0' || name[0] == '-' || name[0] == '.')
    return REFUSE(l, "%s is no name of a host; one has letters, digits, '.', '-' and '_'",
                  ddla_text_quote(name).text);
  if (length >= DDLA_MPI_HOST_BYTES)
    return REFUSE(l, "the name %s is longer than %d characters", ddla_text_quote(name).text,
                  DDLA_MPI_HOST_BYTES - 1);
  return DDLA_OK;
}

/* "h1" or "h1:4". */
static ddla_status read_name(ddla_hosts_file_host *host, const line *l, char word[WORD_BYTES]) {
  char *colon = strchr(word, ':');
  if (colon && strchr(colon + 1, ':'))
    return REFUSE(l,
                  "%s looks like an IPv6 address, which launchers do not take; give the host a "
                  "name in /etc/hosts",
                  ddla_text_quote(word).text);
  if (colon) DDLA_TRY(read_slots(&host->slots, l, colon + 1));
  if (colon) *colon = '\0';
  DDLA_TRY(check_name(l, word));
  memcpy(host->name, word, strlen(word) + 1);
  return DDLA_OK;
}

static ddla_status refuse_key(const line *l, const char *key) {
  static const char *const elsewhere[] = {"user", "username", "ifname", "binding", "cpu", "socket"};
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
    if (strcmp(key, elsewhere[i]) == 0)
      return REFUSE(l,
                    "%s= is not passed on to the launcher; leave it out and give the launcher "
                    "an option for all hosts",
                    key);
  return REFUSE(l, "%s is not understood behind a host; it may have slots=N and max_slots=N",
                ddla_text_quote(key).text);
}

/* "slots=4", with blanks around '=' or without. */
static ddla_status read_key(ddla_hosts_file_host *host, line *l, const char *key) {
  char value[WORD_BYTES];
  int most = 0;
  bool slots = strcmp(key, "slots") == 0;
  if (!slots && strcmp(key, "max_slots") != 0 && strcmp(key, "max-slots") != 0)
    return refuse_key(l, key);
  skip_blanks(l);
  if (l->at == l->end || *l->at != '=') return REFUSE(l, "%s without '='; write %s=N", key, key);
  l->at++;
  next_word(value, l);
  return read_slots(slots ? &host->slots : &most, l, value);
}

/* host->name is empty where the line has none. */
static ddla_status read_line(ddla_hosts_file_host *host, line *l) {
  char word[WORD_BYTES];
  *host = (ddla_hosts_file_host){.slots = 1};
  skip_blanks(l);
  if (l->at == l->end) return DDLA_OK;
  next_word(word, l);
  DDLA_TRY(read_name(host, l, word));
  for (skip_blanks(l); l->at < l->end; skip_blanks(l)) {
    next_word(word, l);
    DDLA_TRY(read_key(host, l, word));
  }
  return DDLA_OK;
}

/* Launchers add up the lines of a host. */
static ddla_status add(ddla_hosts_file *file, const line *l, const ddla_hosts_file_host *host) {
  ddla_hosts_file_host *found = file->host;
  while (found < file->host + file->count && strcmp(found->name, host->name) != 0) found++;
  if (found < file->host + file->count) {
    found->slots += host->slots;
    if (found->slots > DDLA_HOSTS_FILE_SLOTS_MAX)
      return REFUSE(l, "host %s has more than %d slots by now", host->name,
                    DDLA_HOSTS_FILE_SLOTS_MAX);
    return DDLA_OK;
  }
  if (file->count == DDLA_MPI_HOSTS_MAX)
    return REFUSE(l, "there may be %d hosts at most", DDLA_MPI_HOSTS_MAX);
  file->host[file->count++] = *host;
  return DDLA_OK;
}

ddla_status ddla_hosts_file_read(ddla_hosts_file *out, const char *text, size_t bytes,
                                 const char *name) {
  ddla_hosts_file made = {0};
  const char *end = text + bytes;
  int number = 0;
  for (const char *at = text; at < end;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    const char *comment = memchr(at, '#', (size_t)(stop - at));
    line l = {.name = name, .number = ++number, .at = at, .end = comment ? comment : stop};
    ddla_hosts_file_host host;
    DDLA_TRY(read_line(&host, &l));
    if (host.name[0]) DDLA_TRY(add(&made, &l, &host));
    at = stop < end ? stop + 1 : end;
  }
  if (made.count == 0)
    return DDLA_FAIL(INVALID, "%s names no host; write one on each line: h0 slots=4, or h0:4",
                     name);
  *out = made;
  return DDLA_OK;
}

ddla_status ddla_hosts_file_load(ddla_hosts_file *out, const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  DDLA_TRY(ddla_file_read(&text, &bytes, path, DDLA_HOSTS_FILE_BYTES_MAX));
  ddla_status status = ddla_hosts_file_read(out, text, bytes, path);
  ddla_free(text);
  return status;
}
