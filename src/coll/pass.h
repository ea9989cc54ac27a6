/* Bytes from one rank of a transport to one other. Blocks; by the thread to which the transport's
 * messages belong, between other operations. */
#ifndef DDLA_COLL_PASS_H
#define DDLA_COLL_PASS_H

#include "transport/transport.h"

/* What lies at data on rank `from` is then at data on rank `to`. Called by both; other ranks, and a
 * rank that passes to itself, return at once. Passes between two ranks meet in the order of the
 * calls. Errors: UNSUPPORTED without messages, INVALID (lengths differ), PEER_LOST. */
ddla_status ddla_coll_pass(ddla_transport *transport, int from, int to, void *data, size_t bytes);

#endif
