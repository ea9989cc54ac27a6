#include "backend/native/block.h"

#if DDLA_HAS_AVX512

/* A lane holds a pair of numbers; the instruction adds the product of the second ones, then that of
 * the first ones, each like a multiply-add, and takes subnormal numbers as zero. */
#define BLOCK_RUN ddla_block_run_bf16
#define BLOCK_TARGET DDLA_AVX512_BF16
#define BLOCK_MULTIPLY(x, w, sum)                                                                  \
  _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(x), (__m512bh)_mm512_castps_si512(w))
#include "backend/native/block_body.h"

#endif
