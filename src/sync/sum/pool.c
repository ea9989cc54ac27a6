#include "sync/sum/pool.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sync/sum/leaves.h"

/* A span in one word, at the place of its first shard: the step's tag, whether somebody works on
 * it, its end, its buffer. */
typedef struct span {
  uint64_t tag;
  bool busy;
  int end, copy;
} span;

enum { TRIES_MAX = 1 << 20, COPY_BITS = 8, END_BITS = 17, TAG_SHIFT = COPY_BITS + END_BITS + 1 };

/* A worker's step. */
typedef struct worker_pool {
  ddla_claims_step step;
  int first; /* shard of the span under way */
  span own;  /* that span */
  char gap[64];
} worker_pool;

struct ddla_pool {
  ddla_pool_options options;
  _Atomic uint64_t *held;  /* [DDLA_TREE_OPERANDS_MAX] by buffer: tag of the last step that holds */
  _Atomic uint64_t *spans; /* [shards] by first shard */
  worker_pool *worker;     /* [workers] those of this agent are used */
};

/* Never 0. */
static uint64_t tag_of(uint64_t step) { return (step + 1) & ((UINT64_C(1) << 38) - 1); }

static uint64_t pack(span s) {
  return s.tag << TAG_SHIFT | (uint64_t)s.busy << (COPY_BITS + END_BITS) |
         (uint64_t)s.end << COPY_BITS | (uint64_t)s.copy;
}

static span unpack(uint64_t word) {
  return (span){word >> TAG_SHIFT, word >> (COPY_BITS + END_BITS) & 1,
                (int)(word >> COPY_BITS & ((1 << END_BITS) - 1)),
                (int)(word & ((1 << COPY_BITS) - 1))};
}

/* ---- how many ---- */

/* by[h] = the most spans of `count` leaves when h > 0 holes lie in them, perhaps in the same ones;
 * by[0] = 1, the whole. */
enum { HOLES_MAX = DDLA_CLAIMS_WORKERS_MAX + 3 };

typedef struct most {
  int by[HOLES_MAX + 1];
} most;

/* Both halves side by side; a whole one is one span. */
static most join(const most *left, const most *right) {
  most made = {{1}};
  for (int holes = 1; holes <= HOLES_MAX; holes++)
    for (int i = 0; i <= holes; i++) {
      const int sum = left->by[i] + right->by[holes - i];
      if (sum > made.by[holes]) made.by[holes] = sum;
    }
  return made;
}

static most most_of(int count) {
  most made = {{1}}, power = {{1}}; /* one leaf: there, or not; more holes than leaves do no harm */
  if (count == 1) return made;
  const int half = (int)ddla_tree_left(count);
  for (int leaves = 1; leaves < half; leaves *= 2) power = join(&power, &power);
  made = half == count - half ? power : most_of(count - half);
  return join(&power, &made);
}

int ddla_pool_most_spans(int count, int holes) {
  const most found = most_of(count);
  const int spans = found.by[holes < HOLES_MAX ? holes : HOLES_MAX];
  return spans > 1 ? spans : 1;
}

/* Holes of a host's sum, where a worker looks for a buffer: a shard or a span under way for each
 * worker (or the sibling that it has left alone), the first pair that nobody has begun, and two
 * borders of the host's shards. Each of the other workers may hold two buffers, while it adds them
 * up. */
int ddla_pool_copies(int shards, int workers, bool parts) {
  const int holes = workers + 1 + (parts ? 2 : 0);
  const int enough = ddla_pool_most_spans(shards, holes) + 2 * (workers - 1) + 1;
  return enough < shards ? enough : shards;
}

/* ---- buffers ---- */

static bool try_hold(ddla_pool *p, int copy, uint64_t tag) {
  uint64_t held = atomic_load_explicit(&p->held[copy], memory_order_relaxed);
  return held != tag && atomic_compare_exchange_strong(&p->held[copy], &held, tag);
}

/* A free buffer, of those the worker takes first if there is one: they are near it; -1: none. */
static int take_free(ddla_pool *p, int worker, uint64_t tag) {
  const int copies = p->options.copies, start = worker * copies / p->options.workers;
  for (int i = 0; i < copies; i++)
    if (try_hold(p, (start + i) % copies, tag)) return (start + i) % copies;
  return -1;
}

static bool is_complete(span s, uint64_t tag) { return s.tag == tag && !s.busy; }

static span span_at(const ddla_pool *p, int first) { return unpack(atomic_load(&p->spans[first])); }

/* The span is this worker's to change, if it still is what it was. */
static bool seize(ddla_pool *p, int first, span seen) {
  uint64_t word = pack(seen);
  seen.busy = true;
  return atomic_compare_exchange_strong(&p->spans[first], &word, pack(seen));
}

static void put(ddla_pool *p, int first, span s) { atomic_store(&p->spans[first], pack(s)); }

static bool is_hollow(const ddla_pool *p, const ddla_claims_step *step, int first, int end) {
  return first >= step->first && end <= step->end &&
         ddla_leaves_filled(p->options.shards, step->samples, first, end) == 0;
}

/* [*first, *end) also stands for siblings of the host that have no samples. */
static void widen(const ddla_pool *p, const ddla_claims_step *step, int *first, int *end) {
  ddla_tree_part at = {0, p->options.shards}, path[64];
  int depth = 0;
  while (at.first != *first || at.first + at.count != *end) {
    const int64_t left = ddla_tree_left(at.count);
    path[depth++] = at;
    if (*first < at.first + left) at.count = left;
    else at = (ddla_tree_part){at.first + left, at.count - left};
  }
  while (depth-- > 0) {
    const int above = (int)path[depth].first, above_end = above + (int)path[depth].count;
    if (!is_hollow(p, step, above, *first) || !is_hollow(p, step, *end, above_end)) return;
    *first = above;
    *end = above_end;
  }
}

/* Adds two halves up that are complete; the buffer that becomes free, or -1: there are none. */
static int merge(ddla_pool *p, const ddla_claims_step *step) {
  const uint64_t tag = tag_of(step->step);
  for (int a = step->first; a < step->end; a++) {
    span left = span_at(p, a);
    if (!is_complete(left, tag) || left.end >= step->end) continue;
    const int middle = left.end;
    const span right = span_at(p, middle);
    if (!is_complete(right, tag) ||
        !ddla_leaves_siblings(p->options.shards, a, middle, right.end) || !seize(p, a, left))
      continue;
    if (!seize(p, middle, right)) {
      put(p, a, left);
      continue;
    }
    p->options.add(p->options.argument, left.copy, right.copy);
    int first = a;
    left.end = right.end;
    atomic_store(&p->spans[middle], 0);
    widen(p, step, &first, &left.end);
    if (first != a) atomic_store(&p->spans[a], 0);
    put(p, first, left);
    return right.copy;
  }
  return -1;
}

/* ---- a step ---- */

void ddla_pool_begin(ddla_pool *p, int worker, const ddla_claims_step *step) {
  p->worker[worker].step = *step;
}

/* On top of the sibling's gradient, where that is complete. */
static bool place_beside(ddla_pool *p, worker_pool *w, int shard) {
  const int sibling = shard ^ 1, first = shard < sibling ? shard : sibling;
  if (!p->options.direct || sibling < w->step.first || sibling >= w->step.end) return false;
  const span seen = span_at(p, sibling);
  if (!is_complete(seen, tag_of(w->step.step)) || !seize(p, sibling, seen)) return false;
  if (sibling != first) atomic_store(&p->spans[sibling], 0);
  w->first = first;
  w->own = (span){seen.tag, true, first + 2, seen.copy};
  return true;
}

int ddla_pool_place(ddla_pool *p, int worker, int shard, bool *accumulate) {
  worker_pool *w = &p->worker[worker];
  const uint64_t tag = tag_of(w->step.step);
  *accumulate = place_beside(p, w, shard);
  if (!*accumulate) {
    int copy = take_free(p, worker, tag);
    /* There is always one or the other; it takes more than one try where others were faster. */
    for (int tries = 0; copy < 0; tries++) {
      DDLA_ASSERT(tries < TRIES_MAX);
      copy = merge(p, &w->step);
      if (copy < 0) copy = take_free(p, worker, tag);
    }
    w->first = shard;
    w->own = (span){tag, true, shard + 1, copy};
  }
  widen(p, &w->step, &w->first, &w->own.end);
  put(p, w->first, w->own);
  return w->own.copy;
}

void ddla_pool_done(ddla_pool *p, int worker) {
  worker_pool *w = &p->worker[worker];
  w->own.busy = false;
  put(p, w->first, w->own);
}

int ddla_pool_list(ddla_tree_part *part, int *copy, const ddla_pool *p, uint64_t step) {
  int count = 0;
  for (int first = 0; first < p->options.shards; first++) {
    const span s = span_at(p, first);
    if (s.tag != tag_of(step)) continue;
    DDLA_ASSERT(count < DDLA_TREE_OPERANDS_MAX); /* each has a buffer */
    part[count] = (ddla_tree_part){first, s.end - first};
    copy[count++] = s.copy;
  }
  return count;
}

/* ---- memory ---- */

size_t ddla_pool_bytes(int shards) {
  return (DDLA_TREE_OPERANDS_MAX + (size_t)shards) * sizeof(uint64_t);
}

ddla_status ddla_pool_create(ddla_pool **out, const ddla_pool_options *options) {
  ddla_pool *p = NULL;
  if (options->copies > DDLA_TREE_OPERANDS_MAX)
    return DDLA_FAIL(INVALID,
                     "%d partial gradients are more than %d; lower train.shards or "
                     "parallel.lanes, or set parallel.balance to static",
                     options->copies, DDLA_TREE_OPERANDS_MAX);
  DDLA_TRY(DDLA_NEW(p, 1));
  p->options = *options;
  p->held = options->memory;
  p->spans = p->held + DDLA_TREE_OPERANDS_MAX;
  ddla_status status = DDLA_NEW(p->worker, options->workers);
  if (status == DDLA_OK) *out = p;
  else ddla_pool_destroy(p);
  return status;
}

void ddla_pool_destroy(ddla_pool *p) {
  if (!p) return;
  ddla_free(p->worker);
  ddla_free(p);
}
