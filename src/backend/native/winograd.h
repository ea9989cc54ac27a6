/* Convolution by 3 by 3 kernels with stride 1 in tiles of 2 by 2 outputs, with 16 multiplications in place of 36:
 * Winograd's F(2x2, 3x3), Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
 * arXiv:1509.09308. With d a 4 by 4 patch of the input, g a kernel and Y a 2 by 2 tile of the output,
 *   Y = Aᵀ [(G g Gᵀ) * (Bᵀ d B)] A,   dg = sum over tiles of Gᵀ [(A dY Aᵀ) * (Bᵀ d B)] G,
 * summed over input channels (for Y); the input's gradient is the convolution of dY with the kernels turned by
 * 180 degrees. The transforms hold only additions and halves: errors are those of the plain sum. */
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
} ddla_winograd;

/* Number of tiles. */
int64_t ddla_winograd_tiles(const ddla_winograd *conv);

/* Bytes of packed weights. */
size_t ddla_winograd_packed_bytes(const ddla_winograd *conv);

/* Packs w [out, in, 3, 3] for forward; turned: w is [in, out, 3, 3] and its kernels are turned by 180 degrees, for the
 * input's gradient of the convolution whose weights w are. */
void ddla_winograd_pack(float *to, const float *w, const ddla_winograd *conv, bool turned);

/* y = conv(x) + bias (null: none), then max(y, 0) if relu. scratch: ddla_winograd_forward_bytes. */
void ddla_winograd_forward(const ddla_winograd *conv, float *y, const float *x, const float *packed,
                           const float *bias, bool relu, float *scratch);
size_t ddla_winograd_forward_bytes(const ddla_winograd *conv);

/* dw [out, in, 3, 3] = gradient of the weights. scratch: ddla_winograd_weights_bytes. */
void ddla_winograd_weights(const ddla_winograd *conv, float *dw, const float *x, const float *dy, float *scratch);
size_t ddla_winograd_weights_bytes(const ddla_winograd *conv);

#endif
#endif
