/* How failures get words before them and are carried across threads (public part, how they are made
 * and passed on: ddla/status.h). */
#ifndef DDLA_BASE_STATUS_H
#define DDLA_BASE_STATUS_H

#include <ddla/status.h>

enum { DDLA_STATUS_TEXT_BYTES = 1024 };

/* A failure taken from one thread to be raised on another. Plain value. */
typedef struct ddla_failure {
  ddla_status code;
  const char *file; /* for a debugger: it may lie in a plug-in that is gone */
  int line;
  char text[DDLA_STATUS_TEXT_BYTES];
} ddla_failure;

/* Puts "words: " before this thread's message for code; returns code. For module borders. */
ddla_status ddla_status_prefix(ddla_status code, const char *format, ...) DDLA_PRINTF(2, 3);

/* Copies this thread's failure for code into out (plain words if it has none). */
void ddla_status_take(ddla_failure *out, ddla_status code);

/* Makes a taken failure this thread's newest; returns its code. */
ddla_status ddla_status_raise(const ddla_failure *failure);

/* DDLA_TRY where something must be released: sets status and goes to the label cleanup. */
#define DDLA_TRY_CLEAN(status, expression)                                                         \
  do {                                                                                             \
    (status) = (expression);                                                                       \
    if ((status) != DDLA_OK) goto cleanup;                                                         \
  } while (0)

#endif
