#include "share/swap.h"

#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/order.h"

/* What is drawn is keyed by one of these; parts are numbered on from the last. */
enum { DRAW_PARTS, DRAW_PAIRS, DRAW_SAMPLES = DRAW_PAIRS + 4 };

static uint64_t key_of(const ddla_swap *swap, int64_t epoch, int draw) {
  return ddla_rng_key(swap->seed, DDLA_PURPOSE_SWAP, (uint64_t)epoch, (uint64_t)draw);
}

int64_t ddla_swap_first(const ddla_swap *swap, int part) {
  int64_t first = 0;
  for (int p = 0; p < part; p++) first += swap->count[p];
  return first;
}

void ddla_swap_gives(int64_t gives[DDLA_PARTS_MAX], const ddla_swap *swap) {
  int64_t all = 0;
  int most = 0;
  for (int p = 0; p < swap->parts; p++) {
    gives[p] = llround(swap->fraction * (double)swap->count[p]);
    all += gives[p];
    if (gives[p] > gives[most]) most = p;
  }
  if (gives[most] > all - gives[most]) gives[most] = all - gives[most];
}

/* Given samples in a row, and where each goes. */
typedef struct given {
  int64_t count;
  int64_t *place;    /* [count] that a sample leaves; free for another one */
  int8_t *from, *to; /* [count] parts */
  int64_t *sample;   /* [count] that left */
} given;

static void given_fini(given *row) {
  ddla_free(row->place);
  ddla_free(row->from);
  ddla_free(row->to);
  ddla_free(row->sample);
}

static ddla_status given_init(given *row, int64_t count) {
  given made = {.count = count};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.place, count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.from, count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.to, count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.sample, count));
  *row = made;
  return DDLA_OK;
cleanup:
  given_fini(&made);
  return status;
}

/* Places that parts give, parts in a drawn order. */
static void choose(given *row, const ddla_swap *swap, const int64_t *gives, int64_t epoch) {
  const ddla_order parts = ddla_order_make(swap->parts, key_of(swap, epoch, DRAW_PARTS));
  int64_t at = 0;
  for (int i = 0; i < swap->parts; i++) {
    const int p = (int)ddla_order_at(&parts, i);
    const int64_t first = ddla_swap_first(swap, p);
    const ddla_order order = ddla_order_make(swap->count[p], key_of(swap, epoch, DRAW_SAMPLES + p));
    for (int64_t k = 0; k < gives[p]; k++, at++) {
      row->place[at] = first + ddla_order_at(&order, k);
      row->from[at] = (int8_t)p;
    }
  }
}

/* Everybody moves on by the longest stretch of one part, so nobody stays. */
static void direct(given *row, int64_t by) {
  for (int64_t i = 0; i < row->count; i++) row->to[i] = row->from[(i + by) % row->count];
}

static void mix(given *row, uint64_t key) {
  const ddla_order order = ddla_order_make(row->count, key);
  for (int64_t i = 0; i < row->count; i++) {
    const int64_t j = ddla_order_at(&order, i);
    const int8_t to = row->to[i];
    if (to == row->from[j] || row->to[j] == row->from[i]) continue;
    row->to[i] = row->to[j];
    row->to[j] = to;
  }
}

/* The k-th sample that comes to a part goes to the k-th place that it has given. */
static void put(int64_t *held, given *row) {
  int64_t next[DDLA_PARTS_MAX] = {0};
  for (int64_t i = 0; i < row->count; i++) row->sample[i] = held[row->place[i]];
  for (int p = 0; p < DDLA_PARTS_MAX; p++)
    while (next[p] < row->count && row->from[next[p]] != p) next[p]++;
  for (int64_t i = 0; i < row->count; i++) {
    const int to = row->to[i];
    held[row->place[next[to]++]] = row->sample[i]; /* a part's places follow each other */
  }
}

ddla_status ddla_swap_step(int64_t *held, const ddla_swap *swap, int64_t epoch) {
  int64_t gives[DDLA_PARTS_MAX], all = 0, most = 0;
  given row = {0};
  ddla_swap_gives(gives, swap);
  for (int p = 0; p < swap->parts; p++) {
    all += gives[p];
    if (gives[p] > most) most = gives[p];
  }
  if (all == 0) return DDLA_OK;
  DDLA_TRY(given_init(&row, all));
  choose(&row, swap, gives, epoch);
  direct(&row, most);
  for (int draw = DRAW_PAIRS; draw < DRAW_SAMPLES; draw++) mix(&row, key_of(swap, epoch, draw));
  put(held, &row);
  given_fini(&row);
  return DDLA_OK;
}

ddla_status ddla_swap_at(int64_t *held, const ddla_swap *swap, int64_t epoch) {
  const int64_t all = ddla_swap_first(swap, swap->parts);
  for (int64_t i = 0; i < all; i++) held[i] = i;
  for (int64_t e = 0; e < epoch; e++) DDLA_TRY(ddla_swap_step(held, swap, e));
  return DDLA_OK;
}
