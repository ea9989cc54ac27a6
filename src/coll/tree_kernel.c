#include "coll/tree_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* Plain: 16-byte vectors, which every 64-bit machine has. */
#define STREAM_PLAIN(address, value) (*(VECTOR *)(void *)(address) = (value))

#define KERNEL plain_f32
#define TARGET
#define T float
#define LANES 4
#define STREAM STREAM_PLAIN
#include "coll/tree_kernel_body.h"

#define KERNEL plain_f64
#define TARGET
#define T double
#define LANES 2
#define STREAM STREAM_PLAIN
#include "coll/tree_kernel_body.h"

#define KERNEL plain_i64
#define TARGET
#define T uint64_t
#define LANES 2
#define STREAM STREAM_PLAIN
#include "coll/tree_kernel_body.h"

#if defined(__x86_64__)
#define STREAM_256(address, value)                                                                 \
  _mm256_stream_si256((__m256i *)(void *)(address), (__m256i)(value))
#define STREAM_512(address, value) _mm512_stream_si512((void *)(address), (__m512i)(value))

#define KERNEL avx2_f32
#define TARGET __attribute__((target("avx2")))
#define T float
#define LANES 8
#define STREAM STREAM_256
#include "coll/tree_kernel_body.h"

#define KERNEL avx2_f64
#define TARGET __attribute__((target("avx2")))
#define T double
#define LANES 4
#define STREAM STREAM_256
#include "coll/tree_kernel_body.h"

#define KERNEL avx2_i64
#define TARGET __attribute__((target("avx2")))
#define T uint64_t
#define LANES 4
#define STREAM STREAM_256
#include "coll/tree_kernel_body.h"

#define KERNEL avx512_f32
#define TARGET __attribute__((target("avx512f")))
#define T float
#define LANES 16
#define STREAM STREAM_512
#include "coll/tree_kernel_body.h"

#define KERNEL avx512_f64
#define TARGET __attribute__((target("avx512f")))
#define T double
#define LANES 8
#define STREAM STREAM_512
#include "coll/tree_kernel_body.h"

#define KERNEL avx512_i64
#define TARGET __attribute__((target("avx512f")))
#define T uint64_t
#define LANES 8
#define STREAM STREAM_512
#include "coll/tree_kernel_body.h"
#endif

/* By instruction set, slowest first, and number format. */
static ddla_tree_kernel *const kernels[][3] = {
    {plain_f32, plain_f64, plain_i64},
#if defined(__x86_64__)
    {avx2_f32, avx2_f64, avx2_i64},
    {avx512_f32, avx512_f64, avx512_i64},
#endif
};

static int usable(void) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) return 1;
  return __builtin_cpu_supports("avx512f") ? 3 : 2;
#else
  return 1;
#endif
}

ddla_tree_kernel *ddla_tree_kernel_for(ddla_coll_type type) { return kernels[usable() - 1][type]; }

ddla_tree_kernel *ddla_tree_kernel_at(ddla_coll_type type, int index) {
  return index >= 0 && index < usable() ? kernels[index][type] : NULL;
}
