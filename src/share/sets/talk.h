/* Small messages between all hosts and the first one: what they say before and after samples
 * travel. A wait has no limit, since another host may have hours of samples to move meanwhile; it
 * ends with the death or the silence of a host, which the link notices. Threads: that of the link.
 */
#ifndef DDLA_SHARE_SETS_TALK_H
#define DDLA_SHARE_SETS_TALK_H

#include "transport/transport.h"

/* Collective: rank 0 gets the bytes of all in `all` [ranks, bytes], which others may leave null. */
ddla_status ddla_talk_collect(ddla_transport *link, void *all, const void *mine, size_t bytes);

/* Collective: rank 0's bytes become everybody's. */
ddla_status ddla_talk_tell(ddla_transport *link, void *data, size_t bytes);

/* Collective: the same of a block of which only rank 0 knows the length; the others own *data
 * (ddla_free). most: bytes that the others take. Errors: also NO_MEMORY; CORRUPT for more bytes. */
ddla_status ddla_talk_tell_block(ddla_transport *link, uint8_t **data, size_t *bytes, size_t most);

/* A block of bytes to a rank, which takes it and owns it then. Errors: as above; what is refused
 * has not been waited for, so that the link is to be given up then. */
ddla_status ddla_talk_send(ddla_transport *link, int peer, const void *data, size_t bytes);
ddla_status ddla_talk_recv(ddla_transport *link, int peer, uint8_t **data, size_t *bytes,
                           size_t most);

/* Collective: how it went on every host. All end with the failure of the first that has one, in
 * which `host`, the name of the one that it happened on, stands before the words; *agreed is then
 * true: everybody has it, and the link is as good as before. */
ddla_status ddla_talk_agree(bool *agreed, ddla_transport *link, ddla_status mine, const char *host);

/* How a collective ended: a failure that is this host's alone is told to the link, which ends what
 * the others do. Returns status. */
ddla_status ddla_talk_end(ddla_transport *link, ddla_status status, bool agreed);

#endif
