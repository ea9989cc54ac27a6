/* How failures are made, passed on and carried across threads (public part: ddla/status.h). */
#ifndef DDLA_BASE_STATUS_H
#define DDLA_BASE_STATUS_H

#include <ddla/status.h>

enum { DDLA_STATUS_TEXT_BYTES = 1024 };

/* A failure taken from one thread to be raised on another. Plain value. */
typedef struct ddla_failure {
  ddla_status code;
  const char *file;
  int line;
  char text[DDLA_STATUS_TEXT_BYTES];
} ddla_failure;

/* Stores code, place and text for this thread and returns the code. Use DDLA_FAIL. */
ddla_status ddla_status_fail(ddla_status code, const char *file, int line, const char *format, ...)
    DDLA_PRINTF(4, 5);

/* Puts "words: " before this thread's message for code; returns code. For module borders. */
ddla_status ddla_status_prefix(ddla_status code, const char *format, ...) DDLA_PRINTF(2, 3);

/* Copies this thread's failure for code into out (plain words if it has none). */
void ddla_status_take(ddla_failure *out, ddla_status code);

/* Makes a taken failure this thread's newest; returns its code. */
ddla_status ddla_status_raise(const ddla_failure *failure);

/* The only way to make a failure: return DDLA_FAIL(INVALID, "train.batch is %d", x); */
#define DDLA_FAIL(code, ...) ddla_status_fail(DDLA_##code, __FILE__, __LINE__, __VA_ARGS__)

#define DDLA_TRY(expression)                                                                       \
  do {                                                                                             \
    ddla_status ddla_try_status = (expression);                                                    \
    if (ddla_try_status != DDLA_OK) return ddla_try_status;                                        \
  } while (0)

/* The same where something must be released: sets status and goes to the label cleanup. */
#define DDLA_TRY_CLEAN(status, expression)                                                         \
  do {                                                                                             \
    (status) = (expression);                                                                       \
    if ((status) != DDLA_OK) goto cleanup;                                                         \
  } while (0)

#endif
