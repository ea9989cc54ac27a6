/* Whether the sums of a set's channels are those of its features, which come as bytes in their
 * order and are never in memory all at once. Threads: one thread per summer. */
#ifndef DDLA_DATA_SUMMER_H
#define DDLA_DATA_SUMMER_H

#include "data/data.h"

typedef struct ddla_data_summer ddla_data_summer;

/* said: [channels] what the sums are said to be; borrowed. records: not of a text. The caller owns
 * *out. Errors: NO_MEMORY. */
ddla_status ddla_data_summer_create(ddla_data_summer **out, const ddla_data_records *records,
                                    const ddla_channel_sums *said);

/* The next bytes, whole numbers of the type. */
void ddla_data_summer_add(ddla_data_summer *summer, const void *data, size_t bytes);

/* When all bytes were added: whether all sums are as said, to the last bit. */
bool ddla_data_summer_agrees(const ddla_data_summer *summer);

/* Null is allowed. */
void ddla_data_summer_destroy(ddla_data_summer *summer);

#endif
