#include "sync/sum/claims.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sync/sum/leaves.h"

enum {
  LINE_BYTES = 64,
  MEAN_OF = 4,  /* a new time moves the mean by a quarter, */
  LONG_OF = 12, /* and the long one by a twelfth */
  BURST = 3,    /* and counts as so many means at most: one long pause says little */
  FIRST = 3,    /* of so many first times the least is taken: kernels are made, caches are cold */
  FADES = 16    /* the mean of a worker without a shard falls by this part in each step, so that it
                   tries again one day */
};

/* What others look at of a worker. */
typedef struct worker_line {
  _Atomic uint64_t left_step; /* tag of the last step that it left */
  _Atomic int64_t started_ns; /* its shard's start; 0: it has none */
  _Atomic int64_t shard_ns;
  char gap[LINE_BYTES - 3 * sizeof(uint64_t)];
} worker_line;

/* The tickets of a step in one word: the step's tag, how many workers have left it, how many shards
 * are claimed. */
typedef struct ticket {
  uint64_t tag;
  int left, claimed;
} ticket;

typedef struct board {
  _Alignas(LINE_BYTES) _Atomic uint64_t ticket;
  _Alignas(LINE_BYTES) worker_line line[];
} board;

/* A worker's step. */
typedef struct worker_claims {
  ddla_claims_step step;
  int total;            /* shards of the host with samples */
  int last_shard, next; /* -1: none yet; lower pairs are begun */
  int times;            /* measured, up to FIRST; then the mean is told to others */
  int64_t mean_ns, long_ns;
  bool faded; /* it is not what was measured any more */
  bool over;  /* it has left the step */
  char gap[LINE_BYTES];
} worker_claims;

struct ddla_claims {
  board *board;
  _Atomic uint32_t *taken; /* [shards] tag of the last step in which it was */
  int workers, shards;
  const ddla_clock *clock;
  worker_claims *worker; /* [workers] those of this agent are used */
};

enum { TAG_BITS = 30, COUNT_BITS = 17 };

/* Never 0; neighbouring steps differ. */
static uint64_t tag_of(uint64_t step) { return step % ((UINT64_C(1) << TAG_BITS) - 1) + 1; }

static uint64_t pack(ticket t) {
  return t.tag << 2 * COUNT_BITS | (uint64_t)t.left << COUNT_BITS | (uint64_t)t.claimed;
}

/* A word of another step is a fresh one of this. */
static ticket unpack(uint64_t word, uint64_t tag) {
  const uint64_t mask = (UINT64_C(1) << COUNT_BITS) - 1;
  if (word >> 2 * COUNT_BITS != tag) return (ticket){.tag = tag};
  return (ticket){tag, (int)(word >> COUNT_BITS & mask), (int)(word & mask)};
}

/* ---- what to do ---- */

typedef struct forecast {
  int64_t start_ns, finish_ns; /* of the shard that begins last, that ends last */
} forecast;

/* How the others get on with so many shards, each given to the one that is through with it first.
 * Looks no further than until_ns. */
static forecast foresee(const ddla_claims_pace *others, int count, int shards, int64_t own_ns,
                        int64_t until_ns) {
  int64_t free_ns[DDLA_CLAIMS_WORKERS_MAX];
  forecast seen = {0, 0};
  for (int i = 0; i < count; i++) free_ns[i] = others[i].free_ns;
  for (int n = 0; n < shards && seen.start_ns < until_ns; n++) {
    int best = 0;
    int64_t best_ns = INT64_MAX;
    for (int i = 0; i < count; i++) {
      const int64_t end_ns = free_ns[i] + (others[i].shard_ns ? others[i].shard_ns : own_ns);
      if (end_ns < best_ns) best = i, best_ns = end_ns;
    }
    if (free_ns[best] > seen.start_ns) seen.start_ns = free_ns[best];
    if (best_ns > seen.finish_ns) seen.finish_ns = best_ns;
    free_ns[best] = best_ns;
  }
  return seen;
}

ddla_claim ddla_claims_decide(int64_t own_ns, const ddla_claims_pace *others, int count, int left) {
  DDLA_ASSERT(left > 0 && count <= DDLA_CLAIMS_WORKERS_MAX);
  if (count > 0 && own_ns > 0) {
    const forecast without = foresee(others, count, left, own_ns, own_ns);
    if (without.finish_ns + without.finish_ns / 16 < own_ns) return DDLA_CLAIM_NONE;
    /* Nothing will be left when this worker is free again. */
    const forecast rest = foresee(others, count, left - 1, own_ns, own_ns);
    if (rest.start_ns < own_ns - own_ns / 8) return DDLA_CLAIM_LAST;
  }
  return left == 1 ? DDLA_CLAIM_LAST : DDLA_CLAIM_ONE;
}

/* ---- a step ---- */

/* A worker that takes longer than expected is expected to take as long again. */
static ddla_claims_pace pace_of(const worker_line *line, int64_t now_ns) {
  const int64_t started_ns = atomic_load_explicit(&line->started_ns, memory_order_relaxed);
  const int64_t shard_ns = atomic_load_explicit(&line->shard_ns, memory_order_relaxed);
  ddla_claims_pace pace = {.shard_ns = shard_ns};
  if (started_ns == 0) return pace;
  pace.free_ns = started_ns + shard_ns - now_ns;
  if (pace.free_ns < 0) pace.free_ns = -pace.free_ns;
  return pace;
}

static ddla_claim decide(const ddla_claims *c, int worker, ticket now, int64_t now_ns) {
  const int left = c->worker[worker].total - now.claimed;
  ddla_claims_pace others[DDLA_CLAIMS_WORKERS_MAX];
  int count = 0;
  for (int i = 0; i < c->workers && now.left + 1 < c->workers; i++) {
    const worker_line *line = &c->board->line[i];
    if (i == worker || atomic_load(&line->left_step) == now.tag) continue;
    others[count++] = pace_of(line, now_ns);
  }
  return ddla_claims_decide(ddla_claims_shard_ns(c, worker), others, count, left);
}

/* A claim counts when the word of tickets has not changed since it was decided, so that of two
 * workers who leave, each relying on the other, only one does. */
static ddla_claim take_ticket(ddla_claims *c, int worker, int64_t now_ns) {
  worker_claims *own = &c->worker[worker];
  worker_line *line = &c->board->line[worker];
  const uint64_t tag = tag_of(own->step.step);
  uint64_t word = atomic_load(&c->board->ticket);
  for (;;) {
    ticket now = unpack(word, tag);
    if (now.claimed == own->total) return DDLA_CLAIM_NONE;
    const ddla_claim choice = decide(c, worker, now, now_ns);
    const bool leaves = choice != DDLA_CLAIM_ONE;
    if (leaves) atomic_store(&line->left_step, tag);
    now.left += leaves;
    now.claimed += choice != DDLA_CLAIM_NONE;
    if (atomic_compare_exchange_strong(&c->board->ticket, &word, pack(now))) return choice;
    if (leaves) atomic_store(&line->left_step, 0);
  }
}

static bool is_there(const ddla_claims *c, const worker_claims *own, int shard) {
  return shard >= own->step.first && shard < own->step.end &&
         !ddla_leaves_empty(c->shards, own->step.samples, shard);
}

static bool is_free(const ddla_claims *c, const worker_claims *own, int shard) {
  return is_there(c, own, shard) &&
         atomic_load_explicit(&c->taken[shard], memory_order_relaxed) != tag_of(own->step.step);
}

static bool take(ddla_claims *c, const worker_claims *own, int shard) {
  const uint32_t tag = (uint32_t)tag_of(own->step.step);
  return is_free(c, own, shard) && atomic_exchange(&c->taken[shard], tag) != tag;
}

/* Goes on behind the pairs that somebody has begun; a shard whose sibling is not there is one too.
 */
static int take_pair(ddla_claims *c, worker_claims *own) {
  for (; own->next < own->step.end; own->next++) {
    const int shard = own->next, sibling = shard ^ 1;
    if (is_there(c, own, sibling) && (sibling < shard || !is_free(c, own, sibling))) continue;
    if (take(c, own, shard)) return shard;
  }
  return -1;
}

/* The holder of a ticket finds a shard: no more are taken than tickets given. */
static int take_shard(ddla_claims *c, worker_claims *own) {
  if (own->last_shard >= 0 && take(c, own, own->last_shard ^ 1)) return own->last_shard ^ 1;
  int shard = take_pair(c, own);
  while (shard < 0)
    for (int s = own->step.first; s < own->step.end && shard < 0; s++)
      if (take(c, own, s)) shard = s;
  return shard;
}

void ddla_claims_begin(ddla_claims *c, int worker, const ddla_claims_step *step) {
  worker_claims *own = &c->worker[worker];
  worker_line *line = &c->board->line[worker];
  if (own->over && own->last_shard < 0 && own->times == FIRST) {
    own->mean_ns -= own->mean_ns / FADES;
    own->faded = true;
    atomic_store_explicit(&line->shard_ns, own->mean_ns, memory_order_relaxed);
  }
  own->step = *step;
  own->total = ddla_leaves_filled(c->shards, step->samples, step->first, step->end);
  own->last_shard = -1;
  own->next = step->first;
  own->over = false;
}

ddla_claim ddla_claims_next(ddla_claims *c, int worker, int *shard) {
  worker_claims *own = &c->worker[worker];
  if (own->over) return DDLA_CLAIM_NONE;
  const int64_t now_ns = ddla_clock_now_ns(c->clock);
  const ddla_claim choice = take_ticket(c, worker, now_ns);
  own->over = choice != DDLA_CLAIM_ONE;
  if (choice == DDLA_CLAIM_NONE) return choice;
  atomic_store_explicit(&c->board->line[worker].started_ns, now_ns, memory_order_relaxed);
  own->last_shard = *shard = take_shard(c, own);
  return choice;
}

static int64_t burst(int64_t took_ns, int64_t mean_ns) {
  return took_ns > BURST * mean_ns ? BURST * mean_ns : took_ns;
}

/* The mean after a new time. */
static int64_t mean_with(const worker_claims *own, int64_t took_ns) {
  int64_t mean_ns = own->mean_ns;
  if (own->times == 0 || own->faded) return took_ns;
  if (own->times < FIRST) return took_ns < mean_ns ? took_ns : mean_ns;
  return mean_ns + (burst(took_ns, mean_ns) - mean_ns) / MEAN_OF;
}

void ddla_claims_done(ddla_claims *c, int worker) {
  worker_claims *own = &c->worker[worker];
  worker_line *line = &c->board->line[worker];
  const int64_t took_ns = ddla_clock_now_ns(c->clock) - atomic_load(&line->started_ns);
  own->mean_ns = mean_with(own, took_ns > 0 ? took_ns : 1);
  own->long_ns += own->times < FIRST ? own->mean_ns - own->long_ns
                                     : (burst(took_ns, own->long_ns) - own->long_ns) / LONG_OF;
  own->faded = false;
  own->times += own->times < FIRST;
  if (own->times == FIRST)
    atomic_store_explicit(&line->shard_ns, own->mean_ns, memory_order_relaxed);
  atomic_store_explicit(&line->started_ns, 0, memory_order_relaxed);
}

int64_t ddla_claims_shard_ns(const ddla_claims *c, int worker) {
  return atomic_load_explicit(&c->board->line[worker].shard_ns, memory_order_relaxed);
}

int64_t ddla_claims_long_ns(const ddla_claims *c, int worker) {
  return c->worker[worker].times < FIRST ? 0 : c->worker[worker].long_ns;
}

/* ---- memory ---- */

static size_t taken_offset(int workers) {
  return sizeof(board) + (size_t)workers * sizeof(worker_line);
}

size_t ddla_claims_bytes(int workers, int shards) {
  return taken_offset(workers) + (size_t)shards * sizeof(uint32_t);
}

ddla_status ddla_claims_create(ddla_claims **out, void *memory, int workers, int shards,
                               const ddla_clock *clock) {
  ddla_claims *c = NULL;
  if (workers > DDLA_CLAIMS_WORKERS_MAX)
    return DDLA_FAIL(INVALID,
                     "parallel.balance dynamic is for %d workers of a host at most, not %d; lower "
                     "parallel.lanes or set it to static",
                     DDLA_CLAIMS_WORKERS_MAX, workers);
  DDLA_TRY(DDLA_NEW(c, 1));
  *c = (ddla_claims){.board = memory, .workers = workers, .shards = shards, .clock = clock};
  c->taken = (_Atomic uint32_t *)(void *)((char *)memory + taken_offset(workers));
  ddla_status status = DDLA_NEW(c->worker, workers);
  if (status == DDLA_OK) *out = c;
  else ddla_claims_destroy(c);
  return status;
}

void ddla_claims_destroy(ddla_claims *c) {
  if (!c) return;
  ddla_free(c->worker);
  ddla_free(c);
}
