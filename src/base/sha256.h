/* SHA-256 (FIPS 180-4), by nettle, and the 128-bit xxHash (XXH3) for damage that is not malice:
 * names of results and checksums in files. Threads: one running digest belongs to one thread. */
#ifndef DDLA_BASE_SHA256_H
#define DDLA_BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

#include "base/status.h"

enum { DDLA_SHA256_TEXT_BYTES = 65, DDLA_XXH128_TEXT_BYTES = 33 };

/* A running digest. Plain value. */
typedef struct ddla_sha256 {
  struct sha256_ctx state;
} ddla_sha256;

void ddla_sha256_init(ddla_sha256 *sha256);
void ddla_sha256_add(ddla_sha256 *sha256, const void *data, size_t bytes);

/* 64 hexadecimal digits and a zero; the running digest starts anew. */
void ddla_sha256_finish(char out[DDLA_SHA256_TEXT_BYTES], ddla_sha256 *sha256);

void ddla_sha256_of(char out[DDLA_SHA256_TEXT_BYTES], const void *data, size_t bytes);

/* Of a whole file. Errors: as base/file.h; out is then unchanged. */
ddla_status ddla_sha256_of_file(char out[DDLA_SHA256_TEXT_BYTES], const char *path);

/* XXH3 with 128 bits: 32 hexadecimal digits (canonical byte order) and a zero. */
void ddla_xxh128_of(char out[DDLA_XXH128_TEXT_BYTES], const void *data, size_t bytes);

/* The same of data that come in pieces. The caller owns *out. Errors: NO_MEMORY. */
typedef struct ddla_xxh128 ddla_xxh128;
ddla_status ddla_xxh128_create(ddla_xxh128 **out);
void ddla_xxh128_add(ddla_xxh128 *xxh128, const void *data, size_t bytes);

/* Of all that was added; the running checksum starts anew. */
void ddla_xxh128_finish(char out[DDLA_XXH128_TEXT_BYTES], ddla_xxh128 *xxh128);

/* Null is allowed. */
void ddla_xxh128_destroy(ddla_xxh128 *xxh128);

#endif
