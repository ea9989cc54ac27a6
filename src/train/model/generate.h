/* Text that a language model makes up, token after token. Threads: as the inference. */
#ifndef DDLA_TRAIN_MODEL_GENERATE_H
#define DDLA_TRAIN_MODEL_GENERATE_H

#include "train/model/inference.h"

/* How the next token is drawn. */
typedef struct ddla_generation {
  int64_t length;     /* tokens to make */
  double temperature; /* logits are divided by it; 0: always the most probable token */
  int64_t top_k;      /* only this many of the most probable tokens are drawn from; 0: all */
  uint64_t seed;      /* token i is drawn with the key (seed, i) */
} ddla_generation;

/* tokens [count + length]: `count` are there, at least 1, the others are written. The model sees as
 * many of the last tokens as a training sample had. Errors: NON_FINITE where the model gives no
 * finite logits; NO_MEMORY; those of kernels. */
ddla_status ddla_generate(int32_t *tokens, int64_t count, ddla_inference *inference,
                          const ddla_generation *how);

#endif
