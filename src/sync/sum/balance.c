#include "sync/sum/balance.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/tree.h"

/* The best way to deal out shards up to a border to the hosts up to one. */
typedef struct best_cut {
  int parts;  /* partial sums; NONE: there is no way */
  int before; /* the border before the last host's shards */
  int64_t time_ns;
} best_cut;

enum { NONE = 1 << 20 };

struct ddla_balance {
  int hosts, shards, unit, borders; /* border i is shard i * unit, the last one is `shards` */
  best_cut *cut;                    /* [hosts + 1][borders + 1] */
  int64_t *time_ns;                 /* [borders + 1] of one host, by units of shards */
  int64_t *shard_ns;                /* [hosts * WORKERS_MAX] */
};

/* ---- times ---- */

/* Shards that a host is through with in so much time. */
static int64_t capacity(const ddla_balance_paces *paces, int host, int64_t time_ns) {
  int64_t shards = 0;
  for (int w = paces->first[host]; w < paces->first[host + 1]; w++)
    shards += time_ns / paces->shard_ns[w];
  return shards;
}

static int64_t fastest(const ddla_balance_paces *paces, int host) {
  int64_t least = INT64_MAX;
  for (int w = paces->first[host]; w < paces->first[host + 1]; w++)
    if (paces->shard_ns[w] < least) least = paces->shard_ns[w];
  return least;
}

int64_t ddla_balance_time(const ddla_balance_paces *paces, int host, int shards) {
  int64_t low = 0, high = fastest(paces, host) * shards;
  while (low < high) { /* the least time in which the host is through with them */
    const int64_t middle = low + (high - low) / 2;
    if (capacity(paces, host, middle) >= shards) high = middle;
    else low = middle + 1;
  }
  return low;
}

int64_t ddla_balance_time_all(const ddla_balance_paces *paces, const int *first) {
  int64_t most = 0;
  for (int h = 0; h < paces->hosts; h++) {
    const int64_t time_ns = ddla_balance_time(paces, h, first[h + 1] - first[h]);
    if (time_ns > most) most = time_ns;
  }
  return most;
}

/* The least time in which all hosts together are through, when each does one shard at least. */
static int64_t least_time(const ddla_balance_paces *paces, int shards) {
  int64_t low = 0;
  for (int h = 0; h < paces->hosts; h++)
    if (fastest(paces, h) > low) low = fastest(paces, h);
  int64_t high = low * shards;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    int64_t sum = 0;
    for (int h = 0; h < paces->hosts; h++) sum += capacity(paces, h, middle);
    if (sum >= shards) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* ---- shares ---- */

static int border_at(const ddla_balance *b, int index) {
  return index == b->borders ? b->shards : index * b->unit;
}

static best_cut *cut_at(const ddla_balance *b, int hosts, int border) {
  return &b->cut[hosts * (b->borders + 1) + border];
}

/* Partial sums of shards [first, end). */
static int parts_of(int shards, int first, int end) {
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  const int count =
      ddla_tree_cut(part, DDLA_TREE_OPERANDS_MAX, shards, (ddla_tree_part){first, end - first});
  return count < 0 ? NONE : count;
}

static bool is_better(const best_cut *a, const best_cut *b) {
  return a->parts != b->parts ? a->parts < b->parts : a->time_ns < b->time_ns;
}

/* The next host takes shards from a border on; one unit of them whatever it takes. */
static void deal_from(const ddla_balance *b, int host, int from, int units_max) {
  const best_cut *before = cut_at(b, host, from);
  for (int to = from + 1; to <= b->borders && to - from <= units_max; to++) {
    const int64_t time_ns = b->time_ns[to - from];
    const best_cut made = {.parts = before->parts +
                                    parts_of(b->shards, border_at(b, from), border_at(b, to)),
                           .before = from,
                           .time_ns = time_ns > before->time_ns ? time_ns : before->time_ns};
    best_cut *best = cut_at(b, host + 1, to);
    if (made.parts < NONE && is_better(&made, best)) *best = made;
  }
}

static void deal_to_host(ddla_balance *b, const ddla_balance_paces *paces, int host,
                         int64_t limit_ns) {
  int units_max = 0;
  do {
    units_max++;
    b->time_ns[units_max] = ddla_balance_time(paces, host, units_max * b->unit);
  } while (units_max < b->borders && b->time_ns[units_max] <= limit_ns);
  if (units_max > 1 && b->time_ns[units_max] > limit_ns) units_max--;
  for (int border = 0; border < b->borders; border++)
    if (cut_at(b, host, border)->parts < NONE) deal_from(b, host, border, units_max);
}

static bool search(ddla_balance_shares *out, ddla_balance *b, const ddla_balance_paces *paces,
                   int64_t limit_ns) {
  int border = b->borders;
  for (int i = 0; i < (b->hosts + 1) * (b->borders + 1); i++)
    b->cut[i] = (best_cut){.parts = NONE, .time_ns = INT64_MAX};
  *cut_at(b, 0, 0) = (best_cut){0, 0, 0};
  for (int h = 0; h < b->hosts; h++) deal_to_host(b, paces, h, limit_ns);
  if (cut_at(b, b->hosts, border)->parts > DDLA_TREE_OPERANDS_MAX) return false;
  out->steps = 0;
  for (int h = b->hosts; h >= 0; h--) {
    out->first[h] = border_at(b, border);
    border = cut_at(b, h, border)->before;
  }
  return true;
}

bool ddla_balance_best(ddla_balance_shares *out, ddla_balance *b, const ddla_balance_paces *paces) {
  const int64_t least_ns = least_time(paces, b->shards);
  int64_t limit_ns = least_ns + least_ns * DDLA_BALANCE_SLACK / 100;
  for (int tries = 0; tries < 8; tries++) { /* more than one where borders are far apart */
    if (search(out, b, paces, limit_ns)) return true;
    limit_ns += limit_ns / 4;
  }
  return false;
}

void ddla_balance_even(ddla_balance_shares *out, const ddla_cluster *cluster, int shards) {
  const int64_t agents = ddla_cluster_agents(cluster);
  *out = (ddla_balance_shares){.steps = DDLA_BALANCE_PERIOD}; /* may change at once */
  for (int h = 0; h <= cluster->hosts; h++)
    out->first[h] = (int)(shards * (int64_t)cluster->first[h] / agents);
}

void ddla_balance_pieces(int64_t *first, int64_t items, const int64_t *shard_ns, int workers) {
  double sum = 0, before = 0;
  bool known = true;
  for (int w = 0; w < workers; w++) known &= shard_ns[w] > 0;
  for (int w = 0; w < workers; w++) sum += known ? 1.0 / (double)shard_ns[w] : 1.0;
  for (int w = 0; w < workers; w++) {
    first[w] = (int64_t)((double)items * (before / sum) + 0.5);
    before += known ? 1.0 / (double)shard_ns[w] : 1.0;
  }
  first[workers] = items;
}

void ddla_balance_limit(int64_t *first, int64_t most, int workers) {
  const int64_t items = first[workers];
  for (int w = 0; w < workers; w++)
    if (first[w + 1] > first[w] + most) first[w + 1] = first[w] + most;
  first[workers] = items;
  for (int w = workers - 1; w > 0; w--)
    if (first[w] < first[w + 1] - most) first[w] = first[w + 1] - most;
}

/* ---- from step to step ---- */

/* The paces of a host's workers, from its shards' records. A worker that has computed none is not
 * counted on where there were shards enough; else it is taken to be as fast as the slowest of those
 * that have. Returns how many; 0: nothing is known. */
static int read_paces(int64_t *to, const ddla_sync_record *record, int shards, int workers) {
  int64_t who[DDLA_BALANCE_WORKERS_MAX], slowest = 0;
  int count = 0;
  for (int s = 0; s < shards; s++) {
    bool seen = record[s].shard_ns <= 0;
    for (int k = 0; k < count && !seen; k++) seen = who[k] == record[s].worker;
    if (seen || count == DDLA_BALANCE_WORKERS_MAX) continue;
    who[count] = record[s].worker;
    to[count++] = record[s].shard_ns;
    if (record[s].shard_ns > slowest) slowest = record[s].shard_ns;
  }
  while (count > 0 && shards < workers && count < workers && count < DDLA_BALANCE_WORKERS_MAX)
    to[count++] = slowest;
  return count;
}

/* False where a host has measured nothing. */
static bool read_all(ddla_balance_paces *out, const ddla_balance *b, const int *first,
                     const int *workers, const ddla_sync_record *record) {
  *out = (ddla_balance_paces){.hosts = b->hosts, .shard_ns = b->shard_ns};
  for (int h = 0; h < b->hosts; h++) {
    const int count = read_paces(&b->shard_ns[out->first[h]], record + first[h],
                                 first[h + 1] - first[h], workers[h]);
    if (count == 0) return false;
    out->first[h + 1] = out->first[h] + count;
  }
  return true;
}

void ddla_balance_next(ddla_balance_shares *out, ddla_balance *b, const ddla_balance_shares *now,
                       const int *workers, const ddla_sync_record *record) {
  ddla_balance_paces paces;
  ddla_balance_shares best;
  ddla_balance_shares same = *now;
  same.steps++;
  *out = same;
  if (same.steps < DDLA_BALANCE_PERIOD) return;
  if (!read_all(&paces, b, now->first, workers, record)) return;
  const int64_t now_ns = ddla_balance_time_all(&paces, now->first);
  const int64_t wanted_ns = now_ns - now_ns * DDLA_BALANCE_GAIN / 100;
  if (least_time(&paces, b->shards) > wanted_ns) return; /* whatever the shares */
  if (!ddla_balance_best(&best, b, &paces)) return;
  if (ddla_balance_time_all(&paces, best.first) <= wanted_ns) *out = best;
}

/* ---- memory ---- */

ddla_status ddla_balance_create(ddla_balance **out, int hosts, int shards) {
  ddla_balance *b = NULL;
  ddla_status status = DDLA_OK;
  DDLA_ASSERT(shards >= hosts);
  DDLA_TRY(DDLA_NEW(b, 1));
  *b = (ddla_balance){.hosts = hosts, .shards = shards, .unit = 1};
  while (shards / b->unit > DDLA_BALANCE_BORDERS) b->unit *= 2;
  b->borders = (shards + b->unit - 1) / b->unit;
  DDLA_TRY_CLEAN(status, DDLA_NEW(b->cut, (int64_t)(hosts + 1) * (b->borders + 1)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(b->time_ns, b->borders + 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(b->shard_ns, (int64_t)hosts * DDLA_BALANCE_WORKERS_MAX));
  *out = b;
  return DDLA_OK;
cleanup:
  ddla_balance_destroy(b);
  return status;
}

void ddla_balance_destroy(ddla_balance *b) {
  if (!b) return;
  ddla_free(b->cut);
  ddla_free(b->time_ns);
  ddla_free(b->shard_ns);
  ddla_free(b);
}
