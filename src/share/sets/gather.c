#include "share/sets/gather.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/prepared/sealer.h"
#include "share/sets/announcement.h"
#include "share/sets/aside.h"
#include "share/sets/manifest.h"
#include "share/sets/stream.h"
#include "share/sets/talk.h"
#include "share/sets/tier.h"
#include "share/sets/united.h"

enum { STREAMS = DDLA_PREPARED_STREAMS, SEGMENTS_MAX = DDLA_PREPARED_PARTS * STREAMS * 64 };

/* What one host gives of one stream of one part. */
typedef struct segment {
  int part, stream, from;
  uint64_t bytes;
  int64_t first, end; /* blocks */
} segment;

typedef struct gathering {
  const ddla_gather_call *call;
  ddla_transport *link;
  ddla_wire *wire;
  int rank, ranks;
  size_t block_bytes;
  bool agreed; /* a failure is everybody's */
  ddla_gather_result made;
  ddla_united *united;                              /* of rank 0 */
  ddla_data_sample_hash *hash[DDLA_PREPARED_PARTS]; /* of this host's samples */
  uint8_t *chosen[DDLA_PREPARED_PARTS];             /* of this host: a bit for each sample */
  int32_t *renumber[DDLA_PREPARED_PARTS];
  ddla_data_selection selection[DDLA_PREPARED_PARTS];
  ddla_tier tier; /* from here on of rank 0 */
  ddla_data_sealer *sealer[DDLA_PREPARED_PARTS];
  segment segments[SEGMENTS_MAX];
  int segment_count;
} gathering;

static int64_t count_of(const gathering *g, int part) {
  return g->call->sets[part] ? ddla_dataset_count(g->call->sets[part]) : 0;
}

static size_t bits(int64_t count) { return (size_t)(count + 7) / 8; }

/* ---- what hosts have ---- */

static ddla_status announce(const gathering *g) {
  const ddla_prepared_index *index[DDLA_PREPARED_PARTS] = {NULL};
  uint8_t *bytes = NULL;
  size_t length = 0;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (g->call->parts[p]) index[p] = ddla_prepared_source_index(g->call->parts[p]);
  DDLA_TRY(ddla_announcement_encode(&bytes, &length, index));
  ddla_status status = DDLA_OK;
  if (g->rank == 0) status = ddla_announcement_decode(g->united->host[0].index, bytes, length);
  else status = ddla_talk_send(g->link, 0, bytes, length);
  ddla_free(bytes);
  return status;
}

static ddla_status hear_announcements(const gathering *g) {
  for (int h = 1; h < g->ranks; h++) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    DDLA_TRY(ddla_talk_recv(g->link, h, &bytes, &length, DDLA_ANNOUNCEMENT_BYTES_MAX));
    ddla_status status = ddla_announcement_decode(g->united->host[h].index, bytes, length);
    ddla_free(bytes);
    DDLA_TRY(status);
  }
  return DDLA_OK;
}

static ddla_status introduce(const gathering *g) {
  char mine[DDLA_UNITED_NAME_BYTES] = "", all[DDLA_TRANSPORT_RANKS_MAX][DDLA_UNITED_NAME_BYTES];
  snprintf(mine, sizeof mine, "%s", g->call->host);
  DDLA_TRY(ddla_talk_collect(g->link, all, mine, sizeof mine));
  for (int h = 0; g->rank == 0 && h < g->ranks; h++)
    memcpy(g->united->host[h].name, all[h], sizeof mine);
  DDLA_TRY(announce(g));
  return g->rank == 0 ? hear_announcements(g) : DDLA_OK;
}

/* ---- what is there already ---- */

static ddla_status read_found(ddla_prepared_index index[DDLA_PREPARED_PARTS],
                              const char *directory) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (ddla_prepared_has(directory, (ddla_data_part)p))
      DDLA_TRY(ddla_prepared_index_read(&index[p], directory, (ddla_data_part)p));
  return DDLA_OK;
}

/* A set that was made of the same parts is looked at, byte for byte, when it is whole. */
static ddla_status find(void *argument) {
  gathering *g = argument;
  const char *directory = g->call->directory;
  ddla_prepared_index index[DDLA_PREPARED_PARTS] = {0};
  DDLA_TRY(ddla_united_agree(g->united));
  if (!ddla_manifest_is_of(directory, g->united)) return ddla_prepared_check_target(directory);
  ddla_status status = read_found(index, directory);
  if (status == DDLA_OK) status = ddla_manifest_check(directory, g->united, index);
  if (status == DDLA_OK) status = ddla_tier_find(&g->made.found, directory, index);
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) g->made.samples += index[p].records.count;
  g->made.bytes = (int64_t)ddla_tier_bytes(index);
  ddla_announcement_release(index);
  return status;
}

/* Rank 0 judges. */
static ddla_status agree(gathering *g) {
  ddla_status status = DDLA_OK;
  if (g->rank == 0) status = ddla_aside_run(g->link, g->call->threadless, find, g);
  DDLA_TRY(ddla_talk_agree(&g->agreed, g->link, status, g->call->host));
  uint8_t found = g->made.found;
  DDLA_TRY(ddla_talk_tell(g->link, &found, sizeof found));
  g->made.found = found != 0;
  return DDLA_OK;
}

/* ---- which samples are wanted ---- */

static ddla_status hash_all(void *argument) {
  gathering *g = argument;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    if (!g->call->sets[p]) continue;
    DDLA_TRY(DDLA_NEW(g->hash[p], count_of(g, p)));
    DDLA_TRY(ddla_data_sample_hashes(g->hash[p], g->call->sets[p]));
  }
  return DDLA_OK;
}

static int64_t count_at(const gathering *g, int host, int part) {
  return ddla_united_has(g->united, host, part) ? g->united->host[host].index[part].records.count
                                                : 0;
}

static ddla_status recv_hashes(ddla_data_sample_hash **out, const gathering *g, int host,
                               int part) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  const size_t wanted = (size_t)count_at(g, host, part) * sizeof **out;
  DDLA_TRY(ddla_talk_recv(g->link, host, &bytes, &length, wanted));
  if (length != wanted) {
    ddla_free(bytes);
    return DDLA_FAIL(INTERNAL, "host %d has told %zu bytes of hashes", host, length);
  }
  *out = (ddla_data_sample_hash *)(void *)bytes;
  return DDLA_OK;
}

/* A host's answer: the numbers of its classes, and a bit for each sample. */
static ddla_status answer(const gathering *g, int host, int part, uint8_t *chosen) {
  const int classes = g->united->host[host].index[part].classes.count;
  int32_t *renumber = NULL;
  DDLA_TRY(DDLA_NEW(renumber, classes));
  ddla_united_renumber(renumber, g->united, host, part);
  ddla_status status = ddla_talk_send(g->link, host, renumber, (size_t)classes * sizeof *renumber);
  ddla_free(renumber);
  DDLA_TRY(status);
  return ddla_talk_send(g->link, host, chosen, bits(count_at(g, host, part)));
}

/* What is chosen of this host's own part is kept, the others are told. */
static ddla_status give_answers(gathering *g, int part, uint8_t **chosen) {
  for (int h = 1; h < g->ranks; h++)
    if (ddla_united_has(g->united, h, part)) DDLA_TRY(answer(g, h, part, chosen[h]));
  if (!g->call->sets[part]) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(g->renumber[part], g->united->host[0].index[part].classes.count));
  ddla_united_renumber(g->renumber[part], g->united, 0, part);
  g->chosen[part] = chosen[0];
  chosen[0] = NULL;
  return DDLA_OK;
}

/* Who is asked to choose, and from what. */
typedef struct choice {
  gathering *g;
  int part;
  ddla_data_sample_hash *hash[DDLA_TRANSPORT_RANKS_MAX];
  uint8_t *chosen[DDLA_TRANSPORT_RANKS_MAX];
} choice;

static ddla_status choose_among(void *argument) {
  choice *c = argument;
  const ddla_data_sample_hash *all[DDLA_TRANSPORT_RANKS_MAX];
  for (int h = 0; h < c->g->ranks; h++) all[h] = c->hash[h];
  return ddla_united_choose(c->g->united, c->part, all, c->chosen);
}

static ddla_status choose(gathering *g, int part) {
  choice c = {.g = g, .part = part};
  ddla_status status = DDLA_OK;
  c.hash[0] = g->hash[part];
  g->hash[part] = NULL;
  for (int h = 0; h < g->ranks; h++) {
    if (h > 0 && ddla_united_has(g->united, h, part))
      DDLA_TRY_CLEAN(status, recv_hashes(&c.hash[h], g, h, part));
    DDLA_TRY_CLEAN(status, DDLA_NEW(c.chosen[h], bits(count_at(g, h, part))));
  }
  DDLA_TRY_CLEAN(status, ddla_aside_run(g->link, g->call->threadless, choose_among, &c));
  status = give_answers(g, part, c.chosen);
cleanup:
  for (int h = 0; h < g->ranks; h++) {
    ddla_free(c.hash[h]);
    ddla_free(c.chosen[h]);
  }
  return status;
}

static ddla_status ask(gathering *g, int part) {
  const ddla_dataset *set = g->call->sets[part];
  uint8_t *renumber = NULL;
  size_t classes = 0, length = 0;
  if (!set) return DDLA_OK;
  const size_t numbers = (size_t)ddla_dataset_classes(set) * sizeof *g->renumber[part];
  const size_t wanted = bits(ddla_dataset_count(set));
  DDLA_TRY(
      ddla_talk_send(g->link, 0, g->hash[part], (size_t)count_of(g, part) * sizeof *g->hash[part]));
  DDLA_TRY(ddla_talk_recv(g->link, 0, &renumber, &classes, numbers));
  g->renumber[part] = (int32_t *)(void *)renumber;
  DDLA_TRY(ddla_talk_recv(g->link, 0, &g->chosen[part], &length, wanted));
  if (classes == numbers && length == wanted) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "host 0 wants %zu bits of samples", length);
}

static ddla_status choose_all(gathering *g) {
  DDLA_TRY(ddla_aside_run(g->link, g->call->threadless, hash_all, g));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    DDLA_TRY(g->rank == 0 ? choose(g, p) : ask(g, p));
    g->selection[p] = (ddla_data_selection){
        .set = g->call->sets[p], .chosen = g->chosen[p], .renumber = g->renumber[p]};
  }
  return DDLA_OK;
}

/* ---- blocks ---- */

static void add_segment(gathering *g, int part, int stream, int from, uint64_t bytes) {
  const int64_t first = g->segment_count > 0 ? g->segments[g->segment_count - 1].end : 0;
  const uint64_t blocks = (bytes + g->block_bytes - 1) / g->block_bytes;
  if (bytes == 0) return;
  g->segments[g->segment_count++] = (segment){.part = part,
                                              .stream = stream,
                                              .from = from,
                                              .bytes = bytes,
                                              .first = first,
                                              .end = first + (int64_t)blocks};
}

static int64_t count_chosen(const gathering *g, int part) {
  int64_t count = 0;
  for (int64_t i = 0; i < count_of(g, part); i++) count += g->chosen[part][i / 8] >> i % 8 & 1;
  return count;
}

/* In rank 0's order those of all hosts, else this host's own. */
static void list_segments(gathering *g) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    for (int s = 0; s < STREAMS; s++) {
      const ddla_prepared_index *index = g->rank == 0 ? &g->united->index[p] : NULL;
      for (int h = 0; index && index->records.count > 0 && h < g->ranks; h++)
        add_segment(g, p, s, h > 0 ? h : DDLA_STREAM_HERE,
                    index->stream_bytes[s] / (uint64_t)index->records.count *
                        (uint64_t)g->united->host[h].kept[p]);
      if (g->rank > 0 && g->call->sets[p])
        add_segment(g, p, s, DDLA_STREAM_HERE,
                    ddla_data_selection_bytes(g->call->sets[p], s) * (uint64_t)count_chosen(g, p));
    }
}

static const segment *segment_of(const gathering *g, int64_t block) {
  int i = 0;
  while (g->segments[i].end <= block) i++;
  return &g->segments[i];
}

static ddla_stream_block block_at(void *argument, int64_t index) {
  const gathering *g = argument;
  const segment *s = segment_of(g, index);
  const uint64_t left = s->bytes - (uint64_t)(index - s->first) * g->block_bytes;
  return (ddla_stream_block){.bytes = left < g->block_bytes ? (size_t)left : g->block_bytes,
                             .from = s->from};
}

static ddla_status fill(void *argument, int64_t index, uint8_t *out, size_t bytes) {
  gathering *g = argument;
  const segment *s = segment_of(g, index);
  ddla_data_selection_read(&g->selection[s->part], s->stream, out, bytes);
  return DDLA_OK;
}

static ddla_status take(void *argument, int64_t index, const uint8_t *data, size_t bytes) {
  gathering *g = argument;
  const segment *s = segment_of(g, index);
  ddla_data_sealer_add(g->sealer[s->part], s->stream, data, bytes);
  return ddla_tier_append(&g->tier, data, bytes);
}

/* Bytes of the set that come from other hosts. */
static int64_t came_of(const gathering *g) {
  int64_t bytes = 0;
  for (int i = 0; i < g->segment_count; i++)
    if (g->segments[i].from > 0) bytes += (int64_t)g->segments[i].bytes;
  return bytes;
}

static void tell(void *argument, int64_t blocks) {
  const gathering *g = argument;
  const int64_t total = (int64_t)ddla_tier_bytes(g->united->index);
  const int64_t bytes = blocks * (int64_t)g->block_bytes;
  if (g->call->tell) g->call->tell(g->call->argument, bytes < total ? bytes : total, total);
}

static ddla_status run_stream(gathering *g) {
  const bool first = g->rank == 0;
  list_segments(g);
  const ddla_stream_plan plan = {
      .blocks = g->segment_count > 0 ? g->segments[g->segment_count - 1].end : 0,
      .block_bytes = g->block_bytes,
      .to = first ? DDLA_STREAM_HERE : 0,
      .block = block_at,
      .fill = fill,
      .take = first ? take : NULL,
      .tell = first ? tell : NULL,
      .argument = g,
      .threadless = g->call->threadless,
      /* Who sends waits until the hosts before it have sent all. */
      .still_ms = first ? 0 : DDLA_STREAM_PATIENT};
  const ddla_status status = ddla_stream_run(g->link, g->wire, &plan);
  /* The link says to the others whose failure it was. */
  if (status == DDLA_OK || status == DDLA_PEER_LOST || !first) return status;
  return ddla_status_prefix(status, "on host %s: ", g->call->host);
}

/* ---- the set ---- */

static ddla_status begin_set(void *argument) {
  gathering *g = argument;
  DDLA_TRY(ddla_united_plan(g->united));
  g->tier = (ddla_tier){.directory = g->call->directory, .index = g->united->index};
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (g->united->index[p].block_count > 0)
      DDLA_TRY(ddla_data_sealer_create(&g->sealer[p], &g->united->index[p].records));
  return ddla_tier_begin(&g->tier);
}

static ddla_status end_set(void *argument) {
  gathering *g = argument;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    ddla_prepared_index *index = &g->united->index[p];
    if (g->sealer[p])
      index->fingerprint =
          ddla_data_sealer_end(&index->features_hash, g->sealer[p], &index->classes);
  }
  DDLA_TRY(ddla_manifest_write(ddla_stage_path(g->tier.stage), g->united));
  return ddla_tier_commit(&g->tier);
}

static void sum_up(gathering *g) {
  ddla_gather_result *out = &g->made;
  out->bytes = (int64_t)ddla_tier_bytes(g->united->index);
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    out->samples += g->united->index[p].records.count;
    for (int h = 0; h < g->ranks; h++)
      out->duplicates += count_at(g, h, p) - g->united->host[h].kept[p];
  }
  out->came = came_of(g);
}

static ddla_status gather(gathering *g) {
  ddla_status status = DDLA_OK;
  DDLA_TRY(introduce(g));
  DDLA_TRY(agree(g));
  if (g->made.found) return DDLA_OK;
  DDLA_TRY(choose_all(g));
  if (g->rank == 0) status = ddla_aside_run(g->link, g->call->threadless, begin_set, g);
  DDLA_TRY(ddla_talk_agree(&g->agreed, g->link, status, g->call->host));
  DDLA_TRY(run_stream(g));
  if (g->rank == 0) status = ddla_aside_run(g->link, g->call->threadless, end_set, g);
  DDLA_TRY(ddla_talk_agree(&g->agreed, g->link, status, g->call->host));
  if (g->rank == 0) sum_up(g);
  return DDLA_OK;
}

static void destroy(gathering *g) {
  if (!g) return;
  ddla_tier_fini(&g->tier);
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    ddla_data_sealer_destroy(g->sealer[p]);
    ddla_free(g->hash[p]);
    ddla_free(g->chosen[p]);
    ddla_free(g->renumber[p]);
  }
  ddla_united_destroy(g->united);
  ddla_free(g);
}

ddla_status ddla_share_gather(ddla_gather_result *out, ddla_transport *link, ddla_wire *wire,
                              const ddla_gather_call *call) {
  gathering *g = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(g, 1));
  g->call = call;
  g->link = link;
  g->wire = wire;
  g->rank = ddla_transport_rank(link);
  g->ranks = ddla_transport_ranks(link);
  g->block_bytes = call->block_bytes ? call->block_bytes : DDLA_STREAM_BLOCK_BYTES;
  if (g->rank == 0) DDLA_TRY_CLEAN(status, DDLA_NEW(g->united, 1));
  if (g->rank == 0) g->united->hosts = g->ranks;
  DDLA_TRY_CLEAN(status, gather(g));
  *out = g->made;
cleanup:
  status = ddla_talk_end(link, status, g && g->agreed);
  destroy(g);
  return status;
}
