/* Hash of the features and fingerprint of records that come as bytes, in their order, and are never
 * in memory all at once: the same as of a set that is open. Threads: one thread per sealer. */
#ifndef DDLA_DATA_PREPARED_SEALER_H
#define DDLA_DATA_PREPARED_SEALER_H

#include "data/classes.h"
#include "data/data.h"

typedef struct ddla_data_sealer ddla_data_sealer;

/* records: type, shape, count, and whether there are labels or targets; not a text. The caller owns
 * *out. Errors: NO_MEMORY. */
ddla_status ddla_data_sealer_create(ddla_data_sealer **out, const ddla_data_records *records);

/* The next bytes of stream 0 (features), then 1 (labels), then 2 (targets). */
void ddla_data_sealer_add(ddla_data_sealer *sealer, int stream, const void *data, size_t bytes);

/* When all bytes were added. classes: of the labels; not kept. */
ddla_data_fingerprint ddla_data_sealer_end(uint64_t *features_hash, ddla_data_sealer *sealer,
                                           const ddla_classes *classes);

/* Null is allowed. */
void ddla_data_sealer_destroy(ddla_data_sealer *sealer);

#endif
