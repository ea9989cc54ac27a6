#include "share/wire.h"

#include "base/alloc.h"

struct ddla_wire {
  ddla_transport *link;
  bool private_data;
  _Atomic int64_t bytes;
};

ddla_status ddla_wire_create(ddla_wire **out, ddla_transport *link, bool private_data) {
  ddla_wire *wire = NULL;
  DDLA_TRY(DDLA_NEW(wire, 1));
  wire->link = link;
  wire->private_data = private_data;
  *out = wire;
  return DDLA_OK;
}

void ddla_wire_destroy(ddla_wire *wire) { ddla_free(wire); }

ddla_status ddla_wire_send(ddla_wire *wire, ddla_request *request, int peer, uint64_t tag,
                           const void *samples, size_t bytes) {
  if (wire->private_data)
    return DDLA_FAIL(INVALID,
                     "host %d was to send samples to host %d, but data.private keeps them where "
                     "they are",
                     ddla_transport_rank(wire->link), peer);
  DDLA_TRY(ddla_transport_send(wire->link, request, peer, tag, samples, bytes));
  atomic_fetch_add(&wire->bytes, (int64_t)bytes);
  return DDLA_OK;
}

int64_t ddla_wire_bytes(const ddla_wire *wire) { return atomic_load(&wire->bytes); }
