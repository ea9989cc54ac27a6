/* Scales and levels: bf16 numbers, 16 bits, never negative. With few bits of its own, a scale times
 * a small whole number is exact in fp32, and so is what quantising leaves over. */
#ifndef DDLA_CODEC_SCALE_H
#define DDLA_CODEC_SCALE_H

#include <stdbool.h>
#include <stdint.h>

/* The least scale from 2^-126 on that makes `largest` at most `levels` times the scale; 0 for a
 * largest of 0. largest is below 2^127, levels 1 to 127. */
uint16_t ddla_scale_up(float largest, int levels);

/* The nearest number of bf16 to x >= 0, below 2^127; of two equally near ones the even one. */
uint16_t ddla_scale_near(double x);

/* The number that 16 bits stand for. */
float ddla_scale_value(uint16_t bits);

/* Whether these bits, times levels, are a finite number that is not negative. */
bool ddla_scale_is_right(uint16_t bits, int levels);

#endif
