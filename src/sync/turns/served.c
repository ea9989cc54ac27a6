#include "sync/turns/served.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/tree.h"
#include "sync/turns/given.h"
#include "sync/turns/history.h"
#include "sync/turns/stock.h"
#include "sync/turns/sums.h"

/* What shards [first, end) of a step contribute to a range; halves of a subtree become one. */
typedef struct span {
  struct span *next;
  ddla_letter letter;
  int from;
  float *data;       /* null: these shards had no samples */
  uint64_t *message; /* of a codec, on its way; else null */
} span;

/* Parameters of a range as they are on their way to hosts. */
typedef struct snapshot {
  struct snapshot *next;
  int references;
  int64_t version;
  float *data;
} snapshot;

/* What another host is to know of a range. */
typedef struct reader {
  int64_t wanted, given; /* versions */
  int64_t applied;       /* contributions of this host */
  bool flying;           /* a letter is under way */
} reader;

typedef struct own_range {
  int range;
  int64_t begin, count;
  int64_t version;
  int64_t announced; /* the limit that was told to all */
  span *spans;       /* by arrival */
  snapshot *snapshots;
  reader *reader; /* [hosts] */
  ddla_served_past past;
  ddla_history *history; /* null: nothing is compensated */
} own_range;

/* How far a step is, on arrival: ranges that it has reached. */
typedef struct reach {
  int64_t step;
  int ranges;
} reach;

enum { REACHES = 256 };

struct ddla_served {
  ddla_served_options options;
  ddla_updates *updates;
  own_range *range; /* [ranges] */
  int ranges;
  int64_t limit;
  ddla_stock stock; /* of the longest range's length: all data of spans and snapshots */
  span *spare_spans;
  span *coming;         /* their data are on the way */
  int64_t settled;      /* by step: versions that were reported */
  reach reach[REACHES]; /* on arrival */
  ddla_staleness staleness;
  ddla_watch_lane pen; /* a copy: lanes go on with theirs; records nothing where nobody watches */
};

static int host_count(const ddla_served *served) { return served->options.layout->cluster.hosts; }

static int this_host(const ddla_served *served) { return served->options.layout->cluster.host; }

/* ---- memory ---- */

static void free_span(ddla_served *served, span *s) {
  ddla_stock_give(&served->stock, s->data);
  ddla_free(s->message);
  s->data = NULL;
  s->message = NULL;
  s->next = served->spare_spans;
  served->spare_spans = s;
}

static ddla_status new_span(span **out, ddla_served *served) {
  span *s = served->spare_spans;
  if (s) served->spare_spans = s->next;
  else DDLA_TRY(DDLA_NEW(s, 1));
  memset(s, 0, sizeof *s);
  *out = s;
  return DDLA_OK;
}

static ddla_status make_range(ddla_served *served, int k, int64_t version) {
  own_range *r = &served->range[k];
  const ddla_bridge_layout *layout = served->options.layout;
  r->range = ddla_bridge_own(layout, k);
  ddla_bridge_range(layout, r->range, &r->begin, &r->count);
  r->version = r->announced = version;
  DDLA_TRY(DDLA_NEW(r->reader, host_count(served)));
  if (served->options.compensation > 0)
    DDLA_TRY(ddla_history_create(&r->history, r->count, served->options.versions));
  for (int h = 0; h < host_count(served); h++) r->reader[h].given = r->version;
  return DDLA_OK;
}

static ddla_status make_ranges(ddla_served *served, int64_t version) {
  served->ranges = ddla_bridge_own_ranges(served->options.layout);
  DDLA_TRY(DDLA_NEW(served->range, served->ranges + 1));
  for (int k = 0; k < served->ranges; k++) DDLA_TRY(make_range(served, k, version));
  return DDLA_OK;
}

ddla_status ddla_served_create(ddla_served **out, const ddla_served_options *options) {
  ddla_served *served = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(served, 1));
  served->options = *options;
  if (options->sync->watch && options->sync->watch[0]) served->pen = *options->sync->watch[0];
  ddla_stock_init(&served->stock, options->layout->range_elements);
  served->settled = served->limit = (int64_t)options->sync->start_step;
  for (int i = 0; i < REACHES; i++) served->reach[i].step = -1;
  DDLA_TRY_CLEAN(status, ddla_updates_create(&served->updates, options->sync));
  DDLA_TRY_CLEAN(status, make_ranges(served, served->settled));
  *out = served;
  return DDLA_OK;
cleanup:
  ddla_served_destroy(served);
  return status;
}

static void destroy_spans(span *list) {
  while (list) {
    span *s = list;
    list = s->next;
    ddla_free(s->message);
    ddla_free(s);
  }
}

static void destroy_range(own_range *r) {
  destroy_spans(r->spans);
  while (r->snapshots) {
    snapshot *shot = r->snapshots;
    r->snapshots = shot->next;
    ddla_free(shot);
  }
  ddla_free(r->reader);
  ddla_history_destroy(r->history);
}

static void destroy_ranges(ddla_served *served) {
  for (int k = 0; served->range && k < served->ranges; k++) destroy_range(&served->range[k]);
  ddla_free(served->range);
  served->range = NULL;
}

void ddla_served_destroy(ddla_served *served) {
  if (!served) return;
  destroy_ranges(served);
  destroy_spans(served->spare_spans);
  destroy_spans(served->coming);
  ddla_stock_fini(&served->stock);
  ddla_updates_destroy(served->updates);
  ddla_free(served);
}

ddla_status ddla_served_renew(ddla_served *served, int64_t version, const ddla_served_past *past,
                              const int64_t *applied) {
  destroy_ranges(served);
  DDLA_TRY(make_ranges(served, version));
  served->settled = version;
  for (int k = 0; k < served->ranges; k++) {
    own_range *r = &served->range[k];
    r->past = past[r->range];
    for (int h = 0; h < host_count(served); h++) r->reader[h].applied = applied[h];
  }
  return DDLA_OK;
}

/* ---- what comes ---- */

void ddla_served_limit(ddla_served *served, int64_t version) { served->limit = version; }

static own_range *range_of(const ddla_served *served, int range) {
  for (int k = 0; k < served->ranges; k++)
    if (served->range[k].range == range) return &served->range[k];
  return NULL;
}

ddla_status ddla_served_place(void **out, ddla_served *served, const ddla_letter *letter) {
  const own_range *r = range_of(served, letter->range);
  const size_t bound = served->options.bound_bytes;
  span *s = NULL;
  if (!r || letter->bytes > (bound > 0 ? bound : (uint64_t)r->count * sizeof(float)) ||
      (bound == 0 && letter->bytes != (uint64_t)r->count * sizeof(float)))
    return DDLA_FAIL(CORRUPT, "%" PRIu64 " bytes came for range %d", letter->bytes, letter->range);
  DDLA_TRY(new_span(&s, served));
  s->next = served->coming;
  served->coming = s;
  if (bound > 0) {
    DDLA_TRY(DDLA_NEW(s->message, (int64_t)(letter->bytes / sizeof *s->message) + 1));
    *out = s->message;
    return DDLA_OK;
  }
  DDLA_TRY(ddla_stock_take(&s->data, &served->stock));
  *out = s->data;
  return DDLA_OK;
}

/* The span whose data are here now. */
static ddla_status take_coming(span **out, ddla_served *served, const void *data) {
  span **at = &served->coming;
  if (!data) return new_span(out, served);
  while ((const void *)(*at)->data != data && (const void *)(*at)->message != data)
    at = &(*at)->next;
  *out = *at;
  *at = (*at)->next;
  return DDLA_OK;
}

/* Of the first range of all: `count` contributions. */
static void count_staleness(ddla_served *served, const own_range *r, int64_t stale, int64_t count) {
  if (r->range != 0) return;
  ddla_staleness_count(&served->staleness, stale, count);
  ddla_watch_note_staleness(&served->pen, &served->staleness);
}

/* Some of these shards have contributed to a step that is not made yet. */
static bool is_there(const own_range *r, const ddla_letter *letter) {
  for (const span *s = r->spans; s; s = s->next)
    if (s->letter.step == letter->step && s->letter.first < letter->end &&
        letter->first < s->letter.end)
      return true;
  return false;
}

/* A contribution keeps its bounds, or something is badly wrong. By step, late ones of steps that
 * are over are let go where not all are waited for. */
static ddla_status check(const ddla_served *served, const own_range *r, int from,
                         const ddla_letter *letter, const float *data) {
  const ddla_served_options *options = &served->options;
  if (!options->on_arrival && options->bound >= 0 &&
      letter->version < letter->step - options->bound)
    return DDLA_FAIL(INTERNAL,
                     "host %d computed step %" PRId64 " with version %" PRId64
                     " of range %d; at most %" PRId64 " steps may lie between",
                     from, letter->step, letter->version, letter->range, options->bound);
  if (!options->on_arrival &&
      ((options->missing == 0 && letter->step < r->version) || is_there(r, letter)))
    return DDLA_FAIL(INTERNAL, "host %d contributes to step %" PRId64 " of range %d twice", from,
                     letter->step, letter->range);
  if (!data) return DDLA_OK;
  const ddla_given given = {.kind = options->on_arrival ? DDLA_GIVEN_GRADIENT : DDLA_GIVEN_PART,
                            .host = from,
                            .step = letter->step + 1};
  return ddla_given_check(&given, data, r->count);
}

/* The other half of the smallest subtree above a span, if it is one. */
static bool is_sibling(const span *a, const span *b) {
  const int count = a->letter.end - a->letter.first;
  if (a->letter.step != b->letter.step || b->letter.end - b->letter.first != count) return false;
  if ((count & (count - 1)) != 0 || a->letter.first % count != 0) return false;
  return b->letter.first == (a->letter.first ^ count);
}

static span **find_sibling(own_range *r, const span *s) {
  for (span **at = &r->spans; *at; at = &(*at)->next)
    if (is_sibling(s, *at)) return at;
  return NULL;
}

/* s becomes the sum of itself and its sibling, which is used up. */
static void join(const own_range *r, span *s, span *sibling) {
  span *left = s->letter.first < sibling->letter.first ? s : sibling;
  span *right = left == s ? sibling : s;
  if (s->data && sibling->data)
    for (int64_t i = 0; i < r->count; i++) s->data[i] = left->data[i] + right->data[i];
  if (!s->data) s->data = sibling->data, sibling->data = NULL;
  ddla_letter_sums sums = left->letter.sums;
  ddla_sums_add(&sums, &right->letter.sums);
  s->letter.sums = sums;
  const int first = left->letter.first, end = right->letter.end;
  s->letter.first = first;
  s->letter.end = end;
}

static void insert(ddla_served *served, own_range *r, span *s) {
  span **at = NULL;
  while (!served->options.on_arrival && (at = find_sibling(r, s))) {
    span *sibling = *at;
    *at = sibling->next;
    join(r, s, sibling);
    free_span(served, sibling);
  }
  for (at = &r->spans; *at; at = &(*at)->next) {
  }
  *at = s;
}

/* The numbers of a codec's message, which is used up. A codec need not have a zero. */
static ddla_status decode(ddla_served *served, const own_range *r, span *s, size_t bytes) {
  if (!s->message) return DDLA_OK;
  DDLA_TRY(ddla_stock_take(&s->data, &served->stock));
  const ddla_status status =
      ddla_codec_decode_bytes(s->data, r->count, (const uint8_t *)s->message, bytes);
  if (status != DDLA_OK) return ddla_status_prefix(status, "a message of host %d: ", s->from);
  ddla_state_clear_gaps(served->options.sync->state, s->data, r->begin, r->count);
  ddla_free(s->message);
  s->message = NULL;
  return DDLA_OK;
}

/* A contribution that is here; taken: it is kept. */
static ddla_status receive(bool *taken, ddla_served *served, own_range *r, span *s) {
  const ddla_letter *letter = &s->letter;
  DDLA_TRY(decode(served, r, s, (size_t)letter->bytes));
  DDLA_TRY(check(served, r, s->from, letter, s->data));
  /* late ones are not waited for */
  *taken = served->options.on_arrival || letter->step >= r->version;
  return DDLA_OK;
}

ddla_status ddla_served_deliver(ddla_served *served, int from, const ddla_letter *letter,
                                void *data) {
  own_range *r = range_of(served, letter->range);
  span *s = NULL;
  bool taken = false;
  if (!r) return DDLA_FAIL(CORRUPT, "host %d contributes to range %d", from, letter->range);
  DDLA_TRY(take_coming(&s, served, data));
  s->next = NULL;
  s->letter = *letter;
  s->from = from;
  const ddla_status status = receive(&taken, served, r, s);
  if (!taken) {
    free_span(served, s);
    return status;
  }
  if (!served->options.on_arrival) /* it will be part of the step's version */
    count_staleness(served, r, letter->step - letter->version, letter->end - letter->first);
  if (served->options.taken) served->options.taken(served->options.argument, from, letter);
  insert(served, r, s);
  return DDLA_OK;
}

/* ---- versions ---- */

static void update(ddla_served *served, own_range *r, const float *gradient,
                   const ddla_update_step *step) {
  ddla_updates_run(served->updates, gradient, r->begin, r->begin + r->count, step);
}

static void report_step(ddla_served *served, int64_t step) {
  if (served->options.settled) served->options.settled(served->options.argument, step);
}

/* By step: a step is settled when all own ranges have its version. */
static void report_settled(ddla_served *served) {
  int64_t least = INT64_MAX;
  for (int k = 0; k < served->ranges; k++)
    if (served->range[k].version < least) least = served->range[k].version;
  for (; served->settled < least; served->settled++) report_step(served, served->settled);
}

/* On arrival: when it has reached all of them. */
static void report_reached(ddla_served *served, int64_t step) {
  reach *free = NULL;
  for (int i = 0; i < REACHES; i++) {
    reach *found = &served->reach[i];
    if (found->step < 0 && !free) free = found;
    if (found->step != step) continue;
    if (++found->ranges < served->ranges) return;
    found->step = -1;
    report_step(served, step);
    return;
  }
  if (served->ranges == 1) report_step(served, step);
  else if (free) *free = (reach){step, 1};
}

/* Version r->version + 1 is there. */
static void conclude(ddla_served *served, own_range *r, const ddla_letter_sums *sums) {
  ddla_sums_add(&r->past.sums, sums);
  r->version++;
  served->options.changed(served->options.argument, r->range, r->version);
}

static ddla_update_step step_of(const ddla_served *served, const own_range *r, double count) {
  const ddla_sync_options *sync = served->options.sync;
  return (ddla_update_step){
      .step = (uint64_t)r->version,
      .gradient_scale = count > 0 ? 1 / count : 0,
      .learning_rate = ddla_rate_schedule_at(&sync->schedule, r->version + 1, sync->total_steps)};
}

/* Shards of the step that is next in a range, as they are there. */
static int shards_there(const own_range *r) {
  int shards = 0;
  for (const span *s = r->spans; s; s = s->next)
    if (s->letter.step == r->version) shards += s->letter.end - s->letter.first;
  return shards;
}

/* Takes the spans of the next step out of the list, by rising shards. */
static int take_spans(span **out, own_range *r) {
  int count = 0;
  for (span **at = &r->spans; *at;) {
    span *s = *at;
    if (s->letter.step != r->version) {
      at = &s->next;
      continue;
    }
    *at = s->next;
    int i = count++;
    for (; i > 0 && out[i - 1]->letter.first > s->letter.first; i--) out[i] = out[i - 1];
    out[i] = s;
  }
  return count;
}

/* The sum over spans, in place of one of them; null: there was nothing. */
static ddla_status sum_spans(float **out, ddla_served *served, span **spans, int count) {
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {NULL};
  int64_t elements = 0;
  for (int i = 0; i < count; i++) {
    operands[i] = spans[i]->data;
    part[i] =
        (ddla_tree_part){spans[i]->letter.first, spans[i]->letter.end - spans[i]->letter.first};
    if (!outputs[0]) outputs[0] = spans[i]->data;
    elements = range_of(served, spans[i]->letter.range)->count;
  }
  *out = outputs[0];
  if (!outputs[0]) return DDLA_OK;
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  return ddla_tree_reduce(&io, served->options.layout->shards, part, count, elements);
}

/* The version that follows from a whole step. */
static ddla_status make_step(ddla_served *served, own_range *r) {
  span *spans[DDLA_TREE_OPERANDS_MAX];
  float *sum = NULL;
  ddla_letter_sums sums[DDLA_TREE_OPERANDS_MAX];
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  const int count = take_spans(spans, r);
  for (int i = 0; i < count; i++) {
    const ddla_letter *letter = &spans[i]->letter;
    sums[i] = letter->sums;
    part[i] = (ddla_tree_part){letter->first, letter->end - letter->first};
  }
  const ddla_letter_sums whole = ddla_sums_tree(sums, part, count, served->options.layout->shards);
  ddla_status status = sum_spans(&sum, served, spans, count);
  if (status == DDLA_OK) {
    if (!sum) { /* a step without samples changes nothing but by decay: as a gradient of 0 */
      status = ddla_stock_take(&sum, &served->stock);
      if (status == DDLA_OK) memset(sum, 0, (size_t)r->count * sizeof *sum), spans[0]->data = sum;
    }
    const ddla_update_step step = step_of(served, r, whole.count);
    if (status == DDLA_OK) update(served, r, sum, &step);
    r->past.learning_rate = step.learning_rate;
  }
  for (int i = 0; i < count; i++) free_span(served, spans[i]);
  DDLA_TRY(status);
  conclude(served, r, &whole);
  for (int h = 0; h < host_count(served); h++) r->reader[h].wanted = r->version;
  report_settled(served);
  return DDLA_OK;
}

/* What the gradient would be at the parameters of now, so far as can be said. */
static void compensate(const ddla_served *served, own_range *r, const span *s,
                       ddla_update_step *step) {
  int64_t version = 0;
  if (!r->history) return;
  const float *now = ddla_served_parameters(served, r->range, &version);
  ddla_history_keep(r->history, version, now);
  ddla_history_compensate(r->history, s->data, step->gradient_scale, served->options.compensation,
                          s->letter.version, now);
  step->gradient_scale = 1;
}

/* The version that follows from what came first. */
static void make_arrived(ddla_served *served, own_range *r) {
  span *s = r->spans;
  const int64_t stale = r->version - s->letter.version;
  ddla_update_step step = step_of(served, r, s->letter.sums.count);
  r->spans = s->next;
  if (served->options.damped && stale > 1) step.learning_rate /= (double)stale;
  count_staleness(served, r, stale, 1);
  step.gradient_scale *= s->letter.number;
  r->reader[s->from].applied++;
  DDLA_ASSERT(s->data); /* a batch has samples */
  compensate(served, r, s, &step);
  update(served, r, s->data, &step);
  r->past.learning_rate = step.learning_rate;
  conclude(served, r, &s->letter.sums);
  r->reader[s->from].wanted = r->version;
  report_reached(served, s->letter.step);
  free_span(served, s);
}

static bool may_make(const ddla_served *served, const own_range *r) {
  if (r->version >= served->limit) return false;
  if (served->options.on_arrival) return r->spans != NULL;
  return shards_there(r) >= served->options.layout->shards - served->options.missing;
}

/* ---- news ---- */

static ddla_status take_snapshot(snapshot **out, ddla_served *served, own_range *r) {
  int64_t version = 0;
  for (snapshot *shot = r->snapshots; shot; shot = shot->next)
    if (shot->version == r->version) {
      *out = shot;
      return DDLA_OK;
    }
  snapshot *shot = NULL;
  DDLA_TRY(DDLA_NEW(shot, 1));
  const ddla_status status = ddla_stock_take(&shot->data, &served->stock);
  if (status != DDLA_OK) {
    ddla_free(shot);
    return status;
  }
  memcpy(shot->data, ddla_served_parameters(served, r->range, &version),
         (size_t)r->count * sizeof(float));
  shot->version = version;
  shot->next = r->snapshots;
  r->snapshots = shot;
  *out = shot;
  return DDLA_OK;
}

void ddla_served_sent(ddla_served *served, int to, const ddla_letter *letter, const void *data) {
  own_range *r = range_of(served, letter->range);
  snapshot **at = &r->snapshots;
  r->reader[to].flying = false;
  while ((*at)->data != data) at = &(*at)->next;
  snapshot *shot = *at;
  if (--shot->references > 0) return;
  *at = shot->next;
  ddla_stock_give(&served->stock, shot->data);
  ddla_free(shot);
}

static ddla_status send_news(ddla_served *served, own_range *r, int to) {
  snapshot *shot = NULL;
  DDLA_TRY(take_snapshot(&shot, served, r));
  shot->references++;
  r->reader[to].given = shot->version;
  r->reader[to].flying = true;
  return ddla_mail_send(served->options.mail, to,
                        &(ddla_letter){.kind = DDLA_LETTER_NEWS,
                                       .range = r->range,
                                       .version = shot->version,
                                       .sums = r->past.sums,
                                       .number = r->past.learning_rate,
                                       .applied = r->reader[to].applied,
                                       .bytes = (uint64_t)r->count * sizeof(float)},
                        shot->data);
}

static ddla_status tell_readers(ddla_served *served, own_range *r, bool *moved) {
  for (int k = 1; k < host_count(served); k++) {
    const int h = (this_host(served) + k) % host_count(served);
    const reader *who = &r->reader[h];
    if (who->flying || who->wanted <= who->given) continue;
    *moved = true;
    DDLA_TRY(send_news(served, r, h));
  }
  return DDLA_OK;
}

static void announce(const ddla_served *served, own_range *r) {
  if (r->version != served->limit || r->announced == served->limit) return;
  r->announced = served->limit;
  for (int h = 0; h < host_count(served); h++) r->reader[h].wanted = r->version;
}

ddla_status ddla_served_advance(ddla_served *served, bool *moved) {
  for (int k = 0; k < served->ranges; k++) {
    own_range *r = &served->range[k];
    while (may_make(served, r)) {
      *moved = true;
      if (served->options.on_arrival) make_arrived(served, r);
      else DDLA_TRY(make_step(served, r));
    }
    announce(served, r);
    DDLA_TRY(tell_readers(served, r, moved));
  }
  return DDLA_OK;
}

/* ---- what is known ---- */

const float *ddla_served_parameters(const ddla_served *served, int range, int64_t *version) {
  const ddla_sync_options *sync = served->options.sync;
  const own_range *r = range_of(served, range);
  *version = r->version;
  return (const float *)ddla_state_array(sync->state, sync->theta, (uint64_t)r->version, 0) +
         r->begin;
}

ddla_served_past ddla_served_past_of(const ddla_served *served, int range) {
  return range_of(served, range)->past;
}

int64_t ddla_served_applied(const ddla_served *served, int range) {
  return range_of(served, range)->reader[this_host(served)].applied;
}

const ddla_staleness *ddla_served_staleness(const ddla_served *served) {
  return &served->staleness;
}
