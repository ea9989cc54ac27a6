/* What a set is, as bytes that travel: the indexes of its parts. Threads: pure functions. */
#ifndef DDLA_SHARE_SETS_ANNOUNCEMENT_H
#define DDLA_SHARE_SETS_ANNOUNCEMENT_H

#include "data/prepared/prepared_series.h"

/* More is no announcement. */
#define DDLA_ANNOUNCEMENT_BYTES_MAX                                                                \
  ((size_t)DDLA_PREPARED_PARTS * (sizeof(uint64_t) + DDLA_PREPARED_INDEX_BYTES_MAX))

/* For each part the length of its index in 64 bits, and the index; 0 for a part that is not there
 * (null). The caller owns *out. Errors: NO_MEMORY. */
ddla_status ddla_announcement_encode(uint8_t **out, size_t *bytes,
                                     const ddla_prepared_index *const index[DDLA_PREPARED_PARTS]);

/* Into empty indexes, which are to be released also after a failure. Errors: CORRUPT; NO_MEMORY. */
ddla_status ddla_announcement_decode(ddla_prepared_index index[DDLA_PREPARED_PARTS],
                                     const uint8_t *bytes, size_t length);

void ddla_announcement_release(ddla_prepared_index index[DDLA_PREPARED_PARTS]);

#endif
