#include "sync/operands.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sync/leaves.h"
#include "sync/row_sums.h"

enum { LINE_BYTES = 64 };

/* A worker's step. */
typedef struct worker_buffers {
  ddla_leaves leaves;
  int64_t samples;         /* of the step */
  int next;                /* shard to be claimed */
  int last_shard;          /* whose ranges may be reported final while it is computed; -1: none */
  int last_filled, merged; /* last shard with samples, or -1; merges that this step has done */
  bool *filled;            /* by buffer: holds something in this step */
  ddla_rows *rows;         /* by range: the lists of the shard under way; null: no tables by row */
  char gap[LINE_BYTES];
} worker_buffers;

struct ddla_operands {
  const ddla_sync_options *options;
  worker_buffers *worker;
  int workers, copies_per_worker;             /* of this host; the most operands of any worker */
  ddla_operand other[DDLA_TREE_OPERANDS_MAX]; /* of other hosts, by rising shards; lists alone */
  int other_count;
};

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

int ddla_operands_copies(const ddla_cluster *cluster, int lanes, int shards, bool direct) {
  return ddla_cluster_here(cluster) * lanes *
         most_buffers(ddla_cluster_agents(cluster), lanes, shards, direct);
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

int ddla_operands_list_copies(const ddla_cluster *cluster, int lanes, int shards, bool direct) {
  const int own = ddla_operands_copies(cluster, lanes, shards, direct);
  const int others = list_others(NULL, cluster, lanes, shards, direct);
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
  const ddla_cluster *cluster = options->cluster;
  const int agents = ddla_cluster_agents(cluster), lanes = options->lanes;
  const int before = cluster->first[cluster->host] * lanes; /* workers of earlier hosts */
  o->copies_per_worker = most_buffers(agents, lanes, options->shards, options->direct);
  if (o->copies_per_worker < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  DDLA_TRY(DDLA_NEW(o->worker, o->workers));
  for (int i = 0; i < o->workers; i++) {
    int first = 0, end = 0;
    ddla_leaves *leaves = &o->worker[i].leaves;
    ddla_leaves_share(&first, &end, options->shards, agents, lanes, before + i);
    DDLA_TRY(ddla_leaves_create(leaves, options->shards, first, end, options->direct));
    DDLA_TRY(DDLA_NEW(o->worker[i].filled, leaves->buffer_count + 1));
    if (ddla_row_sums_needed(options->state))
      DDLA_TRY(DDLA_NEW(o->worker[i].rows, ddla_state_range_count(options->state)));
  }
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

ddla_status ddla_operands_create(ddla_operands **out, const ddla_sync_options *options) {
  ddla_operands *o = NULL;
  DDLA_TRY(DDLA_NEW(o, 1));
  o->options = options;
  o->workers = ddla_cluster_here(options->cluster) * options->lanes;
  ddla_status status = make_workers(o);
  if (status == DDLA_OK) status = find_others(o);
  if (status == DDLA_OK) status = check_count(o);
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
  ddla_free(o->worker);
  ddla_free(o);
}

void ddla_operands_shards(const ddla_operands *o, int worker, int *first, int *end) {
  *first = o->worker[worker].leaves.first;
  *end = o->worker[worker].leaves.end;
}

bool ddla_operands_empty(const ddla_operands *o, int64_t samples, int64_t shard) {
  const int64_t shards = o->options->shards;
  return samples * shard / shards == samples * (shard + 1) / shards;
}

static int copy_of(const ddla_operands *o, int worker, int buffer) {
  return worker * o->copies_per_worker + buffer;
}

static float *buffer_at(const ddla_operands *o, int worker, int buffer) {
  return ddla_state_array(o->options->state, o->options->gradients, 0, copy_of(o, worker, buffer));
}

/* False where the range is not kept by row. */
static bool list_at(ddla_rows *out, const ddla_operands *o, int range, int worker, int buffer) {
  const ddla_sync_options *options = o->options;
  if (ddla_state_range_at(options->state, range)->touched_max == 0) return false;
  *out = ddla_state_list(options->state, range, options->lists, 0, copy_of(o, worker, buffer));
  return true;
}

void ddla_operands_begin(ddla_operands *o, int worker, int64_t samples) {
  worker_buffers *state = &o->worker[worker];
  const ddla_leaves *leaves = &state->leaves;
  state->samples = samples;
  state->next = leaves->first;
  state->last_shard = -1;
  state->merged = 0;
  for (int b = 0; b < leaves->buffer_count; b++) state->filled[b] = false;
  for (int s = leaves->first; s < leaves->end; s++)
    if (!ddla_operands_empty(o, samples, s)) state->last_shard = s;
  state->last_filled = state->last_shard;
  for (int i = 0; i < leaves->merge_count; i++) /* sums that come after it change operands again */
    if (leaves->merge[i].after_shard >= state->last_shard) state->last_shard = -1;
}

bool ddla_operands_claim(ddla_operands *o, int worker, int *shard) {
  worker_buffers *state = &o->worker[worker];
  while (state->next < state->leaves.end && ddla_operands_empty(o, state->samples, state->next))
    state->next++;
  if (state->next == state->leaves.end) return false;
  *shard = state->next++;
  return true;
}

static void merge_lists(const ddla_operands *o, int worker, const ddla_leaves_merge *merge) {
  const worker_buffers *state = &o->worker[worker];
  ddla_rows to, from;
  for (int i = 0; state->rows && i < ddla_state_range_count(o->options->state); i++) {
    if (!list_at(&to, o, i, worker, merge->to)) continue;
    list_at(&from, o, i, worker, merge->from);
    if (state->filled[merge->to]) ddla_rows_merge(&to, &from);
    else ddla_rows_copy(&to, &from);
  }
}

/* Adds operands up that the plan of leaves adds before this shard. A shard without samples has its
 * turn too: it frees the buffer that a later shard takes. */
static void merge_before(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  const int64_t space = ddla_state_dense(o->options->state);
  for (; state->merged < state->leaves.merge_count; state->merged++) {
    const ddla_leaves_merge *merge = &state->leaves.merge[state->merged];
    if (merge->after_shard >= shard) return;
    if (!state->filled[merge->from]) continue;
    float *to = buffer_at(o, worker, merge->to);
    const float *from = buffer_at(o, worker, merge->from);
    if (state->filled[merge->to]) {
      for (int64_t k = 0; k < space; k++) to[k] += from[k];
    } else {
      memcpy(to, from, (size_t)space * sizeof *to);
    }
    merge_lists(o, worker, merge);
    state->filled[merge->to] = true;
    state->filled[merge->from] = false;
  }
}

ddla_sync_leaf ddla_operands_place(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  merge_before(o, worker, shard);
  int buffer = state->leaves.buffer[shard - state->leaves.first];
  for (int i = 0; state->rows && i < ddla_state_range_count(o->options->state); i++)
    list_at(&state->rows[i], o, i, worker, buffer);
  return (ddla_sync_leaf){.gradients = buffer_at(o, worker, buffer),
                          .rows = state->rows,
                          .accumulate = state->filled[buffer],
                          .last = shard == state->last_shard};
}

void ddla_operands_done(ddla_operands *o, int worker, int shard) {
  worker_buffers *state = &o->worker[worker];
  state->filled[state->leaves.buffer[shard - state->leaves.first]] = true;
  merge_before(o, worker, shard == state->last_filled ? state->leaves.end : shard + 1);
}

bool ddla_operands_by_row(const ddla_operands *o) { return o->worker[0].rows != NULL; }

int ddla_operands_list(ddla_operand *out, const ddla_operands *o, int64_t samples) {
  int count = 0;
  for (int w = 0; w < o->workers; w++) {
    const ddla_leaves *leaves = &o->worker[w].leaves;
    for (int i = 0; i < leaves->operand_count; i++) {
      const ddla_leaves_operand *operand = &leaves->operand[i];
      bool empty = true;
      for (int s = operand->first; s < operand->end; s++)
        empty &= ddla_operands_empty(o, samples, s);
      DDLA_ASSERT(count < DDLA_TREE_OPERANDS_MAX); /* checked at create */
      out[count++] = (ddla_operand){.part = {operand->first, operand->end - operand->first},
                                    .data = buffer_at(o, w, operand->buffer),
                                    .copy = copy_of(o, w, operand->buffer),
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

int ddla_operands_list_all(ddla_operand *out, const ddla_operands *o, int64_t samples) {
  int count = add_others(out, o, samples, false);
  count += ddla_operands_list(out + count, o, samples);
  return count + add_others(out + count, o, samples, true);
}
