#include "mpi/starter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static ddla_status fail_full(void) {
  return DDLA_FAIL(INVALID, "the launcher's command line has more than %d words or %d bytes",
                   DDLA_MPI_WORDS_MAX, DDLA_MPI_WORDS_BYTES);
}

/* One more word of so many bytes, to be written by the caller. */
static ddla_status reserve(char **out, ddla_mpi_words *words, size_t bytes) {
  if (words->count == DDLA_MPI_WORDS_MAX || words->used + bytes + 1 > sizeof words->text)
    return fail_full();
  *out = words->word[words->count++] = words->text + words->used;
  words->word[words->count] = NULL;
  words->used += bytes + 1;
  return DDLA_OK;
}

ddla_status ddla_mpi_words_add(ddla_mpi_words *words, const char *word) {
  const size_t bytes = strlen(word);
  char *place = NULL;
  DDLA_TRY(reserve(&place, words, bytes));
  memcpy(place, word, bytes + 1);
  return DDLA_OK;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/* Copies the word at *at, which is not blank; *at is then behind it. False: a quote stays open. */
static bool take_word(char *out, const char **at) {
  char quote = '\0';
  const char *c = *at;
  for (; *c && (quote || !is_blank(*c)); c++) {
    if (quote ? *c == quote : (*c == '"' || *c == '\'')) quote = quote ? '\0' : *c;
    else if (*c == '\\' && quote != '\'' && c[1]) *out++ = *++c;
    else *out++ = *c;
  }
  *out = '\0';
  *at = c;
  return !quote;
}

ddla_status ddla_mpi_words_split(ddla_mpi_words *words, const char *text) {
  char word[DDLA_MPI_WORDS_BYTES];
  if (strlen(text) >= sizeof word) return fail_full();
  for (const char *at = text; *at;) {
    if (is_blank(*at)) {
      at++;
      continue;
    }
    if (!take_word(word, &at))
      return DDLA_FAIL(INVALID, "%s: a quote is not closed", ddla_text_quote(text).text);
    DDLA_TRY(ddla_mpi_words_add(words, word));
  }
  return DDLA_OK;
}

const char *ddla_mpi_starter_library(const char *version) {
  static const struct {
    const char *sign, *library;
  } rows[] = {{"OpenRTE", "openmpi"}, {"Open MPI", "openmpi"}, {"PRRTE", "openmpi"},
              {"HYDRA", "mpich"},     {"Hydra", "mpich"},      {"MPICH", "mpich"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strstr(version, rows[i].sign)) return rows[i].library;
  return NULL;
}

/* "h0:1,h1:1", which both understand. */
static ddla_status add_hosts(ddla_mpi_words *words, const ddla_mpi_start_line *line) {
  size_t bytes = 0, used = 0;
  char *place = NULL;
  for (int h = 0; h < line->host_count; h++) bytes += strlen(line->hosts[h]) + 3;
  DDLA_TRY(reserve(&place, words, bytes));
  for (int h = 0; h < line->host_count; h++)
    used += (size_t)snprintf(place + used, bytes + 1 - used, "%s%s:1", h > 0 ? "," : "",
                             line->hosts[h]);
  return DDLA_OK;
}

ddla_status ddla_mpi_starter_line(ddla_mpi_words *out, const ddla_mpi_start_line *line) {
  const bool open = strcmp(line->library, "openmpi") == 0;
  char count[16];
  snprintf(count, sizeof count, "%d", line->host_count);
  for (int i = 0; i < line->launcher->count; i++)
    DDLA_TRY(ddla_mpi_words_add(out, line->launcher->word[i]));
  DDLA_TRY(ddla_mpi_words_add(out, open ? "--host" : "-hosts"));
  DDLA_TRY(add_hosts(out, line));
  DDLA_TRY(ddla_mpi_words_add(out, "-n"));
  DDLA_TRY(ddla_mpi_words_add(out, count));
  if (open) DDLA_TRY(ddla_mpi_words_split(out, "--bind-to none"));
  for (int i = 0; line->command[i]; i++) DDLA_TRY(ddla_mpi_words_add(out, line->command[i]));
  return DDLA_OK;
}
