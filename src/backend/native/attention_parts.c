#include "backend/native/attention_parts.h"

#if DDLA_HAS_AVX512

enum { LINE = DDLA_ATTENTION_LINE };

#define AS_PD(x) _mm512_castps_pd(x)
#define PAIR_LOW(a, b) _mm512_castpd_ps(_mm512_unpacklo_pd(AS_PD(a), AS_PD(b)))
#define PAIR_HIGH(a, b) _mm512_castpd_ps(_mm512_unpackhi_pd(AS_PD(a), AS_PD(b)))

/* 16 by 16: element k of row r goes to element r of row k, in four passes over pairs, fours, and
 * twice quarters of vectors. */
DDLA_AVX512 static void turn_16(float *to, int64_t to_row, const float *from, int64_t from_row,
                                int rows) {
  __m512 a[16], b[16];
  for (int r = 0; r < 16; r++)
    a[r] = r < rows ? _mm512_loadu_ps(from + r * from_row) : _mm512_setzero_ps();
  for (int r = 0; r < 16; r += 2) {
    b[r] = _mm512_unpacklo_ps(a[r], a[r + 1]);
    b[r + 1] = _mm512_unpackhi_ps(a[r], a[r + 1]);
  }
  for (int r = 0; r < 16; r += 4) {
    a[r] = PAIR_LOW(b[r], b[r + 2]);
    a[r + 1] = PAIR_HIGH(b[r], b[r + 2]);
    a[r + 2] = PAIR_LOW(b[r + 1], b[r + 3]);
    a[r + 3] = PAIR_HIGH(b[r + 1], b[r + 3]);
  }
  for (int k = 0; k < 4; k++) {
    b[k] = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x88);
    b[4 + k] = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xDD);
    b[8 + k] = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x88);
    b[12 + k] = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xDD);
  }
  for (int k = 0; k < 4; k++) {
    _mm512_storeu_ps(to + k * to_row, _mm512_shuffle_f32x4(b[k], b[8 + k], 0x88));
    _mm512_storeu_ps(to + (4 + k) * to_row, _mm512_shuffle_f32x4(b[4 + k], b[12 + k], 0x88));
    _mm512_storeu_ps(to + (8 + k) * to_row, _mm512_shuffle_f32x4(b[k], b[8 + k], 0xDD));
    _mm512_storeu_ps(to + (12 + k) * to_row, _mm512_shuffle_f32x4(b[4 + k], b[12 + k], 0xDD));
  }
}

void ddla_attention_turn(float *to, ddla_attention_head rows) {
  for (int64_t first = 0; first < rows.count; first += LINE)
    for (int64_t r = 0; r < LINE; r += 16) {
      const int64_t left = rows.count - first - r;
      const float *from = rows.data + (left > 0 ? first + r : 0) * rows.row;
      for (int64_t d = 0; d < rows.size; d += 16)
        turn_16(to + first * rows.size + d * LINE + r, LINE, from + d, rows.row,
                left >= 16  ? 16
                : left <= 0 ? 0
                            : (int)left);
    }
}

DDLA_AVX512 static void copy_row(float *to, const float *from, int64_t size) {
  for (int64_t d = 0; d < size; d += 16) _mm512_storeu_ps(to + d, _mm512_loadu_ps(from + d));
}

void ddla_attention_copy(float *to, int64_t to_row, ddla_attention_head rows) {
  for (int64_t r = 0; r < rows.count; r++)
    copy_row(to + r * to_row, rows.data + r * rows.row, rows.size);
}

void ddla_attention_product(const ddla_block *block, int64_t rows, int64_t columns) {
  ddla_block part = *block;
  for (int64_t c = 0; c < columns; c += DDLA_BLOCK_COLUMNS) {
    const int64_t left = columns - c;
    part.b = block->b + c;
    part.c = block->c + c;
    ddla_block_run(&part, rows, left < DDLA_BLOCK_COLUMNS ? (int)left : DDLA_BLOCK_COLUMNS);
  }
}

#endif
