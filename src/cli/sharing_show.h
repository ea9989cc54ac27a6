/* How far samples are that go between hosts, for people. Threads: one thread. */
#ifndef DDLA_CLI_SHARING_SHOW_H
#define DDLA_CLI_SHARING_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A transfer that is shown. Plain value; screen null: nothing is. */
typedef struct ddla_sharing_show {
  FILE *screen;
  const char *what; /* "sending", "gathering" */
  int64_t begun_ns, told_ns;
} ddla_sharing_show;

ddla_sharing_show ddla_sharing_show_of(FILE *screen, const char *what);

/* A line every other second: a ddla_share_tell whose argument is the ddla_sharing_show. */
void ddla_sharing_show_line(void *argument, int64_t bytes, int64_t total);

/* Since show_of. */
double ddla_sharing_show_seconds(const ddla_sharing_show *show);

#endif
