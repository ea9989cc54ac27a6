#include "sync/bridge/bridge.h"

#include <stdio.h>

#include "base/alloc.h"
#include "sync/bridge/bridge_messages.h"
#include "sync/bridge/bridge_step.h"

struct ddla_bridge {
  ddla_bridge_options options;
  ddla_bridge_layout layout;
  ddla_service *service;
  ddla_bridge_step *step;
  ddla_bridge_share share;
  int64_t sent_bytes;
  /* The order under way, or the last one. */
  uint64_t number;
  ddla_bridge_order order;
  bool running, shared, sharing;
};

static int64_t now_ns(const ddla_bridge *b) {
  return ddla_clock_now_ns(ddla_transport_clock(b->options.link));
}

/* Of an order: records, ranges, arrays or lists, its end. */
static uint64_t stride(const ddla_bridge_layout *layout) {
  return (uint64_t)layout->ranges + DDLA_BRIDGE_ARRAYS_MAX + 2;
}

uint64_t ddla_bridge_target_done(const ddla_bridge_layout *layout, uint64_t number) {
  return number * stride(layout);
}

uint64_t ddla_bridge_target_down_to(const ddla_bridge_layout *layout, uint64_t number,
                                    int64_t element) {
  return (number - 1) * stride(layout) + 2 + (uint64_t)ddla_bridge_range_down_to(layout, element);
}

uint64_t ddla_bridge_target_records(const ddla_bridge_layout *layout, uint64_t number) {
  return (number - 1) * stride(layout) + 1;
}

uint64_t ddla_bridge_target_lists(const ddla_bridge_layout *layout, uint64_t number) {
  return ddla_bridge_target_records(layout, number) + (uint64_t)layout->ranges + 1;
}

uint64_t ddla_bridge_target_own(const ddla_bridge_layout *layout, uint64_t number, int k) {
  return ddla_bridge_target_records(layout, number) + (uint64_t)k + 1;
}

uint64_t ddla_bridge_target_array(const ddla_bridge_layout *layout, uint64_t number, int array) {
  return ddla_bridge_target_records(layout, number) + (uint64_t)ddla_bridge_own_ranges(layout) +
         (uint64_t)array + 1;
}

void ddla_bridge_post(ddla_transport *local, ddla_bridge_board *board, uint64_t number,
                      const ddla_bridge_order *order) {
  board->order[number % 2] = *order;
  ddla_transport_word_publish(local, &board->posted, number);
}

static void publish(ddla_bridge *b, uint64_t progress) {
  ddla_transport_word_publish(b->options.local, &b->options.board->progress, progress);
}

/* Progress within a step: 1 for the records, 1 for each range from the top down, and 1 for lists;
 * with a division for each own range, and then for each array. */
static void publish_here(ddla_bridge *b) {
  if (b->shared)
    publish(b, (b->number - 1) * stride(&b->layout) + 1 + (uint64_t)ddla_bridge_step_here(b->step));
}

/* The records of this step's shards, once the host's own are there. */
static ddla_status share_records(ddla_bridge *b) {
  const ddla_bridge_calls *calls = &b->options.calls;
  ddla_bridge_slices slices[DDLA_BRIDGE_SLICES_MAX];
  b->share.piece_count = calls->slices(slices, calls->argument, b->order.step);
  for (int i = 0; i < b->share.piece_count; i++) {
    ddla_bridge_piece *piece = &b->share.piece[i];
    piece->base = slices[i].base;
    piece->stride = slices[i].stride;
    for (int h = 0; h < b->layout.cluster.hosts; h++) {
      piece->first[h] = b->layout.host[h].first_shard;
      piece->end[h] = b->layout.host[h].end_shard;
    }
  }
  return ddla_bridge_share_start(&b->share, b->number, calls->stop_asked(calls->argument));
}

static ddla_status share_parts(ddla_bridge *b) {
  b->share.piece_count = b->order.part_count;
  for (int i = 0; i < b->order.part_count; i++) {
    ddla_bridge_piece *piece = &b->share.piece[i];
    const ddla_sync_part *part = &b->order.part[i];
    piece->base = part->base;
    piece->stride = part->bytes;
    for (int h = 0; h < b->layout.cluster.hosts; h++)
      ddla_bridge_items(&b->layout, h, part->items, &piece->first[h], &piece->end[h]);
  }
  return ddla_bridge_share_start(&b->share, b->number, 0);
}

/* Everybody's words say that they have come; one host's part goes straight into its place. */
static ddla_status bring_part(ddla_bridge *b) {
  const ddla_sync_part *part = &b->order.part[0];
  const int here = b->layout.cluster.host, from = b->order.from;
  const uint64_t tag = ddla_bridge_tag(b->number, DDLA_BRIDGE_BRING, 0, 0);
  b->share.piece_count = 0;
  DDLA_TRY(ddla_bridge_share_start(&b->share, b->number, 0));
  if (from == 0 || part->bytes == 0) return DDLA_OK;
  if (here == 0) return ddla_bridge_recv(&b->share.flight, from, tag, part->base, part->bytes);
  if (here == from) return ddla_bridge_send(&b->share.flight, 0, tag, part->base, part->bytes);
  return DDLA_OK;
}

static ddla_status start_share(ddla_bridge *b) {
  if (b->order.step > 0) return share_records(b);
  return b->order.brings ? bring_part(b) : share_parts(b);
}

static void note_stop(ddla_bridge *b) {
  uint64_t stop = 0;
  for (int h = 0; h < b->layout.cluster.hosts; h++) stop |= b->share.word[h];
  atomic_store(&b->options.board->stop, stop != 0);
}

/* Shares the order's small arrays: starts when the host's own are there, ends when all are. */
static ddla_status advance_share(ddla_bridge *b, bool *moved) {
  bool step = b->order.step > 0, over = false;
  ddla_service_word wanted;
  if (b->shared) return DDLA_OK;
  if (!b->sharing) {
    const ddla_bridge_calls *calls = &b->options.calls;
    if (step && calls->waits(&wanted, calls->argument, b->order.step, b->layout.space))
      return DDLA_OK;
    DDLA_TRY(start_share(b));
    b->sharing = *moved = true;
  }
  DDLA_TRY(ddla_bridge_share_look(&b->share, &over, moved));
  if (!over) return DDLA_OK;
  b->sharing = false;
  b->shared = *moved = true;
  if (!step) return DDLA_OK;
  note_stop(b);
  publish_here(b);
  return DDLA_OK;
}

static bool is_over(const ddla_bridge *b) {
  return b->shared && (b->order.step == 0 || ddla_bridge_step_over(b->step));
}

/* The step's shares of shards, where they are not those of the step before. */
static ddla_status share_out(ddla_bridge *b) {
  const ddla_bridge_calls *calls = &b->options.calls;
  int first[DDLA_HOSTS_MAX + 1];
  if (!calls->shares) return DDLA_OK;
  calls->shares(first, calls->argument, b->order.step);
  return ddla_bridge_layout_share(&b->layout, first);
}

static ddla_status begin_order(ddla_bridge *b) {
  b->number++;
  b->order = b->options.board->order[b->number % 2];
  b->running = true;
  b->shared = b->sharing = false;
  if (b->order.step == 0) return DDLA_OK;
  DDLA_TRY(share_out(b));
  return ddla_bridge_step_begin(b->step, b->number, &b->order);
}

static void count_up(ddla_bridge *b) {
  ddla_bridge_board *board = b->options.board;
  atomic_fetch_add(&board->sent_bytes, b->sent_bytes);
  b->sent_bytes = 0;
  if (b->order.step == 0) return;
  int64_t end_ns = now_ns(b), first_ns = 0, computed_ns = 0;
  ddla_bridge_step_times(b->step, &first_ns, &computed_ns);
  atomic_fetch_add(&board->exchange_ns, end_ns - first_ns);
  atomic_fetch_add(&board->exposed_ns, end_ns - computed_ns);
}

/* ---- what the service asks ---- */

static ddla_status advance_step(ddla_bridge *b, bool *moved) {
  int here = ddla_bridge_step_here(b->step);
  DDLA_TRY(ddla_bridge_step_advance(b->step, moved));
  if (ddla_bridge_step_here(b->step) > here) publish_here(b);
  return DDLA_OK;
}

static ddla_status advance(void *argument, bool *moved) {
  ddla_bridge *b = argument;
  if (!b->running) {
    if (atomic_load(&b->options.board->posted) <= b->number) return DDLA_OK;
    DDLA_TRY(begin_order(b));
    *moved = true;
  }
  DDLA_TRY(advance_share(b, moved));
  if (b->order.step > 0) DDLA_TRY(advance_step(b, moved));
  if (!is_over(b)) return DDLA_OK;
  count_up(b);
  b->running = false;
  *moved = true;
  publish(b, ddla_bridge_target_done(&b->layout, b->number));
  return DDLA_OK;
}

static bool under_way(const void *argument) {
  const ddla_bridge *b = argument;
  return b->running && (b->sharing || (b->order.step > 0 && ddla_bridge_step_under_way(b->step)));
}

static bool waits(ddla_service_word *out, const void *argument) {
  const ddla_bridge *b = argument;
  *out = (ddla_service_word){&b->options.board->posted, b->number + 1};
  if (!b->running) return true;
  return b->order.step > 0 && ddla_bridge_step_waits(out, b->step);
}

static void describe(void *argument, char *text, size_t bytes) {
  const ddla_bridge *b = argument;
  const unsigned long long step = b->order.step;
  if (!b->running) snprintf(text, bytes, "this host's agents");
  else if (!b->shared && step > 0)
    snprintf(text, bytes, "the other hosts' losses of step %llu", step);
  else if (!b->shared && b->order.brings && b->layout.cluster.host == 0)
    snprintf(text, bytes, "what host %d alone has", b->order.from);
  else if (!b->shared) snprintf(text, bytes, "the other hosts at a meeting");
  else snprintf(text, bytes, "%s of step %llu", ddla_bridge_step_wants(b->step), step);
}

ddla_status ddla_bridge_serve(ddla_bridge *b, uint64_t target) {
  return ddla_service_serve(b->service, target);
}

ddla_status ddla_bridge_create(ddla_bridge **out, const ddla_bridge_options *options) {
  ddla_bridge *b = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(b, 1));
  b->options = *options;
  b->layout = *options->layout;
  b->options.layout = &b->layout;
  b->share.layout = &b->layout;
  b->share.flight = (ddla_bridge_flight){.link = options->link,
                                         .request = b->share.request,
                                         .room = 2 * DDLA_HOSTS_MAX,
                                         .sent_bytes = &b->sent_bytes};
  const ddla_service_options service = {.local = options->local,
                                        .link = options->link,
                                        .progress = &options->board->progress,
                                        .threadless = options->threadless,
                                        .client = {advance, under_way, waits, describe, b}};
  DDLA_TRY_CLEAN(status, ddla_bridge_step_create(&b->step, &b->options, &b->sent_bytes));
  DDLA_TRY_CLEAN(status, ddla_service_create(&b->service, &service));
  *out = b;
  return DDLA_OK;
cleanup:
  ddla_bridge_destroy(b);
  return status;
}

void ddla_bridge_destroy(ddla_bridge *b) {
  if (!b) return;
  ddla_service_destroy(b->service);
  ddla_bridge_step_destroy(b->step);
  ddla_bridge_share_fini(&b->share);
  ddla_free(b);
}
