/* Learning rate as a pure function of the step, so that a resumed run sees the same rates. */
#ifndef DDLA_OPTIM_SCHEDULE_H
#define DDLA_OPTIM_SCHEDULE_H

#include <stdint.h>

#include "base/status.h"

/* name, what it does after the warm-up; p is the share of the steps after the warm-up that are done
 */
#define DDLA_SCHEDULE_LIST(X)                                                                      \
  X(constant, "the rate stays")                                                                    \
  X(step, "the rate is multiplied by gamma after every `every` steps")                             \
  X(cosine, "from the rate to rate * final along half a cosine wave")                              \
  X(linear, "from the rate to rate * final along a straight line")

typedef enum ddla_rate_schedule_kind {
#define DDLA_SCHEDULE_ENUM(name, help) DDLA_SCHEDULE_##name,
  DDLA_SCHEDULE_LIST(DDLA_SCHEDULE_ENUM)
#undef DDLA_SCHEDULE_ENUM
} ddla_rate_schedule_kind;

typedef struct ddla_rate_schedule {
  ddla_rate_schedule_kind kind;
  double rate;          /* the learning rate at the end of the warm-up, at least 0 */
  int64_t warmup_steps; /* the rate rises as step / warmup_steps * rate up to step warmup_steps; 0:
                           none */
  double final;         /* cosine, linear: the share of rate that is left at the end, 0 to 1 */
  int64_t every;        /* step: steps, above 0 */
  double gamma;         /* step: factor, 0 to 1 */
} ddla_rate_schedule;

/* Name of a kind; number of kinds through *count where count is not null. Borrowed for ever. */
const char *ddla_rate_schedule_name(ddla_rate_schedule_kind kind);
const char *ddla_rate_schedule_help(ddla_rate_schedule_kind kind);
int ddla_rate_schedule_count(void);

/* Kind of this name, or -1. */
int ddla_rate_schedule_find(const char *name);

/* Errors: INVALID naming option, value and range. */
ddla_status ddla_rate_schedule_check(const ddla_rate_schedule *schedule);

/* Learning rate of update number `step`, 1 to total_steps. Past the end: the final rate. Same bits
 * everywhere. */
double ddla_rate_schedule_at(const ddla_rate_schedule *schedule, int64_t step, int64_t total_steps);

#endif
