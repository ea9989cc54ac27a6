#include "sync/replica/outer.h"

#include <stdio.h>

#include "base/alloc.h"
#include "sync/replica/outer_ranges.h"
#include "sync/turns/service.h"

struct ddla_outer {
  ddla_outer_options options;
  ddla_cluster cluster;
  ddla_service *service;
  ddla_outer_ranges *ranges;
  ddla_meeting meeting;
  int64_t sent_bytes;
  /* The order under way, or the last one. */
  uint64_t number;
  ddla_outer_order order;
  bool running, sharing;
  int64_t begin_ns;
};

static int64_t now_ns(const ddla_outer *outer) {
  return ddla_clock_now_ns(ddla_transport_clock(outer->options.link));
}

void ddla_outer_post(ddla_transport *local, ddla_outer_board *board, uint64_t number,
                     const ddla_outer_order *order) {
  board->order[number % DDLA_OUTER_ORDERS] = *order;
  ddla_transport_word_publish(local, &board->posted, number);
}

static ddla_status begin_order(ddla_outer *outer) {
  outer->number++;
  outer->order = outer->options.board->order[outer->number % DDLA_OUTER_ORDERS];
  outer->running = true;
  outer->sharing = outer->order.meets;
  outer->begin_ns = now_ns(outer);
  DDLA_TRY(ddla_outer_ranges_begin(outer->ranges, outer->number, &outer->order));
  if (!outer->sharing) return DDLA_OK;
  return ddla_meeting_begin(&outer->meeting, outer->number, &outer->order.agenda);
}

static ddla_status advance_share(ddla_outer *outer, bool *moved) {
  bool over = false;
  uint64_t word = 0;
  if (!outer->sharing) return DDLA_OK;
  DDLA_TRY(ddla_meeting_look(&outer->meeting, &over, &word, moved));
  if (!over) return DDLA_OK;
  outer->sharing = false;
  atomic_store(&outer->options.board->word[outer->number % DDLA_OUTER_ORDERS], word);
  return DDLA_OK;
}

static void end_order(ddla_outer *outer) {
  ddla_outer_board *board = outer->options.board;
  atomic_fetch_add(&board->sent_bytes, outer->sent_bytes);
  outer->sent_bytes = 0;
  if (outer->order.end > outer->order.begin)
    atomic_fetch_add(&board->exchange_ns, now_ns(outer) - outer->begin_ns);
  outer->running = false;
  ddla_transport_word_publish(outer->options.local, &board->progress, outer->number);
}

/* ---- what the service asks ---- */

static ddla_status advance(void *argument, bool *moved) {
  ddla_outer *outer = argument;
  if (!outer->running) {
    if (atomic_load(&outer->options.board->posted) <= outer->number) return DDLA_OK;
    DDLA_TRY(begin_order(outer));
    *moved = true;
  }
  DDLA_TRY(ddla_outer_ranges_advance(outer->ranges, moved));
  DDLA_TRY(advance_share(outer, moved));
  if (outer->sharing || !ddla_outer_ranges_over(outer->ranges)) return DDLA_OK;
  *moved = true;
  end_order(outer);
  return DDLA_OK;
}

static bool under_way(const void *argument) { return ((const ddla_outer *)argument)->running; }

static bool waits(ddla_service_word *out, const void *argument) {
  const ddla_outer *outer = argument;
  *out = (ddla_service_word){&outer->options.board->posted, outer->number + 1};
  return !outer->running;
}

static void describe(void *argument, char *text, size_t bytes) {
  const ddla_outer *outer = argument;
  if (!outer->running) snprintf(text, bytes, "this host's agents");
  else if (!ddla_outer_ranges_over(outer->ranges))
    snprintf(text, bytes, "the other replicas' models");
  else snprintf(text, bytes, "the other replicas at a meeting");
}

ddla_status ddla_outer_serve(ddla_outer *outer, uint64_t target) {
  return ddla_service_serve(outer->service, target);
}

ddla_status ddla_outer_told(const ddla_outer *outer, ddla_status status) {
  return ddla_service_told(outer->service, status);
}

ddla_status ddla_outer_create(ddla_outer **out, const ddla_outer_options *options) {
  ddla_outer *outer = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(outer, 1));
  outer->options = *options;
  outer->cluster = *options->cluster;
  outer->options.cluster = &outer->cluster;
  ddla_meeting_init(&outer->meeting, options->link, &outer->cluster, options->lanes,
                    &outer->sent_bytes);
  const ddla_service_options service = {.local = options->local,
                                        .link = options->link,
                                        .progress = &options->board->progress,
                                        .threadless = options->threadless,
                                        .calm = options->beside,
                                        .client = {advance, under_way, waits, describe, outer}};
  DDLA_TRY_CLEAN(status,
                 ddla_outer_ranges_create(&outer->ranges, &outer->options, &outer->sent_bytes));
  DDLA_TRY_CLEAN(status, ddla_service_create(&outer->service, &service));
  *out = outer;
  return DDLA_OK;
cleanup:
  ddla_outer_destroy(outer);
  return status;
}

void ddla_outer_destroy(ddla_outer *outer) {
  if (!outer) return;
  ddla_service_destroy(outer->service);
  ddla_outer_ranges_destroy(outer->ranges);
  ddla_meeting_fini(&outer->meeting);
  ddla_free(outer);
}
