/* Gossip (Lian et al. 2018, arXiv:1710.06952) on simulated hosts, from random seeds: messages that
 * take up to seconds and overtake each other, hosts that are slow, stops at random moments, crashes
 * at random points. The order in which turns ended and letters were read is written down; in the
 * end the same turns and averages are made by a plain loop over that order, with an array for each
 * replica and no letters. At every fence all replicas have its bits, and the global model is their
 * mean. Every batch is computed once. After a crash every survivor ends with a named failure.
 * sim_swaps [--seeds N] [--first SEED] */
#include "seeds.h"

#include "sync/turns/swaps.h"
#include "sync/turns/test_ranges.h"

static seeds given;

enum { HOSTS_MAX = 5, RANGES_MAX = 5, SHARDS = 4, LENGTH = 40 };

typedef enum event_kind {
  EVENT_TURN,   /* a host's turn is over */
  EVENT_SENT,   /* a range of a host's swap has left it */
  EVENT_SWAP,   /* a host reads a range of another one's swap */
  EVENT_ANSWER, /* and of the answer to its own */
  EVENT_MEET    /* a fence: it makes what it keeps part of its model */
} event_kind;

typedef struct event {
  event_kind kind;
  int host, from, range;
  int64_t step;
} event;

/* What a host found at a fence. */
typedef struct meeting {
  int64_t step;
  bool stop;
  uint64_t theta[RANGES_MAX], global[RANGES_MAX];
  double spread;
} meeting;

typedef struct host {
  struct story *s;
  ddla_bridge_layout layout;
  small_state state;
  ddla_turn_board *board;
  ddla_turns *turns;
  void *made; /* of swaps */
  ddla_transport *local, *link;
  ddla_rng rng;
  plain_range *trained; /* [ranges] with what moments it has */
  uint64_t version, orders;
  int64_t slow_ns, turn_count, stop_at; /* a turn takes so long; in this turn it asks to stop */
  int64_t merged;                       /* the last fence */
  meeting *met;
  int64_t met_count;
} host;

/* One seed's run. */
typedef struct story {
  uint64_t seed;
  int hosts, ranges;
  int64_t start, total;
  bool stops;
  ddla_turn_rule rule;
  host host[HOSTS_MAX];
  event *log;
  int64_t events, room;
  ddla_failure failure[HOSTS_MAX];
} story;

/* ---- what is written down ---- */

static story *told; /* the run under way */

/* ddla_swaps, but that what it is asked is written down. */
static ddla_turn_method watched;

static host *host_of(const void *made) {
  host *h = told->host;
  while (h->made != made) h++;
  return h;
}

static void note(const void *made, event e) {
  e.host = (int)(host_of(made) - told->host);
  if (told->events < told->room) told->log[told->events] = e;
  told->events++; /* too many are seen in the end */
}

static ddla_status create(void **made, const ddla_turn_means *means) {
  DDLA_TRY(ddla_swaps.create(made, means));
  for (int h = 0; h < told->hosts; h++)
    if (told->host[h].board == means->options.board) told->host[h].made = *made;
  return DDLA_OK;
}

static ddla_status deliver(void *made, int from, const ddla_letter *letter, void *data) {
  const event e = {.kind = letter->kind == DDLA_LETTER_SWAP ? EVENT_SWAP : EVENT_ANSWER,
                   .from = from,
                   .range = letter->range};
  if (letter->kind == DDLA_LETTER_SWAP || letter->kind == DDLA_LETTER_ANSWER) note(made, e);
  return ddla_swaps.deliver(made, from, letter, data);
}

static void sent(void *made, int to, const ddla_letter *letter, const void *data) {
  if (letter->kind == DDLA_LETTER_SWAP) note(made, (event){.kind = EVENT_SENT});
  ddla_swaps.sent(made, to, letter, data);
}

static ddla_status contribute(void *made, const ddla_turn_order *order) {
  note(made, (event){.kind = EVENT_TURN, .step = host_of(made)->board->grant.step});
  return ddla_swaps.contribute(made, order);
}

static ddla_status conclude(bool *over, void *made, int stage, int64_t fence, bool *moved) {
  host *h = host_of(made);
  if (h->merged < fence) note(made, (event){.kind = EVENT_MEET, .step = fence});
  h->merged = fence;
  return ddla_swaps.conclude(over, made, stage, fence, moved);
}

/* ---- a host ---- */

/* Ranges are of one block. */
static int64_t begin_of(const host *h, int range) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(&h->layout, range, &begin, &count);
  return begin;
}

/* What hosts begin with, as when a run is resumed: each with its own. */
static float initial(int rank, int64_t k) {
  return small_initial(k) * (1 + 0.25f * (float)((rank + k / 3) % HOSTS_MAX));
}

/* A batch's gradient at theta, of 2 samples; no two are alike. */
static void gradient_of(float *out, const float *theta, int64_t step, int64_t begin) {
  const uint64_t x = ddla_rng_key((uint64_t)step, DDLA_PURPOSE_TEST, 58, (uint64_t)begin);
  const float noise = ((float)(x % 4001) - 2000) / 1777;
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
    out[k] = 2 * (theta[k] * 0.25f + noise * ((float)k / 8192 - 0.75f));
}

/* A step by itself. */
static void train(plain_range *r, const ddla_sync_options *sync, int64_t step) {
  float gradient[DDLA_STATE_BLOCK];
  gradient_of(gradient, r->theta, step, r->begin);
  plain_update(r, sync, gradient, 2, 1, 1);
}

static float *theta_of(const host *h, uint64_t version, int range) {
  return (float *)ddla_state_array(h->state.state, h->state.sync.theta, version, 0) +
         begin_of(h, range);
}

static ddla_status run_order(host *h, ddla_turn_kind kind) {
  const ddla_turn_order order = {.kind = kind, .sums = {.count = 2, .samples = 2}};
  ddla_turns_post(&h->state.sync, h->board, ++h->orders, &order);
  return ddla_turns_serve(h->turns, h->orders);
}

/* The host's next version, while letters come and go. */
static ddla_status compute(host *h) {
  const int looks = (int)ddla_rng_below(&h->rng, 4);
  const size_t bytes = sizeof h->trained->theta;
  h->turn_count++;
  if (h->turn_count == h->stop_at) atomic_store(&h->board->stop_asked, 1);
  for (int i = 0; i < looks; i++) {
    if (ddla_rng_below(&h->rng, 2)) atomic_store(&h->board->near, (uint64_t)h->turn_count);
    DDLA_TRY(ddla_turns_serve(h->turns, 0));
    DDLA_TRY(seeds_pass_time(h->link, (int64_t)ddla_rng_below(&h->rng, (uint64_t)h->slow_ns + 1)));
  }
  for (int r = 0; r < h->s->ranges; r++) {
    memcpy(h->trained[r].theta, theta_of(h, h->version, r), bytes);
    train(&h->trained[r], &h->state.sync, h->board->grant.step);
    memcpy(theta_of(h, h->version + 1, r), h->trained[r].theta, bytes);
  }
  h->version++;
  return DDLA_OK;
}

static ddla_status note_fence(host *h) {
  const ddla_turn_board *board = h->board;
  const uint64_t step = atomic_load(&board->step);
  const float *global =
      ddla_state_array(h->state.state, h->state.sync.arrays[DDLA_SWAPS_GLOBAL], 0, 0);
  if (h->met_count == h->s->total + 2) return DDLA_FAIL(INTERNAL, "fences without end");
  meeting *met = &h->met[h->met_count++];
  *met = (meeting){.step = (int64_t)step, .stop = board->stop, .spread = board->spread};
  for (int r = 0; r < h->s->ranges; r++) {
    met->theta[r] = seeds_hash(theta_of(h, step, r));
    met->global[r] = seeds_hash(global + begin_of(h, r));
  }
  return seeds_pass_time(h->link, (int64_t)ddla_rng_below(&h->rng, (uint64_t)h->slow_ns + 1));
}

/* Turns and fences to the end. */
static ddla_status live(host *h) {
  const ddla_turn_board *board = h->board;
  DDLA_TRY(run_order(h, DDLA_TURN_GO_ON));
  for (;;) {
    if (!board->fence) {
      DDLA_TRY(compute(h));
      DDLA_TRY(run_order(h, DDLA_TURN_CONTRIBUTE));
      continue;
    }
    DDLA_TRY(note_fence(h));
    if (board->stop || (int64_t)atomic_load(&board->step) == h->s->total) break;
    DDLA_TRY(run_order(h, DDLA_TURN_GO_ON));
  }
  return run_order(h, DDLA_TURN_MEET);
}

static void begin_range(plain_range *r, const host *h, int rank, int range) {
  plain_begin(r, begin_of(h, range), h->s->start / h->s->hosts);
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) r->theta[k] = initial(rank, r->begin + k);
}

static ddla_status begin_model(host *h, int rank) {
  const story *s = h->s;
  h->version = (uint64_t)(s->start / s->hosts);
  h->merged = s->start;
  DDLA_TRY(DDLA_NEW(h->trained, s->ranges));
  for (int r = 0; r < s->ranges; r++) {
    begin_range(&h->trained[r], h, rank, r);
    memcpy(theta_of(h, (uint64_t)s->start, r), h->trained[r].theta, sizeof h->trained->theta);
  }
  ddla_swaps_align(h->state.state, (uint64_t)s->start, h->version);
  return DDLA_OK;
}

static ddla_status begin(host *h) {
  story *s = h->s;
  const int rank = ddla_transport_rank(h->link);
  const int64_t space = (int64_t)s->ranges * DDLA_STATE_BLOCK;
  ddla_cluster cluster = {.hosts = s->hosts, .host = rank};
  for (int i = 0; i <= s->hosts; i++) cluster.first[i] = i;
  DDLA_TRY(ddla_transport_open(&h->local, "self", NULL));
  DDLA_TRY(ddla_bridge_layout_make(&h->layout, &cluster, SHARDS, 1, space, SMALL_RANGE_BYTES));
  if (h->layout.ranges != s->ranges) return DDLA_FAIL(INTERNAL, "%d ranges", h->layout.ranges);
  DDLA_TRY(small_open_with(&h->state, s->ranges, s->seed % 2 ? "adamw" : "sgd", s->start, s->total,
                           DDLA_SWAPS_ARRAYS));
  h->state.sync.transport = h->local;
  h->state.sync.link = h->link;
  h->state.sync.threadless = true;
  h->state.sync.lanes = 1;
  h->state.sync.range_bytes = SMALL_RANGE_BYTES;
  h->state.sync.seed = s->seed;
  h->state.sync.global_buffers = -1;
  DDLA_TRY(begin_model(h, rank));
  DDLA_TRY(DDLA_NEW(h->board, 1));
  DDLA_TRY(DDLA_NEW(h->met, s->total + 2));
  atomic_store(&h->board->step, (uint64_t)s->start);
  return ddla_turns_create(&h->turns, &(ddla_turns_options){.sync = &h->state.sync,
                                                            .method = &watched,
                                                            .layout = &h->layout,
                                                            .rule = s->rule,
                                                            .board = h->board,
                                                            .version = h->version});
}

/* What it found stays until it was looked at. */
static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  const int rank = ddla_transport_rank(link);
  host *h = &s->host[rank];
  h->s = s;
  h->link = link;
  ddla_status status = begin(h);
  if (status == DDLA_OK) status = live(h);
  ddla_turns_destroy(h->turns);
  ddla_transport_close(h->local);
  if (status != DDLA_OK) ddla_status_take(&s->failure[rank], status);
  return status;
}

/* ---- the plain loop ---- */

static bool complain(const story *s, const char *what, int rank, int64_t at) {
  print_error("seed %llu: %s (host %d, %d): %d hosts, %d ranges, window %d\n",
              (unsigned long long)s->seed, what, rank, (int)at, s->hosts, s->ranges,
              (int)s->rule.window);
  return false;
}

/* What a replica gave to a peer, and what that gave back. */
typedef struct ask {
  int from, to;
  int64_t at, read[RANGES_MAX]; /* events: asked; read by the peer (-1: not yet) */
  float gave[RANGES_MAX][DDLA_STATE_BLOCK], gets[RANGES_MAX][DDLA_STATE_BLOCK];
} ask;

typedef struct replica {
  plain_range x[RANGES_MAX];
  float kept[RANGES_MAX][DDLA_STATE_BLOCK];
  bool keeps[RANGES_MAX], waits[RANGES_MAX]; /* waits: for its last ask */
  const ask *asks;                           /* the last one; null: none yet */
  int open; /* letters of it that are not sent, and ranges without an answer */
  int64_t met;
} replica;

typedef struct loop {
  const story *s;
  replica *of; /* [hosts] */
  ask *ask;    /* [total] in their order */
  int asks;
  bool *seen; /* [total] steps */
  int64_t at; /* event */
  int64_t answered, crossed;
} loop;

/* It goes half the way from what one side had to what the other one had, when it comes to it. */
static void keep_half(replica *me, int range, const float *from, const float *to) {
  for (int k = 0; k < DDLA_STATE_BLOCK; k++) me->kept[range][k] += 0.5f * (to[k] - from[k]);
  me->keeps[range] = true;
}

static void merge(replica *me, int ranges) {
  for (int r = 0; r < ranges; r++) {
    for (int k = 0; k < DDLA_STATE_BLOCK && me->keeps[r]; k++) me->x[r].theta[k] += me->kept[r][k];
    memset(me->kept[r], 0, sizeof me->kept[r]);
    me->keeps[r] = false;
  }
}

/* A step of the replica's own, then the averages that others have drawn it into, then one with
 * somebody else, where none of its own is under way. */
static bool replay_turn(loop *l, const event *e) {
  const story *s = l->s;
  replica *me = &l->of[e->host];
  if (e->step < s->start || e->step >= s->total || l->seen[e->step])
    return complain(s, "a batch twice, or of no run", e->host, e->step);
  l->seen[e->step] = true;
  for (int r = 0; r < s->ranges; r++) train(&me->x[r], &s->host[0].state.sync, e->step);
  merge(me, s->ranges);
  if (me->open > 0) return true;
  ask *asks = &l->ask[l->asks++];
  asks->from = e->host;
  asks->to = ddla_swaps_peer(s->seed, (uint64_t)e->step, e->host, s->hosts);
  asks->at = l->at;
  me->asks = asks;
  me->open = 2 * s->ranges;
  for (int r = 0; r < s->ranges; r++) {
    memcpy(asks->gave[r], me->x[r].theta, sizeof asks->gave[r]);
    asks->read[r] = -1;
    me->waits[r] = true;
  }
  return true;
}

/* The oldest ask that has not been read yet; null: there is none. */
static ask *unread(const loop *l, const event *e) {
  for (int i = 0; i < l->asks; i++) {
    ask *found = &l->ask[i];
    if (found->from == e->from && found->to == e->host && found->read[e->range] < 0) return found;
  }
  return NULL;
}

static void get_answer(replica *me, int range, const float *answer) {
  keep_half(me, range, me->asks->gave[range], answer);
  me->waits[range] = false;
  me->open--;
}

/* Somebody asks. Who has asked him, too, neither of them knowing of the other, has his answer. */
static bool replay_swap(loop *l, const event *e) {
  replica *me = &l->of[e->host];
  const int r = e->range;
  ask *other = unread(l, e);
  if (!other) return complain(l->s, "nobody has asked", e->host, l->at);
  other->read[r] = l->at;
  const bool asks = me->waits[r] && me->asks->to == e->from;
  if (asks && (me->asks->read[r] < 0 || me->asks->read[r] > other->at)) {
    get_answer(me, r, other->gave[r]);
    l->crossed++;
    return true;
  }
  for (int k = 0; k < DDLA_STATE_BLOCK; k++) other->gets[r][k] = me->x[r].theta[k] + me->kept[r][k];
  keep_half(me, r, other->gets[r], other->gave[r]);
  l->answered++;
  return true;
}

static bool replay_answer(loop *l, const event *e) {
  replica *me = &l->of[e->host];
  if (!me->waits[e->range] || me->asks->to != e->from)
    return complain(l->s, "an answer without a question", e->host, l->at);
  get_answer(me, e->range, me->asks->gets[e->range]);
  return true;
}

/* The largest distance of a replica to the mean. */
static double spread_of(const loop *l, float (*mean)[DDLA_STATE_BLOCK]) {
  double most = 0;
  for (int h = 0; h < l->s->hosts; h++) {
    double squares = 0;
    for (int r = 0; r < l->s->ranges; r++)
      for (int k = 0; k < DDLA_STATE_BLOCK; k++) {
        const double d = (double)l->of[h].x[r].theta[k] - (double)mean[r][k];
        squares += d * d;
      }
    most = fmax(most, sqrt(squares));
  }
  return most;
}

/* All replicas have come to the fence: the global model is their mean. */
static bool check_mean(const loop *l, int64_t fence) {
  const story *s = l->s;
  static float mean[RANGES_MAX][DDLA_STATE_BLOCK];
  for (int r = 0; r < s->ranges; r++) {
    const float *leaves[HOSTS_MAX];
    for (int h = 0; h < s->hosts; h++) leaves[h] = l->of[h].x[r].theta;
    (void)plain_tree(mean[r], leaves, 0, s->hosts);
    for (int k = 0; k < DDLA_STATE_BLOCK; k++) mean[r][k] /= (float)s->hosts;
  }
  const double spread = spread_of(l, mean);
  for (int h = 0; h < s->hosts; h++) {
    const meeting *met = &s->host[h].met[fence];
    for (int r = 0; r < s->ranges; r++)
      if (met->global[r] != seeds_hash(mean[r])) return complain(s, "another mean", h, met->step);
    if (fabs(met->spread - spread) > 1e-5 * spread)
      return complain(s, "another spread", h, met->step);
  }
  return true;
}

static bool replay_meet(loop *l, const event *e) {
  const story *s = l->s;
  replica *me = &l->of[e->host];
  const meeting *met = &s->host[e->host].met[me->met];
  if (me->met == s->host[e->host].met_count || met->step != e->step)
    return complain(s, "a fence elsewhere", e->host, e->step);
  if (me->open > 0) return complain(s, "a swap is under way at a fence", e->host, e->step);
  merge(me, s->ranges);
  me->met++;
  for (int r = 0; r < s->ranges; r++)
    if (met->theta[r] != seeds_hash(me->x[r].theta))
      return complain(s, "another model", e->host, e->step);
  for (int h = 0; h < s->hosts; h++)
    if (l->of[h].met < me->met) return true;
  return check_mean(l, me->met - 1);
}

static bool replay_event(loop *l, const event *e) {
  switch (e->kind) {
  case EVENT_TURN: return replay_turn(l, e);
  case EVENT_SENT: l->of[e->host].open--; return true;
  case EVENT_SWAP: return replay_swap(l, e);
  case EVENT_ANSWER: return replay_answer(l, e);
  case EVENT_MEET: break;
  }
  return replay_meet(l, e);
}

/* Hosts have met as often, at the same steps, and every batch before the last one is computed. */
static bool check_end(const loop *l) {
  const story *s = l->s;
  const host *first = &s->host[0];
  const int64_t last = first->met[first->met_count - 1].step;
  for (int h = 0; h < s->hosts; h++) {
    if (l->of[h].met != first->met_count || s->host[h].met_count != first->met_count)
      return complain(s, "hosts met more often", h, l->of[h].met);
    for (int64_t i = 0; i < first->met_count; i++)
      if (s->host[h].met[i].step != first->met[i].step)
        return complain(s, "hosts differ", h, first->met[i].step);
  }
  for (int64_t step = s->start; step < s->total; step++)
    if (l->seen[step] != (step < last)) return complain(s, "a batch is lost", -1, step);
  return last == s->total || s->stops || complain(s, "the run is too short", -1, last);
}

static int64_t answered, crossed; /* ranges of swaps, of all seeds */

static bool check_all(const story *s) {
  loop l = {.s = s};
  bool well = s->events <= s->room || complain(s, "letters without end", -1, s->events);
  l.of = calloc((size_t)s->hosts, sizeof *l.of);
  l.ask = calloc((size_t)s->total, sizeof *l.ask);
  l.seen = calloc((size_t)s->total, 1);
  assert_true(l.of && l.ask && l.seen);
  for (int h = 0; h < s->hosts; h++)
    for (int r = 0; r < s->ranges; r++) begin_range(&l.of[h].x[r], &s->host[h], h, r);
  for (; well && l.at < s->events; l.at++) well = replay_event(&l, &s->log[l.at]);
  well = well && check_end(&l);
  answered += l.answered;
  crossed += l.crossed;
  free(l.of);
  free(l.ask);
  free(l.seen);
  return well;
}

/* ---- seeds ---- */

static int draw(ddla_rng *rng, int below) { return (int)ddla_rng_below(rng, (uint64_t)below); }

static void draw_run(story *s) {
  static const int64_t staleness[] = {-1, 0, 1, 3};
  ddla_rng rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 59, 0));
  const int64_t bound = staleness[s->seed % 4];
  s->hosts = 2 + draw(&rng, HOSTS_MAX - 1);
  s->ranges = draw(&rng, 3) == 0 ? 1 : s->hosts;
  s->start = 7 * draw(&rng, 2);
  s->total = s->start + 2 + draw(&rng, LENGTH);
  s->rule = (ddla_turn_rule){.grain = SHARDS, .most = SHARDS, .window = bound};
  if (bound >= 0) s->rule.window = (bound + 1) * s->hosts - 1;
  s->rule.every[0] = 1 + draw(&rng, draw(&rng, 2) ? 5 : (int)s->total + 3);
  s->rule.every[1] = draw(&rng, 2) ? 1 + draw(&rng, (int)s->total) : 0;
  s->room = (s->total - s->start) * (1 + 3 * s->ranges) + (s->total + 2) * s->hosts;
  s->stops = draw(&rng, 3) == 0;
  for (int h = 0; h < s->hosts; h++) {
    static const int64_t slow_ns[] = {0, 0, 2000000, 200000000, 3000000000};
    host *made = &s->host[h];
    made->rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 60, (uint64_t)h));
    made->slow_ns = slow_ns[draw(&rng, 5)];
  }
  if (s->stops) s->host[draw(&rng, s->hosts)].stop_at = 1 + draw(&rng, 1 + LENGTH / s->hosts);
}

static void free_story(story *s) {
  for (int i = 0; i < s->hosts; i++) {
    host *h = &s->host[i];
    small_close(&h->state);
    ddla_free(h->board);
    ddla_free(h->met);
    ddla_free(h->trained);
  }
  free(s->log);
  free(s);
}

static bool run_seed(uint64_t seed, tally *t) {
  ddla_sim_result result = {0};
  story *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->seed = seed;
  draw_run(s);
  s->log = calloc((size_t)s->room, sizeof *s->log);
  assert_non_null(s->log);
  told = s;
  ddla_sim_options options = seeds_draw_crash(seed, s->hosts, 61);
  options.crash_before *= 4;
  options.delay_ns_max = (int64_t[]){0, 1000000, 2000000000, 0, 50000000}[seed % 5];
  const ddla_status status = ddla_sim_run(&options, &result, rank_main, s);
  bool well = status == DDLA_OK && seeds_well_ended(&result, seed, s->hosts, "host", s->failure);
  const bool crashes = seeds_crashed(&result, s->hosts);
  if (status != DDLA_OK)
    print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  else if (!crashes) well = well && check_all(s);
  t->crashes += crashes;
  t->later += crashes && s->events > 0;
  t->switches += (int)result.switches;
  free_story(s);
  return well;
}

static void replicas_are_those_of_a_plain_loop(void **state) {
  (void)state;
  answered = crossed = 0;
  const tally t = seeds_run_all(&given, run_seed);
  print_message("%lld ranges were swapped, and %lld by two who had asked each other\n",
                (long long)answered, (long long)crossed / 2);
  if (given.count < 100) return;
  assert_true(t.crashes > (int)given.count / 10); /* else the faults test nothing */
  assert_true(t.later > (int)given.count / 20);
  assert_true(answered > 10 * (int64_t)given.count && crossed > (int64_t)given.count);
}

static void seeds_replay(void **state) {
  (void)state;
  seeds_replay_some(run_seed);
}

int main(int argc, char **argv) {
  given = seeds_read(argc, argv);
  watched = ddla_swaps;
  watched.create = create;
  watched.deliver = deliver;
  watched.sent = sent;
  watched.contribute = contribute;
  watched.conclude = conclude;
  const struct CMUnitTest tests[] = {cmocka_unit_test(replicas_are_those_of_a_plain_loop),
                                     cmocka_unit_test(seeds_replay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
