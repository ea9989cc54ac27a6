#include "link.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire.h"

enum { POSTED, FLYING, OVER, WRONG_LENGTH };

/* A message that a send and a receive have met for. */
typedef struct flight {
  link_net *net;
  ddla_request *send, *recv;
  int from, to;
  bool leaves; /* it waits for the receiver's word, which is on its way */
} flight;

static link_host *of(ddla_transport *t) { return (link_host *)t; }

static int64_t now_ns(void *argument) {
  (void)argument;
  return llround(wire_now() * 1e9);
}

static const ddla_clock virtual_clock = {now_ns, NULL};

static void append(ddla_request **list, ddla_request *request) {
  request->next = NULL;
  while (*list) list = &(*list)->next;
  *list = request;
}

/* Where the oldest of this tag hangs in the list; null there: none. */
static ddla_request **find(ddla_request **list, uint64_t tag) {
  while (*list && (*list)->tag != tag) list = &(*list)->next;
  return list;
}

static ddla_request *take(ddla_request **place) {
  ddla_request *taken = *place;
  if (taken) *place = taken->next;
  return taken;
}

static void leave(flight *f) {
  f->leaves = false;
  if (f->send->bytes <= LINK_SMALL_BYTES)
    wire_after(network_latency(f->net->net, f->from, f->to), f);
  else wire_send(f->from, f->to, (double)f->send->bytes, f);
}

/* The receiver's word is one latency under way from the moment at which the receive was posted. */
static void set_out(flight *f) {
  const int64_t word_ns =
      (int64_t)f->recv->place + llround(network_latency(f->net->net, f->to, f->from) * 1e9);
  const int64_t wait_ns = word_ns - now_ns(NULL);
  f->leaves = wait_ns > 0;
  if (f->leaves) wire_after((double)wait_ns * 1e-9, f);
  else leave(f);
}

static ddla_status meet(link_net *net, int from, int to, uint64_t tag) {
  link_pair *pair = &net->pair[(int64_t)to * net->hosts + from];
  ddla_request **send = find(&pair->sends, tag), **recv = find(&pair->recvs, tag);
  if (!*send || !*recv) return DDLA_OK;
  flight *f = NULL;
  DDLA_TRY(DDLA_NEW(f, 1));
  *f = (flight){.net = net, .send = take(send), .recv = take(recv), .from = from, .to = to};
  f->send->state = f->recv->state = FLYING;
  set_out(f);
  return DDLA_OK;
}

static void land(flight *f) {
  link_host *from = &f->net->host[f->from], *to = &f->net->host[f->to];
  const bool well = f->send->bytes == f->recv->bytes;
  if (well && f->net->carries && f->send->bytes)
    memcpy(f->recv->data, f->send->data, f->send->bytes);
  f->send->state = f->recv->state = well ? OVER : WRONG_LENGTH;
  from->count.messages++;
  from->count.sent_bytes += (int64_t)f->send->bytes;
  to->count.received_bytes += (int64_t)f->send->bytes;
  from->woken = to->woken = true;
  ddla_free(f);
}

void link_arrived(void *message) {
  flight *f = message;
  if (f->leaves) leave(f);
  else land(f);
}

/* ---- the transport's slots ---- */

static ddla_status link_send(ddla_transport *t, ddla_request *request) {
  link_net *net = of(t)->net;
  append(&net->pair[(int64_t)request->peer * net->hosts + t->rank].sends, request);
  return meet(net, t->rank, request->peer, request->tag);
}

static ddla_status link_recv(ddla_transport *t, ddla_request *request) {
  link_net *net = of(t)->net;
  request->place = (uint64_t)now_ns(NULL);
  append(&net->pair[(int64_t)t->rank * net->hosts + request->peer].recvs, request);
  return meet(net, request->peer, t->rank, request->tag);
}

static ddla_status link_test(ddla_transport *t, ddla_request *request, bool *done) {
  (void)t;
  *done = request->state == OVER;
  if (request->state == WRONG_LENGTH)
    return DDLA_FAIL(INVALID, "hosts %d and %d differ in the length of a message", t->rank,
                     request->peer);
  return DDLA_OK;
}

/* What is matched arrives all the same: only after a failure, when nobody runs the wire again. */
static void link_cancel(ddla_transport *t, ddla_request *request) {
  link_net *net = of(t)->net;
  (void)take(find(&net->pair[(int64_t)request->peer * net->hosts + t->rank].sends, request->tag));
  (void)take(find(&net->pair[(int64_t)t->rank * net->hosts + request->peer].recvs, request->tag));
}

static ddla_status link_progress(ddla_transport *t, bool *moved) {
  *moved = of(t)->woken;
  of(t)->woken = false;
  return DDLA_OK;
}

static ddla_status link_check(ddla_transport *t) {
  (void)t;
  return DDLA_OK;
}

/* Never sleeps: time passes between calls. */
static ddla_status link_wait(ddla_transport *t, const ddla_waiting *waiting, int64_t timeout_ms) {
  (void)timeout_ms;
  for (;;) {
    const ddla_ready found = waiting->ready(waiting->argument);
    if (found == DDLA_READY_DONE) return DDLA_OK;
    if (found == DDLA_READY_NOTHING)
      return DDLA_FAIL(TIMEOUT, "host %d waits for messages", t->rank);
  }
}

static void link_wake(ddla_transport *t, int rank, const ddla_word *word) {
  (void)t, (void)rank, (void)word;
}

static const ddla_clock *link_clock(ddla_transport *t) {
  (void)t;
  return &virtual_clock;
}

static const ddla_transport_ops slots = {.name = "simgrid",
                                         .caps = DDLA_TRANSPORT_MESSAGES,
                                         .send = link_send,
                                         .recv = link_recv,
                                         .test = link_test,
                                         .cancel = link_cancel,
                                         .progress = link_progress,
                                         .check = link_check,
                                         .wait = link_wait,
                                         .wake = link_wake,
                                         .clock = link_clock};

ddla_status link_net_make(link_net *out, int hosts, const network *wire, bool carries) {
  link_net net = {.hosts = hosts, .net = wire, .carries = carries};
  DDLA_TRY(DDLA_NEW(net.host, hosts));
  ddla_status status = DDLA_NEW(net.pair, (int64_t)hosts * hosts);
  if (status != DDLA_OK) {
    ddla_free(net.host);
    return status;
  }
  *out = net;
  for (int h = 0; h < hosts; h++)
    out->host[h] = (link_host){.base = {.ops = &slots, .rank = h, .ranks = hosts}, .net = out};
  return DDLA_OK;
}

void link_net_fini(link_net *net) {
  ddla_free(net->host);
  ddla_free(net->pair);
  *net = (link_net){0};
}
