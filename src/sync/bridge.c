#include "sync/bridge.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sync/bridge_messages.h"

enum {
  IDLE_MS = 100, /* how long the thread sleeps at most before it serves the link again */
  BUSY_MS = 1    /* ... while messages are under way */
};

typedef enum range_state {
  RANGE_COMPUTED, /* or not yet: its gradients are not final */
  RANGE_GATHERED, /* the owner waits for the others' partial sums */
  RANGE_GIVEN,    /* the owner gives the sum to all */
  RANGE_TAKEN,    /* the others wait for the sum */
  RANGE_DONE
} range_state;

typedef struct range {
  range_state state;
  bool here; /* its sum */
  int64_t begin, count;
  int owner;
  ddla_bridge_flight flight;
} range;

/* A partial sum of this host over a subtree of its shards. */
typedef struct own_part {
  ddla_tree_plan plan; /* over `operand` */
  const float *operand[DDLA_TREE_OPERANDS_MAX];
  float *sum;          /* [space], or null until it is needed */
  const float *direct; /* the one operand that it is, or null */
  bool absent;
} own_part;

struct ddla_bridge {
  ddla_bridge_options options;
  ddla_bridge_layout layout;
  pthread_t thread;
  bool started;
  _Atomic bool closing;
  range range[DDLA_BRIDGE_RANGES_MAX];
  own_part *own;   /* [parts of this host] */
  float *received; /* [other hosts' parts][range_elements of each own range] */
  ddla_bridge_share share;
  int64_t sent_bytes;
  /* The order under way, or the last one. */
  uint64_t number;
  ddla_bridge_order order;
  bool running, shared, sharing, absent[DDLA_TREE_OPERANDS_MAX];
  int computed, here;   /* ranges from the top down whose gradients are final; that are there */
  ddla_tree_plan total; /* the sum over all hosts' parts */
  int64_t first_ns, computed_ns;
  ddla_failure failure; /* without a thread: what stopped it; code DDLA_OK: nothing */
};

static int64_t now_ns(const ddla_bridge *b) {
  return ddla_clock_now_ns(ddla_transport_clock(b->options.link));
}

static uint64_t stride(const ddla_bridge_layout *layout) { return (uint64_t)layout->ranges + 2; }

uint64_t ddla_bridge_target_done(const ddla_bridge_layout *layout, uint64_t number) {
  return number * stride(layout);
}

uint64_t ddla_bridge_target_down_to(const ddla_bridge_layout *layout, uint64_t number,
                                    int64_t element) {
  return (number - 1) * stride(layout) + 2 + (uint64_t)ddla_bridge_range_down_to(layout, element);
}

void ddla_bridge_post(ddla_transport *local, ddla_bridge_board *board, uint64_t number,
                      const ddla_bridge_order *order) {
  board->order[number % 2] = *order;
  ddla_transport_word_publish(local, &board->posted, number);
}

static const ddla_bridge_host *this_host(const ddla_bridge *b) {
  return &b->layout.host[b->layout.cluster.host];
}

static void publish(ddla_bridge *b, uint64_t progress) {
  ddla_transport_word_publish(b->options.local, &b->options.board->progress, progress);
}

/* Progress within a step: 1 for the records, and 1 for each range from the top down. */
static void publish_here(ddla_bridge *b) {
  if (b->shared) publish(b, (b->number - 1) * stride(&b->layout) + 1 + (uint64_t)b->here);
}

/* ---- memory ---- */

static int own_ranges(const ddla_bridge *b) {
  return (b->layout.ranges - b->layout.cluster.host + b->layout.cluster.hosts - 1) /
         b->layout.cluster.hosts;
}

static int other_parts(const ddla_bridge *b) {
  return b->layout.part_count - this_host(b)->part_count;
}

/* Room for what is under way of one range: the owner's receives are over before it sends. */
static int flight_room(const ddla_bridge *b) {
  int most = other_parts(b) > b->layout.cluster.hosts ? other_parts(b) : b->layout.cluster.hosts;
  return most > this_host(b)->part_count + 1 ? most : this_host(b)->part_count + 1;
}

static ddla_status make_ranges(ddla_bridge *b) {
  for (int r = 0; r < b->layout.ranges; r++) {
    range *made = &b->range[r];
    ddla_bridge_range(&b->layout, r, &made->begin, &made->count);
    made->owner = ddla_bridge_owner(&b->layout, r);
    made->flight = (ddla_bridge_flight){
        .link = b->options.link, .room = flight_room(b), .sent_bytes = &b->sent_bytes};
    DDLA_TRY(DDLA_NEW(made->flight.request, made->flight.room));
  }
  DDLA_TRY(DDLA_NEW(b->own, this_host(b)->part_count + 1));
  return DDLA_NEW(b->received,
                  (int64_t)other_parts(b) * own_ranges(b) * b->layout.range_elements + 1);
}

/* Where part `part` (of all hosts', not of this one) of an own range arrives. */
static float *received_at(const ddla_bridge *b, int index, int part) {
  const ddla_bridge_host *here = this_host(b);
  const int64_t number = part < here->first_part ? part : part - here->part_count;
  const int64_t place = number * own_ranges(b) + index / b->layout.cluster.hosts;
  return b->received + place * b->layout.range_elements;
}

/* ---- a step ---- */

/* Which parts are of no samples: the same on all hosts. */
static void find_absent(ddla_bridge *b) {
  const int64_t samples = b->order.samples, shards = b->layout.shards;
  for (int p = 0; p < b->layout.part_count; p++) {
    const ddla_tree_part *part = &b->layout.part[p];
    b->absent[p] = samples * part->first / shards == samples * (part->first + part->count) / shards;
  }
}

/* What one of this host's partial sums is the sum of. */
static ddla_status plan_part(ddla_bridge *b, int index, const ddla_operand *operand, int count) {
  const ddla_bridge_host *here = this_host(b);
  const ddla_tree_part *whole = &b->layout.part[here->first_part + index];
  own_part *own = &b->own[index];
  ddla_tree_part parts[DDLA_TREE_OPERANDS_MAX];
  bool absent[DDLA_TREE_OPERANDS_MAX];
  int taken = 0, present = 0;
  for (int i = 0; i < count; i++) {
    if (operand[i].part.first < whole->first ||
        operand[i].part.first >= whole->first + whole->count)
      continue;
    parts[taken] = (ddla_tree_part){operand[i].part.first - whole->first, operand[i].part.count};
    absent[taken] = operand[i].absent;
    own->operand[taken++] = operand[i].data;
    if (!operand[i].absent) own->direct = operand[i].data, present++;
  }
  own->absent = b->absent[here->first_part + index];
  if (present != 1) own->direct = NULL;
  if (own->absent || own->direct) return DDLA_OK;
  if (!own->sum) DDLA_TRY(DDLA_NEW(own->sum, b->layout.space));
  return ddla_tree_plan_make(&own->plan, whole->count, parts, absent, taken);
}

static ddla_status begin_step(ddla_bridge *b) {
  ddla_operand operand[DDLA_TREE_OPERANDS_MAX];
  int count = ddla_operands_list(operand, b->options.operands, b->order.samples);
  find_absent(b);
  for (int i = 0; i < this_host(b)->part_count; i++) DDLA_TRY(plan_part(b, i, operand, count));
  DDLA_TRY(ddla_tree_plan_make(&b->total, b->layout.shards, b->layout.part, b->absent,
                               b->layout.part_count));
  for (int r = 0; r < b->layout.ranges; r++) {
    b->range[r].state = RANGE_COMPUTED;
    b->range[r].here = false;
  }
  b->computed = b->here = 0;
  b->first_ns = b->computed_ns = 0;
  return DDLA_OK;
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

static void note_stop(ddla_bridge *b) {
  uint64_t stop = 0;
  for (int h = 0; h < b->layout.cluster.hosts; h++) stop |= b->share.word[h];
  atomic_store(&b->options.board->stop, stop != 0);
}

/* Shares the order's small arrays: starts when the host's own are there, ends when all are. */
static ddla_status advance_share(ddla_bridge *b, bool *moved) {
  bool step = b->order.step > 0, over = false;
  ddla_bridge_word wanted;
  if (b->shared) return DDLA_OK;
  if (!b->sharing) {
    const ddla_bridge_calls *calls = &b->options.calls;
    if (step && calls->waits(&wanted, calls->argument, b->order.step, b->layout.space))
      return DDLA_OK;
    DDLA_TRY(step ? share_records(b) : share_parts(b));
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

/* This host's partial sum of a range; null: absent. */
static const float *own_sum(ddla_bridge *b, int index, const range *r) {
  own_part *own = &b->own[index];
  if (own->absent) return NULL;
  if (own->direct) return own->direct + r->begin;
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {own->sum};
  for (int i = 0; i < own->plan.operand_count; i++) operands[i] = own->operand[i];
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&own->plan, &io, r->begin, r->count, false);
  return own->sum + r->begin;
}

static ddla_status gather(ddla_bridge *b, int index) {
  range *r = &b->range[index];
  for (int h = 0; h < b->layout.cluster.hosts; h++) {
    const ddla_bridge_host *host = &b->layout.host[h];
    for (int p = 0; p < host->part_count && h != b->layout.cluster.host; p++) {
      const int part = host->first_part + p;
      if (b->absent[part]) continue;
      DDLA_TRY(ddla_bridge_recv(&r->flight, h,
                                ddla_bridge_tag(b->number, DDLA_BRIDGE_PARTIAL, index, p),
                                received_at(b, index, part), (size_t)r->count * sizeof(float)));
    }
  }
  for (int p = 0; p < this_host(b)->part_count; p++) own_sum(b, p, r);
  r->state = RANGE_GATHERED;
  return DDLA_OK;
}

static ddla_status hand_over(ddla_bridge *b, int index) {
  range *r = &b->range[index];
  const size_t bytes = (size_t)r->count * sizeof(float);
  DDLA_TRY(ddla_bridge_recv(&r->flight, r->owner,
                            ddla_bridge_tag(b->number, DDLA_BRIDGE_SUM, index, 0),
                            b->options.reduced + r->begin, bytes));
  for (int p = 0; p < this_host(b)->part_count; p++) {
    const float *sum = own_sum(b, p, r);
    if (!sum) continue;
    DDLA_TRY(ddla_bridge_send(&r->flight, r->owner,
                              ddla_bridge_tag(b->number, DDLA_BRIDGE_PARTIAL, index, p), sum,
                              bytes));
  }
  r->state = RANGE_TAKEN;
  return DDLA_OK;
}

/* The owner's sum over all hosts' parts. */
static void sum_range(ddla_bridge *b, int index) {
  const range *r = &b->range[index];
  const ddla_bridge_host *here = this_host(b);
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {b->options.reduced + r->begin};
  for (int p = 0; p < b->layout.part_count; p++) {
    const int own = p - here->first_part;
    const bool mine = own >= 0 && own < here->part_count;
    operands[p] = NULL;
    if (b->absent[p]) continue;
    if (!mine) operands[p] = received_at(b, index, p);
    else operands[p] = (b->own[own].direct ? b->own[own].direct : b->own[own].sum) + r->begin;
  }
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&b->total, &io, 0, r->count, false);
}

static ddla_status give(ddla_bridge *b, int index) {
  range *r = &b->range[index];
  sum_range(b, index);
  r->here = true;
  for (int h = 0; h < b->layout.cluster.hosts; h++) {
    if (h == b->layout.cluster.host) continue;
    DDLA_TRY(ddla_bridge_send(&r->flight, h, ddla_bridge_tag(b->number, DDLA_BRIDGE_SUM, index, 0),
                              b->options.reduced + r->begin, (size_t)r->count * sizeof(float)));
  }
  r->state = RANGE_GIVEN;
  return DDLA_OK;
}

/* Ranges leave in order, as the host's workers report them final. */
static ddla_status start_ranges(ddla_bridge *b, bool *moved) {
  const ddla_bridge_calls *calls = &b->options.calls;
  ddla_bridge_word wanted;
  while (b->computed < b->layout.ranges) {
    range *r = &b->range[b->computed];
    if (calls->waits(&wanted, calls->argument, b->order.step, r->begin)) return DDLA_OK;
    if (b->first_ns == 0) b->first_ns = now_ns(b);
    DDLA_TRY(r->owner == b->layout.cluster.host ? gather(b, b->computed)
                                                : hand_over(b, b->computed));
    *moved = true;
    if (++b->computed == b->layout.ranges) b->computed_ns = now_ns(b);
  }
  return DDLA_OK;
}

static ddla_status advance_range(ddla_bridge *b, int index, bool *moved) {
  range *r = &b->range[index];
  bool over = false;
  if (r->state == RANGE_COMPUTED || r->state == RANGE_DONE) return DDLA_OK;
  DDLA_TRY(ddla_bridge_look(&r->flight, &over, moved));
  if (!over) return DDLA_OK;
  *moved = true;
  if (r->state == RANGE_GATHERED) return give(b, index);
  r->state = RANGE_DONE;
  r->here = true;
  return DDLA_OK;
}

static ddla_status advance_step(ddla_bridge *b, bool *moved) {
  int here = b->here;
  DDLA_TRY(start_ranges(b, moved));
  for (int r = 0; r < b->computed; r++) DDLA_TRY(advance_range(b, r, moved));
  while (b->here < b->computed && b->range[b->here].here) b->here++;
  if (b->here > here) publish_here(b);
  return DDLA_OK;
}

static bool is_over(const ddla_bridge *b) {
  if (!b->shared) return false;
  for (int r = 0; b->order.step > 0 && r < b->layout.ranges; r++)
    if (b->range[r].state != RANGE_DONE) return false;
  return true;
}

/* ---- orders ---- */

static ddla_status begin_order(ddla_bridge *b) {
  b->number++;
  b->order = b->options.board->order[b->number % 2];
  b->running = true;
  b->shared = b->sharing = false;
  b->computed = b->here = 0;
  return b->order.step > 0 ? begin_step(b) : DDLA_OK;
}

static void count_up(ddla_bridge *b) {
  ddla_bridge_board *board = b->options.board;
  atomic_fetch_add(&board->sent_bytes, b->sent_bytes);
  b->sent_bytes = 0;
  if (b->order.step == 0) return;
  int64_t end_ns = now_ns(b);
  atomic_fetch_add(&board->exchange_ns, end_ns - b->first_ns);
  atomic_fetch_add(&board->exposed_ns, end_ns - b->computed_ns);
}

/* Does whatever can be done without waiting. */
static ddla_status advance(ddla_bridge *b, bool *moved) {
  DDLA_TRY(ddla_transport_check(b->options.local));
  DDLA_TRY(ddla_transport_check(b->options.link));
  DDLA_TRY(ddla_transport_progress(b->options.link, moved));
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

/* ---- with a thread of its own ---- */

static bool under_way(const ddla_bridge *b) {
  return b->running && (b->sharing || (b->order.step > 0 && b->here < b->computed));
}

/* What the bridge waits for, for messages about another host's silence. */
static void describe(void *argument, char *text, size_t bytes) {
  const ddla_bridge *b = argument;
  const unsigned long long step = b->order.step;
  if (!b->running) snprintf(text, bytes, "this host's agents");
  else if (!b->shared && step > 0)
    snprintf(text, bytes, "the other hosts' losses of step %llu", step);
  else if (!b->shared) snprintf(text, bytes, "the other hosts at a meeting");
  else if (b->here < b->computed && b->range[b->here].state == RANGE_GATHERED)
    snprintf(text, bytes, "the other hosts' gradients of step %llu", step);
  else snprintf(text, bytes, "the sum of gradients of step %llu", step);
}

#define UNTIL_QUIET UINT64_MAX

typedef struct service {
  ddla_bridge *bridge;
  uint64_t target; /* of progress; UNTIL_QUIET: until no messages are under way */
  ddla_status status;
} service;

static bool is_served(const service *s) {
  if (s->target == UNTIL_QUIET) return !under_way(s->bridge);
  return atomic_load(&s->bridge->options.board->progress) >= s->target;
}

static ddla_ready serve(void *argument) {
  service *s = argument;
  bool moved = false;
  ddla_failure *failure = &s->bridge->failure;
  s->status = failure->code != DDLA_OK ? ddla_status_raise(failure) : advance(s->bridge, &moved);
  if (s->status != DDLA_OK && failure->code == DDLA_OK) ddla_status_take(failure, s->status);
  if (s->status != DDLA_OK || is_served(s)) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe_service(void *argument, char *text, size_t bytes) {
  const service *s = argument;
  describe(s->bridge, text, bytes);
}

/* What the host's workers have to do first; false: nothing. */
static bool waits_for_workers(ddla_bridge_word *out, const ddla_bridge *b) {
  const ddla_bridge_calls *calls = &b->options.calls;
  *out = (ddla_bridge_word){&b->options.board->posted, b->number + 1};
  if (!b->running) return true;
  if (b->order.step == 0 || b->computed == b->layout.ranges) return false;
  return calls->waits(out, calls->argument, b->order.step, b->range[b->computed].begin);
}

/* Until something may have happened: while messages are under way the link is served, else the
 * host's workers are waited for, but so that the link is served now and then. */
static ddla_status rest(ddla_bridge *b) {
  ddla_bridge_word wanted = {0};
  ddla_status status = DDLA_OK;
  if (!under_way(b) && waits_for_workers(&wanted, b)) {
    status = ddla_transport_word_wait(b->options.local, wanted.word, wanted.value, IDLE_MS);
  } else {
    service s = {.bridge = b, .target = UNTIL_QUIET};
    const ddla_waiting waiting = {.ready = serve, .describe = describe_service, .argument = &s};
    status = ddla_transport_wait(b->options.link, &waiting, BUSY_MS);
    if (status == DDLA_OK) status = s.status;
  }
  return status == DDLA_TIMEOUT ? DDLA_OK : status;
}

static ddla_status run(ddla_bridge *b) {
  while (!atomic_load(&b->closing)) {
    bool moved = false;
    DDLA_TRY(advance(b, &moved));
    if (!moved) DDLA_TRY(rest(b));
  }
  return DDLA_OK;
}

static void *thread_main(void *argument) {
  ddla_bridge *b = argument;
  ddla_status status = run(b);
  if (status == DDLA_OK) return NULL;
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_fail(b->options.link, &failure); /* whoever was first is kept on each side */
  ddla_transport_fail(b->options.local, &failure);
  return NULL;
}

/* ---- without ---- */

ddla_status ddla_bridge_serve(ddla_bridge *b, uint64_t target) {
  service s = {.bridge = b, .target = target};
  const ddla_waiting waiting = {.ready = serve, .describe = describe_service, .argument = &s};
  DDLA_TRY(ddla_transport_wait(b->options.link, &waiting, -1));
  return s.status;
}

ddla_status ddla_bridge_create(ddla_bridge **out, const ddla_bridge_options *options) {
  ddla_bridge *b = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(b, 1));
  b->options = *options;
  b->layout = *options->layout;
  b->share.layout = &b->layout;
  b->share.flight = (ddla_bridge_flight){.link = options->link,
                                         .request = b->share.request,
                                         .room = 2 * DDLA_HOSTS_MAX,
                                         .sent_bytes = &b->sent_bytes};
  DDLA_TRY_CLEAN(status, make_ranges(b));
  if (!options->threadless && pthread_create(&b->thread, NULL, thread_main, b) != 0)
    DDLA_TRY_CLEAN(status, DDLA_FAIL(NO_MEMORY, "cannot start the thread that talks to hosts"));
  b->started = !options->threadless;
  *out = b;
  return DDLA_OK;
cleanup:
  ddla_bridge_destroy(b);
  return status;
}

void ddla_bridge_destroy(ddla_bridge *b) {
  if (!b) return;
  atomic_store(&b->closing, true);
  if (b->started) {
    ddla_transport_word_wake(b->options.local, &b->options.board->posted);
    pthread_join(b->thread, NULL);
  }
  for (int r = 0; r < b->layout.ranges; r++) {
    ddla_bridge_drop(&b->range[r].flight);
    ddla_free(b->range[r].flight.request);
  }
  for (int i = 0; b->own && i < this_host(b)->part_count; i++) ddla_free(b->own[i].sum);
  ddla_bridge_share_fini(&b->share);
  ddla_free(b->own);
  ddla_free(b->received);
  ddla_free(b);
}
