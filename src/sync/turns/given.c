#include "sync/turns/given.h"

#include <inttypes.h>
#include <stdio.h>

#include "optim/finite.h"

enum { NAME_BYTES = 96 };

typedef struct words {
  const char *before, *behind; /* the host's number */
  const char *advice;
} words;

#define CLIP "Lower train.learning_rate, or set train.clip_norm"

static const words words_of[] = {
    [DDLA_GIVEN_PART] = {"the gradient that host", "gives to", "Lower train.learning_rate"},
    [DDLA_GIVEN_GRADIENT] = {"the gradient that host", "gives to", CLIP},
    [DDLA_GIVEN_MODEL] = {"the model that host", "gives behind", CLIP},
    [DDLA_GIVEN_MEAN] = {"the mean of models that host", "makes behind", CLIP}};

static const char *name_of(char text[NAME_BYTES], const ddla_given *given) {
  const words *found = &words_of[given->kind];
  snprintf(text, NAME_BYTES, "%s %d %s step %" PRId64, found->before, given->host, found->behind,
           given->step);
  return text;
}

ddla_status ddla_given_check(const ddla_given *given, const float *values, int64_t count) {
  char name[NAME_BYTES];
  if (ddla_finite_bad(values, count, DDLA_ISA_BEST) == 0) return DDLA_OK;
  return DDLA_FAIL(NON_FINITE, "%s is not finite; the last checkpoint is kept. %s",
                   name_of(name, given), words_of[given->kind].advice);
}

ddla_status ddla_given_coded(const ddla_given *given, ddla_status status) {
  char name[NAME_BYTES];
  if (status != DDLA_INVALID) return status;
  return DDLA_FAIL(NON_FINITE,
                   "%s is not finite, or too large for sync.codec (%s); the last checkpoint is "
                   "kept. %s",
                   name_of(name, given), ddla_status_message(status), words_of[given->kind].advice);
}
