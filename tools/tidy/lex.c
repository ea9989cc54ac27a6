/* Tokens of C. Comments go into a list of their own; a string is one token; preprocessor lines are
 * cut too and marked, since macros must obey the same rules as other code. */
#include <ctype.h>
#include <string.h>

#include "tidy.h"

typedef struct reader {
  tidy_file *file;
  const char *at, *end;
  int line;
  bool directive, line_start;
} reader;

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static char peek(const reader *r, int ahead) {
  return r->end - r->at > ahead ? r->at[ahead] : '\0';
}

static void step(reader *r) {
  if (*r->at == '\n') r->line++;
  r->at++;
}

static void add_token(reader *r, tidy_kind kind, const char *start, int line) {
  tidy_file *file = r->file;
  file->tokens = tidy_grow(file->tokens, file->token_count, sizeof *file->tokens);
  file->tokens[file->token_count++] = (tidy_token){.start = start,
                                                   .length = (int)(r->at - start),
                                                   .line = line,
                                                   .kind = kind,
                                                   .directive = r->directive};
}

static void read_comment(reader *r) {
  const char *start = r->at;
  int line = r->line;
  bool block = peek(r, 1) == '*';
  r->at += 2;
  if (block) {
    while (r->at < r->end && !(peek(r, 0) == '*' && peek(r, 1) == '/')) step(r);
    r->at += r->at < r->end ? 2 : 0;
  } else {
    while (r->at < r->end && *r->at != '\n') step(r);
  }
  tidy_file *file = r->file;
  file->comments = tidy_grow(file->comments, file->comment_count, sizeof *file->comments);
  file->comments[file->comment_count++] = (tidy_comment){start, (size_t)(r->at - start), line};
}

static void read_string(reader *r) {
  const char *start = r->at;
  char quote = *start;
  int line = r->line;
  for (step(r); r->at < r->end && *r->at != quote && *r->at != '\n'; step(r))
    if (*r->at == '\\' && r->end - r->at > 1) step(r);
  if (r->at < r->end && *r->at == quote) r->at++;
  add_token(r, TIDY_STRING, start, line);
}

static void read_word(reader *r) {
  const char *start = r->at;
  tidy_kind kind = isdigit((unsigned char)*start) ? TIDY_NUMBER : TIDY_NAME;
  while (r->at < r->end && (is_word(*r->at) || (kind == TIDY_NUMBER && *r->at == '.'))) r->at++;
  add_token(r, kind, start, r->line);
}

static void read_punctuation(reader *r) {
  static const char *const pairs[] = {"==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=",
                                      "|=", "^=", "->", "++", "--", "&&", "||", "<<", ">>", NULL};
  const char *start = r->at++;
  char pair[3] = {*start, peek(r, 0), '\0'};
  if (tidy_one_of(pair, pairs)) r->at++;
  add_token(r, TIDY_PUNCTUATION, start, r->line);
}

void tidy_lex(tidy_file *file) {
  reader r = {.file = file, .at = file->text, .end = file->text + file->bytes, .line = 1};
  r.line_start = true;
  while (r.at < r.end) {
    char c = *r.at;
    if (c == '\n') {
      r.directive = false;
      r.line_start = true;
      step(&r);
    } else if (c == '\\' && peek(&r, 1) == '\n') {
      r.at++;
      step(&r); /* a continued preprocessor line stays one */
    } else if (isspace((unsigned char)c)) {
      step(&r);
    } else if (c == '/' && (peek(&r, 1) == '*' || peek(&r, 1) == '/')) {
      read_comment(&r);
    } else {
      if (c == '#' && r.line_start) r.directive = true;
      r.line_start = false;
      if (c == '"' || c == '\'') read_string(&r);
      else if (is_word(c)) read_word(&r);
      else read_punctuation(&r);
    }
  }
}

bool tidy_is(const tidy_token *token, const char *text) {
  return (size_t)token->length == strlen(text) && memcmp(token->start, text, strlen(text)) == 0;
}

bool tidy_starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool tidy_ends(const char *text, const char *suffix) {
  size_t have = strlen(text), want = strlen(suffix);
  return have >= want && strcmp(text + have - want, suffix) == 0;
}

bool tidy_one_of(const char *text, const char *const *list) {
  for (; *list; list++)
    if (strcmp(*list, text) == 0) return true;
  return false;
}

char *tidy_token_text(const tidy_file *file, int token) {
  return tidy_copy(file->tokens[token].start, (size_t)file->tokens[token].length);
}
