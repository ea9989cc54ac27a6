#include "codec/gaps.h"

int ddla_gaps_width(int64_t count, int64_t places) {
  int width = 0;
  if (places < 1) return 0;
  while (width < DDLA_GAPS_WIDTH_MAX && (places << (width + 1)) * 10 <= count * 7) width++;
  return width;
}

size_t ddla_gaps_bound(int64_t count, int64_t places) {
  const int width = ddla_gaps_width(count, places);
  const int64_t bits = places * (width + 1) + ((count - places) >> width);
  return (size_t)(bits + 7) / 8;
}

/* Bits that do not fill a byte yet stand in `held`. */
typedef struct writer {
  uint8_t *out;
  uint64_t held;
  int held_bits; /* below 8 between calls */
} writer;

/* At most 32 bits. */
static void put(writer *w, uint64_t value, int bits) {
  w->held |= value << w->held_bits;
  for (w->held_bits += bits; w->held_bits >= 8; w->held_bits -= 8, w->held >>= 8)
    *w->out++ = (uint8_t)w->held;
}

size_t ddla_gaps_write(uint8_t *out, const uint32_t *place, int64_t places, int width) {
  enum { ONES = 32 };
  writer w = {.out = out};
  int64_t next = 0;
  for (int64_t i = 0; i < places; i++) {
    const uint64_t gap = (uint64_t)(place[i] - next);
    uint64_t ones = gap >> width;
    for (; ones >= ONES; ones -= ONES) put(&w, UINT32_MAX, ONES);
    put(&w, (UINT64_C(1) << ones) - 1, (int)ones + 1);
    put(&w, gap & ((UINT64_C(1) << width) - 1), width);
    next = (int64_t)place[i] + 1;
  }
  if (w.held_bits > 0) *w.out++ = (uint8_t)w.held;
  return (size_t)(w.out - out);
}

ddla_gaps ddla_gaps_open(const uint8_t *in, size_t bytes, int width) {
  return (ddla_gaps){.in = in, .bits = bytes * 8, .width = width};
}

/* The bits from `at` on, up to 57 of them, zeros behind the end. */
static uint64_t look(const ddla_gaps *gaps) {
  const size_t first = gaps->at / 8, bytes = gaps->bits / 8;
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof bits && first + i < bytes; i++)
    bits |= (uint64_t)gaps->in[first + i] << 8 * i;
  return bits >> gaps->at % 8;
}

bool ddla_gaps_next(int64_t *place, ddla_gaps *gaps, int64_t count) {
  enum { LOOKED_AT = 57 };
  uint64_t ones = 0, gap = 0;
  for (;;) {
    const int run = __builtin_ctzll(~look(gaps) | UINT64_C(1) << LOOKED_AT);
    ones += (uint64_t)run;
    gaps->at += (size_t)run;
    if (gaps->at >= gaps->bits) return false;
    if (run < LOOKED_AT) break;
  }
  gaps->at++;
  if (gaps->bits - gaps->at < (size_t)gaps->width) return false;
  gap = ones << gaps->width | (look(gaps) & ((UINT64_C(1) << gaps->width) - 1));
  gaps->at += (size_t)gaps->width;
  if (ones > (uint64_t)count || gap >= (uint64_t)(count - gaps->next)) return false;
  *place = gaps->next + (int64_t)gap;
  gaps->next = *place + 1;
  return true;
}

bool ddla_gaps_are_over(const ddla_gaps *gaps) {
  return gaps->bits - gaps->at < 8 && look(gaps) == 0;
}
