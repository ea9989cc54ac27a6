/* A fixed computation whose bits tell machines apart: agents with equal hashes can promise equal
 * bits, as kernels, libraries, instruction sets and cache sizes that matter are the same.
 * Threads: one thread, after ddla_backend_start. */
#ifndef DDLA_TRAIN_PROBE_H
#define DDLA_TRAIN_PROBE_H

#include "base/sha256.h"
#include "op/op.h"

/* XXH128 at this precision of loss, logits and gradients of one forward and backward pass of a
 * small convolutional network (convolutions, max-pools, linear layers, cross entropy, batch 16) on
 * random numbers with fixed keys. About 10 ms on one core. Errors: NO_MEMORY, those of kernels. */
ddla_status ddla_probe_run(char out[DDLA_XXH128_TEXT_BYTES], ddla_precision precision);

#endif
