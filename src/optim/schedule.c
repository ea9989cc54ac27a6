#include "optim/schedule.h"

#include <inttypes.h>
#include <string.h>

#include "optim/optimizer.h"

static const struct row {
  const char *name, *help;
} rows[] = {
#define ROW(name, help) {#name, help},
    DDLA_SCHEDULE_LIST(ROW)
#undef ROW
};

int ddla_rate_schedule_count(void) { return (int)(sizeof rows / sizeof rows[0]); }
const char *ddla_rate_schedule_name(ddla_rate_schedule_kind kind) { return rows[kind].name; }
const char *ddla_rate_schedule_help(ddla_rate_schedule_kind kind) { return rows[kind].help; }

int ddla_rate_schedule_find(const char *name) {
  for (int i = 0; i < ddla_rate_schedule_count(); i++)
    if (strcmp(rows[i].name, name) == 0) return i;
  return -1;
}

ddla_status ddla_rate_schedule_check(const ddla_rate_schedule *s) {
  if (!(s->rate >= 0 && s->rate < 1e30))
    return DDLA_FAIL(INVALID, "learning rate is %g; it must be finite and at least 0", s->rate);
  if (s->warmup_steps < 0)
    return DDLA_FAIL(INVALID, "warm-up is %" PRId64 " steps; it must be at least 0",
                     s->warmup_steps);
  if (!(s->final >= 0 && s->final <= 1))
    return DDLA_FAIL(INVALID, "final share of the learning rate is %g; it must be 0 to 1",
                     s->final);
  if (s->kind != DDLA_SCHEDULE_step) return DDLA_OK;
  if (s->every <= 0)
    return DDLA_FAIL(INVALID, "schedule step: every is %" PRId64 " steps; it must be above 0",
                     s->every);
  if (!(s->gamma >= 0 && s->gamma <= 1))
    return DDLA_FAIL(INVALID, "schedule step: gamma is %g; it must be 0 to 1", s->gamma);
  return DDLA_OK;
}

/* (1 + cos(pi p)) / 2 = cos(pi p / 2)^2 for p in [0, 1], by the series at 0: cos(3) may differ
 * between processors in the last bit, and the rate enters every parameter. Terms to y^22 / 22!:
 * below 1e-17. */
static double half_wave(double p) {
  const double y = p * 1.57079632679489661923;
  double sum = 0;
  for (int k = 22; k > 0; k -= 2) sum = (1 - sum) * y * y / (double)(k * (k - 1));
  return (1 - sum) * (1 - sum);
}

double ddla_rate_schedule_at(const ddla_rate_schedule *s, int64_t step, int64_t total_steps) {
  if (step < s->warmup_steps) return s->rate * (double)step / (double)s->warmup_steps;
  const int64_t done = step > s->warmup_steps ? step - 1 - s->warmup_steps : 0;
  const int64_t all = total_steps > s->warmup_steps ? total_steps - s->warmup_steps : 1;
  const double p = done < all ? (double)done / (double)all : 1;
  switch (s->kind) {
  case DDLA_SCHEDULE_constant: break;
  case DDLA_SCHEDULE_step: return s->rate * ddla_optimizer_power(s->gamma, done / s->every);
  case DDLA_SCHEDULE_cosine: return s->rate * (s->final + (1 - s->final) * half_wave(p));
  case DDLA_SCHEDULE_linear: return s->rate * (s->final + (1 - s->final) * (1 - p));
  }
  return s->rate;
}
