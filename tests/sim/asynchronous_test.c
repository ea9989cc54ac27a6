/* Asynchronous methods on simulated hosts, from random seeds: messages that take up to seconds and
 * overtake each other, hosts that are slow, stops at random moments, crashes at random points.
 * Every contribution that a server takes is written down; in the end the same contributions, in the
 * order in which each range took them, are trained plainly, and all versions that hosts met at have
 * those bits. No bound is broken, nothing is lost, nothing is applied twice. With a staleness of 0
 * steps the bits are those of synchronous training. Stale gradients may be compensated; of steps
 * some shards may be left out, which are then in no version. After a crash every survivor ends with
 * a named failure. sim_asynchronous [--seeds N] [--first SEED]; with 1,000 seeds and more runs are
 * long. */
#include "seeds.h"

#include "sync/turns/serving.h"
#include "sync/turns/sums.h"
#include "sync/turns/test_ranges.h"

static seeds given;

enum { HOSTS_MAX = 5, RANGES_MAX = 6, SHARDS_MAX = 12 };

/* What a server has taken. */
typedef struct entry {
  int64_t step, version;
  int first, end, from;
  double number;
} entry;

/* What a host found at a fence. */
typedef struct meeting {
  int64_t step;
  bool stop;
  uint64_t hash[RANGES_MAX];
  ddla_letter_sums sums;
  ddla_staleness staleness;
} meeting;

typedef struct host {
  struct story *s;
  ddla_bridge_layout layout;
  small_state state;
  ddla_turn_board *board;
  float *copy[2], *contribution[2];
  ddla_turns *turns;
  ddla_transport *local, *link;
  ddla_rng rng;
  int64_t slow_ns, turn_count, stop_at; /* a turn takes so long; in this turn it asks to stop */
  uint64_t orders;
  meeting *met;
  int64_t met_count;
} host;

/* One seed's run. */
typedef struct story {
  uint64_t seed;
  int hosts, shards, ranges, blocks, servers;
  int64_t start, total, bound; /* bound: sync.staleness */
  bool damped, stops;
  double compensation;
  ddla_turn_rule rule;
  host host[HOSTS_MAX];
  entry *log[RANGES_MAX];
  int64_t taken[RANGES_MAX], room;
  bool elsewhere[RANGES_MAX]; /* it was not host 0 that took all */
  bool dealt;                 /* ranges have changed hands */
  bool crowded;               /* there was no room */
  ddla_failure failure[HOSTS_MAX];
} story;

/* ---- what is computed ---- */

static int64_t samples_of(int64_t step, int shard) { return 1 + (step + 2 * shard) % 3; }

static ddla_letter_sums leaf_sums(int64_t step, int shard) {
  const int64_t samples = samples_of(step, shard);
  return (ddla_letter_sums){.loss = (double)samples / (3 + shard) + 0.01 * (double)step,
                            .count = (double)samples,
                            .correct = step * SHARDS_MAX + shard,
                            .samples = samples};
}

/* A shard's gradient of a range at parameters theta; no two are alike. */
static void leaf_gradient(float *out, const float *theta, int64_t step, int shard, int64_t begin) {
  const uint64_t x = ddla_rng_key((uint64_t)step, DDLA_PURPOSE_TEST, 55, (uint64_t)shard);
  const float noise = ((float)(x % 4001) - 2000) / 1777, count = (float)samples_of(step, shard);
  const float tilt = (float)(begin / DDLA_STATE_BLOCK + 1) / 8192;
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
    out[k] = count * (theta[k] * 0.25f + noise * ((float)k * tilt - 0.75f));
}

/* What shards [first, end) add up to at theta. */
static void contribution_of(float *out, const float *theta, const entry *e, int64_t begin) {
  static float leaf[SHARDS_MAX][DDLA_STATE_BLOCK];
  const float *leaves[SHARDS_MAX] = {NULL};
  for (int s = e->first; s < e->end; s++) {
    leaf_gradient(leaf[s], theta, e->step, s, begin);
    leaves[s] = leaf[s];
  }
  (void)plain_tree(out, leaves, e->first, e->end - e->first);
}

static ddla_letter_sums sums_of(const story *s, const entry *e) {
  ddla_letter_sums sums[SHARDS_MAX];
  ddla_tree_part part[SHARDS_MAX];
  for (int k = e->first; k < e->end; k++) {
    sums[k - e->first] = leaf_sums(e->step, k);
    part[k - e->first] = (ddla_tree_part){k, 1};
  }
  return ddla_sums_tree(sums, part, e->end - e->first, s->shards);
}

/* What clipping would scale it by. */
static double number_of(int64_t step) { return step % 3 == 0 ? 0.5 : 1; }

/* ---- a host ---- */

static void taken(void *argument, int from, const ddla_letter *letter) {
  const host *h = argument;
  story *s = h->s;
  const int r = letter->range;
  if (h != &s->host[0]) s->elsewhere[r] = true;
  if (ddla_bridge_owner(&h->layout, r) != r % (s->servers > 0 ? s->servers : s->hosts))
    s->dealt = true;
  if (s->taken[r] == s->room) {
    s->crowded = true;
    return;
  }
  s->log[r][s->taken[r]++] = (entry){.step = letter->step,
                                     .version = letter->version,
                                     .first = letter->first,
                                     .end = letter->end,
                                     .from = from,
                                     .number = letter->number};
}

static int64_t begin_of(const story *s, int range) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(&s->host[0].layout, range, &begin, &count);
  return begin;
}

static ddla_status run_order(host *h, ddla_turn_kind kind, const entry *done) {
  ddla_turn_order order = {.kind = kind};
  if (done) {
    order.sums = sums_of(h->s, done);
    order.factor = h->s->rule.on_arrival ? number_of(done->step) : 1;
  }
  ddla_turns_post(&h->state.sync, h->board, ++h->orders, &order);
  return ddla_turns_serve(h->turns, h->orders);
}

/* The turn's shards, while letters come and go. */
static ddla_status compute(host *h, const entry *e) {
  const int looks = (int)ddla_rng_below(&h->rng, 4);
  h->turn_count++;
  if (h->turn_count == h->stop_at) atomic_store(&h->board->stop_asked, 1);
  for (int i = 0; i < looks; i++) {
    if (ddla_rng_below(&h->rng, 2)) atomic_store(&h->board->near, (uint64_t)h->turn_count);
    DDLA_TRY(ddla_turns_serve(h->turns, 0));
    DDLA_TRY(seeds_pass_time(h->link, (int64_t)ddla_rng_below(&h->rng, (uint64_t)h->slow_ns + 1)));
  }
  for (int r = 0; r < h->s->ranges; r++) {
    const int64_t begin = begin_of(h->s, r);
    contribution_of(h->contribution[h->board->turn % 2] + begin, h->copy[h->board->copy] + begin, e,
                    begin);
  }
  return DDLA_OK;
}

static ddla_status note_fence(host *h) {
  const ddla_turn_board *board = h->board;
  const uint64_t step = atomic_load(&board->step);
  const float *theta = ddla_state_array(h->state.state, h->state.sync.theta, step, 0);
  if (h->met_count == h->s->total + 2) return DDLA_FAIL(INTERNAL, "fences without end");
  meeting *met = &h->met[h->met_count++];
  met->step = (int64_t)step;
  met->stop = board->stop;
  met->sums = board->sums;
  met->staleness = board->staleness;
  for (int r = 0; r < h->s->ranges; r++) met->hash[r] = seeds_hash(theta + begin_of(h->s, r));
  return seeds_pass_time(h->link, (int64_t)ddla_rng_below(&h->rng, (uint64_t)h->slow_ns + 1));
}

/* Turns and fences to the end. */
static ddla_status live(host *h) {
  const ddla_turn_board *board = h->board;
  DDLA_TRY(run_order(h, DDLA_TURN_GO_ON, NULL));
  for (;;) {
    if (board->fence) {
      DDLA_TRY(note_fence(h));
      if (board->stop || (int64_t)atomic_load(&board->step) == h->s->total) break;
      DDLA_TRY(run_order(h, DDLA_TURN_GO_ON, NULL));
      continue;
    }
    const entry e = {
        .step = board->grant.step, .first = board->grant.first, .end = board->grant.end};
    DDLA_TRY(compute(h, &e));
    DDLA_TRY(run_order(h, DDLA_TURN_CONTRIBUTE, &e));
  }
  return run_order(h, DDLA_TURN_MEET, NULL);
}

static ddla_status begin(host *h) {
  story *s = h->s;
  const int64_t space = (int64_t)s->blocks * DDLA_STATE_BLOCK;
  ddla_cluster cluster = {.hosts = s->hosts, .host = ddla_transport_rank(h->link)};
  for (int i = 0; i <= s->hosts; i++) cluster.first[i] = i;
  DDLA_TRY(ddla_transport_open(&h->local, "self", NULL));
  DDLA_TRY(ddla_bridge_layout_make(&h->layout, &cluster, s->shards, 1, space, SMALL_RANGE_BYTES));
  ddla_bridge_layout_own(&h->layout, s->servers);
  if (h->layout.ranges != s->ranges) return DDLA_FAIL(INTERNAL, "%d ranges", h->layout.ranges);
  DDLA_TRY(small_open(&h->state, s->blocks, s->seed % 2 ? "adamw" : "sgd", s->start, s->total));
  h->state.sync.transport = h->local;
  h->state.sync.link = h->link;
  h->state.sync.threadless = true;
  h->state.sync.lanes = 1;
  h->state.sync.rule.damped = s->damped;
  h->state.sync.rule.compensation = s->compensation;
  DDLA_TRY(DDLA_NEW(h->board, 1));
  DDLA_TRY(DDLA_NEW(h->met, s->total + 2));
  for (int i = 0; i < 2; i++) DDLA_TRY(DDLA_NEW(h->copy[i], space));
  for (int i = 0; i < 2; i++) DDLA_TRY(DDLA_NEW(h->contribution[i], space));
  for (int64_t k = 0; k < space; k++) h->copy[0][k] = small_initial(k);
  atomic_store(&h->board->step, (uint64_t)s->start);
  return ddla_turns_create(
      &h->turns, &(ddla_turns_options){.sync = &h->state.sync,
                                       .method = &ddla_serving,
                                       .layout = &h->layout,
                                       .rule = s->rule,
                                       .board = h->board,
                                       .contribution = {h->contribution[0], h->contribution[1]},
                                       .copy = {h->copy[0], h->copy[1]},
                                       .taken = taken,
                                       .argument = h});
}

/* The state stays until it was looked at. */
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

/* ---- what it should have been ---- */

/* Runs that came to their end with shards left out, and with gradients that were compensated. */
static int64_t left_out, compensated;

static bool complain(const story *s, const char *what, int range, int64_t at) {
  print_error("seed %llu: %s (range %d, %d): %d hosts, %d shards of %d, %d ranges, %d servers, %s, "
              "staleness %d, compensation %g, backup %d\n",
              (unsigned long long)s->seed, what, range, (int)at, s->hosts, s->shards, s->rule.grain,
              s->ranges, s->servers, s->rule.on_arrival ? "push" : "bounded", (int)s->bound,
              s->compensation, s->rule.missing);
  return false;
}

/* Versions of a range, plainly, and how its contributions were late. */
typedef struct replay {
  const story *s;
  int range;
  plain_range now;
  float *versions; /* [last + 1][block] since the start */
  int64_t last;
  ddla_letter_sums sums;
  ddla_staleness staleness;
  int64_t lost; /* shards that were left out */
} replay;

static const float *version_at(const replay *r, int64_t version) {
  return r->versions + (version - r->s->start) * DDLA_STATE_BLOCK;
}

static void keep_version(replay *r) {
  memcpy(r->versions + (r->now.version - r->s->start) * DDLA_STATE_BLOCK, r->now.theta,
         sizeof r->now.theta);
}

/* Nothing of a step has come to host 0 before the oldest one that is not whole there is near
 * enough. */
static bool check_window(const story *s, int range) {
  int64_t oldest = s->start;
  int *shards = calloc((size_t)s->total + 1, sizeof *shards);
  bool well = shards != NULL;
  if (s->rule.window < 0 || s->rule.missing > 0 || s->elsewhere[range]) {
    free(shards);
    return true;
  }
  for (int64_t i = 0; well && i < s->taken[range]; i++) {
    const entry *e = &s->log[range][i];
    if (e->step < oldest || e->step > oldest + s->rule.window || e->step >= s->total)
      well = complain(s, "outside of the window", range, e->step);
    else shards[e->step] += e->end - e->first;
    while (well && oldest < s->total && shards[oldest] == s->shards) oldest++;
  }
  free(shards);
  return well;
}

static void note_stale(ddla_staleness *found, int64_t stale, int64_t count) {
  const int class = stale <= 2 ? (int)stale : stale <= 4 ? 3 : stale <= 8 ? 4 : stale <= 16 ? 5 : 6;
  found->count[class] += count;
  found->contributions += count;
  found->sum += stale * count;
  if (stale > found->most) found->most = stale;
}

/* The gradient of a batch of `count` samples, as delay compensation has it: g is the mean gradient
 * of the parameters that it was computed with, and becomes g + lambda g g (now - then). As many
 * versions are kept as batches may be under way, at most 64; the oldest stands for older ones. */
static void plain_compensate(float *g, const replay *r, const entry *e, double count) {
  const int64_t window = r->s->rule.window, before = window < 0 || window > 63 ? 63 : window;
  const int64_t oldest = r->now.version - before;
  const float *now = r->now.theta, *then = version_at(r, e->version > oldest ? e->version : oldest);
  const float mean = (float)(1 / count * e->number), lambda = (float)r->s->compensation;
  for (int k = 0; k < DDLA_STATE_BLOCK; k++) {
    g[k] *= mean;
    g[k] += lambda * g[k] * g[k] * (now[k] - then[k]);
  }
}

/* The next version, of one contribution. */
static void replay_arrival(replay *r, const entry *e) {
  const story *s = r->s;
  const int64_t stale = r->now.version - e->version;
  const double slow = s->damped && stale > 1 ? (double)stale : 1;
  const ddla_letter_sums sums = sums_of(s, e);
  float gradient[DDLA_STATE_BLOCK];
  contribution_of(gradient, version_at(r, e->version), e, r->now.begin);
  if (s->compensation > 0) plain_compensate(gradient, r, e, sums.count);
  if (s->compensation > 0) plain_update(&r->now, &s->host[0].state.sync, gradient, 1, 1, slow);
  else plain_update(&r->now, &s->host[0].state.sync, gradient, sums.count, e->number, slow);
  keep_version(r);
  ddla_sums_add(&r->sums, &sums);
  note_stale(&r->staleness, stale, 1);
}

/* The i-th contribution makes version i + 1. */
static bool replay_arrivals(replay *r) {
  const story *s = r->s;
  bool *seen = calloc((size_t)s->total + 1, 1);
  bool well = seen != NULL;
  for (int64_t i = 0; well && i < s->taken[r->range]; i++) {
    const entry *e = &s->log[r->range][i];
    const int64_t stale = r->now.version - e->version;
    if (e->step < s->start || e->step >= s->total || seen[e->step])
      well = complain(s, "a step twice, or of no run", r->range, e->step);
    if (e->first != 0 || e->end != s->shards)
      well = complain(s, "a part of a batch", r->range, e->step);
    if (stale < 0 || e->version < s->start)
      well = complain(s, "a version of the future", r->range, e->step);
    if (!well) break;
    seen[e->step] = true;
    replay_arrival(r, e);
  }
  free(seen);
  return well && (s->taken[r->range] == r->last - s->start ||
                  complain(s, "contributions are lost", r->range, s->taken[r->range]));
}

/* Of those shards of a step that have a leaf. */
static ddla_letter_sums sums_of_leaves(const story *s, int64_t step, const float *const *leaves) {
  ddla_letter_sums sums[SHARDS_MAX];
  ddla_tree_part part[SHARDS_MAX];
  int count = 0;
  for (int k = 0; k < s->shards; k++) {
    if (!leaves[k]) continue;
    sums[count] = leaf_sums(step, k);
    part[count++] = (ddla_tree_part){k, 1};
  }
  return ddla_sums_tree(sums, part, count, s->shards);
}

/* All shards of the step but those that are left out, each with the version that it was computed
 * with: the sum over them, scaled to the mean over their samples. */
static bool replay_step(replay *r, const entry *const *turn, int count) {
  const story *s = r->s;
  float sum[DDLA_STATE_BLOCK];
  static float leaf[SHARDS_MAX][DDLA_STATE_BLOCK];
  const float *leaves[SHARDS_MAX] = {NULL};
  int lost = 0;
  for (int i = 0; i < count; i++) {
    const entry *e = turn[i];
    if (e->version > e->step || e->version < e->step - s->bound || e->version < s->start)
      return complain(s, "a bound is broken", r->range, e->step);
    note_stale(&r->staleness, e->step - e->version, e->end - e->first);
    for (int k = e->first; k < e->end; k++) {
      if (leaves[k]) return complain(s, "a shard twice", r->range, e->step);
      leaf_gradient(leaf[k], version_at(r, e->version), e->step, k, r->now.begin);
      leaves[k] = leaf[k];
    }
  }
  for (int k = 0; k < s->shards; k++) lost += !leaves[k];
  if (lost > s->rule.missing) return complain(s, "a shard is lost", r->range, r->now.version);
  r->lost += lost;
  (void)plain_tree(sum, leaves, 0, s->shards);
  const ddla_letter_sums sums = sums_of_leaves(s, r->now.version, leaves);
  plain_update(&r->now, &s->host[0].state.sync, sum, sums.count, 1, 1);
  keep_version(r);
  ddla_sums_add(&r->sums, &sums);
  return true;
}

static int compare_steps(const void *a, const void *b) {
  const entry *x = *(const entry *const *)a, *y = *(const entry *const *)b;
  return x->step < y->step ? -1 : x->step > y->step;
}

static bool replay_steps(replay *r) {
  const story *s = r->s;
  const int64_t taken_count = s->taken[r->range];
  const entry **turn = calloc((size_t)taken_count + 1, sizeof *turn);
  bool well = turn != NULL;
  for (int64_t i = 0; well && i < taken_count; i++) turn[i] = &s->log[r->range][i];
  if (well) qsort(turn, (size_t)taken_count, sizeof *turn, compare_steps);
  for (int64_t i = 0, end = 0; well && i < taken_count; i = end) {
    if (turn[i]->step != r->now.version) well = complain(s, "a step is lost", r->range, i);
    while (end < taken_count && turn[end]->step == turn[i]->step) end++;
    well = well && replay_step(r, turn + i, (int)(end - i));
  }
  free(turn);
  return well && (r->now.version == r->last ||
                  complain(s, "there are other steps", r->range, r->now.version));
}

/* Hosts have met where they should, at the same versions, which are these. */
static bool check_fences(const replay *r) {
  const story *s = r->s;
  for (int h = 0; h < s->hosts; h++)
    for (int64_t i = 0; i < s->host[h].met_count; i++) {
      const meeting *met = &s->host[h].met[i];
      if (met->hash[r->range] != seeds_hash(version_at(r, met->step)))
        return complain(s, "another model", r->range, met->step);
    }
  return true;
}

static bool check_range(const story *s, int range, ddla_staleness *staleness) {
  replay *r = calloc(1, sizeof *r);
  const host *last = &s->host[0];
  const meeting *end = &last->met[last->met_count - 1];
  const int owner = ddla_bridge_owner(&last->layout, range);
  assert_non_null(r);
  r->s = s;
  r->range = range;
  r->last = end->step;
  r->versions = malloc((size_t)(s->total - s->start + 1) * sizeof r->now.theta);
  assert_non_null(r->versions);
  plain_begin(&r->now, begin_of(s, range), s->start);
  keep_version(r);
  bool well = check_window(s, range);
  well = well && (s->rule.on_arrival ? replay_arrivals(r) : replay_steps(r));
  well = well && check_fences(r);
  if (well && !plain_equals(&r->now, &s->host[owner].state, true))
    well = complain(s, "other moments", range, r->last);
  if (well && range == 0 && memcmp(&r->sums, &end->sums, sizeof r->sums) != 0)
    well = complain(s, "other sums", range, r->last);
  if (range == 0) { /* where each is counted once */
    for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) staleness->count[i] += r->staleness.count[i];
    staleness->contributions += r->staleness.contributions;
    staleness->sum += r->staleness.sum;
    if (r->staleness.most > staleness->most) staleness->most = r->staleness.most;
  }
  left_out += r->lost > 0 && range == 0;
  compensated += s->compensation > 0 && r->staleness.most > 0 && range == 0;
  free(r->versions);
  free(r);
  return well;
}

/* Fences are where the rule wants them, on all hosts; then the end. */
static bool check_meetings(const story *s) {
  const host *first = &s->host[0];
  const int64_t last = first->met[first->met_count - 1].step;
  int64_t passed = s->start;
  for (int64_t i = 0; i < first->met_count; i++) {
    int64_t wanted = last;
    for (int k = 0; k < 2; k++) {
      const int64_t every = s->rule.every[k];
      if (every > 0 && (passed / every + 1) * every < wanted) wanted = (passed / every + 1) * every;
    }
    passed = first->met[i].step;
    if (passed != wanted) return complain(s, "a fence elsewhere", -1, passed);
    for (int h = 1; h < s->hosts; h++) {
      const meeting *other = &s->host[h].met[i];
      if (s->host[h].met_count != first->met_count || other->step != passed ||
          (other->stop != first->met[i].stop && passed < s->total) ||
          memcmp(&other->sums, &first->met[i].sums, sizeof other->sums) != 0 ||
          memcmp(&other->staleness, &first->met[i].staleness, sizeof other->staleness) != 0)
        return complain(s, "hosts differ", h, passed);
    }
    if (first->met[i].stop && passed != last) return complain(s, "it goes on", -1, passed);
  }
  if (last == s->total || s->stops) return true;
  return complain(s, "the run is too short", -1, last);
}

static bool check_all(const story *s) {
  ddla_staleness staleness = {.contributions = 0};
  const host *first = &s->host[0];
  if (s->crowded) return complain(s, "more contributions than there are", -1, s->room);
  if (!check_meetings(s)) return false;
  for (int r = 0; r < s->ranges; r++)
    if (!check_range(s, r, &staleness)) return false;
  if (memcmp(&staleness, &first->met[first->met_count - 1].staleness, sizeof staleness) != 0)
    return complain(s, "staleness is counted wrongly", -1, staleness.contributions);
  return true;
}

/* ---- seeds ---- */

static int draw(ddla_rng *rng, int below) { return (int)ddla_rng_below(rng, (uint64_t)below); }

static void draw_rule(story *s, ddla_rng *rng) {
  static const int64_t staleness[] = {0, 1, 3, 9, -1, 0, 1, 4, 0};
  ddla_turn_rule *rule = &s->rule;
  const int kind = (int)(s->seed % 9);
  s->bound = staleness[kind];
  rule->on_arrival = kind >= 4 && kind < 8;
  s->damped = kind == 7;
  if (rule->on_arrival && s->seed / 9 % 2) s->compensation = 0.25;
  if (kind == 8) rule->missing = draw(rng, s->shards);
  rule->grain = rule->most = s->shards;
  rule->window = s->bound;
  rule->lag = s->bound;
  if (rule->on_arrival) {
    if (s->bound >= 0) rule->window = (s->bound + 1) * s->hosts - 1;
    rule->lag = -1;
    rule->ahead = s->bound == 0 ? 0 : 1;
  } else {
    rule->early = draw(rng, 2) && kind < 8;
    for (rule->grain = 1; draw(rng, 2) && s->shards % (2 * rule->grain) == 0;) rule->grain *= 2;
    rule->most = rule->grain;
    for (; kind < 8 && draw(rng, 4) && s->shards % (2 * rule->most) == 0;) rule->most *= 2;
  }
}

static void draw_run(story *s) {
  static const int shards[] = {1, 2, 4, 6, 8, 12};
  ddla_rng rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 54, 0));
  s->hosts = 2 + draw(&rng, HOSTS_MAX - 1);
  s->shards = shards[draw(&rng, 6)];
  s->servers = draw(&rng, 2) ? 0 : draw(&rng, s->hosts + 1);
  s->ranges = draw(&rng, 4) == 0 ? 1 : s->hosts;
  if (s->hosts <= RANGES_MAX / 2 && draw(&rng, 2)) s->ranges = 2 * s->hosts;
  s->blocks = s->ranges;
  draw_rule(s, &rng);
  const int turns = s->shards / s->rule.grain, length = given.count >= 1000 ? 1750 : 60;
  s->start = 7 * draw(&rng, 2);
  s->total = s->start + 2 + length / turns;
  s->rule.every[0] = 1 + draw(&rng, draw(&rng, 2) ? 5 : (int)s->total + 3);
  s->rule.every[1] = draw(&rng, 2) ? 1 + draw(&rng, (int)s->total) : 0;
  s->room = (s->total - s->start) * turns;
  s->stops = draw(&rng, 3) == 0;
  for (int h = 0; h < s->hosts; h++) {
    static const int64_t slow_ns[] = {0, 0, 2000000, 200000000, 3000000000};
    host *made = &s->host[h];
    made->rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 56, (uint64_t)h));
    made->slow_ns = slow_ns[draw(&rng, 5)];
  }
  if (s->stops) s->host[draw(&rng, s->hosts)].stop_at = 1 + draw(&rng, 1 + length / s->hosts);
}

static void free_story(story *s) {
  for (int r = 0; r < RANGES_MAX; r++) free(s->log[r]);
  for (int i = 0; i < s->hosts; i++) {
    host *h = &s->host[i];
    small_close(&h->state);
    ddla_free(h->board);
    ddla_free(h->met);
    for (int k = 0; k < 2; k++) ddla_free(h->copy[k]), ddla_free(h->contribution[k]);
  }
  free(s);
}

static int64_t contributions; /* of all seeds: whole ones */
static int64_t dealings;      /* runs in which ranges changed hands */

static bool run_seed(uint64_t seed, tally *t) {
  ddla_sim_result result = {0};
  story *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->seed = seed;
  draw_run(s);
  for (int r = 0; r < s->ranges; r++) {
    s->log[r] = calloc((size_t)s->room + 1, sizeof **s->log);
    assert_non_null(s->log[r]);
  }
  ddla_sim_options options = seeds_draw_crash(seed, s->hosts, 57);
  options.crash_before *= 1 + (int)(s->room / 8);
  options.delay_ns_max = (int64_t[]){0, 1000000, 2000000000, 0, 50000000}[seed % 5];
  const ddla_status status = ddla_sim_run(&options, &result, rank_main, s);
  bool well = status == DDLA_OK && seeds_well_ended(&result, seed, s->hosts, "host", s->failure);
  const bool crashed = seeds_crashed(&result, s->hosts);
  if (status != DDLA_OK)
    print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  else if (!crashed) well = well && check_all(s);
  t->crashes += crashed;
  t->later += crashed && s->taken[0] > 0;
  t->switches += (int)result.switches;
  dealings += s->dealt;
  for (int r = 0; !crashed && r < 1; r++) contributions += s->taken[r];
  free_story(s);
  return well;
}

static void every_version_follows_from_what_was_taken(void **state) {
  (void)state;
  contributions = dealings = left_out = compensated = 0;
  const tally t = seeds_run_all(&given, run_seed);
  print_message(
      "%lld contributions of shards in runs that came to their end; in %lld runs ranges changed "
      "hands, in %lld shards were left out, in %lld gradients were compensated\n",
      (long long)contributions, (long long)dealings, (long long)left_out, (long long)compensated);
  if (given.count < 100) return;
  assert_true(t.crashes > (int)given.count / 10); /* else the faults test nothing */
  assert_true(t.later > (int)given.count / 20);
  assert_true(dealings > (int64_t)given.count / 20);
  assert_true(left_out > (int64_t)given.count / 40);
  assert_true(compensated > (int64_t)given.count / 20);
  if (given.count > 1000) assert_true(contributions >= 1000000);
}

static void seeds_replay(void **state) {
  (void)state;
  seeds_replay_some(run_seed);
}

int main(int argc, char **argv) {
  given = seeds_read(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_version_follows_from_what_was_taken),
                                     cmocka_unit_test(seeds_replay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
