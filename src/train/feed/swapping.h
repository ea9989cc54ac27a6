/* A run whose replicas exchange a fraction of their samples at every epoch's end (share.mode
 * exchange, share.fraction): what share/exchange.h is made from. Threads: one. */
#ifndef DDLA_TRAIN_FEED_SWAPPING_H
#define DDLA_TRAIN_FEED_SWAPPING_H

#include "share/exchange.h"
#include "train/training.h"

/* Memory that agents of a host take for it: of the host that needs most. 0: nothing is exchanged.
 */
size_t ddla_swapping_bytes(const ddla_training *training);

/* All agents of a host alike; *out is null where nothing is exchanged. link and wire: null but on
 * the host's first agent. Errors: as ddla_exchange_open. */
ddla_status ddla_swapping_open(ddla_exchange **out, const ddla_training *training,
                               ddla_transport *transport, ddla_transport *link, ddla_wire *wire);

/* What does not go together with it. Errors: INVALID naming the key. */
ddla_status ddla_swapping_check(const ddla_training *training);

#endif
