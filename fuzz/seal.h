/* Checksums put right, so that what lies behind them is explored: a mutation of an image or an
 * archive would otherwise be refused for its sum alone, and no deeper line be reached. */
#ifndef DDLA_FUZZ_SEAL_H
#define DDLA_FUZZ_SEAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* CRC-32 of PNG (ISO 3309), bit by bit. */
static inline uint32_t fuzz_crc(const uint8_t *data, size_t bytes) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static inline uint32_t fuzz_big(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The sum of every whole chunk of a PNG image: 4 bytes of length, 4 of type, data, sum. */
static inline void fuzz_seal_png(uint8_t *data, size_t bytes) {
  static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (bytes < sizeof signature || memcmp(data, signature, sizeof signature) != 0) return;
  for (size_t at = sizeof signature; bytes - at >= 12;) {
    const size_t length = fuzz_big(data + at);
    if (length > bytes - at - 12) return;
    const uint32_t crc = fuzz_crc(data + at + 4, length + 4);
    for (int i = 0; i < 4; i++) data[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    at += length + 12;
  }
}

/* The sum of every header of a tar archive (POSIX ustar: 6 octal digits at 148, counted as blanks),
 * and those of its PNG images. */
static inline void fuzz_seal_tar(uint8_t *data, size_t bytes) {
  enum { RECORD = 512, SUM_AT = 148, SUM_BYTES = 8, SIZE_AT = 124, SIZE_BYTES = 12 };
  for (size_t at = 0; bytes - at >= RECORD;) {
    uint8_t *head = data + at;
    char size[SIZE_BYTES + 1] = "";
    unsigned sum = 0;
    if (head[0] == 0) return; /* the end */
    memset(head + SUM_AT, ' ', SUM_BYTES);
    for (int i = 0; i < RECORD; i++) sum += head[i];
    snprintf((char *)head + SUM_AT, SUM_BYTES, "%06o", sum);
    memcpy(size, head + SIZE_AT, SIZE_BYTES);
    const unsigned long long length = strtoull(size, NULL, 8);
    at += RECORD;
    if (length > bytes - at) return;
    fuzz_seal_png(data + at, (size_t)length);
    const size_t padded = ((size_t)length + RECORD - 1) / RECORD * RECORD;
    if (padded > bytes - at) return;
    at += padded;
  }
}

/* A copy that may be sealed; the caller frees it. Ends the process without memory. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t bytes) {
  uint8_t *copy = calloc(1, bytes + 1);
  FUZZ_CHECK(copy);
  if (bytes > 0) memcpy(copy, data, bytes);
  return copy;
}

#endif
