#include "sync/turns/swaps.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "optim/norm.h"
#include "sync/replica/buffer_means.h"
#include "sync/replica/outer_ranges.h"
#include "sync/turns/given.h"
#include "sync/turns/stock.h"

typedef struct swaps {
  const ddla_turn_means *means;
  uint64_t version; /* of this host's parameters */
  float *given, *kept;
  bool *keeps;      /* [ranges] something is kept of it */
  ddla_stock stock; /* of buffers as long as a range */
  /* The own swap: with whom; its letters that are not sent, and answers that are not there; ranges
   * without an answer. */
  int peer, open;
  bool *waits;
  int64_t *asked, *heard; /* swaps: begun with each host; [hosts][ranges] asked for by each */
  int64_t begin_ns;
  int64_t told, through; /* by host 0; and known: steps below this one are done */
  int64_t last;          /* the newest step that this host has computed, and one */
  /* At a fence: */
  ddla_outer_options outer;
  ddla_outer_ranges *averages;
  uint64_t fences;
  bool averaging;
  double *block_sums; /* [blocks] */
  double *distance;   /* [hosts] of each to the mean */
} swaps;

static const ddla_sync_options *sync_of(const swaps *s) { return s->means->options.sync; }

static ddla_turn_board *board_of(const swaps *s) { return s->means->options.board; }

static const ddla_bridge_layout *layout_of(const swaps *s) { return s->means->options.layout; }

static int this_host(const swaps *s) { return layout_of(s)->cluster.host; }

static int host_count(const swaps *s) { return layout_of(s)->cluster.hosts; }

static int64_t now_ns(const swaps *s) {
  return ddla_clock_now_ns(ddla_transport_clock(sync_of(s)->link));
}

static float *array_of(const swaps *s, int place) {
  return ddla_state_array(sync_of(s)->state, sync_of(s)->arrays[place], 0, 0);
}

/* This host's parameters: nobody writes this version while a turn is under way. */
static float *theta_of(const swaps *s) {
  return ddla_state_array(sync_of(s)->state, sync_of(s)->theta, s->version, 0);
}

static int64_t space(const swaps *s) { return ddla_state_dense(sync_of(s)->state); }

int ddla_swaps_peer(uint64_t seed, uint64_t step, int host, int hosts) {
  uint32_t drawn[4];
  const uint64_t key = ddla_rng_key(seed, DDLA_PURPOSE_PEER, step, (uint64_t)host);
  ddla_rng_philox(drawn, key, 0, 0);
  const int other = (int)((uint64_t)drawn[0] * (uint64_t)(hosts - 1) >> 32);
  return other < host ? other : other + 1;
}

void ddla_swaps_align(const ddla_state *state, uint64_t from, uint64_t to) {
  if (from % 2 == to % 2) return;
  for (int i = 0; i < ddla_state_row_count(state); i++) {
    const ddla_state_row *row = ddla_state_row_at(state, i);
    if (row->versions != 2) continue;
    memcpy(ddla_state_array(state, i, to, 0), ddla_state_array(state, i, from, 0), row->stride);
  }
}

/* ---- swapping ---- */

/* Half of what lies between the two operands of a swap: the same bits on both sides. */
static float half_way(float asked, float answered) { return 0.5f * (answered - asked); }

/* What is kept of all ranges becomes part of the parameters. No turn is under way. */
static void merge(swaps *s) {
  float *theta = theta_of(s);
  for (int r = 0; r < layout_of(s)->ranges; r++) {
    int64_t begin = 0, count = 0;
    if (!s->keeps[r]) continue;
    ddla_bridge_range(layout_of(s), r, &begin, &count);
    for (int64_t k = begin; k < begin + count; k++) theta[k] += s->kept[k];
    memset(s->kept + begin, 0, (size_t)count * sizeof(float));
    s->keeps[r] = false;
  }
}

/* So often a host has asked for a range. */
static int64_t *heard_of(const swaps *s, int host, int range) {
  return s->heard + (int64_t)host * layout_of(s)->ranges + range;
}

static ddla_status ask(swaps *s, int range) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(layout_of(s), range, &begin, &count);
  const size_t bytes = (size_t)count * sizeof(float);
  memcpy(s->given + begin, theta_of(s) + begin, bytes);
  s->open += 2;
  s->waits[range] = true;
  const ddla_letter letter = {.kind = DDLA_LETTER_SWAP,
                              .range = range,
                              .step = s->last,
                              .version = *heard_of(s, s->peer, range),
                              .bytes = bytes};
  return ddla_mail_send(s->means->mail, s->peer, &letter, s->given + begin);
}

static ddla_status begin_swap(swaps *s, int64_t step) {
  if (s->open > 0) return DDLA_OK;
  s->peer = ddla_swaps_peer(sync_of(s)->seed, (uint64_t)step, this_host(s), host_count(s));
  s->asked[s->peer]++;
  s->begin_ns = now_ns(s);
  for (int r = 0; r < layout_of(s)->ranges; r++) DDLA_TRY(ask(s, r));
  return DDLA_OK;
}

static void close_one(swaps *s) {
  if (--s->open == 0) atomic_fetch_add(&board_of(s)->exchange_ns, now_ns(s) - s->begin_ns);
}

/* Who asks has been asked, and did not know of it: both letters together are one swap, in which
 * each is the other one's answer. The other side comes to the same: it has asked before it was
 * asked. */
static bool is_crossing(const swaps *s, int from, const ddla_letter *letter) {
  return s->waits[letter->range] && s->peer == from && letter->version < s->asked[from];
}

/* A peer's parameters are here; they are replaced by this host's, which go back to it. */
static ddla_status answer(swaps *s, int from, const ddla_letter *letter, float *data) {
  const float *theta = theta_of(s);
  int64_t begin = 0, count = 0;
  ddla_bridge_range(layout_of(s), letter->range, &begin, &count);
  for (int64_t k = 0; k < count; k++) {
    const float own = theta[begin + k] + s->kept[begin + k];
    s->kept[begin + k] -= half_way(data[k], own);
    data[k] = own;
  }
  s->keeps[letter->range] = true;
  const ddla_letter back = {
      .kind = DDLA_LETTER_ANSWER, .range = letter->range, .step = s->last, .bytes = letter->bytes};
  return ddla_mail_send(s->means->mail, from, &back, data);
}

static void take_answer(swaps *s, const ddla_letter *letter, float *data) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(layout_of(s), letter->range, &begin, &count);
  for (int64_t k = 0; k < count; k++) s->kept[begin + k] += half_way(s->given[begin + k], data[k]);
  s->keeps[letter->range] = true;
  s->waits[letter->range] = false;
  ddla_stock_give(&s->stock, data);
  close_one(s);
}

static ddla_status heed_swap(swaps *s, int from, const ddla_letter *letter, float *data) {
  ++*heard_of(s, from, letter->range);
  if (!is_crossing(s, from, letter)) return answer(s, from, letter, data);
  take_answer(s, letter, data);
  return DDLA_OK;
}

/* ---- letters ---- */

static ddla_status place(void **out, void *made, int from, const ddla_letter *letter) {
  swaps *s = made;
  int64_t begin = 0, count = 0;
  float *buffer = NULL;
  (void)from;
  if (letter->range >= 0 && letter->range < layout_of(s)->ranges)
    ddla_bridge_range(layout_of(s), letter->range, &begin, &count);
  if (count == 0 || letter->bytes != (uint64_t)count * sizeof(float))
    return DDLA_FAIL(CORRUPT, "%" PRIu64 " bytes came for range %d", letter->bytes, letter->range);
  DDLA_TRY(ddla_stock_take(&buffer, &s->stock));
  *out = buffer;
  return DDLA_OK;
}

/* The parameters of a host, which become part of others' by and by. */
static ddla_status check_swapped(const swaps *s, int from, const ddla_letter *letter,
                                 const float *data) {
  const ddla_given given = {DDLA_GIVEN_MODEL, from, letter->step};
  int64_t begin = 0, count = 0;
  if (!data) return DDLA_FAIL(CORRUPT, "an empty swap came from host %d", from);
  ddla_bridge_range(layout_of(s), letter->range, &begin, &count);
  return ddla_given_check(&given, data, count);
}

static ddla_status deliver(void *made, int from, const ddla_letter *letter, void *data) {
  swaps *s = made;
  if (letter->kind == DDLA_LETTER_SWAP || letter->kind == DDLA_LETTER_ANSWER)
    DDLA_TRY(check_swapped(s, from, letter, data));
  if (letter->kind == DDLA_LETTER_SWAP) return heed_swap(s, from, letter, data);
  if (letter->kind == DDLA_LETTER_ANSWER) take_answer(s, letter, data);
  else if (letter->kind == DDLA_LETTER_DONE) ddla_grants_settle(s->means->grants, letter->step);
  else if (letter->kind == DDLA_LETTER_THROUGH) s->through = letter->step;
  else return DDLA_FAIL(CORRUPT, "a letter of kind %d came from host %d", letter->kind, from);
  return DDLA_OK;
}

static void sent(void *made, int to, const ddla_letter *letter, const void *data) {
  swaps *s = made;
  (void)to;
  if (letter->kind == DDLA_LETTER_SWAP) close_one(s);
  else ddla_stock_give(&s->stock, (float *)(uintptr_t)data); /* the stock's, and not const there */
}

/* ---- turns ---- */

static bool may_turn(const void *made, const ddla_grant *grant) {
  (void)made;
  (void)grant;
  return true;
}

static void begin_turn(void *made) { (void)made; }

static ddla_status contribute(void *made, const ddla_turn_order *order) {
  swaps *s = made;
  const int64_t step = board_of(s)->grant.step;
  (void)order;
  s->version++;
  s->last = step + 1;
  merge(s);
  const ddla_letter done = {.kind = DDLA_LETTER_DONE, .step = step};
  DDLA_TRY(ddla_mail_send(s->means->mail, 0, &done, NULL));
  return begin_swap(s, step);
}

/* Nobody begins a step behind the fence before it, so that so many that are done are all. */
static ddla_status advance(void *made, int64_t limit, bool *moved) {
  swaps *s = made;
  if (this_host(s) > 0 || s->told >= limit || ddla_grants_settled(s->means->grants) < limit)
    return DDLA_OK;
  const ddla_letter letter = {.kind = DDLA_LETTER_THROUGH, .step = limit};
  s->told = limit;
  *moved = true;
  for (int h = 0; h < host_count(s); h++)
    DDLA_TRY(ddla_mail_send(s->means->mail, h, &letter, NULL));
  return DDLA_OK;
}

static int64_t step_of(const void *made) {
  const swaps *s = made;
  return s->last > s->through ? s->last : s->through;
}

/* ---- fences ---- */

/* When all hosts have come so far, no swap is under way anywhere. */
static bool at_fence(const void *made, int64_t fence) {
  const swaps *s = made;
  return s->open == 0 && s->through == fence;
}

static void agenda(ddla_agenda *out, void *made, int stage, int64_t fence) {
  swaps *s = made;
  (void)fence;
  if (stage > 0) {
    out->part[out->part_count++] =
        (ddla_sync_part){s->distance, sizeof *s->distance, host_count(s)};
    return;
  }
  ddla_buffer_means_give(sync_of(s), s->version, 1);
  ddla_buffer_means_add(out, sync_of(s));
}

static ddla_status begin_average(swaps *s, int64_t fence) {
  merge(s);
  DDLA_TRY(ddla_buffer_means_take(sync_of(s), s->version, fence));
  s->averaging = true;
  s->outer.sent = theta_of(s);
  return ddla_outer_ranges_begin(s->averages, ++s->fences,
                                 &(ddla_outer_order){.end = space(s), .step = fence});
}

static void measure_distance(swaps *s) {
  const float *theta = theta_of(s), *mean = array_of(s, DDLA_SWAPS_GLOBAL);
  const int64_t count = space(s);
  for (int64_t k = 0; k < count; k++) s->given[k] = theta[k] - mean[k];
  ddla_norm_block_sums(s->block_sums, s->given, count, DDLA_ISA_BEST);
  s->distance[this_host(s)] = sqrt(ddla_norm_tree(s->block_sums, ddla_norm_blocks(count)));
}

static ddla_status average(bool *over, swaps *s, int64_t fence, bool *moved) {
  if (!s->averaging) DDLA_TRY(begin_average(s, fence));
  DDLA_TRY(ddla_outer_ranges_advance(s->averages, moved));
  if (!ddla_outer_ranges_over(s->averages)) return DDLA_OK;
  s->averaging = false;
  measure_distance(s);
  *over = *moved = true;
  return DDLA_OK;
}

static ddla_status conclude(bool *over, void *made, int stage, int64_t fence, bool *moved) {
  swaps *s = made;
  double most = 0;
  if (stage == 0) return average(over, s, fence, moved);
  for (int h = 0; h < host_count(s); h++) most = fmax(most, s->distance[h]);
  board_of(s)->spread = most;
  ddla_swaps_align(sync_of(s)->state, s->version, (uint64_t)fence);
  *over = *moved = true;
  return DDLA_OK;
}

static void describe(const void *made, int64_t fence, const ddla_grant *grant, char *text,
                     size_t bytes) {
  const swaps *s = made;
  (void)grant;
  if (s->averaging) snprintf(text, bytes, "the other hosts' models");
  else if (s->through == fence) snprintf(text, bytes, "the answer to a swap");
  else snprintf(text, bytes, "what other hosts still compute up to step %" PRId64, fence);
}

/* ---- making ---- */

static void destroy(void *made) {
  swaps *s = made;
  if (!s) return;
  ddla_outer_ranges_destroy(s->averages);
  ddla_stock_fini(&s->stock);
  ddla_free(s->keeps);
  ddla_free(s->waits);
  ddla_free(s->asked);
  ddla_free(s->heard);
  ddla_free(s->block_sums);
  ddla_free(s->distance);
  ddla_free(s);
}

static ddla_status create_parts(swaps *s) {
  const ddla_sync_options *sync = sync_of(s);
  DDLA_TRY(DDLA_NEW(s->keeps, layout_of(s)->ranges));
  DDLA_TRY(DDLA_NEW(s->waits, layout_of(s)->ranges));
  DDLA_TRY(DDLA_NEW(s->asked, host_count(s)));
  DDLA_TRY(DDLA_NEW(s->heard, (int64_t)host_count(s) * layout_of(s)->ranges));
  DDLA_TRY(DDLA_NEW(s->block_sums, ddla_norm_blocks(space(s))));
  DDLA_TRY(DDLA_NEW(s->distance, host_count(s)));
  s->outer = (ddla_outer_options){.local = sync->transport,
                                  .link = sync->link,
                                  .cluster = &layout_of(s)->cluster,
                                  .lanes = sync->lanes,
                                  .mean = array_of(s, DDLA_SWAPS_GLOBAL),
                                  .range_bytes = sync->range_bytes};
  return ddla_outer_ranges_create(&s->averages, &s->outer, s->means->sent_bytes);
}

static ddla_status create(void **made, const ddla_turn_means *means) {
  swaps *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->means = means;
  s->version = means->options.version;
  s->given = array_of(s, DDLA_SWAPS_GIVEN);
  s->kept = array_of(s, DDLA_SWAPS_KEPT);
  s->told = s->through = s->last = (int64_t)sync_of(s)->start_step;
  ddla_stock_init(&s->stock, layout_of(s)->range_elements);
  memset(s->kept, 0, (size_t)space(s) * sizeof(float));
  const ddla_status status = create_parts(s);
  if (status == DDLA_OK) *made = s;
  else destroy(s);
  return status;
}

const ddla_turn_method ddla_swaps = {.stages = 2,
                                     .create = create,
                                     .destroy = destroy,
                                     .place = place,
                                     .deliver = deliver,
                                     .sent = sent,
                                     .may_turn = may_turn,
                                     .begin_turn = begin_turn,
                                     .contribute = contribute,
                                     .advance = advance,
                                     .step = step_of,
                                     .at_fence = at_fence,
                                     .agenda = agenda,
                                     .conclude = conclude,
                                     .describe = describe};
