/* Rising places in an array as the gaps between them, in Golomb-Rice code (Rice and Plaunt 1971,
 * "Adaptive variable-length coding for efficient compression of spacecraft television data"): of a
 * gap, the lower `width` bits as they are, before them the rest in unary, so many ones and a zero.
 * With places spread at random this is within 1 % to 4 % of what is possible at all: about 8.1 bits
 * a place where one in a hundred is sent. Bits fill bytes from the lowest up; a gap is what lies
 * between two places, 0 for neighbours. */
#ifndef DDLA_CODEC_GAPS_H
#define DDLA_CODEC_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DDLA_GAPS_WIDTH_MAX = 31 };

/* The width for so many places in an array: near ln 2 times the mean gap. */
int ddla_gaps_width(int64_t count, int64_t places);

/* Most bytes: unary parts add up to at most (count - places) / 2^width. */
size_t ddla_gaps_bound(int64_t count, int64_t places);

/* Writes [places], rising; returns bytes, the last bits zero. */
size_t ddla_gaps_write(uint8_t *out, const uint32_t *place, int64_t places, int width);

/* A reader of untrusted bytes. */
typedef struct ddla_gaps {
  const uint8_t *in;
  size_t bits, at; /* in all; read */
  int64_t next;    /* the least that the next place can be */
  int width;
} ddla_gaps;

ddla_gaps ddla_gaps_open(const uint8_t *in, size_t bytes, int width);

/* The next place; false where the bytes end before it, or it is not below count. */
bool ddla_gaps_next(int64_t *place, ddla_gaps *gaps, int64_t count);

/* Whether nothing is left but less than a byte of zeros. */
bool ddla_gaps_are_over(const ddla_gaps *gaps);

#endif
