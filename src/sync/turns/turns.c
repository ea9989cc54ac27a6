#include "sync/turns/turns.h"

#include <stdio.h>

#include "base/alloc.h"
#include "sync/turns/service.h"

struct ddla_turns {
  ddla_turn_means means;
  const ddla_turn_method *method;
  void *made; /* the method's */
  ddla_service *service;
  ddla_meeting meeting;
  uint64_t meetings;
  int64_t met_bytes;
  int64_t passed; /* the last fence */
  bool held;      /* workers are at it still */
  int stage;      /* of a fence under way */
  bool told_stop;
  /* The order under way, or the last one. */
  uint64_t number, nearly;
  ddla_turn_order order;
  bool running, meets, concludes;
  /* What a shard takes: */
  int64_t begin_ns; /* of the turn */
  double shard_ns;  /* a moving mean over turns; 0: not known */
};

static const ddla_sync_options *sync_of(const ddla_turns *turns) {
  return turns->means.options.sync;
}

static ddla_turn_board *board_of(const ddla_turns *turns) { return turns->means.options.board; }

void ddla_turns_post(const ddla_sync_options *sync, ddla_turn_board *board, uint64_t number,
                     const ddla_turn_order *order) {
  board->order[number % DDLA_TURN_ORDERS] = *order;
  ddla_transport_word_publish(sync->transport, &board->posted, number);
  if (sync->link) ddla_transport_wake(sync->link, ddla_transport_rank(sync->link));
}

/* ---- letters ---- */

static ddla_status place(void **out, void *argument, int from, const ddla_letter *letter) {
  ddla_turns *turns = argument;
  return turns->method->place(out, turns->made, from, letter);
}

static ddla_status deliver(void *argument, int from, const ddla_letter *letter, void *data) {
  ddla_turns *turns = argument;
  switch ((ddla_letter_kind)letter->kind) {
  case DDLA_LETTER_CLAIM:
  case DDLA_LETTER_GRANT:
  case DDLA_LETTER_STOP:
  case DDLA_LETTER_LAST: return ddla_grants_deliver(turns->means.grants, from, letter);
  default: return turns->method->deliver(turns->made, from, letter, data);
  }
}

static void sent(void *argument, int to, const ddla_letter *letter, const void *data) {
  ddla_turns *turns = argument;
  turns->method->sent(turns->made, to, letter, data);
}

/* ---- turns ---- */

static int64_t next_fence(const ddla_turns *turns) {
  int64_t fence = ddla_grants_last(turns->means.grants);
  for (int i = 0; i < 3; i++) {
    const int64_t every = turns->means.options.rule.every[i];
    const int64_t next = every > 0 ? (turns->passed / every + 1) * every : fence;
    if (next < fence) fence = next;
  }
  return fence;
}

static void commit(ddla_turns *turns, int64_t step) {
  ddla_turn_board *board = board_of(turns);
  if ((uint64_t)step > atomic_load(&board->step))
    ddla_transport_word_publish(sync_of(turns)->transport, &board->step, (uint64_t)step);
}

static void end_order(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  turns->running = false;
  atomic_store(&board->sent_bytes, ddla_mail_bytes(turns->means.mail) + turns->met_bytes);
  ddla_transport_word_publish(sync_of(turns)->transport, &board->progress, turns->number);
}

/* What was granted is let go where nothing would come of it. */
static ddla_status drop_past(ddla_turns *turns, bool *moved) {
  const ddla_grant *grant = ddla_grants_have(turns->means.grants);
  if (!grant || !turns->method->is_past || !turns->method->is_past(turns->made, grant))
    return DDLA_OK;
  *moved = true;
  ddla_grants_take(turns->means.grants);
  return ddla_grants_claim(turns->means.grants, turns->shard_ns);
}

static bool may_turn(const ddla_turns *turns) {
  const ddla_grant *grant = ddla_grants_have(turns->means.grants);
  return grant && grant->step < next_fence(turns) && turns->method->may_turn(turns->made, grant);
}

static int64_t now_ns(const ddla_turns *turns) {
  return ddla_clock_now_ns(ddla_transport_clock(sync_of(turns)->link));
}

/* At a turn's end. */
static void learn_pace(ddla_turns *turns) {
  const ddla_grant *grant = &board_of(turns)->grant;
  const double ns = (double)(now_ns(turns) - turns->begin_ns) / (grant->end - grant->first);
  turns->shard_ns = turns->shard_ns > 0 ? (turns->shard_ns + ns) / 2 : ns;
}

/* The answer takes its time. A host of small turns is a slow one, which should not hold what it
 * does not compute yet: it claims when its turn is nearly over. */
static ddla_status claim_early(ddla_turns *turns) {
  const ddla_turn_rule *rule = &turns->means.options.rule;
  const ddla_grant *grant = &board_of(turns)->grant;
  if (!rule->early || grant->end - grant->first <= rule->grain) return DDLA_OK;
  return ddla_grants_claim(turns->means.grants, turns->shard_ns);
}

static ddla_status begin_turn(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  turns->begin_ns = now_ns(turns);
  board->fence = false;
  board->grant = *ddla_grants_have(turns->means.grants);
  board->turn++;
  ddla_grants_take(turns->means.grants);
  turns->method->begin_turn(turns->made);
  commit(turns, turns->method->step(turns->made));
  end_order(turns);
  return claim_early(turns);
}

/* ---- meetings and fences ---- */

static ddla_status begin_meeting(ddla_turns *turns, const ddla_agenda *agenda) {
  turns->meets = true;
  return ddla_meeting_begin(&turns->meeting, ++turns->meetings, agenda);
}

static ddla_status begin_stage(ddla_turns *turns, int stage) {
  ddla_agenda agenda = {.by_host = true};
  turns->stage = stage;
  turns->method->agenda(&agenda, turns->made, stage, turns->passed);
  return begin_meeting(turns, &agenda);
}

static ddla_status begin_fence(ddla_turns *turns) {
  turns->passed = next_fence(turns);
  turns->held = true;
  return begin_stage(turns, 0);
}

static void end_fence(ddla_turns *turns) {
  ddla_turn_board *board = board_of(turns);
  const ddla_grants *grants = turns->means.grants;
  board->fence = true;
  board->stop = ddla_grants_stopped(grants) && turns->passed == ddla_grants_last(grants);
  commit(turns, turns->passed);
  end_order(turns);
}

static bool meets_again(const ddla_turns *turns) {
  const ddla_turn_method *method = turns->method;
  if (turns->stage + 1 == method->stages) return false;
  return !method->meets_again || method->meets_again(turns->made, turns->stage);
}

static ddla_status advance_fence(ddla_turns *turns, bool *moved) {
  bool over = false;
  DDLA_TRY(turns->method->conclude(&over, turns->made, turns->stage, turns->passed, moved));
  if (!over) return DDLA_OK;
  turns->concludes = false;
  if (meets_again(turns)) return begin_stage(turns, turns->stage + 1);
  end_fence(turns);
  return DDLA_OK;
}

static ddla_status advance_meeting(ddla_turns *turns, bool *moved) {
  bool over = false;
  uint64_t word = 0;
  DDLA_TRY(ddla_meeting_look(&turns->meeting, &over, &word, moved));
  if (!over) return DDLA_OK;
  turns->meets = false;
  *moved = true;
  if (turns->order.kind == DDLA_TURN_MEET) end_order(turns);
  else turns->concludes = true;
  return DDLA_OK;
}

/* ---- orders ---- */

static ddla_status advance_order(ddla_turns *turns, bool *moved) {
  if (!turns->running) return DDLA_OK;
  if (turns->meets) return advance_meeting(turns, moved);
  if (turns->concludes) return advance_fence(turns, moved);
  if (turns->method->at_fence(turns->made, next_fence(turns))) return begin_fence(turns);
  DDLA_TRY(drop_past(turns, moved));
  if (!may_turn(turns)) return DDLA_OK;
  *moved = true;
  return begin_turn(turns);
}

static ddla_status begin_order(ddla_turns *turns) {
  turns->number++;
  turns->order = board_of(turns)->order[turns->number % DDLA_TURN_ORDERS];
  turns->running = true;
  if (turns->order.kind == DDLA_TURN_MEET) return begin_meeting(turns, &turns->order.agenda);
  turns->held = false;
  if (turns->order.kind == DDLA_TURN_CONTRIBUTE) {
    learn_pace(turns);
    DDLA_TRY(turns->method->contribute(turns->made, &turns->order));
  }
  return ddla_grants_claim(turns->means.grants, turns->shard_ns);
}

/* ---- what the service asks ---- */

/* What workers want, beside orders. */
static ddla_status heed_words(ddla_turns *turns) {
  const uint64_t near = atomic_load(&board_of(turns)->near);
  if (near > turns->nearly) {
    turns->nearly = near;
    DDLA_TRY(ddla_grants_claim(turns->means.grants, turns->shard_ns));
  }
  if (turns->told_stop || !atomic_load(&board_of(turns)->stop_asked)) return DDLA_OK;
  turns->told_stop = true;
  return ddla_grants_stop(turns->means.grants);
}

static ddla_status advance(void *argument, bool *moved) {
  ddla_turns *turns = argument;
  if (!turns->running && atomic_load(&board_of(turns)->posted) > turns->number) {
    DDLA_TRY(begin_order(turns));
    *moved = true;
  }
  DDLA_TRY(heed_words(turns));
  DDLA_TRY(ddla_mail_advance(turns->means.mail, moved));
  DDLA_TRY(
      turns->method->advance(turns->made, turns->held ? turns->passed : next_fence(turns), moved));
  if (turns->means.options.layout->cluster.host == 0)
    DDLA_TRY(ddla_grants_advance(turns->means.grants, moved));
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

static void describe(void *argument, char *text, size_t bytes) {
  const ddla_turns *turns = argument;
  if (!turns->running) snprintf(text, bytes, "this host's agents");
  else if (turns->meets) snprintf(text, bytes, "the other hosts at a meeting");
  else
    turns->method->describe(turns->made, next_fence(turns), ddla_grants_have(turns->means.grants),
                            text, bytes);
}

ddla_status ddla_turns_serve(ddla_turns *turns, uint64_t target) {
  return ddla_service_serve(turns->service, target);
}

ddla_status ddla_turns_told(const ddla_turns *turns, ddla_status status) {
  return ddla_service_told(turns->service, status);
}

/* ---- making ---- */

static ddla_status create_parts(ddla_turns *turns) {
  const ddla_turns_options *options = &turns->means.options;
  const ddla_sync_options *sync = options->sync;
  const ddla_mail_calls calls = {place, deliver, sent, turns};
  const int64_t end_step = sync->end_step > 0 ? sync->end_step : sync->total_steps;
  DDLA_TRY(ddla_mail_create(&turns->means.mail, sync->link, &calls));
  DDLA_TRY(ddla_grants_create(&turns->means.grants,
                              &(ddla_grants_options){.mail = turns->means.mail,
                                                     .cluster = &options->layout->cluster,
                                                     .shards = options->layout->shards,
                                                     .grain = options->rule.grain,
                                                     .most = options->rule.most,
                                                     .start_step = (int64_t)sync->start_step,
                                                     .total_steps = end_step,
                                                     .window = options->rule.window}));
  return turns->method->create(&turns->made, &turns->means);
}

ddla_status ddla_turns_create(ddla_turns **out, const ddla_turns_options *options) {
  ddla_turns *turns = NULL;
  ddla_status status = DDLA_OK;
  const ddla_sync_options *sync = options->sync;
  DDLA_TRY(DDLA_NEW(turns, 1));
  turns->means.options = *options;
  turns->means.sent_bytes = &turns->met_bytes;
  turns->method = options->method;
  turns->passed = (int64_t)sync->start_step;
  turns->held = true;
  ddla_meeting_init(&turns->meeting, sync->link, &options->layout->cluster, sync->lanes,
                    &turns->met_bytes);
  DDLA_TRY_CLEAN(status, create_parts(turns));
  const ddla_service_options service = {.local = sync->transport,
                                        .link = sync->link,
                                        .progress = &options->board->progress,
                                        .threadless = sync->threadless,
                                        .calm = true,
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
  if (turns->means.mail) ddla_mail_destroy(turns->means.mail);
  ddla_meeting_fini(&turns->meeting);
  turns->method->destroy(turns->made);
  ddla_grants_destroy(turns->means.grants);
  ddla_free(turns);
}
