/* The thread: what lanes want, and when. */
#include "share/tiers/tiers.h"

#include <stddef.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "share/tiers/tiers_parts.h"

enum {
  IDLE_MS = 100,          /* how long the thread sleeps at most where nothing rings, */
  LOOK_NS = 1000000,      /* and where lanes of other agents ask, which cannot wake a link */
  FORESEEN_STEPS = 4096,  /* how far is looked ahead at most, */
  FORESEEN_USES = 1 << 20 /* and how many uses of blocks are kept */
};

/* ---- wants ---- */

ddla_status ddla_tiers_want(ddla_want **out, ddla_tiers *tiers, const ddla_piece *piece,
                            unsigned char *to, ddla_ticket *ticket) {
  ddla_want *made = tiers->free_wants;
  if (made) tiers->free_wants = made->next;
  else DDLA_TRY(DDLA_NEW(made, 1));
  *made = (ddla_want){.piece = *piece, .to = to, .ticket = ticket};
  *out = made;
  return DDLA_OK;
}

void ddla_tiers_push(ddla_wants *list, ddla_want *want) {
  want->next = NULL;
  if (!list->first) list->last = &list->first;
  *list->last = want;
  list->last = &want->next;
}

ddla_want *ddla_tiers_pop(ddla_wants *list) {
  ddla_want *found = list->first;
  if (found) list->first = found->next;
  return found;
}

void ddla_tiers_arrived(ddla_tiers *tiers, ddla_ticket *ticket, size_t bytes, int from) {
  if (from > ticket->tier) ticket->tier = from;
  if (!ticket->for_peer && bytes > 0) {
    ddla_board_count(tiers->board, offsetof(ddla_tier_counts, pieces), from, 1);
    ddla_board_count(tiers->board, offsetof(ddla_tier_counts, bytes), from, (int64_t)bytes);
  }
  if (--ticket->missing == 0) ticket->arrived(tiers, ticket);
}

void ddla_tiers_fulfil(ddla_tiers *tiers, ddla_want *want, int from) {
  ddla_ticket *ticket = want->ticket;
  const size_t bytes = want->piece.bytes;
  want->next = tiers->free_wants;
  tiers->free_wants = want;
  ddla_tiers_arrived(tiers, ticket, bytes, from);
}

int ddla_tiers_home(const ddla_tiers *tiers, int64_t block) {
  return tiers->options.peers ? (int)(block % tiers->hosts) : tiers->host;
}

/* A sample, piece by piece. */
static ddla_status fetch(ddla_tiers *tiers, int set, int64_t row, unsigned char *to,
                         ddla_ticket *ticket) {
  const ddla_catalog *catalog = tiers->options.catalog;
  const size_t bytes = catalog->set[set].sample_bytes;
  for (size_t done = 0; done < bytes;) {
    const ddla_piece piece = ddla_catalog_piece(catalog, set, row, done);
    const bool own = ddla_tiers_home(tiers, piece.block) == tiers->host;
    ticket->missing++;
    DDLA_TRY(own ? ddla_tiers_supply(tiers, &piece, to + done, ticket)
                 : ddla_tiers_ask(tiers, &piece, to + done, ticket));
    done += piece.bytes;
  }
  return DDLA_OK;
}

static ddla_status fetch_all(ddla_tiers *tiers, int set, const int64_t *rows, int64_t count,
                             unsigned char *to, ddla_ticket *ticket) {
  const size_t bytes = tiers->options.catalog->set[set].sample_bytes;
  ticket->missing = 1;
  ticket->tier = DDLA_TIER_MEMORY;
  for (int64_t i = 0; i < count; i++)
    DDLA_TRY(fetch(tiers, set, rows[i], to + (size_t)i * bytes, ticket));
  ddla_tiers_arrived(tiers, ticket, 0, DDLA_TIER_MEMORY); /* all are listed */
  return DDLA_OK;
}

/* ---- steps that are foreseen ---- */

static void step_arrived(ddla_tiers *tiers, ddla_ticket *ticket) {
  ddla_board_slot *slot = &tiers->board->slot[ticket - tiers->steps];
  atomic_store(&slot->tier, ticket->tier);
  ddla_transport_word_publish(tiers->board->local, &slot->filled, (uint64_t)ticket->number + 1);
}

/* Looks further ahead: which blocks of this host somebody needs in the next step that is not known.
 */
static void foresee_step(bool *room, ddla_tiers *tiers) {
  const int64_t now = (int64_t)atomic_load(&tiers->board->head->now);
  for (int host = 0; host < tiers->hosts; host++) {
    if (!tiers->options.peers && host != tiers->host) continue;
    const int64_t count =
        tiers->plan.rows(tiers->plan.argument, tiers->rows, tiers->seen_step, host);
    for (int64_t i = 0; i < count && *room; i++) {
      const ddla_piece piece = ddla_catalog_piece(tiers->options.catalog, 0, tiers->rows[i], 0);
      if (ddla_tiers_home(tiers, piece.block) == tiers->host)
        *room = ddla_foresight_add(tiers->foresight, piece.block, tiers->seen_step, now);
    }
  }
}

static void foresee(ddla_tiers *tiers) {
  bool room = true;
  if (!tiers->foresight) return;
  if (tiers->seen_step < tiers->next_step) tiers->seen_step = tiers->next_step;
  while (tiers->seen_step < tiers->plan.end &&
         tiers->seen_step < tiers->next_step + FORESEEN_STEPS) {
    foresee_step(&room, tiers);
    if (!room) return; /* what was noted of the step is not noted twice */
    tiers->seen_step++;
  }
}

/* Begins with the next step, if its slot in the ring is free. */
static ddla_status fetch_step(ddla_tiers *tiers, bool *moved) {
  const ddla_board *board = tiers->board;
  const int64_t step = tiers->next_step, index = step % board->sizes.ahead;
  if (!tiers->planned || step >= tiers->plan.end) return DDLA_OK;
  if (step >= (int64_t)atomic_load(&board->head->now) + board->sizes.ahead) return DDLA_OK;
  if (tiers->steps[index].missing > 0) return DDLA_OK; /* nobody waited for what still comes */
  foresee(tiers);
  const int64_t count = tiers->plan.rows(tiers->plan.argument, tiers->rows, step, tiers->host);
  ddla_ticket *ticket = &tiers->steps[index];
  *ticket = (ddla_ticket){.arrived = step_arrived, .number = step};
  tiers->next_step++;
  *moved = true;
  return fetch_all(tiers, 0, tiers->rows, count, ddla_board_step(board, index), ticket);
}

static ddla_status fetch_ahead(ddla_tiers *tiers, bool *moved) {
  pthread_mutex_lock(&tiers->plan_lock);
  ddla_status status = fetch_step(tiers, moved);
  pthread_mutex_unlock(&tiers->plan_lock);
  return status;
}

/* ---- what lanes ask for ---- */

static void slip_arrived(ddla_tiers *tiers, ddla_ticket *ticket) {
  ddla_board_slip *slip = &tiers->board->slip[ticket - tiers->slips];
  atomic_store(&slip->tier, ticket->tier);
  ddla_transport_word_publish(tiers->board->local, &slip->answered, (uint64_t)ticket->number);
}

static ddla_status read_slips(ddla_tiers *tiers, bool *moved) {
  const ddla_board *board = tiers->board;
  for (int w = 0; w < board->sizes.slips; w++) {
    const ddla_board_slip *slip = &board->slip[w];
    const uint64_t asked = atomic_load(&slip->asked);
    if (asked == tiers->taken[w]) continue;
    tiers->taken[w] = asked;
    tiers->slips[w] = (ddla_ticket){.arrived = slip_arrived, .number = (int64_t)asked};
    *moved = true;
    DDLA_TRY(fetch_all(tiers, (int)slip->set, ddla_board_rows(board, w), slip->count,
                       ddla_board_answer(board, w), &tiers->slips[w]));
  }
  return DDLA_OK;
}

/* ---- the thread ---- */

static ddla_status advance(ddla_tiers *tiers, bool *moved) {
  tiers->events = atomic_load(&tiers->board->head->events);
  DDLA_TRY(ddla_transport_check(tiers->board->local));
  DDLA_TRY(ddla_tiers_collect(tiers, moved));
  DDLA_TRY(read_slips(tiers, moved));
  DDLA_TRY(fetch_ahead(tiers, moved));
  return tiers->options.link ? ddla_tiers_talk(tiers, moved) : DDLA_OK;
}

typedef struct rest_of {
  ddla_tiers *tiers;
  ddla_status status;
} rest_of;

static ddla_ready look(void *argument) {
  rest_of *r = argument;
  bool moved = false;
  r->status = advance(r->tiers, &moved);
  return moved || r->status != DDLA_OK || atomic_load(&r->tiers->closing) ? DDLA_READY_DONE
                                                                          : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  (void)argument;
  snprintf(text, bytes, "samples of other hosts, or their questions");
}

/* Until something may have happened. Lanes of the host's other agents cannot wake the link. */
static ddla_status rest(ddla_tiers *tiers) {
  rest_of r = {.tiers = tiers};
  const ddla_waiting waiting = {
      .ready = look, .describe = describe, .argument = &r, .look_ns = LOOK_NS, .calm = true};
  const ddla_status status =
      tiers->options.link
          ? ddla_transport_wait(tiers->options.link, &waiting, IDLE_MS)
          : ddla_transport_word_wait(tiers->board->local, &tiers->board->head->events,
                                     tiers->events + 1, IDLE_MS);
  if (status != DDLA_OK && status != DDLA_TIMEOUT) return status;
  return r.status;
}

static ddla_status run(ddla_tiers *tiers) {
  while (!atomic_load(&tiers->closing)) {
    bool moved = false;
    DDLA_TRY(advance(tiers, &moved));
    if (!moved) DDLA_TRY(rest(tiers));
  }
  return DDLA_OK;
}

static void *thread_main(void *argument) {
  ddla_tiers *tiers = argument;
  const ddla_status status = run(tiers);
  if (status == DDLA_OK || atomic_load(&tiers->closing)) return NULL;
  ddla_status_take(&tiers->failure, status);
  atomic_store(&tiers->failed, status != DDLA_PEER_LOST);
  /* whoever was first is kept on each side */
  if (tiers->options.link) ddla_transport_fail(tiers->options.link, &tiers->failure);
  ddla_transport_fail(tiers->board->local, &tiers->failure);
  return NULL;
}

static ddla_status open_all(ddla_tiers *tiers) {
  const ddla_board_sizes *sizes = &tiers->board->sizes;
  DDLA_TRY(DDLA_NEW(tiers->steps, sizes->ahead));
  DDLA_TRY(DDLA_NEW(tiers->slips, sizes->slips));
  DDLA_TRY(DDLA_NEW(tiers->taken, sizes->slips));
  DDLA_TRY(ddla_tiers_open_blocks(tiers));
  if (tiers->memory_places < tiers->options.catalog->blocks)
    DDLA_TRY(
        ddla_foresight_create(&tiers->foresight, tiers->options.catalog->blocks, FORESEEN_USES));
  if (tiers->options.link) DDLA_TRY(ddla_tiers_open_peers(tiers));
  if (pthread_create(&tiers->thread, NULL, thread_main, tiers) != 0)
    return DDLA_FAIL(NO_MEMORY, "cannot start the thread that fetches samples");
  tiers->started = true;
  return DDLA_OK;
}

ddla_status ddla_tiers_create(ddla_tiers **out, const ddla_tiers_options *options) {
  ddla_tiers *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->options = *options;
  made->board = &made->options.board;
  made->host = options->link ? ddla_transport_rank(options->link) : 0;
  made->hosts = options->link ? ddla_transport_ranks(options->link) : 1;
  pthread_mutex_init(&made->plan_lock, NULL);
  ddla_status status = open_all(made);
  if (status == DDLA_OK) *out = made;
  else ddla_tiers_destroy(made);
  return status;
}

ddla_status ddla_tiers_begin(ddla_tiers *tiers, const ddla_tiers_plan *plan) {
  int64_t *rows = NULL;
  DDLA_TRY(DDLA_NEW(rows, plan->rows_max));
  pthread_mutex_lock(&tiers->plan_lock);
  ddla_free(tiers->rows);
  tiers->rows = rows;
  tiers->plan = *plan;
  tiers->planned = true;
  tiers->next_step = tiers->seen_step = plan->from;
  if (tiers->foresight) ddla_foresight_clear(tiers->foresight);
  if (atomic_load(&tiers->board->head->now) < (uint64_t)plan->from)
    atomic_store(&tiers->board->head->now, (uint64_t)plan->from);
  pthread_mutex_unlock(&tiers->plan_lock);
  atomic_fetch_add(&tiers->board->head->events, 1);
  ddla_transport_word_wake(tiers->board->local, &tiers->board->head->events);
  return DDLA_OK;
}

ddla_status ddla_tiers_explain(const ddla_tiers *tiers, ddla_status status) {
  if (status != DDLA_PEER_LOST || !atomic_load(&tiers->failed)) return status;
  return ddla_status_raise(&tiers->failure);
}

void ddla_tiers_end(ddla_tiers *tiers) {
  pthread_mutex_lock(&tiers->plan_lock);
  tiers->planned = false;
  pthread_mutex_unlock(&tiers->plan_lock);
}

static void free_wants(ddla_want *first) {
  for (ddla_want *next = NULL; first; first = next) {
    next = first->next;
    ddla_free(first);
  }
}

void ddla_tiers_destroy(ddla_tiers *tiers) {
  if (!tiers) return;
  atomic_store(&tiers->closing, true);
  for (int i = 0; i < tiers->options.origin_count; i++) ddla_origin_stop(tiers->options.origins[i]);
  if (tiers->started) pthread_join(tiers->thread, NULL);
  ddla_tiers_close_blocks(tiers); /* with the readers, which write into answers to peers */
  ddla_tiers_close_peers(tiers);
  free_wants(tiers->free_wants);
  ddla_foresight_destroy(tiers->foresight);
  ddla_free(tiers->steps);
  ddla_free(tiers->slips);
  ddla_free(tiers->taken);
  ddla_free(tiers->rows);
  pthread_mutex_destroy(&tiers->plan_lock);
  ddla_free(tiers);
}
