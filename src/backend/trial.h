/* One op call with memory of its own, for tests and benchmarks: filled inputs and gradients, a
 * kernel prepared for it, run as often as wanted. One thread's. */
#ifndef DDLA_BACKEND_TRIAL_H
#define DDLA_BACKEND_TRIAL_H

#include "backend/kernel.h"

typedef struct ddla_trial {
  ddla_op_call call;
  const ddla_kernel *kernel;
  ddla_kernel_state *state;
  char *memory; /* of all tensors, saved and scratch */
} ddla_trial;

/* How a trial is made; zero means default. */
typedef struct ddla_trial_options {
  const char *kernel; /* the one to take; null: the first that accepts */
  uint64_t seed;      /* of the fillings: the same numbers for every kernel */
  size_t shift_bytes; /* every tensor starts this far past a 64-byte border; a multiple of 4 below
                         64 */
  bool inference;     /* forward only */
  ddla_precision precision;
  bool first;                    /* layer of a model: input 0 wants no gradient */
  struct ddla_pack_cache *packs; /* null: weights are packed at each call */
} ddla_trial_options;

/* Makes a trial of a call whose op, attributes and inputs' shapes are set (op->sample makes such).
 * The gradients of all fp32 inputs are wanted. Errors: INVALID, NO_MEMORY, INTERNAL. */
ddla_status ddla_trial_open(ddla_trial *out, const ddla_op_call *sample,
                            const ddla_trial_options *options);

ddla_status ddla_trial_forward(ddla_trial *trial);
ddla_status ddla_trial_backward(ddla_trial *trial);

/* Fills saved, scratch and results with a byte, so that nothing left over from an earlier run is
 * read. */
void ddla_trial_spoil(ddla_trial *trial, int byte);

/* Takes a zeroed trial too. */
void ddla_trial_close(ddla_trial *trial);

#endif
