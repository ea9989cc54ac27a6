/* The project's law, checked over the text of the tree. A file is read once, cut into tokens and
 * top-level items; each rule of rule_list.h then walks the tree and reports what it finds. One
 * thread, one process; memory lives until the program ends, so nothing is released. */
#ifndef TIDY_H
#define TIDY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum tidy_kind { TIDY_NAME, TIDY_NUMBER, TIDY_STRING, TIDY_PUNCTUATION } tidy_kind;

typedef struct tidy_token {
  const char *start;
  int length, line;
  tidy_kind kind;
  bool directive; /* stands on a preprocessor line */
} tidy_token;

typedef struct tidy_comment {
  const char *start;
  size_t length;
  int line;
} tidy_comment;

typedef enum tidy_item_kind {
  TIDY_FUNCTION,
  TIDY_PROTOTYPE,
  TIDY_TYPEDEF,
  TIDY_VARIABLE,
  TIDY_OTHER
} tidy_item_kind;

/* What stands at file scope. Numbers are indices into the file's tokens; -1 where there is none. */
typedef struct tidy_item {
  tidy_item_kind kind;
  int first, last; /* tokens of the whole item */
  int name;        /* token with the name of a function, prototype or variable */
  int parameters_open, parameters_close; /* the parentheses of a function or prototype */
  int body;                              /* the opening brace of a function */
  bool is_static;
} tidy_item;

/* One file. area is the first folder of the path, folder the second ("op" for src/op/relu.c). */
typedef struct tidy_file {
  const char *path, *area, *folder, *name, *stem, *extension;
  const char *text;
  size_t bytes;
  const char **lines; /* start of each line */
  int line_count;
  bool is_c, is_test;
  tidy_token *tokens;
  int token_count;
  tidy_comment *comments;
  int comment_count;
  tidy_item *items;
  int item_count;
} tidy_file;

typedef struct tidy_finding {
  const char *path, *rule, *subject, *text;
  int line;
} tidy_finding;

typedef struct tidy_tree {
  const char *root;
  tidy_file *files;
  int file_count;
  tidy_finding *findings;
  int finding_count;
} tidy_tree;

/* memory.c: zeroed memory, a copy of part of a string, room for one more element (doubling); all
 * end the program with status 70 when there is no memory. */
void *tidy_new(size_t count, size_t size);
char *tidy_copy(const char *start, size_t length);
void *tidy_grow(void *array, int count, size_t size);
char *tidy_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* tree.c: reads every text file below root. False (and a message) if root cannot be read. */
bool tidy_tree_read(tidy_tree *out, const char *root);
const tidy_file *tidy_tree_find(const tidy_tree *tree, const char *path);

/* lex.c, item.c: fill tokens, comments and items of a C file. */
void tidy_lex(tidy_file *file);
void tidy_items(tidy_file *file);
bool tidy_is(const tidy_token *token, const char *text);
bool tidy_starts(const char *text, const char *prefix);
bool tidy_ends(const char *text, const char *suffix);
bool tidy_one_of(const char *text, const char *const *list); /* list ends with null */
char *tidy_token_text(const tidy_file *file, int token);
int tidy_match(const tidy_file *file, int open); /* token that closes ( [ or {, or the last one */

/* report.c: subject is what an exception can name (a function, a word), "" where there is only the
 * file. */
void tidy_report(tidy_tree *tree, const tidy_finding *finding);
/* Prints what is not excepted, and exceptions that nothing needs; returns how many lines were
 * printed. */
int tidy_print(tidy_tree *tree);

/* One function for each row of rule_list.h. */
#define TIDY_RULE(name) void tidy_rule_##name(tidy_tree *tree);
#include "rule_list.h"
#undef TIDY_RULE

#endif
