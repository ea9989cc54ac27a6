#include "train/model/generate.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"

/* A token and how probable it is, apart from a common factor. */
typedef struct candidate {
  int32_t token;
  float logit;
  double weight;
} candidate;

/* Largest logit first, the smaller number first among equals. */
static int by_logit(const void *left, const void *right) {
  const candidate *a = left, *b = right;
  if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
  return (a->token > b->token) - (a->token < b->token);
}

static ddla_status check_finite(const float *logits, int64_t classes, int64_t place) {
  for (int64_t c = 0; c < classes; c++)
    if (!isfinite(logits[c]))
      return DDLA_FAIL(NON_FINITE, "the model gives no finite numbers for character %lld",
                       (long long)place + 1);
  return DDLA_OK;
}

/* candidates [classes] is work. */
static int32_t draw(candidate *candidates, const float *logits, int64_t classes,
                    const ddla_generation *how, int64_t index) {
  const int64_t most = how->top_k > 0 && how->top_k < classes ? how->top_k : classes;
  double sum = 0;
  for (int64_t c = 0; c < classes; c++)
    candidates[c] = (candidate){.token = (int32_t)c, .logit = logits[c]};
  qsort(candidates, (size_t)classes, sizeof *candidates, by_logit);
  if (how->temperature == 0) return candidates[0].token;
  for (int64_t i = 0; i < most; i++) {
    const double below = (double)candidates[i].logit - (double)candidates[0].logit;
    sum += candidates[i].weight = exp(below / how->temperature);
  }
  ddla_rng rng = ddla_rng_make(ddla_rng_key(how->seed, DDLA_PURPOSE_GENERATE, 0, (uint64_t)index));
  double left = sum * (double)(ddla_rng_u64(&rng) >> 11) * 0x1p-53;
  int64_t chosen = 0;
  while (chosen + 1 < most && left >= candidates[chosen].weight)
    left -= candidates[chosen++].weight;
  return candidates[chosen].token;
}

ddla_status ddla_generate(int32_t *tokens, int64_t count, ddla_inference *inference,
                          const ddla_generation *how) {
  ddla_status status = DDLA_OK;
  candidate *candidates = NULL;
  const int64_t classes = ddla_inference_classes(inference);
  DDLA_TRY(DDLA_NEW(candidates, classes));
  for (int64_t i = 0; i < how->length; i++) {
    const float *logits = NULL;
    DDLA_TRY_CLEAN(status, ddla_inference_next(&logits, inference, tokens, count + i));
    DDLA_TRY_CLEAN(status, check_finite(logits, classes, count + i));
    tokens[count + i] = draw(candidates, logits, classes, how, i);
  }
cleanup:
  ddla_free(candidates);
  return status;
}
