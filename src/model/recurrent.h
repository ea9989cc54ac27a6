/* Recurrent layers: the ops lstm and gru with their parameters. */
#ifndef DDLA_MODEL_RECURRENT_H
#define DDLA_MODEL_RECURRENT_H

#include "base/status.h"
#include "model/layer_row.h"

/* Options that the rows of both share. */
#define DDLA_RECURRENT_KEYS "features= bias=true reverse=false bidirectional=false last=false"

/* x [N, S, I] -> [N, S, features], or [N, features] of the last step; both ways side by side: twice
 * the features. op: "lstm" of 4 gates or "gru" of 3. Parameters are called as in PyTorch's nn.LSTM
 * and nn.GRU, "<name>.weight_ih_l0" and so on, with "_reverse" for the way back, and start uniform
 * within 1 / sqrt(features). Errors: INVALID, NO_MEMORY. */
ddla_status ddla_recurrent_layer_build(ddla_value *out, const ddla_layer_use *use, const char *op,
                                       int gates);

#endif
