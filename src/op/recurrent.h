/* What the recurrent ops lstm and gru share: sizes, checks and sample cases; and for their plain
 * loops, one step's weighted sums and where its gradients go. */
#ifndef DDLA_OP_RECURRENT_H
#define DDLA_OP_RECURRENT_H

#include "op/op.h"

/* Inputs. hidden and cell are the state before the first step; not there: zero. */
enum {
  DDLA_RECURRENT_X,        /* [N, S, I] */
  DDLA_RECURRENT_W_INPUT,  /* [G H, I]: G gates, one above the other */
  DDLA_RECURRENT_W_HIDDEN, /* [G H, H] */
  DDLA_RECURRENT_B_INPUT,  /* [G H], optional */
  DDLA_RECURRENT_B_HIDDEN, /* [G H], optional */
  DDLA_RECURRENT_HIDDEN,   /* [N, H], optional */
  DDLA_RECURRENT_CELL      /* [N, H], optional; lstm only */
};

typedef struct ddla_recurrent {
  int64_t samples, steps, inputs, units; /* N, S, I, H */
  int64_t rows;                          /* G H */
  bool reverse;                          /* from the last step to the first */
} ddla_recurrent;

ddla_recurrent ddla_recurrent_of(const ddla_op_call *call);

/* Place in the sequence of the k-th step that is computed. */
static inline int64_t ddla_recurrent_at(const ddla_recurrent *r, int64_t k) {
  return r->reverse ? r->steps - 1 - k : k;
}

/* infer: checks the inputs of an op of `gates` gates and sets output [N, S, H], what backward reads
 * and the scratch of the plain loops; the op adds what it saves. Errors: INVALID. */
ddla_status ddla_recurrent_infer(ddla_op_call *call, int gates);

/* from_input [G H] = w_input x + b_input, from_hidden [G H] = w_hidden h + b_hidden, for sample n
 * in step k; h: hidden [H] before the step, or null for zero. */
void ddla_recurrent_sums(double *from_input, double *from_hidden, const ddla_op_call *call,
                         int64_t n, int64_t k, const float *h);

/* Hidden [H] before step k, or null for zero: the output of the step before, or the input. */
const float *ddla_recurrent_before(const ddla_op_call *call, int64_t n, int64_t k);

/* Sums of the plain backward, in the call's scratch. d_input and d_hidden are the gradients of
 * from_input and from_hidden; d_state and d_cell [H] those of the state behind the step. */
typedef struct ddla_recurrent_back {
  double *w_input, *w_hidden, *b_input, *b_hidden, *d_input, *d_hidden, *d_state, *d_cell;
} ddla_recurrent_back;

/* One step of an op: from d_state (and d_cell) behind step k of sample n to d_input and d_hidden;
 * what it leaves in d_state and d_cell goes straight to the state before. */
typedef void ddla_recurrent_step_back(const ddla_recurrent_back *back, const ddla_op_call *call,
                                      const ddla_recurrent *r, int64_t n, int64_t k);

/* The plain backward of both ops. */
ddla_status ddla_recurrent_backward(const ddla_op_call *call, ddla_recurrent_step_back *step_back);

/* sample, fill and flops of both ops. */
bool ddla_recurrent_sample(int index, ddla_op_call *call, int gates);
void ddla_recurrent_fill(ddla_op_call *call, int input, ddla_rng *rng);
double ddla_recurrent_flops(const ddla_op_call *call);

double ddla_recurrent_sigmoid(double x);

#endif
