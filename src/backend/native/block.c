#include "backend/native/block.h"

#if DDLA_HAS_AVX512

#define BLOCK_RUN ddla_block_run
#define BLOCK_TARGET DDLA_AVX512
#define BLOCK_MULTIPLY(x, w, sum) _mm512_fmadd_ps(x, w, sum)
#include "backend/native/block_body.h"

#endif
