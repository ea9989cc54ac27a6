#include "optim/average.h"

#include <string.h>

DDLA_ISA_BODY body(const ddla_average *a) {
  const float *theta = a->theta, *average = a->average, weight = (float)a->weight;
  float *next = a->next;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < a->count; i++) next[i] = average[i] + weight * (theta[i] - average[i]);
}

DDLA_ISA_FUNCTION(run_isa, body, ddla_average)

void ddla_average_run(const ddla_average *a) {
  if (a->weight < 1) run_isa(a->isa, a);
  else memcpy(a->next, a->theta, (size_t)a->count * sizeof *a->next);
}

double ddla_average_equal(int64_t n) { return 1 / (double)n; }

double ddla_average_running(double decay, int64_t step, int64_t first) {
  return step <= first ? 1 : 1 - decay;
}
