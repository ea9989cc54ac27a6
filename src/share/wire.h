/* The one place at which samples are put on a wire: features, labels, records, and blocks or files
 * of them. It refuses those of private data, and counts the others. What names samples (indices,
 * counts, hashes), and parameters, go by ddla_transport_send.
 *
 * Threads: the thread that owns the link; bytes by any. */
#ifndef DDLA_SHARE_WIRE_H
#define DDLA_SHARE_WIRE_H

#include "transport/transport.h"

typedef struct ddla_wire ddla_wire;

/* private_data: samples of this host never leave it (data.private). The link is borrowed until
 * destroy; the caller owns *out. Errors: NO_MEMORY. */
ddla_status ddla_wire_create(ddla_wire **out, ddla_transport *link, bool private_data);

/* Messages under way are the caller's: see ddla_transport_cancel. Null is allowed. */
void ddla_wire_destroy(ddla_wire *wire);

/* As ddla_transport_send, of samples. Errors: INVALID where they are private; nothing is sent. */
ddla_status ddla_wire_send(ddla_wire *wire, ddla_request *request, int peer, uint64_t tag,
                           const void *samples, size_t bytes);

/* Bytes of samples that have left this host. */
int64_t ddla_wire_bytes(const ddla_wire *wire);

#endif
