#include "base/xxh3.h"

#include <xxhash.h>

uint64_t ddla_xxh3_of(const void *data, size_t bytes) { return XXH3_64bits(data, bytes); }
