#include "sync/sum/operands.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sync/sum/leaves.h"
#include "sync/sum/pool.h"
#include "sync/sum/row_sums.h"

enum { LINE_BYTES = 64 };

/* A worker's step. */
typedef struct worker_buffers {
  ddla_claims_step step;
  ddla_rows *rows; /* by range: the lists of the shard under way; null: no tables by row */
  /* With static balance. */
  ddla_leaves leaves;
  int next;                /* shard to be claimed */
  int last_shard;          /* whose ranges may be reported final while it is computed; -1: none */
  int last_filled, merged; /* last shard with samples, or -1; merges that this step has done */
  bool *filled;            /* by buffer: holds something in this step */
  /* With dynamic balance. */
  bool last; /* the shard under way is the worker's last */
  char gap[LINE_BYTES];
} worker_buffers;

struct ddla_operands {
  const ddla_sync_options *options;
  worker_buffers *worker;
  int workers, copies_per_worker; /* of this host; the most operands of any worker */
  ddla_claims *claims;            /* null with static balance */
  ddla_pool *pool;
  ddla_operand other[DDLA_TREE_OPERANDS_MAX]; /* of other hosts, by rising shards; lists alone */
  int other_count;
};

/* ---- memory ---- */

/* -1: no memory. */
static int most_buffers(int agents, int lanes, int shards, bool direct) {
  int most = 1;
  for (int worker = 0; worker < agents * lanes; worker++) {
    int first = 0, end = 0;
    ddla_leaves leaves = {0};
    ddla_leaves_share(&first, &end, shards, agents, lanes, worker);
    if (ddla_leaves_create(&leaves, shards, first, end, direct) != DDLA_OK) return -1;
    if (leaves.buffer_count > most) most = leaves.buffer_count;
    ddla_leaves_destroy(&leaves);
  }
  return most;
}

static int workers_of(const ddla_sync_split *split) {
  return ddla_cluster_here(split->cluster) * split->lanes;
}

int ddla_operands_copies(const ddla_sync_split *split) {
  const int workers = workers_of(split);
  if (split->dynamic) return ddla_pool_copies(split->shards, workers, split->cluster->hosts > 1);
  const int most =
      most_buffers(ddla_cluster_agents(split->cluster), split->lanes, split->shards, split->direct);
  return workers * most;
}

static size_t claims_bytes(const ddla_sync_split *split) {
  return (ddla_claims_bytes(workers_of(split), split->shards) + LINE_BYTES - 1) / LINE_BYTES *
         LINE_BYTES;
}

size_t ddla_operands_bytes(const ddla_sync_split *split) {
  return split->dynamic ? claims_bytes(split) + ddla_pool_bytes(split->shards) : 0;
}

static ddla_status make_worker(ddla_operands *o, int index) {
  const ddla_sync_options *options = o->options;
  const ddla_cluster *cluster = options->cluster;
  const int before = cluster->first[cluster->host] * options->lanes; /* workers of earlier hosts */
  worker_buffers *state = &o->worker[index];
  ddla_leaves *leaves = &state->leaves;
  int first = 0, end = 0;
  if (ddla_row_sums_needed(options->state))
    DDLA_TRY(DDLA_NEW(state->rows, ddla_state_range_count(options->state)));
  if (options->dynamic) return DDLA_OK;
  ddla_leaves_share(&first, &end, options->shards, ddla_cluster_agents(cluster), options->lanes,
                    before + index);
  DDLA_TRY(ddla_leaves_create(leaves, options->shards, first, end, options->direct));
  return DDLA_NEW(state->filled, leaves->buffer_count + 1);
}

/* Operands of other hosts, by rising shards, into out [DDLA_TREE_OPERANDS_MAX], which may be null;
 * returns how many there are. Negative: no memory to find out. */
static int list_others(ddla_operand *out, const ddla_cluster *cluster, int lanes, int shards,
                       bool direct) {
  const int agents = ddla_cluster_agents(cluster);
  int count = 0, host = 0;
  for (int w = 0; w < agents * lanes; w++) {
    int first = 0, end = 0;
    ddla_leaves leaves = {0};
    while (w >= cluster->first[host + 1] * lanes) host++;
    if (host == cluster->host) continue;
    ddla_leaves_share(&first, &end, shards, agents, lanes, w);
    if (ddla_leaves_create(&leaves, shards, first, end, direct) != DDLA_OK) return -1;
    for (int i = 0; i < leaves.operand_count; i++, count++) {
      const ddla_leaves_operand *operand = &leaves.operand[i];
      if (!out || count >= DDLA_TREE_OPERANDS_MAX) continue;
      out[count] =
          (ddla_operand){.part = {operand->first, operand->end - operand->first}, .host = host};
    }
    ddla_leaves_destroy(&leaves);
  }
  return count;
}

int ddla_operands_list_copies(const ddla_sync_split *split) {
  const int own = ddla_operands_copies(split);
  const int others = list_others(NULL, split->cluster, split->lanes, split->shards, split->direct);
  return own < 0 || others < 0 ? -1 : own + others;
}

/* Where there are lists, those of other hosts come into copies behind this host's own. */
static ddla_status find_others(ddla_operands *o) {
  const ddla_sync_options *options = o->options;
  if (!ddla_row_sums_needed(options->state) || options->cluster->hosts == 1) return DDLA_OK;
  o->other_count =
      list_others(o->other, options->cluster, options->lanes, options->shards, options->direct);
  if (o->other_count < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  for (int i = 0; i < o->other_count && i < DDLA_TREE_OPERANDS_MAX; i++)
    o->other[i].copy = o->workers * o->copies_per_worker + i;
  return DDLA_OK;
}

static ddla_status make_workers(ddla_operands *o) {
  const ddla_sync_options *options = o->options;
  if (!options->dynamic)
    o->copies_per_worker = most_buffers(ddla_cluster_agents(options->cluster), options->lanes,
                                        options->shards, options->direct);
  if (o->copies_per_worker < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  DDLA_TRY(DDLA_NEW(o->worker, o->workers));
  for (int i = 0; i < o->workers; i++) DDLA_TRY(make_worker(o, i));
  return DDLA_OK;
}

/* The tree takes so many operands in one pass. */
static ddla_status check_count(const ddla_operands *o) {
  int count = o->other_count;
  for (int w = 0; w < o->workers; w++) count += o->worker[w].leaves.operand_count;
  if (count <= DDLA_TREE_OPERANDS_MAX) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%d partial gradients are more than %d; lower train.shards or parallel.lanes",
                   count, DDLA_TREE_OPERANDS_MAX);
}

static void add_copies(void *argument, int to, int from);

static ddla_status make_pool(ddla_operands *o, void *memory) {
  const ddla_sync_options *options = o->options;
  const ddla_sync_split split = {.cluster = options->cluster,
                                 .lanes = options->lanes,
                                 .shards = options->shards,
                                 .direct = options->direct,
                                 .dynamic = options->dynamic};
  const ddla_pool_options pool = {.memory = (char *)memory + claims_bytes(&split),
                                  .workers = o->workers,
                                  .shards = options->shards,
                                  .copies = ddla_operands_copies(&split),
                                  .direct = options->direct,
                                  .add = add_copies,
                                  .argument = o};
  DDLA_TRY(ddla_claims_create(&o->claims, memory, o->workers, options->shards,
                              options->clock ? options->clock : ddla_clock_monotonic()));
  return ddla_pool_create(&o->pool, &pool);
}

ddla_status ddla_operands_create(ddla_operands **out, const ddla_sync_options *options,
                                 void *memory) {
  ddla_operands *o = NULL;
  DDLA_TRY(DDLA_NEW(o, 1));
  o->options = options;
  o->workers = ddla_cluster_here(options->cluster) * options->lanes;
  ddla_status status = make_workers(o);
  if (status == DDLA_OK && !options->dynamic) status = find_others(o);
  if (status == DDLA_OK) status = options->dynamic ? make_pool(o, memory) : check_count(o);
  if (status == DDLA_OK) *out = o;
  else ddla_operands_destroy(o);
  return status;
}

void ddla_operands_destroy(ddla_operands *o) {
  if (!o) return;
  for (int i = 0; o->worker && i < o->workers; i++) {
    ddla_leaves_destroy(&o->worker[i].leaves);
    ddla_free(o->worker[i].filled);
    ddla_free(o->worker[i].rows);
  }
  ddla_pool_destroy(o->pool);
  ddla_claims_destroy(o->claims);
  ddla_free(o->worker);
  ddla_free(o);
}

/* ---- gradients by the number of their copy ---- */

static int copy_of(const ddla_operands *o, int worker, int buffer) {
  return worker * o->copies_per_worker + buffer;
}

static float *copy_at(const ddla_operands *o, int copy) {
  return ddla_state_array(o->options->state, o->options->gradients, 0, copy);
}

/* False where the range is not kept by row. */
static bool list_at(ddla_rows *out, const ddla_operands *o, int range, int copy) {
  const ddla_sync_options *options = o->options;
  if (ddla_state_range_at(options->state, range)->touched_max == 0) return false;
  *out = ddla_state_list(options->state, range, options->lists, 0, copy);
  return true;
}

static void merge_lists(const ddla_operands *o, int to_copy, int from_copy, bool add) {
  ddla_rows to, from;
  for (int i = 0; ddla_operands_by_row(o) && i < ddla_state_range_count(o->options->state); i++) {
    if (!list_at(&to, o, i, to_copy)) continue;
    list_at(&from, o, i, from_copy);
    if (add) ddla_rows_merge(&to, &from);
    else ddla_rows_copy(&to, &from);
  }
}

static void add_copies(void *argument, int to, int from) {
  const ddla_operands *o = argument;
  const int64_t space = ddla_state_dense(o->options->state);
  float *sum = copy_at(o, to);
  const float *more = copy_at(o, from);
  for (int64_t k = 0; k < space; k++) sum[k] += more[k];
  merge_lists(o, to, from, true);
}

static void move_copy(const ddla_operands *o, int to, int from) {
  const size_t bytes = (size_t)ddla_state_dense(o->options->state) * sizeof(float);
  memcpy(copy_at(o, to), copy_at(o, from), bytes);
  merge_lists(o, to, from, false);
}

/* ---- a step ---- */

void ddla_operands_shards(const ddla_operands *o, int worker, int *first, int *end) {
  const worker_buffers *state = &o->worker[worker];
  const int count = state->step.end - state->step.first;
  *first = state->leaves.first;
  *end = state->leaves.end;
  if (!o->pool) return;
  *first = state->step.first + (int)((int64_t)count * worker / o->workers);
  *end = state->step.first + (int)((int64_t)count * (worker + 1) / o->workers);
}

bool ddla_operands_empty(const ddla_operands *o, int64_t samples, int shard) {
  return ddla_leaves_empty(o->options->shards, samples, shard);
}

static void begin_leaves(ddla_operands *o, worker_buffers *state) {
  const ddla_leaves *leaves = &state->leaves;
  state->next = leaves->first;
  state->last_shard = -1;
  state->merged = 0;
  for (int b = 0; b < leaves->buffer_count; b++) state->filled[b] = false;
  for (int s = leaves->first; s < leaves->end; s++)
    if (!ddla_operands_empty(o, state->step.samples, s)) state->last_shard = s;
  state->last_filled = state->last_shard;
  for (int i = 0; i < leaves->merge_count; i++) /* sums that come after it change operands again */
    if (leaves->merge[i].after_shard >= state->last_shard) state->last_shard = -1;
}

void ddla_operands_begin(ddla_operands *o, int worker, const ddla_claims_step *step) {
  o->worker[worker].step = *step;
  if (!o->pool) {
    begin_leaves(o, &o->worker[worker]);
    return;
  }
  ddla_claims_begin(o->claims, worker, step);
  ddla_pool_begin(o->pool, worker, step);
}

bool ddla_operands_claim(ddla_operands *o, int worker, int *shard) {
  worker_buffers *state = &o->worker[worker];
  if (o->pool) {
    const ddla_claim claim = ddla_claims_next(o->claims, worker, shard);
    state->last = claim == DDLA_CLAIM_LAST;
    return claim != DDLA_CLAIM_NONE;
  }
  while (state->next < state->leaves.end &&
         ddla_operands_empty(o, state->step.samples, state->next))
    state->next++;
  if (state->next == state->leaves.end) return false;
  *shard = state->next++;
  return true;
}

/* Adds operands up that the plan of leaves adds before this shard. A shard without samples has its
 * turn too: it frees the buffer that a later shard takes. */
static void merge_before(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  for (; state->merged < state->leaves.merge_count; state->merged++) {
    const ddla_leaves_merge *merge = &state->leaves.merge[state->merged];
    const int to = copy_of(o, worker, merge->to), from = copy_of(o, worker, merge->from);
    if (merge->after_shard >= shard) return;
    if (!state->filled[merge->from]) continue;
    if (state->filled[merge->to]) add_copies(o, to, from);
    else move_copy(o, to, from);
    state->filled[merge->to] = true;
    state->filled[merge->from] = false;
  }
}

ddla_sync_leaf ddla_operands_place(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  bool accumulate = false, last = state->last;
  int copy = 0;
  if (o->pool) {
    copy = ddla_pool_place(o->pool, worker, shard, &accumulate);
  } else {
    merge_before(o, worker, shard);
    const int buffer = state->leaves.buffer[shard - state->leaves.first];
    copy = copy_of(o, worker, buffer);
    accumulate = state->filled[buffer];
    last = shard == state->last_shard;
  }
  for (int i = 0; state->rows && i < ddla_state_range_count(o->options->state); i++)
    list_at(&state->rows[i], o, i, copy);
  return (ddla_sync_leaf){
      .gradients = copy_at(o, copy), .rows = state->rows, .accumulate = accumulate, .last = last};
}

void ddla_operands_done(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  if (o->pool) {
    ddla_pool_done(o->pool, worker);
    ddla_claims_done(o->claims, worker);
    return;
  }
  state->filled[state->leaves.buffer[shard - state->leaves.first]] = true;
  merge_before(o, worker, shard == state->last_filled ? state->leaves.end : shard + 1);
}

int64_t ddla_operands_shard_ns(const ddla_operands *o, int worker) {
  return o->claims ? ddla_claims_shard_ns(o->claims, worker) : 0;
}

int64_t ddla_operands_long_ns(const ddla_operands *o, int worker) {
  return o->claims ? ddla_claims_long_ns(o->claims, worker) : 0;
}

bool ddla_operands_by_row(const ddla_operands *o) { return o->worker[0].rows != NULL; }

static int list_pool(ddla_operand *out, const ddla_operands *o, uint64_t step) {
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  int copy[DDLA_TREE_OPERANDS_MAX];
  const int count = ddla_pool_list(part, copy, o->pool, step);
  for (int i = 0; i < count; i++)
    out[i] = (ddla_operand){.part = part[i],
                            .data = copy_at(o, copy[i]),
                            .copy = copy[i],
                            .host = o->options->cluster->host};
  return count;
}

int ddla_operands_list(ddla_operand *out, const ddla_operands *o, uint64_t step, int64_t samples) {
  int count = 0;
  if (o->pool) return list_pool(out, o, step);
  for (int w = 0; w < o->workers; w++) {
    const ddla_leaves *leaves = &o->worker[w].leaves;
    for (int i = 0; i < leaves->operand_count; i++) {
      const ddla_leaves_operand *operand = &leaves->operand[i];
      const int copy = copy_of(o, w, operand->buffer);
      bool empty = true;
      for (int s = operand->first; s < operand->end; s++)
        empty &= ddla_operands_empty(o, samples, s);
      DDLA_ASSERT(count < DDLA_TREE_OPERANDS_MAX); /* checked at create */
      out[count++] = (ddla_operand){.part = {operand->first, operand->end - operand->first},
                                    .data = copy_at(o, copy),
                                    .copy = copy,
                                    .host = o->options->cluster->host,
                                    .absent = empty};
    }
  }
  return count;
}

static int add_others(ddla_operand *out, const ddla_operands *o, int64_t samples, bool behind) {
  const int here = o->options->cluster->host;
  int count = 0;
  for (int i = 0; i < o->other_count; i++) {
    const ddla_operand *other = &o->other[i];
    if (behind != (other->host > here)) continue;
    out[count] = *other;
    out[count].absent = true;
    for (int64_t s = other->part.first; s < other->part.first + other->part.count; s++)
      out[count].absent &= ddla_operands_empty(o, samples, s);
    count++;
  }
  return count;
}

int ddla_operands_list_all(ddla_operand *out, const ddla_operands *o, uint64_t step,
                           int64_t samples) {
  int count = add_others(out, o, samples, false);
  count += ddla_operands_list(out + count, o, step, samples);
  return count + add_others(out + count, o, samples, true);
}
