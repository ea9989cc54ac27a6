#include "codec/scale.h"

#include "codec/loops.h"

/* 2^-126, the least full number. */
enum { LEAST = 0x0080, INFINITE = 0x7f80 };

float ddla_scale_value(uint16_t bits) { return ddla_codec_float((uint32_t)bits << 16); }

uint16_t ddla_scale_up(float largest, int levels) {
  if (largest == 0) return 0;
  /* From just below; the products are exact, 8 bits by 7. */
  uint16_t bits = (uint16_t)(ddla_codec_bits(largest / (float)levels) >> 16);
  if (bits < LEAST) bits = LEAST;
  while (ddla_scale_value(bits) * (float)levels < largest) bits++;
  return bits;
}

uint16_t ddla_scale_near(double x) {
  /* The float next to x toward zero, with a last bit that says whether anything is cut off: so the
   * second rounding sees what the first one did. */
  float cut = (float)x;
  uint32_t bits = ddla_codec_bits(cut);
  if ((double)cut > x) bits--;
  if ((double)ddla_codec_float(bits) != x) bits |= 1U;
  return (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

bool ddla_scale_is_right(uint16_t bits, int levels) {
  if (bits >= INFINITE) return false; /* and where the sign is set */
  return ddla_codec_magnitude(ddla_scale_value(bits) * (float)levels) < (INFINITE << 16);
}
