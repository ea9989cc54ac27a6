/* The 64-bit xxHash (XXH3), for damage that is not malice: digests of messages. Threads: a pure
 * function. */
#ifndef DDLA_BASE_XXH3_H
#define DDLA_BASE_XXH3_H

#include <stddef.h>
#include <stdint.h>

uint64_t ddla_xxh3_of(const void *data, size_t bytes);

#endif
