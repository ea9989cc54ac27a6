/* What hosts give to each other, refused where it is no number that can be used: whoever finds it
 * names who gave it, and the step. Any thread. */
#ifndef DDLA_SYNC_TURNS_GIVEN_H
#define DDLA_SYNC_TURNS_GIVEN_H

#include <stdint.h>

#include "base/status.h"

typedef enum ddla_given_kind {
  DDLA_GIVEN_PART, /* of a step's gradient, which is nowhere as a whole, so that none clips it */
  DDLA_GIVEN_GRADIENT, /* to a step */
  DDLA_GIVEN_MODEL,    /* behind a step; or what it has gone since it was the others' */
  DDLA_GIVEN_MEAN      /* of models behind a step; the host that makes it */
} ddla_given_kind;

typedef struct ddla_given {
  ddla_given_kind kind;
  int host;
  int64_t step; /* from 1 */
} ddla_given;

/* Errors: NON_FINITE where one of count values is NaN or infinite. */
ddla_status ddla_given_check(const ddla_given *given, const float *values, int64_t count);

/* NON_FINITE where a codec could not write it for the sake of its numbers (INVALID,
 * codec/codec.h), with the codec's words; else the status. */
ddla_status ddla_given_coded(const ddla_given *given, ddla_status status);

#endif
