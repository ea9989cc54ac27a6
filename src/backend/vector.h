/* Loops over arrays of floats that several modules need fast. Each element's result does not depend
 * on where it lies: bits are the same for every alignment, instruction set and thread. No arrays
 * overlap unless equal. */
#ifndef DDLA_BACKEND_VECTOR_H
#define DDLA_BACKEND_VECTOR_H

#include <stdint.h>

/* to[i] += from[i] */
void ddla_vector_add(float *to, const float *from, int64_t count);

/* to[i] = a[i] + b[i] */
void ddla_vector_sum(float *to, const float *a, const float *b, int64_t count);

/* to[i] = a[i] * b[i] */
void ddla_vector_product(float *to, const float *a, const float *b, int64_t count);

/* to[i] = alpha * from[i] */
void ddla_vector_scale(float *to, const float *from, float alpha, int64_t count);

/* to[i] = from[i] <= 0 ? 0 : from[i]; NaN stays NaN. */
void ddla_vector_relu(float *to, const float *from, int64_t count);

/* to[i] = gate[i] <= 0 ? 0 : from[i]: the gradient of a relu whose output is gate. */
void ddla_vector_mask(float *to, const float *from, const float *gate, int64_t count);

/* to[i] = gate[i] > 0 ? from[i] : slope * from[i] */
void ddla_vector_leak(float *to, const float *from, const float *gate, float slope, int64_t count);

/* to[i] = from[i] held between low and high; NaN stays NaN. */
void ddla_vector_clamp(float *to, const float *from, float low, float high, int64_t count);

/* to[i] = limit[0] < gate[i] < limit[1] ? from[i] : 0 */
void ddla_vector_between(float *to, const float *from, const float *gate, const float limit[2],
                         int64_t count);

/* to[i] = from[i] rounded to the nearest number of bf16 (eight bits of significand, of two equally
 * near ones the even one), still as a float; what is too large becomes infinite, NaN stays NaN. */
void ddla_vector_round_bf16(float *to, const float *from, int64_t count);

/* The same in 16 bits each, as kernels for bf16 read them. */
void ddla_vector_narrow_bf16(uint16_t *to, const float *from, int64_t count);

/* to[c] = sum over r of from[r * columns + c], in an order given by the sizes and the instruction
 * set. */
void ddla_vector_sum_rows(float *to, const float *from, int64_t rows, int64_t columns);

#endif
