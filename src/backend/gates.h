/* The element-wise half of a step of lstm and gru, for all samples of a batch: what stands between
 * the matrix products. Formulas and order of the gates: op/lstm.c, op/gru.c. Sigmoid and tanh are
 * our own, within a few units of the last place; NaN stays NaN. Bits depend on the values and the
 * instruction set, not on places or sizes. Threads: any. */
#ifndef DDLA_BACKEND_GATES_H
#define DDLA_BACKEND_GATES_H

#include <stdint.h>

/* Arrays are [samples, …] without gaps, but y and dy, whose samples are `stride` apart. */
typedef struct ddla_gates {
  int64_t samples, units, stride;
  const float *from_input;               /* [GH] w_input x; may be `kept` for lstm */
  const float *from_hidden;              /* [GH] w_hidden h */
  const float *bias_input, *bias_hidden; /* [GH], the same for all samples; lstm: the first is the
                                            sum of both */
  const float *before;                   /* [H] gru: h before the step; lstm: c before the step */
  float *kept;                           /* [4H] what backward needs: i, f, g, o, or r, z, n, q */
  float *cell;                           /* [H] lstm: c behind the step */
  float *hidden, *y;                     /* [H] h behind the step, twice */
} ddla_gates;

void ddla_gates_lstm(const ddla_gates *gates);
void ddla_gates_gru(const ddla_gates *gates);

typedef struct ddla_gates_back {
  int64_t samples, units, stride;
  const float *dy;            /* [H] */
  const float *from_later;    /* [H] w_hiddenᵀ d_hidden of the later step */
  const float *kept, *before; /* as above */
  const float *cell;          /* [H] lstm: c behind the step */
  float *carried;            /* [H] lstm: gradient of c; gru: of h, around the gates; read, then for
                                the step before */
  float *d_input, *d_hidden; /* [GH] lstm: only the first */
} ddla_gates_back;

void ddla_gates_lstm_back(const ddla_gates_back *gates);
void ddla_gates_gru_back(const ddla_gates_back *gates);

#endif
