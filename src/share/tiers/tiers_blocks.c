/* The blocks of this host: in memory, on disk, being read. */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "share/tiers/tiers_parts.h"

enum {
  READERS = 4,         /* so many requests to the origin at once */
  SPARES = 2 * READERS /* blocks that are read or written and have no place in memory */
};

/* ---- buffers ---- */

static void spare(ddla_tiers *tiers, unsigned char *buffer) {
  tiers->spare[tiers->spare_count++] = buffer;
}

/* Null: all are in use. */
static ddla_status take_spare(unsigned char **out, ddla_tiers *tiers) {
  *out = NULL;
  if (tiers->spare_count > 0) {
    *out = tiers->spare[--tiers->spare_count];
    return DDLA_OK;
  }
  if (tiers->spare_made == SPARES) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(*out, tiers->options.catalog->block_bytes));
  tiers->spare_made++;
  return DDLA_OK;
}

/* ---- errands ---- */

static ddla_status make_errand(ddla_errand **out, ddla_tiers *tiers, ddla_reading_kind kind,
                               const ddla_piece *piece) {
  ddla_errand *made = tiers->free_errands;
  if (made) {
    tiers->free_errands = made->next;
  } else {
    DDLA_TRY(DDLA_NEW(made, 1));
    made->made = tiers->all_errands;
    tiers->all_errands = made;
  }
  made->reading = (ddla_reading){.kind = kind, .piece = *piece, .owner = made};
  made->want = NULL;
  made->next = NULL;
  made->under_way = true;
  *out = made;
  return DDLA_OK;
}

static void end_errand(ddla_tiers *tiers, ddla_errand *errand) {
  errand->under_way = false;
  errand->next = tiers->free_errands;
  tiers->free_errands = errand;
}

static ddla_piece whole(const ddla_tiers *tiers, int64_t block) {
  return (ddla_piece){.block = block,
                      .bytes = (uint32_t)ddla_catalog_block_bytes(tiers->options.catalog, block)};
}

/* Blocks are read in the order in which they were asked for. */
static ddla_status submit_delayed(ddla_tiers *tiers) {
  while (tiers->delayed) {
    unsigned char *buffer = NULL;
    DDLA_TRY(take_spare(&buffer, tiers));
    if (!buffer) return DDLA_OK;
    ddla_errand *errand = tiers->delayed;
    tiers->delayed = errand->next;
    errand->reading.data = buffer;
    ddla_readers_submit(tiers->readers, &errand->reading);
  }
  return DDLA_OK;
}

static ddla_status read_block(ddla_tiers *tiers, int64_t block) {
  const ddla_piece all = whole(tiers, block);
  ddla_errand *errand = NULL;
  DDLA_TRY(make_errand(&errand, tiers, DDLA_READING_BLOCK, &all));
  if (!tiers->delayed) tiers->delayed_last = &tiers->delayed;
  *tiers->delayed_last = errand;
  tiers->delayed_last = &errand->next;
  tiers->blocks[block].reading = true;
  return submit_delayed(tiers);
}

static ddla_status read_piece(ddla_tiers *tiers, ddla_want *want, ddla_reading_kind kind,
                              int64_t place) {
  ddla_errand *errand = NULL;
  DDLA_TRY(make_errand(&errand, tiers, kind, &want->piece));
  errand->want = want;
  errand->reading.data = want->to;
  errand->reading.place = place;
  ddla_readers_submit(tiers->readers, &errand->reading);
  return DDLA_OK;
}

static ddla_status spill(ddla_tiers *tiers, int64_t block, unsigned char *buffer, int64_t place) {
  const ddla_piece all = whole(tiers, block);
  ddla_errand *errand = NULL;
  DDLA_TRY(make_errand(&errand, tiers, DDLA_READING_SPILL, &all));
  errand->reading.data = tiers->blocks[block].spilling = buffer;
  errand->reading.place = place;
  ddla_readers_submit(tiers->readers, &errand->reading);
  return DDLA_OK;
}

/* ---- supplying ---- */

/* What is not at hand: from disk, from the origin alone, or with its block. */
static ddla_status supply_want(ddla_tiers *tiers, ddla_want *want) {
  ddla_tier_block *block = &tiers->blocks[want->piece.block];
  int64_t place = 0;
  const ddla_cache_tier tier = ddla_cache_find(tiers->cache, want->piece.block, &place);
  if (tier == DDLA_CACHE_DISK) return read_piece(tiers, want, DDLA_READING_SPILLED, place);
  const bool alone = tiers->options.trusts && tiers->options.catalog->stored_bytes == 0 &&
                     !ddla_cache_has_room(tiers->cache);
  if (alone && !block->reading) return read_piece(tiers, want, DDLA_READING_PIECE, 0);
  ddla_tiers_push(&block->waiting, want);
  return block->reading ? DDLA_OK : read_block(tiers, want->piece.block);
}

ddla_status ddla_tiers_supply(ddla_tiers *tiers, const ddla_piece *piece, unsigned char *to,
                              ddla_ticket *ticket) {
  const unsigned char *from = tiers->blocks[piece->block].spilling;
  int64_t place = 0;
  ddla_want *want = NULL;
  if (ddla_cache_find(tiers->cache, piece->block, &place) == DDLA_CACHE_MEMORY)
    from = tiers->memory[place];
  if (from) {
    memcpy(to, from + piece->offset, piece->bytes);
    ddla_tiers_arrived(tiers, ticket, piece->bytes, DDLA_TIER_MEMORY);
    return DDLA_OK;
  }
  DDLA_TRY(ddla_tiers_want(&want, tiers, piece, to, ticket));
  return supply_want(tiers, want);
}

/* ---- what readers have done ---- */

static int64_t next_use(void *argument, int64_t block) {
  ddla_tiers *tiers = argument;
  return tiers->foresight ? ddla_foresight_next(tiers->foresight, block, tiers->next_step)
                          : INT64_MAX;
}

/* The block has been handed out; where it stays. */
static ddla_status keep(ddla_tiers *tiers, int64_t block, unsigned char *buffer) {
  const ddla_cache_move move = ddla_cache_admit(tiers->cache, block, next_use, tiers);
  if (move.memory >= 0) {
    unsigned char *old = tiers->memory[move.memory];
    tiers->memory[move.memory] = buffer;
    if (!old) tiers->spare_made--;
    else if (move.victim_disk >= 0) DDLA_TRY(spill(tiers, move.victim, old, move.victim_disk));
    else spare(tiers, old);
    return DDLA_OK;
  }
  if (move.disk >= 0) return spill(tiers, block, buffer, move.disk);
  spare(tiers, buffer);
  return DDLA_OK;
}

/* What could not be read: another host tries it by itself, this one cannot go on. */
static ddla_status fail_want(ddla_tiers *tiers, ddla_want *want, const ddla_failure *failure) {
  if (!want->ticket->for_peer) {
    want->next = tiers->free_wants;
    tiers->free_wants = want;
    return ddla_status_raise(failure);
  }
  want->ticket->failed = true;
  ddla_tiers_fulfil(tiers, want, DDLA_TIER_ORIGIN);
  return DDLA_OK;
}

static ddla_status take_block(ddla_tiers *tiers, const ddla_reading *done) {
  const int64_t number = done->piece.block;
  ddla_tier_block *block = &tiers->blocks[number];
  const bool failed = done->failure.code != DDLA_OK;
  block->reading = false;
  if (failed) spare(tiers, done->data); /* before what waits may end all */
  for (ddla_want *want = ddla_tiers_pop(&block->waiting); want;
       want = ddla_tiers_pop(&block->waiting)) {
    if (failed) {
      DDLA_TRY(fail_want(tiers, want, &done->failure));
      continue;
    }
    memcpy(want->to, (unsigned char *)done->data + want->piece.offset, want->piece.bytes);
    ddla_tiers_fulfil(tiers, want, DDLA_TIER_ORIGIN);
  }
  return failed ? DDLA_OK : keep(tiers, number, done->data);
}

/* Without the disk tier from here on; said once. */
static void warn_disk(ddla_tiers *tiers, int64_t block, const ddla_failure *failure) {
  ddla_cache_fail_disk(tiers->cache, block);
  if (!tiers->disk_warned)
    ddla_log_line(DDLA_LOG_WARN, "the disk tier takes no more blocks: %s", failure->text);
  tiers->disk_warned = true;
}

static ddla_status take_piece(ddla_tiers *tiers, ddla_errand *errand) {
  const ddla_reading *done = &errand->reading;
  const bool spilled = done->kind == DDLA_READING_SPILLED;
  if (done->failure.code == DDLA_OK) {
    ddla_tiers_fulfil(tiers, errand->want, spilled ? DDLA_TIER_DISK : DDLA_TIER_ORIGIN);
    return DDLA_OK;
  }
  if (!spilled) return fail_want(tiers, errand->want, &done->failure);
  warn_disk(tiers, done->piece.block, &done->failure);
  return supply_want(tiers, errand->want);
}

static ddla_status take_done(ddla_tiers *tiers, ddla_errand *errand) {
  const ddla_reading *done = &errand->reading;
  switch (done->kind) {
  case DDLA_READING_BLOCK: return take_block(tiers, done);
  case DDLA_READING_PIECE:
  case DDLA_READING_SPILLED: return take_piece(tiers, errand);
  case DDLA_READING_SPILL: break;
  }
  tiers->blocks[done->piece.block].spilling = NULL;
  if (done->failure.code != DDLA_OK) warn_disk(tiers, done->piece.block, &done->failure);
  spare(tiers, done->data);
  return DDLA_OK;
}

static void note_origin(ddla_tiers *tiers) {
  int64_t bytes = 0;
  for (int i = 0; i < tiers->options.origin_count; i++)
    bytes += ddla_origin_bytes(tiers->options.origins[i]);
  ddla_board_set(tiers->board, offsetof(ddla_tier_counts, origin_bytes),
                 bytes - tiers->origin_before);
}

ddla_status ddla_tiers_collect(ddla_tiers *tiers, bool *moved) {
  for (ddla_reading *done = ddla_readers_take(tiers->readers); done;
       done = ddla_readers_take(tiers->readers)) {
    *moved = true;
    ddla_errand *errand = done->owner;
    ddla_status status = take_done(tiers, errand);
    end_errand(tiers, errand);
    DDLA_TRY(status);
    note_origin(tiers);
  }
  return submit_delayed(tiers);
}

/* ---- opening ---- */

/* By a reader. */
static void ring(void *argument) {
  ddla_tiers *tiers = argument;
  atomic_fetch_add(&tiers->board->head->events, 1);
  if (tiers->options.link) ddla_transport_wake(tiers->options.link, tiers->host);
  else ddla_transport_word_wake(tiers->board->local, &tiers->board->head->events);
}

static int64_t places(int64_t bytes, size_t block, int64_t most) {
  const int64_t count = bytes / (int64_t)block;
  return count < most ? count : most;
}

/* A disk that is full at the start is done without, as one that fills later; anything else that is
 * wrong with the directory is for the user to mend. */
static ddla_status open_disk(ddla_tiers *tiers, int64_t *disk) {
  const ddla_tiers_options *o = &tiers->options;
  if (*disk == 0) return DDLA_OK;
  const ddla_status status =
      ddla_spill_create(&tiers->spill, o->directory, o->catalog->block_bytes);
  if (status != DDLA_DISK_FULL) return status;
  ddla_log_line(DDLA_LOG_WARN, "the disk tier takes no blocks: %s", ddla_status_message(status));
  *disk = 0;
  return DDLA_OK;
}

ddla_status ddla_tiers_open_blocks(ddla_tiers *tiers) {
  const ddla_tiers_options *o = &tiers->options;
  const ddla_catalog *catalog = o->catalog;
  int64_t disk = places(o->disk_bytes, catalog->block_bytes, catalog->blocks);
  tiers->memory_places = places(o->memory_bytes, catalog->block_bytes, catalog->blocks);
  for (int i = 0; i < o->origin_count; i++)
    tiers->origin_before += ddla_origin_bytes(o->origins[i]);
  DDLA_TRY(open_disk(tiers, &disk));
  DDLA_TRY(ddla_cache_create(&tiers->cache, catalog->blocks, tiers->memory_places, disk));
  DDLA_TRY(DDLA_NEW(tiers->blocks, catalog->blocks));
  DDLA_TRY(DDLA_NEW(tiers->memory, tiers->memory_places + 1));
  DDLA_TRY(DDLA_NEW(tiers->spare, SPARES + 1));
  const ddla_readers_options readers = {.catalog = catalog,
                                        .spill = tiers->spill,
                                        .threads = READERS,
                                        .ring = ring,
                                        .argument = tiers};
  return ddla_readers_create(&tiers->readers, &readers);
}

static void free_wants(ddla_wants *list) {
  for (ddla_want *want = ddla_tiers_pop(list); want; want = ddla_tiers_pop(list)) ddla_free(want);
}

/* With what it holds where it was under way: bytes that are nowhere else, or what waits for a
 * piece.
 */
static void free_errand(ddla_errand *errand) {
  const ddla_reading_kind kind = errand->reading.kind;
  const bool whole_block = kind == DDLA_READING_BLOCK || kind == DDLA_READING_SPILL;
  if (errand->under_way && whole_block) ddla_free(errand->reading.data);
  if (errand->under_way) ddla_free(errand->want);
  ddla_free(errand);
}

void ddla_tiers_close_blocks(ddla_tiers *tiers) {
  ddla_readers_destroy(tiers->readers);
  ddla_spill_destroy(tiers->spill);
  ddla_cache_destroy(tiers->cache);
  for (int64_t i = 0; tiers->memory && i < tiers->memory_places; i++) ddla_free(tiers->memory[i]);
  for (int i = 0; i < tiers->spare_count; i++) ddla_free(tiers->spare[i]);
  for (int64_t b = 0; tiers->blocks && b < tiers->options.catalog->blocks; b++)
    free_wants(&tiers->blocks[b].waiting);
  for (ddla_errand *e = tiers->all_errands, *next = NULL; e; e = next) {
    next = e->made;
    free_errand(e);
  }
  ddla_free(tiers->memory);
  ddla_free(tiers->spare);
  ddla_free(tiers->blocks);
}
