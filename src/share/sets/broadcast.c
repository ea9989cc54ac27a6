#include "share/sets/broadcast.h"

#include <string.h>

#include "base/alloc.h"
#include "share/sets/announcement.h"
#include "share/sets/aside.h"
#include "share/sets/stream.h"
#include "share/sets/talk.h"
#include "share/sets/tier.h"

typedef struct spread {
  const ddla_broadcast_call *call;
  ddla_transport *link;
  ddla_wire *wire;
  int rank, ranks;
  ddla_prepared_index index[DDLA_PREPARED_PARTS]; /* as this host writes it */
  ddla_tier tier;
  uint64_t total, block_bytes;
  bool has_not;                            /* this host is to get it */
  bool agreed;                             /* a failure is everybody's */
  int part;                                /* that is being read, of rank 0 */
  uint64_t part_left;                      /* bytes of it that are to be read */
  uint8_t takes[DDLA_TRANSPORT_RANKS_MAX]; /* who is in the chain, besides rank 0 */
} spread;

/* Rank 0's indexes as they are now, to all. */
static ddla_status tell_indexes(ddla_prepared_index index[DDLA_PREPARED_PARTS], const spread *s) {
  const ddla_prepared_index *known[DDLA_PREPARED_PARTS] = {NULL};
  uint8_t *bytes = NULL;
  size_t length = 0;
  ddla_status status = DDLA_OK;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (s->call->parts[p]) known[p] = ddla_prepared_source_index(s->call->parts[p]);
  if (s->rank == 0) DDLA_TRY_CLEAN(status, ddla_announcement_encode(&bytes, &length, known));
  DDLA_TRY_CLEAN(status,
                 ddla_talk_tell_block(s->link, &bytes, &length, DDLA_ANNOUNCEMENT_BYTES_MAX));
  status = ddla_announcement_decode(index, bytes, length);
cleanup:
  ddla_free(bytes);
  return status;
}

/* ---- before ---- */

static ddla_status prepare(void *argument) {
  spread *s = argument;
  bool has = false;
  s->tier = (ddla_tier){.directory = s->call->directory, .index = s->index};
  DDLA_TRY(ddla_tier_find(&has, s->call->directory, s->index));
  s->has_not = !has;
  return has ? DDLA_OK : ddla_tier_begin(&s->tier);
}

/* Who takes part, told by rank 0, when all are ready. */
static ddla_status form(spread *s) {
  const ddla_status status = ddla_aside_run(s->link, s->call->threadless, prepare, s);
  const uint8_t mine = s->has_not;
  DDLA_TRY(ddla_talk_agree(&s->agreed, s->link, status, s->call->host));
  DDLA_TRY(ddla_talk_collect(s->link, s->takes, &mine, sizeof mine));
  return ddla_talk_tell(s->link, s->takes, sizeof s->takes);
}

/* ---- blocks ---- */

static int next_of(const spread *s) {
  for (int r = s->rank + 1; r < s->ranks; r++)
    if (s->takes[r]) return r;
  return DDLA_STREAM_HERE;
}

static int before_of(const spread *s) {
  for (int r = s->rank - 1; r > 0; r--)
    if (s->takes[r]) return r;
  return s->rank > 0 ? 0 : DDLA_STREAM_HERE;
}

static ddla_stream_block block_at(void *argument, int64_t index) {
  const spread *s = argument;
  const uint64_t left = s->total - (uint64_t)index * s->block_bytes;
  return (ddla_stream_block){.bytes = left < s->block_bytes ? left : s->block_bytes,
                             .from = before_of(s)};
}

static ddla_status fill(void *argument, int64_t index, uint8_t *out, size_t bytes) {
  spread *s = argument;
  (void)index;
  while (bytes > 0) {
    while (s->part_left == 0) s->part_left = ddla_prepared_series_bytes(&s->index[++s->part]);
    const size_t some = s->part_left < bytes ? (size_t)s->part_left : bytes;
    DDLA_TRY(ddla_prepared_source_read(s->call->parts[s->part], out, some));
    s->part_left -= some;
    out += some;
    bytes -= some;
  }
  return DDLA_OK;
}

static ddla_status take(void *argument, int64_t index, const uint8_t *data, size_t bytes) {
  spread *s = argument;
  (void)index;
  return ddla_tier_append(&s->tier, data, bytes);
}

static void tell(void *argument, int64_t blocks) {
  const spread *s = argument;
  const int64_t total = (int64_t)s->total, bytes = blocks * (int64_t)s->block_bytes;
  if (s->call->tell) s->call->tell(s->call->argument, bytes < total ? bytes : total, total);
}

static ddla_status run_stream(spread *s) {
  const bool takes = s->takes[s->rank] != 0;
  const ddla_stream_plan plan = {.blocks =
                                     (int64_t)((s->total + s->block_bytes - 1) / s->block_bytes),
                                 .block_bytes = s->block_bytes,
                                 .to = next_of(s),
                                 .block = block_at,
                                 .fill = fill,
                                 .take = takes ? take : NULL,
                                 .tell = tell,
                                 .argument = s,
                                 .threadless = s->call->threadless};
  s->part_left = ddla_prepared_series_bytes(&s->index[0]);
  if (plan.to < 0 && !takes) return DDLA_OK;
  if (s->rank > 0 && !takes) return DDLA_OK;
  const ddla_status status = ddla_stream_run(s->link, s->wire, &plan);
  /* The link says to the others whose failure it was. */
  if (status == DDLA_OK || status == DDLA_PEER_LOST || s->rank > 0) return status;
  return ddla_status_prefix(status, "on host %s: ", s->call->host);
}

/* ---- after ---- */

static ddla_status compare_part(const spread *s, const ddla_prepared_index *told, int part) {
  const ddla_prepared_index *own = &s->index[part];
  const char *name = ddla_prepared_part_name((ddla_data_part)part);
  if (told->block_count != own->block_count)
    return DDLA_FAIL(CORRUPT,
                     "%s: the part %s came in %lld blocks and was sent in %lld; nothing is left of "
                     "it, try again",
                     s->call->directory, name, (long long)own->block_count,
                     (long long)told->block_count);
  for (int64_t b = 0; b < told->block_count; b++)
    if (own->blocks[b].hash != told->blocks[b].hash)
      return DDLA_FAIL(CORRUPT,
                       "%s: block %lld of the part %s came with another hash than it was sent "
                       "with; nothing is left of it, try again",
                       s->call->directory, (long long)b, name);
  return DDLA_OK;
}

static ddla_status compare(const spread *s, const ddla_prepared_index *told) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) DDLA_TRY(compare_part(s, &told[p], p));
  return DDLA_OK;
}

static ddla_status commit(void *argument) {
  spread *s = argument;
  return ddla_tier_commit(&s->tier);
}

static ddla_status finish(spread *s) {
  ddla_prepared_index told[DDLA_PREPARED_PARTS] = {0};
  ddla_status status = tell_indexes(told, s), mine = DDLA_OK;
  if (status == DDLA_OK && s->takes[s->rank]) {
    mine = compare(s, told);
    if (mine == DDLA_OK) mine = ddla_aside_run(s->link, s->call->threadless, commit, s);
  }
  ddla_announcement_release(told);
  DDLA_TRY(status);
  return ddla_talk_agree(&s->agreed, s->link, mine, s->call->host);
}

static ddla_status send_set(ddla_broadcast_result *out, spread *s) {
  DDLA_TRY(tell_indexes(s->index, s));
  s->total = ddla_tier_bytes(s->index);
  DDLA_TRY(form(s));
  *out = (ddla_broadcast_result){.bytes = (int64_t)s->total, .took = s->takes[s->rank] != 0};
  for (int r = 0; r < s->ranks; r++) out->takers += s->takes[r];
  if (out->takers == 0) return DDLA_OK;
  DDLA_TRY(run_stream(s));
  return finish(s);
}

ddla_status ddla_share_broadcast(ddla_broadcast_result *out, ddla_transport *link, ddla_wire *wire,
                                 const ddla_broadcast_call *call) {
  spread *s = NULL;
  ddla_broadcast_result made = {0};
  DDLA_TRY(DDLA_NEW(s, 1));
  *s = (spread){.call = call,
                .link = link,
                .wire = wire,
                .block_bytes = call->block_bytes ? call->block_bytes : DDLA_STREAM_BLOCK_BYTES,
                .rank = ddla_transport_rank(link),
                .ranks = ddla_transport_ranks(link)};
  ddla_status status = send_set(&made, s);
  status = ddla_talk_end(link, status, s->agreed);
  ddla_tier_fini(&s->tier);
  ddla_announcement_release(s->index);
  ddla_free(s);
  if (status == DDLA_OK) *out = made;
  return status;
}
