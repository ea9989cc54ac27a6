#include "optim/optimizer.h"

#include <string.h>

#define DDLA_OPTIMIZER(name) extern const ddla_optimizer ddla_optimizer_##name;
#include "optim/optimizer_list.h"
#undef DDLA_OPTIMIZER

static const ddla_optimizer *const table[] = {
#define DDLA_OPTIMIZER(name) &ddla_optimizer_##name,
#include "optim/optimizer_list.h"
#undef DDLA_OPTIMIZER
};

const ddla_optimizer *const *ddla_optimizer_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

const ddla_optimizer *ddla_optimizer_find(const char *name) {
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return NULL;
}

ddla_optimizer_options ddla_optimizer_defaults(void) {
  return (ddla_optimizer_options){
      .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip_update = 1, .least_scale = 0.001};
}

static ddla_status check_fraction(const char *name, double value) {
  if (!(value >= 0 && value < 1))
    return DDLA_FAIL(INVALID, "%s is %g; it must be at least 0 and below 1", name, value);
  return DDLA_OK;
}

static ddla_status check_positive(const char *name, double value) {
  if (!(value > 0 && value < 1e30))
    return DDLA_FAIL(INVALID, "%s is %g; it must be finite and above 0", name, value);
  return DDLA_OK;
}

ddla_status ddla_optimizer_check(const ddla_optimizer_options *options) {
  DDLA_TRY(check_fraction("momentum", options->momentum));
  DDLA_TRY(check_fraction("beta1", options->beta1));
  DDLA_TRY(check_fraction("beta2", options->beta2));
  if (!(options->epsilon > 0 && options->epsilon < 1))
    return DDLA_FAIL(INVALID, "epsilon is %g; it must be above 0 and below 1", options->epsilon);
  DDLA_TRY(check_positive("clip_update", options->clip_update));
  DDLA_TRY(check_positive("least_scale", options->least_scale));
  if (options->nesterov && options->momentum == 0)
    return DDLA_FAIL(INVALID, "nesterov needs a momentum above 0; set momentum, for example 0.9");
  if (options->gradient_delay < 0 || options->gradient_delay > DDLA_GRADIENT_DELAY_MAX)
    return DDLA_FAIL(INVALID, "gradient_delay is %d; it must be 0 to %d", options->gradient_delay,
                     DDLA_GRADIENT_DELAY_MAX);
  if (options->gradient_delay > 0 && options->momentum == 0)
    return DDLA_FAIL(INVALID, "gradient_delay needs a momentum above 0, part of which was missed");
  return DDLA_OK;
}

int ddla_optimizer_moments(const ddla_optimizer *optimizer, const ddla_optimizer_options *options) {
  return optimizer->moments ? optimizer->moments(options) : optimizer->moment_count;
}

double ddla_optimizer_power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}
