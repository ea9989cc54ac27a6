#include "sync/turns/serving.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "sync/turns/coded.h"
#include "sync/turns/dealing.h"
#include "sync/turns/given.h"
#include "sync/turns/moving.h"
#include "sync/turns/reading.h"

enum {
  KEPT_MAX = 64, /* versions of a range, for compensation */
  TURNS_MIN = 4  /* of every host, on average, and one for each range, before ranges are dealt anew
                    by what was got done: or it is chance, in whole turns, that moves them */
};

/* What a host tells at a fence. */
typedef struct note {
  ddla_staleness staleness;
  int64_t contributed, samples; /* since the start: turns, and samples in them */
} note;

/* How far a fence is with whose ranges are whose: as before, or some change hands. */
typedef enum deal_state { DEAL_OPEN, DEAL_STAYS, DEAL_MOVES, DEAL_MOVED } deal_state;

typedef struct serving {
  const ddla_turn_means *means;
  ddla_served *served;
  ddla_reading *reading;
  ddla_coded *coded;     /* null: numbers travel as they are */
  int64_t *read_version; /* [ranges] of this turn's parameters */
  int64_t *applied;      /* [ranges] of this host's contributions, as servers say */
  note *note;            /* [hosts] as shared at a fence */
  int64_t contributed, samples;
  int64_t freed, since_ns; /* contributions that are sent, as all before them; and since when the
                              first one of the others has been the first */
  int unsent[2];           /* ranges of contributions of even and odd number */
  ddla_served_past first;  /* of the first range */
  /* Dealing: */
  ddla_moving *moving;
  ddla_served_past *past; /* [ranges] of own ones, while they move */
  note *dealt;            /* [hosts] when it was looked at last */
  deal_state dealing;     /* of this fence */
} serving;

static const ddla_sync_options *sync_of(const serving *s) { return s->means->options.sync; }

static ddla_turn_board *board_of(const serving *s) { return s->means->options.board; }

static const ddla_bridge_layout *layout_of(const serving *s) { return s->means->options.layout; }

static int range_count(const serving *s) { return layout_of(s)->ranges; }

static int this_host(const serving *s) { return layout_of(s)->cluster.host; }

static int host_count(const serving *s) { return layout_of(s)->cluster.hosts; }

static bool owns(const serving *s, int range) {
  return ddla_bridge_owner(layout_of(s), range) == this_host(s);
}

static int64_t now_ns(const serving *s) {
  return ddla_clock_now_ns(ddla_transport_clock(sync_of(s)->link));
}

/* ---- letters ---- */

static ddla_status place(void **out, void *made, int from, const ddla_letter *letter) {
  serving *s = made;
  (void)from;
  switch ((ddla_letter_kind)letter->kind) {
  case DDLA_LETTER_PUSH: return ddla_served_place(out, s->served, letter);
  case DDLA_LETTER_MOVE: return ddla_moving_place(out, s->moving, letter);
  default: return ddla_reading_place(out, s->reading, letter);
  }
}

/* An older version may come behind a newer one. */
static void take_news(serving *s, const ddla_letter *letter, void *data) {
  if (letter->range == 0 && letter->version > ddla_reading_newest(s->reading, 0))
    s->first = (ddla_served_past){letter->sums, letter->number};
  if (letter->applied > s->applied[letter->range]) s->applied[letter->range] = letter->applied;
  ddla_reading_deliver(s->reading, letter, data);
}

static ddla_status deliver(void *made, int from, const ddla_letter *letter, void *data) {
  serving *s = made;
  if (letter->kind == DDLA_LETTER_PUSH) return ddla_served_deliver(s->served, from, letter, data);
  if (letter->kind == DDLA_LETTER_MOVE) return ddla_moving_deliver(s->moving, letter);
  if (letter->kind != DDLA_LETTER_NEWS)
    return DDLA_FAIL(CORRUPT, "a letter of kind %d came from host %d", letter->kind, from);
  take_news(s, letter, data);
  return DDLA_OK;
}

static int64_t under_way(const serving *s) { return s->contributed - s->freed; }

/* Contributions are free in their order. */
static void free_contributions(serving *s) {
  const int64_t now = now_ns(s);
  if (under_way(s) == 0 || s->unsent[(s->freed + 1) % 2] > 0) return;
  while (under_way(s) > 0 && s->unsent[(s->freed + 1) % 2] == 0) s->freed++;
  atomic_fetch_add(&board_of(s)->exchange_ns, now - s->since_ns);
  s->since_ns = now;
  ddla_transport_word_publish(sync_of(s)->transport, &board_of(s)->sent, (uint64_t)s->freed);
}

static void sent(void *made, int to, const ddla_letter *letter, const void *data) {
  serving *s = made;
  if (letter->kind == DDLA_LETTER_PUSH) {
    s->unsent[letter->applied % 2]--;
    free_contributions(s);
  } else if (letter->kind == DDLA_LETTER_NEWS) ddla_served_sent(s->served, to, letter, data);
}

/* ---- what the server says ---- */

static void taken(void *argument, int from, const ddla_letter *letter) {
  const ddla_turns_options *options = &((const serving *)argument)->means->options;
  if (options->taken) options->taken(options->argument, from, letter);
}

static void changed(void *argument, int range, int64_t version) {
  serving *s = argument;
  int64_t newest = 0;
  const float *parameters = ddla_served_parameters(s->served, range, &newest);
  ddla_reading_own(s->reading, range, version, parameters);
  s->applied[range] = ddla_served_applied(s->served, range);
  if (range == 0) s->first = ddla_served_past_of(s->served, range);
}

static void settled(void *argument, int64_t step) {
  serving *s = argument;
  if (this_host(s) == 0) ddla_grants_settle(s->means->grants, step);
}

/* ---- turns ---- */

/* The message of what this host gives of a range, clipped: what is kept of it is not clipped again.
 */
static ddla_status encode(const void **data, size_t *bytes, serving *s, int range, double factor) {
  const ddla_turns_options *options = &s->means->options;
  const ddla_given given = {.kind =
                                options->rule.on_arrival ? DDLA_GIVEN_GRADIENT : DDLA_GIVEN_PART,
                            .host = this_host(s),
                            .step = board_of(s)->grant.step + 1};
  return ddla_given_coded(&given, ddla_coded_encode(data, bytes, s->coded, range, *data, factor));
}

static ddla_status push_range(serving *s, const ddla_turn_order *order, int range) {
  const ddla_grant *grant = &board_of(s)->grant;
  int64_t begin = 0, count = 0;
  ddla_bridge_range(layout_of(s), range, &begin, &count);
  const bool empty = order->sums.samples == 0;
  const void *data = empty ? NULL : s->means->options.contribution[board_of(s)->turn % 2] + begin;
  size_t bytes = empty ? 0 : (size_t)count * sizeof(float);
  if (s->coded && !empty) DDLA_TRY(encode(&data, &bytes, s, range, order->factor));
  const ddla_letter letter = {.kind = DDLA_LETTER_PUSH,
                              .range = range,
                              .step = grant->step,
                              .version = s->read_version[range],
                              .first = grant->first,
                              .end = grant->end,
                              .sums = order->sums,
                              .number = s->coded ? 1 : order->factor,
                              .applied = s->contributed,
                              .bytes = bytes};
  return ddla_mail_send(s->means->mail, ddla_bridge_owner(layout_of(s), range), &letter, data);
}

static ddla_status contribute(void *made, const ddla_turn_order *order) {
  serving *s = made;
  const bool empty = order->sums.samples == 0;
  s->contributed++;
  s->samples += order->sums.samples;
  if (under_way(s) == 1) s->since_ns = now_ns(s);
  s->unsent[s->contributed % 2] = empty ? 0 : range_count(s);
  for (int r = 0; r < range_count(s); r++) DDLA_TRY(push_range(s, order, r));
  if (empty) free_contributions(s);
  return DDLA_OK;
}

/* Own contributions that servers have not told to have applied. */
static int64_t on_their_way(const serving *s) {
  int64_t least = s->contributed;
  for (int r = 0; r < range_count(s); r++)
    if (s->applied[r] < least) least = s->applied[r];
  return s->contributed - least;
}

/* Where not all shards are waited for, the others may have made the step already. */
static bool is_past(const void *made, const ddla_grant *grant) {
  const serving *s = made;
  return s->means->options.rule.missing > 0 && ddla_reading_version(s->reading) > grant->step;
}

/* The parameters that are known will do. */
static bool may_turn(const void *made, const ddla_grant *grant) {
  const serving *s = made;
  const ddla_turn_rule *rule = &s->means->options.rule;
  if (sync_of(s)->threadless && under_way(s) > 1) return false;
  if (rule->on_arrival && on_their_way(s) > rule->ahead) return false;
  return rule->lag < 0 || ddla_reading_version(s->reading) >= grant->step - rule->lag;
}

/* Workers look at the board while the next ones come. */
static void tell_sums(const serving *s) {
  board_of(s)->sums = s->first.sums;
  board_of(s)->learning_rate = s->first.learning_rate;
}

static void begin_turn(void *made) {
  serving *s = made;
  ddla_turn_board *board = board_of(s);
  const int copy = ddla_reading_turn(s->reading);
  tell_sums(s);
  if (copy != board->copy) board->changes++;
  board->copy = copy;
  for (int r = 0; r < range_count(s); r++) s->read_version[r] = ddla_reading_of(s->reading, r);
}

static ddla_status advance(void *made, int64_t limit, bool *moved) {
  serving *s = made;
  ddla_served_limit(s->served, limit);
  DDLA_TRY(ddla_served_advance(s->served, moved));
  ddla_reading_advance(s->reading, moved);
  return DDLA_OK;
}

static int64_t step_of(const void *made) {
  return ddla_reading_version(((const serving *)made)->reading);
}

/* ---- fences ---- */

static bool at_fence(const void *made, int64_t fence) {
  const serving *s = made;
  return under_way(s) == 0 && ddla_reading_version(s->reading) == fence;
}

/* All hosts have one model, which becomes the state's now: when they have met, some may go on and
 * send new versions before this one knows that they have. */
static void agenda(ddla_agenda *out, void *made, int stage, int64_t fence) {
  serving *s = made;
  const ddla_sync_options *sync = sync_of(s);
  if (stage > 0) return; /* all know whose ranges are whose */
  ddla_reading_gather(s->reading, ddla_state_array(sync->state, sync->theta, (uint64_t)fence, 0));
  tell_sums(s);
  s->dealing = DEAL_OPEN;
  s->note[this_host(s)] = (note){.staleness = *ddla_served_staleness(s->served),
                                 .contributed = s->contributed,
                                 .samples = s->samples};
  out->part[out->part_count++] = (ddla_sync_part){s->note, sizeof *s->note, host_count(s)};
}

static void add_all_staleness(serving *s) {
  ddla_staleness *all = &board_of(s)->staleness;
  *all = (ddla_staleness){.contributions = 0};
  for (int h = 0; h < host_count(s); h++) ddla_staleness_add(all, &s->note[h].staleness);
}

/* Whose ranges are whose from now on; false: as before. Not where the job says it, nor where
 * something late may still be on its way to a server, nor at the end. */
static bool deal(int16_t *owner, serving *s, int64_t fence) {
  const ddla_sync_options *sync = sync_of(s);
  int64_t done[DDLA_HOSTS_MAX], turns = 0;
  const bool may = sync->rule.servers == 0 && s->means->options.rule.missing == 0;
  if (!may || fence >= sync->total_steps) return false;
  for (int h = 0; h < host_count(s); h++) {
    turns += s->note[h].contributed - s->dealt[h].contributed;
    done[h] = s->note[h].samples - s->dealt[h].samples;
  }
  if (turns < (int64_t)TURNS_MIN * host_count(s) || turns < range_count(s)) return false;
  memcpy(s->dealt, s->note, (size_t)host_count(s) * sizeof *s->note);
  memcpy(owner, layout_of(s)->owner, (size_t)range_count(s) * sizeof *owner);
  return ddla_dealing_change(owner, range_count(s), done, host_count(s));
}

static ddla_status look_at_ranges(serving *s, int64_t fence) {
  int16_t owner[DDLA_BRIDGE_RANGES_MAX];
  s->dealing = deal(owner, s, fence) ? DEAL_MOVES : DEAL_STAYS;
  if (s->dealing == DEAL_STAYS) return DDLA_OK;
  for (int r = 0; r < range_count(s); r++)
    if (owns(s, r)) s->past[r] = ddla_served_past_of(s->served, r);
  return ddla_moving_begin(s->moving, owner, fence, s->past);
}

static void log_owners(const serving *s, int64_t fence) {
  char text[512] = "";
  size_t used = 0;
  for (int h = 0; h < host_count(s) && used + 16 < sizeof text; h++) {
    int count = 0;
    for (int r = 0; r < range_count(s); r++) count += ddla_bridge_owner(layout_of(s), r) == h;
    used += (size_t)snprintf(text + used, sizeof text - used, " %d", count);
  }
  ddla_log_line(DDLA_LOG_INFO,
                "step %" PRId64 ": hosts serve ranges of the parameters by what they get done:%s",
                fence, text);
}

/* Everybody's contributions are applied, or this would be no fence. */
static ddla_status take_over(serving *s, int64_t fence) {
  int64_t applied[DDLA_HOSTS_MAX];
  for (int h = 0; h < host_count(s); h++) applied[h] = s->note[h].contributed;
  if (this_host(s) == 0) log_owners(s, fence);
  s->dealing = DEAL_MOVED;
  memcpy(board_of(s)->owner, layout_of(s)->owner, sizeof board_of(s)->owner);
  return ddla_served_renew(s->served, fence, s->past, applied);
}

/* Where ranges change hands, all meet once more, so that nobody gives to a server that is not
 * ready. */
static bool meets_again(const void *made, int stage) {
  (void)stage;
  return ((const serving *)made)->dealing == DEAL_MOVED;
}

static ddla_status conclude(bool *over, void *made, int stage, int64_t fence, bool *moved) {
  serving *s = made;
  *over = stage > 0;
  if (*over) return DDLA_OK;
  if (s->dealing == DEAL_OPEN) {
    add_all_staleness(s);
    DDLA_TRY(look_at_ranges(s, fence));
    *moved = true;
  }
  if (s->dealing == DEAL_MOVES && ddla_moving_over(s->moving, s->past))
    DDLA_TRY(take_over(s, fence));
  *over = s->dealing != DEAL_MOVES;
  return DDLA_OK;
}

/* ---- what the service asks ---- */

/* The first host whose range lacks the wanted version; this one where no other does. */
static int host_behind(const serving *s, int64_t version) {
  for (int r = 0; r < range_count(s); r++)
    if (!owns(s, r) && ddla_reading_newest(s->reading, r) < version)
      return ddla_bridge_owner(layout_of(s), r);
  return this_host(s);
}

/* The first host that has not told to have applied what this one gave. */
static int host_that_owes(const serving *s) {
  for (int r = 0; r < range_count(s); r++)
    if (s->contributed - s->applied[r] > s->means->options.rule.ahead)
      return ddla_bridge_owner(layout_of(s), r);
  return this_host(s);
}

/* What keeps a turn that was granted from beginning. */
static void describe_turn(const serving *s, const ddla_grant *grant, char *text, size_t bytes) {
  if (s->means->options.rule.on_arrival)
    snprintf(text, bytes, "host %d to apply what this one has computed", host_that_owes(s));
  else
    snprintf(text, bytes, "parameters from host %d for step %" PRId64,
             host_behind(s, grant->step - s->means->options.rule.lag), grant->step + 1);
}

static void describe(const void *made, int64_t fence, const ddla_grant *grant, char *text,
                     size_t bytes) {
  const serving *s = made;
  if (s->dealing == DEAL_MOVES) snprintf(text, bytes, "ranges of the parameters that change hands");
  else if (grant && grant->step < fence) describe_turn(s, grant, text, bytes);
  else
    snprintf(text, bytes, "what is still computed up to step %" PRId64 " (host %d lacks it)", fence,
             host_behind(s, fence));
}

/* ---- making ---- */

static void destroy(void *made) {
  serving *s = made;
  if (!s) return;
  ddla_served_destroy(s->served);
  ddla_reading_destroy(s->reading);
  ddla_coded_destroy(s->coded);
  ddla_free(s->read_version);
  ddla_free(s->applied);
  ddla_moving_destroy(s->moving);
  ddla_free(s->note);
  ddla_free(s->past);
  ddla_free(s->dealt);
  ddla_free(s);
}

/* As many as a contribution can be old; where there is no bound, what most are. */
static int64_t kept_versions(const serving *s) {
  const int64_t window = s->means->options.rule.window;
  return window >= 0 && window < KEPT_MAX ? window + 1 : KEPT_MAX;
}

static float *row_of(const ddla_sync_options *sync, int row) {
  return row < 0 ? NULL : ddla_state_array(sync->state, row, 0, 0);
}

static ddla_status create_coded(serving *s) {
  const ddla_sync_options *sync = sync_of(s);
  if (!sync->codec) return DDLA_OK;
  return ddla_coded_create(&s->coded,
                           &(ddla_coded_options){.layout = layout_of(s),
                                                 .codec = sync->codec,
                                                 .options = &sync->codec_options,
                                                 .residual = row_of(sync, sync->residual),
                                                 .velocity = row_of(sync, sync->velocity),
                                                 .state = sync->state});
}

static ddla_status create_parts(serving *s) {
  const ddla_turns_options *options = &s->means->options;
  DDLA_TRY(DDLA_NEW(s->read_version, range_count(s)));
  DDLA_TRY(DDLA_NEW(s->applied, range_count(s)));
  DDLA_TRY(DDLA_NEW(s->note, host_count(s)));
  DDLA_TRY(DDLA_NEW(s->past, range_count(s)));
  DDLA_TRY(DDLA_NEW(s->dealt, host_count(s)));
  DDLA_TRY(ddla_moving_create(&s->moving, &(ddla_moving_options){.mail = s->means->mail,
                                                                 .layout = options->layout,
                                                                 .sync = options->sync}));
  DDLA_TRY(create_coded(s));
  DDLA_TRY(ddla_served_create(
      &s->served, &(ddla_served_options){.mail = s->means->mail,
                                         .layout = options->layout,
                                         .sync = options->sync,
                                         .on_arrival = options->rule.on_arrival,
                                         .bound = options->rule.lag,
                                         .missing = options->rule.missing,
                                         .bound_bytes = s->coded ? ddla_coded_bound(s->coded) : 0,
                                         .damped = options->sync->rule.damped,
                                         .compensation = options->sync->rule.compensation,
                                         .versions = kept_versions(s),
                                         .changed = changed,
                                         .settled = settled,
                                         .taken = taken,
                                         .argument = s}));
  return ddla_reading_create(
      &s->reading, &(ddla_reading_options){.layout = options->layout,
                                           .copy = {options->copy[0], options->copy[1]},
                                           .version = (int64_t)options->sync->start_step});
}

static ddla_status create(void **made, const ddla_turn_means *means) {
  serving *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->means = means;
  const ddla_status status = create_parts(s);
  if (status == DDLA_OK) *made = s;
  else destroy(s);
  return status;
}

const ddla_turn_method ddla_serving = {.stages = 2,
                                       .meets_again = meets_again,
                                       .create = create,
                                       .destroy = destroy,
                                       .place = place,
                                       .deliver = deliver,
                                       .sent = sent,
                                       .is_past = is_past,
                                       .may_turn = may_turn,
                                       .begin_turn = begin_turn,
                                       .contribute = contribute,
                                       .advance = advance,
                                       .step = step_of,
                                       .at_fence = at_fence,
                                       .agenda = agenda,
                                       .conclude = conclude,
                                       .describe = describe};
