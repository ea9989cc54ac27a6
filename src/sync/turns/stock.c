#include "sync/turns/stock.h"

#include <string.h>

#include "base/alloc.h"

void ddla_stock_init(ddla_stock *stock, int64_t elements) {
  *stock = (ddla_stock){.elements = elements};
}

void ddla_stock_fini(ddla_stock *stock) {
  for (int i = 0; i < stock->count; i++) ddla_free(stock->all[i]);
  ddla_free(stock->all);
  ddla_free(stock->spare);
  *stock = (ddla_stock){0};
}

/* Room for twice as many. */
static ddla_status grow(ddla_stock *stock) {
  enum { FIRST = 64 };
  const int room = stock->room > 0 ? 2 * stock->room : FIRST;
  float **all = NULL, **spare = NULL;
  ddla_status status = DDLA_NEW(all, room);
  if (status == DDLA_OK) status = DDLA_NEW(spare, room);
  if (status != DDLA_OK) {
    ddla_free(all);
    return status;
  }
  if (stock->count > 0) memcpy(all, stock->all, (size_t)stock->count * sizeof(float *));
  if (stock->spare_count > 0)
    memcpy(spare, stock->spare, (size_t)stock->spare_count * sizeof(float *));
  ddla_free(stock->all);
  ddla_free(stock->spare);
  stock->all = all;
  stock->spare = spare;
  stock->room = room;
  return DDLA_OK;
}

ddla_status ddla_stock_take(float **out, ddla_stock *stock) {
  if (stock->spare_count > 0) {
    *out = stock->spare[--stock->spare_count];
    return DDLA_OK;
  }
  if (stock->count == stock->room) DDLA_TRY(grow(stock));
  DDLA_TRY(DDLA_NEW(stock->all[stock->count], stock->elements));
  *out = stock->all[stock->count++];
  return DDLA_OK;
}

void ddla_stock_give(ddla_stock *stock, float *buffer) {
  if (buffer) stock->spare[stock->spare_count++] = buffer;
}
