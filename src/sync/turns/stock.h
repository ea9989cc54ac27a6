/* Buffers of one size for letters: taken, and given back when nobody reads them any more. All are
 * freed with the stock, also those that are with somebody, as a letter on its way when a run ends.
 * Threads: one thread. */
#ifndef DDLA_SYNC_TURNS_STOCK_H
#define DDLA_SYNC_TURNS_STOCK_H

#include <stdint.h>

#include "base/status.h"

typedef struct ddla_stock {
  int64_t elements; /* of a buffer */
  float **all, **spare;
  int count, spare_count, room;
} ddla_stock;

void ddla_stock_init(ddla_stock *stock, int64_t elements);
void ddla_stock_fini(ddla_stock *stock);

/* Errors: NO_MEMORY. */
ddla_status ddla_stock_take(float **out, ddla_stock *stock);

/* Null is allowed. */
void ddla_stock_give(ddla_stock *stock, float *buffer);

#endif
