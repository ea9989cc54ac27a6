#include "coll/pass.h"

#include <stdio.h>

/* Apart from the tags of collectives and of the bridge. */
#define PASS_TAG (UINT64_C(1) << 62)

typedef struct passing {
  ddla_transport *transport;
  ddla_request request;
  bool sends;
  ddla_status status;
} passing;

static ddla_status look(bool *over, bool *moved, passing *p) {
  DDLA_TRY(ddla_transport_progress(p->transport, moved));
  return ddla_transport_test(p->transport, &p->request, over);
}

static ddla_ready ready(void *argument) {
  passing *p = argument;
  bool moved = false, over = false;
  p->status = look(&over, &moved, p);
  if (p->status != DDLA_OK || over) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  const passing *p = argument;
  snprintf(text, bytes, "%zu bytes %s rank %d", p->request.bytes, p->sends ? "to" : "from",
           p->request.peer);
}

ddla_status ddla_coll_pass(ddla_transport *transport, int from, int to, void *data, size_t bytes) {
  const int here = ddla_transport_rank(transport);
  passing p = {.transport = transport, .sends = here == from};
  const ddla_waiting waiting = {.ready = ready, .describe = describe, .argument = &p};
  if (from == to || bytes == 0 || (here != from && here != to)) return DDLA_OK;
  if (p.sends) DDLA_TRY(ddla_transport_send(transport, &p.request, to, PASS_TAG, data, bytes));
  else DDLA_TRY(ddla_transport_recv(transport, &p.request, from, PASS_TAG, data, bytes));
  ddla_status status = ddla_transport_wait(transport, &waiting, -1);
  if (status == DDLA_OK) status = p.status;
  if (status != DDLA_OK) ddla_transport_cancel(transport, &p.request);
  return status;
}
