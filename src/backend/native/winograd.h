/* Convolution by 3 by 3 kernels with stride 1 in tiles of m by m outputs, m = 2 or 4: 16
 * multiplications in place of 36, or 36 in place of 144. Winograd's F(m x m, 3x3), Lavin and Gray
 * 2016, "Fast algorithms for convolutional neural networks", arXiv:1509.09308. With d a patch of
 * the input (m + 2 by m + 2), g a kernel, Y a tile of the output, Y = Aᵀ [(G g Gᵀ) * (Bᵀ d B)] A,
 * dg = sum over tiles of Gᵀ [(A dY Aᵀ) * (Bᵀ d B)] G, summed over input channels (for Y); the
 * input's gradient is the convolution of dY with the kernels turned by 180 degrees. For each of the
 * (m + 2)^2 points the sums over channels are one matrix product. */
#ifndef DDLA_BACKEND_NATIVE_WINOGRAD_H
#define DDLA_BACKEND_NATIVE_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

/* A convolution of [batch, height, width, in] with padding at top and left (0 to 2) to
 * [batch, out_height, out_width, out]; in and out are multiples of 16. */
typedef struct ddla_winograd {
  int64_t batch, height, width, in;
  int64_t out_height, out_width, out;
  int64_t padding[2];
  bool bf16; /* transforms are rounded to bf16 and multiplied as such; sums are fp32 */
  int tile;  /* 2 or 4; set by ddla_winograd_choose */
} ddla_winograd;

/* Sets the tile that takes the fewest multiplications (4 only where it saves a tenth against 2);
 * false where neither is worth its transforms against the plain sum: edges waste parts of tiles. */
bool ddla_winograd_choose(ddla_winograd *conv);

/* Floats of packed weights. */
int64_t ddla_winograd_packed_count(const ddla_winograd *conv);

/* Packs w [out, in, 3, 3] for forward; turned: w is [in, out, 3, 3] and its kernels are turned by
 * 180 degrees, for the input's gradient of the convolution whose weights w are. */
void ddla_winograd_pack(float *to, const float *w, const ddla_winograd *conv, bool turned);

/* What forward works on besides the geometry. */
typedef struct ddla_winograd_run {
  float *y;
  const float *x, *packed;
  const float *bias; /* null: none */
  bool relu;         /* y = max(y, 0) in the end; NaN stays NaN */
  float *scratch;    /* ddla_winograd_forward_count floats */
} ddla_winograd_run;

/* y = conv(x) + bias. */
void ddla_winograd_forward(const ddla_winograd *conv, const ddla_winograd_run *run);
int64_t ddla_winograd_forward_count(const ddla_winograd *conv);

/* dw [out, in, 3, 3] = gradient of the weights. scratch: ddla_winograd_weights_count floats. */
void ddla_winograd_weights(const ddla_winograd *conv, float *dw, const float *x, const float *dy,
                           float *scratch);
int64_t ddla_winograd_weights_count(const ddla_winograd *conv);

#endif
#endif
