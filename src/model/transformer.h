/* The blocks that transformer models are made of. */
#ifndef DDLA_MODEL_TRANSFORMER_H
#define DDLA_MODEL_TRANSFORMER_H

#include "model/model.h"

/* A transformer while it is built: pre-norm blocks in the form of GPT-2 (Radford et al. 2019,
 * "Language models are unsupervised multitask learners").
 *
 * Parameters have the names of GPT-2 and the layout of PyTorch's nn.Linear, [out, in]; W is the
 * width, block b is "transformer.h.<b>":
 *
 *   transformer.wte.weight [vocabulary, W], transformer.wpe.weight [window, W] (learned positions)
 *   h.<b>.ln_1, h.<b>.ln_2, transformer.ln_f  weight and bias [W]
 *   h.<b>.attn.c_attn    [3 W, W] and [3 W]: queries, keys, values
 *   h.<b>.attn.c_proj    [W, W] and [W]
 *   h.<b>.mlp.c_fc       [4 W, W] and [4 W], then gelu (exact)
 *   h.<b>.mlp.c_proj     [W, 4 W] and [W]
 *
 * Weights and tables start normal with deviation 0.02, those that add to the stream of a block with
 * 0.02 / sqrt(2 blocks); biases at 0. Dropout follows the embedding and each of the two branches of
 * a block, not the softmax of attention. */
typedef struct ddla_transformer {
  ddla_graph *graph;
  const ddla_model_options *options;
  bool causal;      /* a place sees only itself and what is before it */
  ddla_value table; /* transformer.wte.weight, set by build */
} ddla_transformer;

/* tokens i32 [1, S] -> [1, S, W], after the last normalisation. Errors: INVALID naming the option
 * that does not fit, NO_MEMORY. */
ddla_status ddla_transformer_build(ddla_value *out, ddla_transformer *made, ddla_value tokens);

/* A linear layer whose weights start normal with this deviation and whose bias starts at 0.
 * x [N, ..., I] -> [N, ..., features]. */
ddla_status ddla_transformer_linear(ddla_value *x, const ddla_transformer *made, const char *name,
                                    int64_t features, double deviation);

#endif
