#include "sync/turns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sync/coded.h"
#include "sync/mail.h"
#include "sync/reading.h"
#include "sync/service.h"

enum { KEPT_MAX = 64 }; /* versions of a range, for compensation */

struct ddla_turns {
  ddla_turns_options options;
  ddla_service *service;
  ddla_mail *mail;
  ddla_grants *grants;
  ddla_served *served;
  ddla_reading *reading;
  ddla_coded *coded; /* null: numbers travel as they are */
  ddla_meeting meeting;
  uint64_t meetings;
  int64_t met_bytes;
  int64_t *read_version;     /* [ranges] of this turn's parameters */
  int64_t *applied;          /* [ranges] of this host's contributions, as servers say */
  ddla_staleness *staleness; /* [hosts] as shared at a fence */
  int64_t passed;            /* the last fence */
  bool held;                 /* workers are at it still */
  bool told_stop;
  int64_t contributed, begin_ns;
  int under_way;         /* ranges of the last contribution that are not sent */
  ddla_letter_sums sums; /* of the first range, and its newest rate */
  double learning_rate;
  /* The order under way, or the last one. */
  uint64_t number, nearly;
  ddla_turn_order order;
  bool running, meets;
};

static const ddla_sync_options *sync_of(const ddla_turns *turns) { return turns->options.sync; }

static ddla_turn_board *board_of(const ddla_turns *turns) { return turns->options.board; }

static int range_count(const ddla_turns *turns) { return turns->options.layout->ranges; }

static int this_host(const ddla_turns *turns) { return turns->options.layout->cluster.host; }

static int host_count(const ddla_turns *turns) { return turns->options.layout->cluster.hosts; }

static bool owns(const ddla_turns *turns, int range) {
  return ddla_bridge_owner(turns->options.layout, range) == this_host(turns);
}

static int64_t now_ns(const ddla_turns *turns) {
  return ddla_clock_now_ns(ddla_transport_clock(sync_of(turns)->link));
}

void ddla_turns_post(const ddla_sync_options *sync, ddla_turn_board *board, uint64_t number,
                     const ddla_turn_order *order) {
  board->order[number % DDLA_TURN_ORDERS] = *order;
  ddla_transport_word_publish(sync->transport, &board->posted, number);
  if (sync->link) ddla_transport_wake(sync->link, ddla_transport_rank(sync->link));
}

/* ---- fences ---- */

static int64_t next_fence(const ddla_turns *turns) {
  int64_t fence = ddla_grants_last(turns->grants);
  for (int i = 0; i < 3; i++) {
    const int64_t every = turns->options.rule.every[i];
    const int64_t next = every > 0 ? (turns->passed / every + 1) * every : fence;
    if (next < fence) fence = next;
  }
  return fence;
}

static void limit(ddla_turns *turns) {
  ddla_served_limit(turns->served, turns->held ? turns->passed : next_fence(turns));
}

/* ---- letters ---- */

static ddla_status place(void **out, void *argument, int from, const ddla_letter *letter) {
  ddla_turns *turns = argument;
  (void)from;
  return letter->kind == DDLA_LETTER_PUSH ? ddla_served_place(out, turns->served, letter)
                                          : ddla_reading_place(out, turns->reading, letter);
}

/* An older version may come behind a newer one. */
static void take_news(ddla_turns *turns, const ddla_letter *letter, void *data) {
  if (letter->range == 0 && letter->version > ddla_reading_newest(turns->reading, 0)) {
    turns->sums = letter->sums;
    turns->learning_rate = letter->number;
  }
  if (letter->applied > turns->applied[letter->range])
    turns->applied[letter->range] = letter->applied;
  ddla_reading_deliver(turns->reading, letter, data);
}

static ddla_status deliver(void *argument, int from, const ddla_letter *letter, void *data) {
  ddla_turns *turns = argument;
  switch ((ddla_letter_kind)letter->kind) {
  case DDLA_LETTER_PUSH: return ddla_served_deliver(turns->served, from, letter, data);
  case DDLA_LETTER_NEWS: take_news(turns, letter, data); return DDLA_OK;
  case DDLA_LETTER_CLAIM:
  case DDLA_LETTER_GRANT:
  case DDLA_LETTER_STOP:
  case DDLA_LETTER_LAST: return ddla_grants_deliver(turns->grants, from, letter);
  }
  return DDLA_FAIL(CORRUPT, "a letter of an unknown kind (%d) came from host %d", letter->kind,
                   from);
}

static void free_contribution(ddla_turns *turns) {
  if (--turns->under_way > 0) return;
  atomic_fetch_add(&board_of(turns)->exchange_ns, now_ns(turns) - turns->begin_ns);
  ddla_transport_word_publish(sync_of(turns)->transport, &board_of(turns)->sent,
                              (uint64_t)turns->contributed);
}

static void sent(void *argument, int to, const ddla_letter *letter, const void *data) {
  ddla_turns *turns = argument;
  if (letter->kind == DDLA_LETTER_PUSH) free_contribution(turns);
  else ddla_served_sent(turns->served, to, letter, data);
}

/* ---- what the server says ---- */

static void changed(void *argument, int range, int64_t version) {
  ddla_turns *turns = argument;
  int64_t newest = 0;
  const float *parameters = ddla_served_parameters(turns->served, range, &newest);
  ddla_reading_own(turns->reading, range, version, parameters);
  turns->applied[range] = ddla_served_applied(turns->served, range);
  if (range == 0) turns->sums = ddla_served_sums(turns->served, range, &turns->learning_rate);
}

static void settled(void *argument, int64_t step) {
  ddla_turns *turns = argument;
  if (this_host(turns) == 0) ddla_grants_settle(turns->grants, step);
}

static void taken(void *argument, int from, const ddla_letter *letter) {
  const ddla_turns_options *options = &((ddla_turns *)argument)->options;
  if (options->taken) options->taken(options->argument, from, letter);
}

/* ---- turns ---- */

static ddla_status push_range(ddla_turns *turns, int range) {
  const ddla_turn_order *order = &turns->order;
  const ddla_grant *grant = &board_of(turns)->grant;
  int64_t begin = 0, count = 0;
  ddla_bridge_range(turns->options.layout, range, &begin, &count);
  const bool empty = order->sums.samples == 0;
  const void *data = empty ? NULL : turns->options.contribution + begin;
  size_t bytes = empty ? 0 : (size_t)count * sizeof(float);
  if (turns->coded && !empty) DDLA_TRY(ddla_coded_encode(&data, &bytes, turns->coded, range, data));
  const ddla_letter letter = {.kind = DDLA_LETTER_PUSH,
                              .range = range,
                              .step = grant->step,
                              .version = turns->read_version[range],
                              .first = grant->first,
                              .end = grant->end,
                              .sums = order->sums,
                              .number = order->factor,
                              .bytes = bytes};
  return ddla_mail_send(turns->mail, ddla_bridge_owner(turns->options.layout, range), &letter,
                        data);
}

static ddla_status contribute(ddla_turns *turns) {
  turns->contributed++;
  turns->begin_ns = now_ns(turns);
  turns->under_way = turns->order.sums.samples == 0 ? 1 : range_count(turns);
  for (int r = 0; r < range_count(turns); r++) DDLA_TRY(push_range(turns, r));
  if (turns->order.sums.samples == 0) free_contribution(turns);
  return DDLA_OK;
}

/* Own contributions that servers have not told to have applied. */
static int64_t on_their_way(const ddla_turns *turns) {
  int64_t least = turns->contributed;
  for (int r = 0; r < range_count(turns); r++)
    if (turns->applied[r] < least) least = turns->applied[r];
  return turns->contributed - least;
}

/* The turn that was granted may begin: the parameters that are known will do. */
static bool may_turn(const ddla_turns *turns) {
  const ddla_turn_rule *rule = &turns->options.rule;
  const ddla_grant *grant = ddla_grants_have(turns->grants);
  if (!grant || grant->step >= next_fence(turns)) return false;
  if (sync_of(turns)->threadless && turns->under_way > 0) return false;
  if (rule->on_arrival && on_their_way(turns) > rule->ahead) return false;
  return rule->lag < 0 || ddla_reading_version(turns->reading) >= grant->step - rule->lag;
}

/* What workers learn of all that was contributed, as it is known now. */
static void tell_sums(ddla_turns *turns) {
  board_of(turns)->sums = turns->sums;
  board_of(turns)->learning_rate = turns->learning_rate;
}

static void commit(ddla_turns *turns, int64_t step) {
  ddla_turn_board *board = board_of(turns);
  if ((uint64_t)step > atomic_load(&board->step))
    ddla_transport_word_publish(sync_of(turns)->transport, &board->step, (uint64_t)step);
}

static void end_order(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  turns->running = false;
  atomic_store(&board->sent_bytes, ddla_mail_bytes(turns->mail) + turns->met_bytes);
  ddla_transport_word_publish(sync_of(turns)->transport, &board->progress, turns->number);
}

static void begin_turn(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  board->fence = false;
  board->grant = *ddla_grants_have(turns->grants);
  ddla_grants_take(turns->grants);
  board->copy = ddla_reading_turn(turns->reading);
  for (int r = 0; r < range_count(turns); r++)
    turns->read_version[r] = ddla_reading_of(turns->reading, r);
  tell_sums(turns);
  commit(turns, ddla_reading_version(turns->reading));
  end_order(turns);
}

/* All hosts have one model, which becomes the state's now: when they have met, some may go on and
 * send new versions before this one knows that they have. */
static ddla_status begin_fence(ddla_turns *turns) {
  ddla_agenda agenda = {.by_host = true, .part_count = 1};
  const ddla_sync_options *sync = sync_of(turns);
  turns->passed = next_fence(turns);
  turns->held = true;
  ddla_reading_gather(turns->reading,
                      ddla_state_array(sync->state, sync->theta, (uint64_t)turns->passed, 0));
  tell_sums(turns);
  turns->staleness[this_host(turns)] = *ddla_served_staleness(turns->served);
  agenda.part[0] = (ddla_sync_part){turns->staleness, sizeof *turns->staleness, host_count(turns)};
  turns->meets = true;
  return ddla_meeting_begin(&turns->meeting, ++turns->meetings, &agenda);
}

static void add_staleness(ddla_staleness *to, const ddla_staleness *from) {
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) to->count[i] += from->count[i];
  to->contributions += from->contributions;
  to->sum += from->sum;
  if (from->most > to->most) to->most = from->most;
}

static void end_fence(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  board->staleness = (ddla_staleness){.contributions = 0};
  for (int h = 0; h < host_count(turns); h++)
    add_staleness(&board->staleness, &turns->staleness[h]);
  board->fence = true;
  board->stop =
      ddla_grants_stopped(turns->grants) && turns->passed == ddla_grants_last(turns->grants);
  commit(turns, turns->passed);
  end_order(turns);
}

static ddla_status advance_meeting(ddla_turns *turns, bool *moved) {
  bool over = false;
  uint64_t word = 0;
  DDLA_TRY(ddla_meeting_look(&turns->meeting, &over, &word, moved));
  if (!over) return DDLA_OK;
  turns->meets = false;
  *moved = true;
  if (turns->order.kind == DDLA_TURN_MEET) end_order(turns);
  else end_fence(turns);
  return DDLA_OK;
}

static bool at_fence(const ddla_turns *turns) {
  return turns->under_way == 0 && ddla_reading_version(turns->reading) == next_fence(turns);
}

static ddla_status advance_order(ddla_turns *turns, bool *moved) {
  if (!turns->running) return DDLA_OK;
  if (turns->meets) return advance_meeting(turns, moved);
  if (at_fence(turns)) return begin_fence(turns);
  if (!may_turn(turns)) return DDLA_OK;
  *moved = true;
  begin_turn(turns);
  return DDLA_OK;
}

static ddla_status begin_order(ddla_turns *turns) {
  turns->number++;
  turns->order = board_of(turns)->order[turns->number % DDLA_TURN_ORDERS];
  turns->running = true;
  if (turns->order.kind == DDLA_TURN_MEET) {
    turns->meets = true;
    return ddla_meeting_begin(&turns->meeting, ++turns->meetings, &turns->order.agenda);
  }
  turns->held = false;
  if (turns->order.kind == DDLA_TURN_CONTRIBUTE) DDLA_TRY(contribute(turns));
  return ddla_grants_claim(turns->grants);
}

/* ---- what the service asks ---- */

/* What workers want, beside orders. */
static ddla_status heed_words(ddla_turns *turns) {
  const uint64_t near = atomic_load(&board_of(turns)->near);
  if (near > turns->nearly) {
    turns->nearly = near;
    DDLA_TRY(ddla_grants_claim(turns->grants));
  }
  if (turns->told_stop || !atomic_load(&board_of(turns)->stop_asked)) return DDLA_OK;
  turns->told_stop = true;
  return ddla_grants_stop(turns->grants);
}

static ddla_status advance(void *argument, bool *moved) {
  ddla_turns *turns = argument;
  if (!turns->running && atomic_load(&board_of(turns)->posted) > turns->number) {
    DDLA_TRY(begin_order(turns));
    *moved = true;
  }
  DDLA_TRY(heed_words(turns));
  DDLA_TRY(ddla_mail_advance(turns->mail, moved));
  limit(turns);
  DDLA_TRY(ddla_served_advance(turns->served, moved));
  if (this_host(turns) == 0) DDLA_TRY(ddla_grants_advance(turns->grants, moved));
  ddla_reading_advance(turns->reading, moved);
  return advance_order(turns, moved);
}

/* Anybody may write at any time. */
static bool under_way(const void *argument) {
  (void)argument;
  return true;
}

static bool waits(ddla_service_word *out, const void *argument) {
  const ddla_turns *turns = argument;
  *out = (ddla_service_word){&board_of(turns)->posted, turns->number + 1};
  return !turns->running;
}

/* The first host whose range lacks the wanted version; this one where no other does. */
static int host_behind(const ddla_turns *turns, int64_t version) {
  for (int r = 0; r < range_count(turns); r++)
    if (!owns(turns, r) && ddla_reading_newest(turns->reading, r) < version)
      return ddla_bridge_owner(turns->options.layout, r);
  return this_host(turns);
}

/* The first host that has not told to have applied what this one gave. */
static int host_that_owes(const ddla_turns *turns) {
  for (int r = 0; r < range_count(turns); r++)
    if (turns->contributed - turns->applied[r] > turns->options.rule.ahead)
      return ddla_bridge_owner(turns->options.layout, r);
  return this_host(turns);
}

/* What keeps a turn that was granted from beginning. */
static void describe_turn(const ddla_turns *turns, const ddla_grant *grant, char *text,
                          size_t bytes) {
  if (turns->options.rule.on_arrival)
    snprintf(text, bytes, "host %d to apply what this one has computed", host_that_owes(turns));
  else
    snprintf(text, bytes, "parameters from host %d for step %" PRId64,
             host_behind(turns, grant->step - turns->options.rule.lag), grant->step + 1);
}

static void describe(void *argument, char *text, size_t bytes) {
  const ddla_turns *turns = argument;
  const ddla_grant *grant = ddla_grants_have(turns->grants);
  const int64_t fence = next_fence(turns);
  if (!turns->running) snprintf(text, bytes, "this host's agents");
  else if (turns->meets) snprintf(text, bytes, "the other hosts at a meeting");
  else if (grant && grant->step < fence) describe_turn(turns, grant, text, bytes);
  else
    snprintf(text, bytes, "what is still computed up to step %" PRId64 " (host %d lacks it)", fence,
             host_behind(turns, fence));
}

ddla_status ddla_turns_serve(ddla_turns *turns, uint64_t target) {
  return ddla_service_serve(turns->service, target);
}

/* ---- making ---- */

/* As many as a contribution can be old; where there is no bound, what most are. */
static int64_t kept_versions(const ddla_turns *turns) {
  const int64_t window = turns->options.rule.window;
  return window >= 0 && window < KEPT_MAX ? window + 1 : KEPT_MAX;
}

static ddla_status create_parts(ddla_turns *turns) {
  const ddla_turns_options *options = &turns->options;
  const ddla_sync_options *sync = options->sync;
  const ddla_mail_calls calls = {place, deliver, sent, turns};
  DDLA_TRY(ddla_mail_create(&turns->mail, sync->link, &calls));
  if (sync->codec)
    DDLA_TRY(ddla_coded_create(
        &turns->coded,
        &(ddla_coded_options){
            .layout = options->layout,
            .codec = sync->codec,
            .options = &sync->codec_options,
            .residual =
                sync->residual < 0 ? NULL : ddla_state_array(sync->state, sync->residual, 0, 0)}));
  const int64_t end_step = sync->end_step > 0 ? sync->end_step : sync->total_steps;
  DDLA_TRY(ddla_grants_create(&turns->grants,
                              &(ddla_grants_options){.mail = turns->mail,
                                                     .cluster = &options->layout->cluster,
                                                     .shards = options->layout->shards,
                                                     .grain = options->rule.grain,
                                                     .start_step = (int64_t)sync->start_step,
                                                     .total_steps = end_step,
                                                     .window = options->rule.window}));
  DDLA_TRY(ddla_served_create(
      &turns->served,
      &(ddla_served_options){.mail = turns->mail,
                             .layout = options->layout,
                             .sync = sync,
                             .on_arrival = options->rule.on_arrival,
                             .bound = options->rule.lag,
                             .missing = options->rule.missing,
                             .bound_bytes = turns->coded ? ddla_coded_bound(turns->coded) : 0,
                             .damped = sync->rule.damped,
                             .compensation = sync->rule.compensation,
                             .versions = kept_versions(turns),
                             .changed = changed,
                             .settled = settled,
                             .taken = taken,
                             .argument = turns}));
  return ddla_reading_create(&turns->reading,
                             &(ddla_reading_options){.layout = options->layout,
                                                     .copy = {options->copy[0], options->copy[1]},
                                                     .version = (int64_t)sync->start_step});
}

ddla_status ddla_turns_create(ddla_turns **out, const ddla_turns_options *options) {
  ddla_turns *turns = NULL;
  ddla_status status = DDLA_OK;
  const ddla_sync_options *sync = options->sync;
  DDLA_TRY(DDLA_NEW(turns, 1));
  turns->options = *options;
  turns->passed = (int64_t)sync->start_step;
  turns->held = true;
  ddla_meeting_init(&turns->meeting, sync->link, &options->layout->cluster, sync->lanes,
                    &turns->met_bytes);
  DDLA_TRY_CLEAN(status, DDLA_NEW(turns->read_version, range_count(turns)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(turns->applied, range_count(turns)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(turns->staleness, host_count(turns)));
  DDLA_TRY_CLEAN(status, create_parts(turns));
  const ddla_service_options service = {.local = sync->transport,
                                        .link = sync->link,
                                        .progress = &options->board->progress,
                                        .threadless = sync->threadless,
                                        .rings = true,
                                        .client = {advance, under_way, waits, describe, turns}};
  DDLA_TRY_CLEAN(status, ddla_service_create(&turns->service, &service));
  *out = turns;
  return DDLA_OK;
cleanup:
  ddla_turns_destroy(turns);
  return status;
}

void ddla_turns_destroy(ddla_turns *turns) {
  if (!turns) return;
  ddla_service_destroy(turns->service);
  if (turns->mail) ddla_mail_destroy(turns->mail);
  ddla_meeting_fini(&turns->meeting);
  ddla_grants_destroy(turns->grants);
  ddla_served_destroy(turns->served);
  ddla_reading_destroy(turns->reading);
  ddla_coded_destroy(turns->coded);
  ddla_free(turns->read_version);
  ddla_free(turns->applied);
  ddla_free(turns->staleness);
  ddla_free(turns);
}
