#include "share/exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { CHUNK_BYTES = 256 << 10, LOOK_NS = 1000000, STOP_LOOK_MS = 50 };

/* At the head of the host's memory. */
typedef struct exchange_board {
  _Alignas(
      64) ddla_word ready; /* epochs whose samples are there: up to this one's number, less 1 */
  _Alignas(64) ddla_word begun; /* epochs that have begun here: the same */
} exchange_board;

struct ddla_exchange {
  ddla_exchange_options options;
  int64_t all, first, count, gives; /* samples; this host's first place, its places, its gifts */
  exchange_board *board;
  int64_t *held[2]; /* [all] by parity of the epoch */
  /* Where samples lie on hosts of their own: */
  int64_t *where; /* [all] row of a sample that is here */
  ddla_data_store store;
  int64_t *spare;        /* [gives] rows that nobody reads */
  int8_t *holder, *next; /* [all] who has a sample before and after an exchange */
  int64_t *list[2];      /* [count] samples that leave for, and come from, a host */
  unsigned char *buffer[2];
  size_t record_bytes;
  int64_t chunk; /* records of a message */
  uint64_t transfers;
  _Atomic bool stop;
  pthread_t thread;
  bool running;
};

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static int64_t gives_of(const ddla_swap *swap, int host) {
  int64_t gives[DDLA_PARTS_MAX];
  ddla_swap_gives(gives, swap);
  return gives[host];
}

size_t ddla_exchange_bytes(const ddla_swap *swap, int host, const ddla_dataset *own) {
  const size_t all = (size_t)ddla_swap_first(swap, swap->parts);
  const size_t list = rounded(all * sizeof(int64_t));
  const size_t bytes = rounded(sizeof(exchange_board)) + 2 * list;
  if (!own) return bytes;
  return bytes + list + ddla_data_store_bytes(own, swap->count[host] + gives_of(swap, host));
}

/* ---- opening ---- */

static ddla_status take_memory(ddla_exchange *x) {
  const ddla_exchange_options *o = &x->options;
  void *memory = NULL;
  const size_t list = rounded((size_t)x->all * sizeof(int64_t));
  DDLA_TRY(ddla_transport_alloc(o->transport, &memory,
                                ddla_exchange_bytes(&o->swap, o->host, o->own), DDLA_MEMORY_ONE));
  unsigned char *at = memory;
  x->board = memory;
  at += rounded(sizeof(exchange_board));
  for (int i = 0; i < 2; i++, at += list) x->held[i] = (int64_t *)(void *)at;
  if (!o->own) return DDLA_OK;
  x->where = (int64_t *)(void *)at;
  x->store = ddla_data_store_at(at + list, o->own, x->count + x->gives);
  return o->moves ? ddla_dataset_move(o->united, &x->store, x->where) : DDLA_OK;
}

/* What the one needs that moves records. */
static ddla_status make_lists(ddla_exchange *x) {
  if (!x->options.own || !x->options.link) return DDLA_OK;
  x->record_bytes = ddla_dataset_record_bytes(x->options.own);
  x->chunk = (int64_t)(CHUNK_BYTES / x->record_bytes);
  if (x->chunk < 1) x->chunk = 1;
  DDLA_TRY(DDLA_NEW(x->spare, x->gives));
  DDLA_TRY(DDLA_NEW(x->holder, x->all));
  DDLA_TRY(DDLA_NEW(x->next, x->all));
  for (int i = 0; i < 2; i++) {
    DDLA_TRY(DDLA_NEW(x->list[i], x->all));
    DDLA_TRY(DDLA_NEW(x->buffer[i], x->chunk * (int64_t)x->record_bytes));
  }
  return DDLA_OK;
}

ddla_status ddla_exchange_open(ddla_exchange **out, const ddla_exchange_options *options) {
  ddla_exchange *x = NULL;
  DDLA_TRY(DDLA_NEW(x, 1));
  x->options = *options;
  x->all = ddla_swap_first(&options->swap, options->swap.parts);
  x->first = ddla_swap_first(&options->swap, options->host);
  x->count = options->swap.count[options->host];
  x->gives = gives_of(&options->swap, options->host);
  ddla_status status = take_memory(x);
  if (status == DDLA_OK) status = make_lists(x);
  if (status == DDLA_OK) *out = x;
  else ddla_exchange_close(x);
  return status;
}

void ddla_exchange_stop(ddla_exchange *x) {
  if (!x) return;
  atomic_store(&x->stop, true);
  ddla_transport_word_wake(x->options.transport, &x->board->ready); /* a loader may wait for it */
}

void ddla_exchange_close(ddla_exchange *x) {
  if (!x) return;
  if (x->board) ddla_exchange_stop(x);
  if (x->running) pthread_join(x->thread, NULL);
  for (int i = 0; i < 2; i++) {
    ddla_free(x->list[i]);
    ddla_free(x->buffer[i]);
  }
  ddla_free(x->spare);
  ddla_free(x->holder);
  ddla_free(x->next);
  ddla_free(x);
}

/* ---- records on the link ---- */

/* Records of a list on their way, a message after another. */
typedef struct stream {
  const int64_t *sample;
  int64_t count, done, under_way;
  int peer;
  ddla_request request;
  bool busy;
  unsigned char *buffer;
} stream;

/* One transfer: who has what is to be made another one. */
typedef struct transfer {
  ddla_exchange *x;
  bool from_own; /* records are read where they lay in epoch 0, else in the store */
  uint64_t tag;
  stream out, in;
  ddla_status status;
} transfer;

static int64_t next_chunk(const ddla_exchange *x, const stream *s) {
  const int64_t left = s->count - s->done;
  return left < x->chunk ? left : x->chunk;
}

static ddla_status send_some(transfer *t) {
  ddla_exchange *x = t->x;
  stream *s = &t->out;
  s->under_way = next_chunk(x, s);
  for (int64_t i = 0; i < s->under_way; i++) {
    const int64_t sample = s->sample[s->done + i];
    unsigned char *record = s->buffer + (size_t)i * x->record_bytes;
    if (t->from_own) ddla_dataset_take_record(record, x->options.own, sample - x->first);
    else ddla_data_store_take_record(record, &x->store, x->options.own, x->where[sample]);
  }
  s->busy = true;
  return ddla_wire_send(x->options.wire, &s->request, s->peer, t->tag, s->buffer,
                        (size_t)s->under_way * x->record_bytes);
}

static ddla_status receive_some(transfer *t) {
  stream *s = &t->in;
  s->under_way = next_chunk(t->x, s);
  s->busy = true;
  return ddla_transport_recv(t->x->options.link, &s->request, s->peer, t->tag, s->buffer,
                             (size_t)s->under_way * t->x->record_bytes);
}

static void put_some(const transfer *t) {
  const ddla_exchange *x = t->x;
  const stream *s = &t->in;
  for (int64_t i = 0; i < s->under_way; i++)
    ddla_data_store_put_record(&x->store, x->options.own, x->where[s->sample[s->done + i]],
                               s->buffer + (size_t)i * x->record_bytes);
}

static ddla_status finish_some(transfer *t, stream *s, bool *moved) {
  bool done = false;
  if (!s->busy) return DDLA_OK;
  const ddla_status status = ddla_transport_test(t->x->options.link, &s->request, &done);
  if (status != DDLA_OK || done) s->busy = false;
  DDLA_TRY(status);
  if (!done) return DDLA_OK;
  if (s == &t->in) put_some(t);
  s->done += s->under_way;
  *moved = true;
  return DDLA_OK;
}

static ddla_status look(transfer *t, bool *moved) {
  DDLA_TRY(ddla_transport_progress(t->x->options.link, moved));
  DDLA_TRY(finish_some(t, &t->in, moved));
  DDLA_TRY(finish_some(t, &t->out, moved));
  if (!t->in.busy && t->in.done < t->in.count) DDLA_TRY(receive_some(t));
  if (!t->out.busy && t->out.done < t->out.count) DDLA_TRY(send_some(t));
  return DDLA_OK;
}

static ddla_ready ready(void *argument) {
  transfer *t = argument;
  bool moved = false;
  t->status = look(t, &moved);
  const bool over = t->in.done == t->in.count && t->out.done == t->out.count;
  if (t->status != DDLA_OK || over || atomic_load(&t->x->stop)) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  const transfer *t = argument;
  snprintf(text, bytes, "samples from host %d", t->in.peer);
}

/* Lists of one host each way, until both are through. */
static ddla_status pass(transfer *t) {
  const ddla_waiting waiting = {
      .ready = ready, .describe = describe, .argument = t, .look_ns = LOOK_NS, .calm = true};
  ddla_status status = ddla_transport_wait(t->x->options.link, &waiting, -1);
  if (status == DDLA_OK) status = t->status;
  if (t->in.busy) ddla_transport_cancel(t->x->options.link, &t->in.request);
  if (t->out.busy) ddla_transport_cancel(t->x->options.link, &t->out.request);
  return status;
}

/* ---- who has what ---- */

static void find_holders(int8_t *holder, const ddla_exchange *x, const int64_t *held) {
  int64_t at = 0;
  for (int p = 0; p < x->options.swap.parts; p++)
    for (int64_t k = 0; k < x->options.swap.count[p]; k++, at++) holder[held[at]] = (int8_t)p;
}

/* Samples that a host had before and another one has after, in the order of its places. */
static int64_t list_moving(int64_t *out, const ddla_exchange *x, const int64_t *after, int from,
                           int to) {
  const int64_t first = ddla_swap_first(&x->options.swap, to), count = x->options.swap.count[to];
  int64_t found = 0;
  for (int64_t k = first; k < first + count; k++)
    if (x->holder[after[k]] == from) out[found++] = after[k];
  return found;
}

/* In every round each host sends to one and receives from one. */
static ddla_status pass_all(ddla_exchange *x, const int64_t *after, bool from_own) {
  const int hosts = x->options.swap.parts, here = x->options.host;
  const uint64_t tag = ++x->transfers;
  for (int round = 1; round < hosts && !atomic_load(&x->stop); round++) {
    const int to = (here + round) % hosts, from = (here - round + hosts) % hosts;
    transfer t = {.x = x, .from_own = from_own, .tag = tag};
    t.out = (stream){.sample = x->list[0],
                     .count = list_moving(x->list[0], x, after, here, to),
                     .peer = to,
                     .buffer = x->buffer[0]};
    t.in = (stream){.sample = x->list[1],
                    .count = list_moving(x->list[1], x, after, from, here),
                    .peer = from,
                    .buffer = x->buffer[1]};
    DDLA_TRY(pass(&t));
  }
  return DDLA_OK;
}

static void say_ready(ddla_exchange *x, int64_t epoch) {
  ddla_transport_word_publish(x->options.transport, &x->board->ready, (uint64_t)epoch + 1);
}

/* Rows for what this host has in the epoch in which it begins: its own ones are copied. */
static ddla_status settle(ddla_exchange *x, int64_t epoch) {
  const ddla_dataset *own = x->options.own;
  const int64_t *held = x->held[epoch % 2];
  for (int64_t i = 0; i < x->all; i++) x->held[(epoch + 1) % 2][i] = i;
  find_holders(x->holder, x, x->held[(epoch + 1) % 2]);
  for (int64_t k = 0; k < x->count; k++) {
    const int64_t sample = held[x->first + k];
    x->where[sample] = k;
    if (x->holder[sample] != x->options.host) continue;
    ddla_dataset_take_record(x->buffer[0], own, sample - x->first);
    ddla_data_store_put_record(&x->store, own, k, x->buffer[0]);
  }
  for (int64_t k = 0; k < x->gives; k++) x->spare[k] = x->count + k;
  return epoch > 0 ? pass_all(x, held, true) : DDLA_OK;
}

ddla_status ddla_exchange_start_alone(ddla_exchange *x, int64_t epoch) {
  DDLA_TRY(ddla_swap_at(x->held[epoch % 2], &x->options.swap, epoch));
  if (x->options.own) DDLA_TRY(settle(x, epoch));
  say_ready(x, epoch);
  return DDLA_OK;
}

/* What comes goes to rows that nobody reads; those of what left are free when the epoch is over. */
static ddla_status exchange_records(ddla_exchange *x, const int64_t *before, const int64_t *after) {
  const int8_t here = (int8_t)x->options.host;
  int64_t used = 0, freed = 0;
  find_holders(x->holder, x, before);
  find_holders(x->next, x, after);
  for (int64_t k = x->first; k < x->first + x->count; k++)
    if (x->holder[after[k]] != here) x->where[after[k]] = x->spare[used++];
  DDLA_TRY(pass_all(x, after, false));
  for (int64_t k = x->first; k < x->first + x->count; k++)
    if (x->next[before[k]] != here) x->spare[freed++] = x->where[before[k]];
  return DDLA_OK;
}

ddla_status ddla_exchange_turn(ddla_exchange *x, int64_t epoch) {
  const int64_t *before = x->held[epoch % 2];
  int64_t *after = x->held[(epoch + 1) % 2];
  memcpy(after, before, (size_t)x->all * sizeof *after);
  DDLA_TRY(ddla_swap_step(after, &x->options.swap, epoch));
  if (x->options.own) DDLA_TRY(exchange_records(x, before, after));
  if (!atomic_load(&x->stop)) say_ready(x, epoch + 1);
  return DDLA_OK;
}

/* ---- the thread ---- */

/* Until the epoch has begun here, or there is nothing more to do. */
static ddla_status await_epoch(ddla_exchange *x, int64_t epoch) {
  while (!atomic_load(&x->stop)) {
    const ddla_status status = ddla_transport_word_wait(x->options.transport, &x->board->begun,
                                                        (uint64_t)epoch + 1, STOP_LOOK_MS);
    if (status != DDLA_TIMEOUT) return status;
  }
  return DDLA_OK;
}

static ddla_status serve(ddla_exchange *x) {
  const int64_t begun = (int64_t)atomic_load(&x->board->ready) - 1;
  for (int64_t e = begun; e + 1 < x->options.epochs; e++) {
    DDLA_TRY(await_epoch(x, e));
    if (atomic_load(&x->stop)) return DDLA_OK;
    DDLA_TRY(ddla_exchange_turn(x, e));
  }
  return DDLA_OK;
}

static void *thread_main(void *argument) {
  ddla_exchange *x = argument;
  ddla_failure failure = {0};
  const ddla_status status = serve(x);
  if (status == DDLA_OK || atomic_load(&x->stop)) return NULL;
  ddla_status_take(&failure, status);
  ddla_transport_fail(x->options.transport, &failure); /* so that those who wait hear of it */
  return NULL;
}

ddla_status ddla_exchange_start(ddla_exchange *x, int64_t epoch) {
  DDLA_TRY(ddla_exchange_start_alone(x, epoch));
  if (pthread_create(&x->thread, NULL, thread_main, x) != 0)
    return DDLA_FAIL(NO_MEMORY, "cannot start the thread that exchanges samples");
  x->running = true;
  return DDLA_OK;
}

/* ---- workers ---- */

bool ddla_exchange_is_ready(const ddla_exchange *x, int64_t epoch) {
  return atomic_load(&x->board->ready) >= (uint64_t)epoch + 1;
}

typedef struct entering {
  const ddla_exchange *x;
  int64_t epoch;
} entering;

static ddla_ready may_enter(void *argument) {
  const entering *entry = argument;
  const bool over = atomic_load(&entry->x->stop) || ddla_exchange_is_ready(entry->x, entry->epoch);
  return over ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

ddla_status ddla_exchange_enter(ddla_exchange *x, int64_t epoch, bool begins) {
  ddla_transport *transport = x->options.transport;
  if (begins && atomic_load(&x->board->begun) < (uint64_t)epoch + 1)
    ddla_transport_word_publish(transport, &x->board->begun, (uint64_t)epoch + 1);
  entering entry = {x, epoch};
  const ddla_waiting waiting = {
      .ready = may_enter, .argument = &entry, .word = &x->board->ready, .calm = true};
  if (ddla_exchange_is_ready(x, epoch)) return DDLA_OK;
  DDLA_TRY(ddla_transport_wait(transport, &waiting, -1));
  if (ddla_exchange_is_ready(x, epoch)) return DDLA_OK;
  return DDLA_FAIL(CANCELLED, "the run ends before samples of epoch %lld are there",
                   (long long)epoch);
}

const int64_t *ddla_exchange_held(const ddla_exchange *x, int64_t epoch) {
  return x->held[epoch % 2];
}
