/* How fast the links between hosts are, and how long the ranges should be that hosts exchange.
 *
 * A range costs some time besides its bytes, and the exchange of the last one is hidden by no
 * computing. Ranges of r bytes of a space of S, over links of B bytes a second, with c seconds for
 * each, take about S / r * c + 2 r / B in that sense, which is least at r = sqrt(S c B / 2). Bits
 * do not depend on ranges.
 *
 * Threads: one thread, of the first agent of each host. */
#ifndef DDLA_SYNC_BRIDGE_PACE_H
#define DDLA_SYNC_BRIDGE_PACE_H

#include "transport/transport.h"

/* As the slowest host sees its cable, while all send and receive. */
typedef struct ddla_pace {
  double bytes_per_s; /* each way */
  double latency_s;   /* of a small exchange between all hosts */
} ddla_pace;

/* Collective over a transport with messages, one rank for each host: measures with about 1 MiB over
 * each cable. Equal on all ranks. Errors: NO_MEMORY, PEER_LOST. */
ddla_status ddla_pace_measure(ddla_pace *out, ddla_transport *link);

/* The best length of ranges of a parameter space of so many bytes: from 32 KiB to 8 MiB, and each
 * host has some. */
int64_t ddla_pace_range_bytes(const ddla_pace *pace, int64_t space_bytes, int hosts);

#endif
