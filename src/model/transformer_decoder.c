/* A small GPT: each place of a sequence sees itself and what is before it, and gives logits of the
 * token that follows. Names and starting values: model/transformer.h. The last layer has no bias;
 * its weights are those of the token table (model.tied; Press and Wolf 2017, arXiv:1608.05859), or
 * "lm_head.weight" [classes, width] of its own. */
#include "model/transformer.h"

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  ddla_transformer made = {.graph = graph, .options = options, .causal = true};
  const ddla_shape head = DDLA_SHAPE(options->task.classes, options->width);
  ddla_value x[2] = {DDLA_NO_VALUE, DDLA_NO_VALUE};
  if (options->task.positions == 0)
    return DDLA_FAIL(INVALID, "gives logits for each place of a sequence, but the task wants them "
                              "for each sample; transformer-encoder does that");
  if (options->tied && options->sparse)
    return DDLA_FAIL(INVALID,
                     "model.sparse is for a token table that only the embedding reads, but "
                     "model.tied makes it the last layer too; set one of them false");
  if (options->tied && options->task.classes != options->task.vocabulary)
    return DDLA_FAIL(INVALID, "model.tied needs as many classes as there are tokens; set it false");
  DDLA_TRY(ddla_transformer_build(&x[0], &made, input));
  x[1] = made.table;
  if (!options->tied)
    DDLA_TRY(ddla_graph_parameter(&x[1], graph, "lm_head.weight", &head,
                                  &(ddla_init){DDLA_INIT_NORMAL, 0.02}));
  return ddla_graph_op(logits, graph, "linear", x, 2, NULL);
}

const ddla_model ddla_model_transformer_decoder = {
    .name = "transformer-decoder",
    .width = 128,
    .help = "GPT: predicts the next token; options blocks, width, heads, window, positions, tied, "
            "sparse, dropout",
    .build = build};
