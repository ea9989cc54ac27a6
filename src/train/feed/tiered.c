#include "train/feed/tiered.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "share/tiers/tiers.h"
#include "train/segments.h"

enum { AHEAD_BYTES = 32 << 20, AHEAD_MIN = 2, AHEAD_MAX = 256, SETS = DDLA_CATALOG_SETS };

static bool is_tiered(const ddla_job *job) { return strcmp(job->share.mode, "tiered") == 0; }

/* ---- data ---- */

bool ddla_tiered_wants(const ddla_training *training, const ddla_data_source *source) {
  return is_tiered(training->job) &&
         (ddla_origin_is_address(source->path) || ddla_dataset_is_prepared(source->path));
}

/* But for slashes at the end. */
static bool same_path(const char *a, const char *b) {
  size_t m = strlen(a), n = strlen(b);
  while (m > 1 && a[m - 1] == '/') m--;
  while (n > 1 && b[n - 1] == '/') n--;
  return m == n && memcmp(a, b, n) == 0;
}

/* One for each path. */
static ddla_status find_origin(ddla_origin **out, ddla_training *training, const char *path) {
  ddla_training_far *far = &training->far;
  for (int i = 0; i < far->origin_count; i++)
    if (same_path(ddla_origin_files(far->origin[i]).where, path)) {
      *out = far->origin[i];
      return DDLA_OK;
    }
  DDLA_TRY(ddla_origin_open(&far->origin[far->origin_count], path));
  *out = far->origin[far->origin_count++];
  return DDLA_OK;
}

ddla_status ddla_tiered_open_data(ddla_dataset **out, ddla_training *training,
                                  const ddla_data_source *source) {
  ddla_training_far *far = &training->far;
  ddla_origin *origin = NULL;
  DDLA_TRY(find_origin(&origin, training, source->path));
  const ddla_far_files files = ddla_origin_files(origin);
  DDLA_TRY(ddla_dataset_open_far(out, source, &files));
  far->set[far->count] = *out;
  far->of[far->count++] = origin;
  return DDLA_OK;
}

ddla_status ddla_tiered_has_part(bool *out, ddla_training *training,
                                 const ddla_data_source *source) {
  ddla_origin *origin = NULL;
  DDLA_TRY(find_origin(&origin, training, source->path));
  const ddla_far_files files = ddla_origin_files(origin);
  return ddla_far_has(out, &files, source->part);
}

void ddla_tiered_close_data(ddla_training *training) {
  ddla_training_far *far = &training->far;
  for (int i = 0; i < far->origin_count; i++) ddla_origin_close(far->origin[i]);
  *far = (ddla_training_far){0};
}

/* Mean and deviation follow from all training samples, which are not read at the start: they are
 * those that the set keeps, of all its samples, or are given. */
static ddla_status check_moments(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (!job->data.standardize || job->data.mean.count > 0) return DDLA_OK;
  if (job->data.validation_fraction > 0)
    return ddla_job_refuse(job, "data.validation_fraction",
                           "sets samples aside, so that mean and deviation follow from the others, "
                           "which share.mode tiered does not read at the start; make the part by "
                           "`ddla data split`, give data.mean and data.std, or set "
                           "data.standardize: false");
  if (ddla_dataset_summed(training->whole)) return DDLA_OK;
  return ddla_job_refuse(job, "data.train",
                         "does not keep the sums that mean and deviation follow from, and "
                         "share.mode tiered does not read all samples at the start: an older ddla "
                         "has prepared it; prepare it again (`ddla data prepare`, from the set "
                         "itself), or give data.mean and data.std");
}

static ddla_status check_tiered(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (!ddla_dataset_far(training->whole))
    return ddla_job_refuse(job, "data.train",
                           "is no prepared set, and share.mode tiered fetches blocks of one; make "
                           "it by `ddla data prepare`, or set share.mode: none");
  DDLA_TRY(check_moments(training));
  if (strcmp(job->data.on_error, "skip") == 0)
    return ddla_job_refuse(job, "data.on_error",
                           "is skip, but with share.mode tiered a damaged block is found when its "
                           "samples are needed, too late to leave them out; use fail");
  if (job->data.private && job->share.peers && training->cluster.hosts > 1)
    return ddla_job_refuse(job, "data.private",
                           "is true, but with share.mode tiered hosts ask each other for samples; "
                           "set share.peers: false, or share.mode: none");
  if (job->share.disk > 0 && !job->share.directory[0])
    return ddla_job_refuse(job, "share.directory",
                           "is empty, but share.disk asks for a tier on disk; say where, or set "
                           "share.disk to 0");
  return DDLA_OK;
}

ddla_status ddla_tiered_check(const ddla_training *training) {
  for (int i = 0; i < training->far.origin_count; i++) ddla_origin_rest(training->far.origin[i]);
  return is_tiered(training->job) ? check_tiered(training) : DDLA_OK;
}

/* ---- what a host needs in a step ---- */

static int64_t plan_rows(void *argument, int64_t *out, int64_t step, int host) {
  const ddla_training *training = argument;
  const ddla_sync_work work = ddla_supply_work(training, step, host);
  const ddla_batch_span span = ddla_supply_span(training, &work);
  const ddla_supply supply = ddla_supply_of(training, &work, host);
  int64_t made = 0, pass = 0;
  for (int64_t at = span.first; at < span.end; at = span.first + made)
    made += ddla_supply_fill(out + made, &pass, &supply, at, span.end - at);
  for (int64_t i = 0; i < made; i++) out[i] = ddla_dataset_root_index(training->train, out[i]);
  return made;
}

/* Samples of a host and step, at most: all batches but an epoch's last are alike, and of that a
 * host may have a sample more. */
static int64_t rows_max(const ddla_training *training) {
  const int64_t steps[] = {0, training->batches_per_epoch - 1};
  int64_t most = 1;
  for (int h = 0; h < training->cluster.hosts; h++)
    for (int i = 0; i < 2; i++) {
      const ddla_sync_work work = ddla_supply_work(training, steps[i], h);
      const int64_t count = ddla_batch_span_count(ddla_supply_span(training, &work));
      if (count > most) most = count;
    }
  return most;
}

/* ---- memory ---- */

static ddla_catalog catalog_of(const ddla_training *training) {
  ddla_catalog made = {0};
  for (int i = 0; i < training->far.count; i++) {
    const ddla_far_files files = ddla_origin_files(training->far.of[i]);
    ddla_catalog_add(&made, ddla_dataset_far(training->far.set[i]), &files);
  }
  return made;
}

/* The same on all hosts. */
static ddla_board_sizes sizes_of(const ddla_training *training) {
  const ddla_catalog catalog = catalog_of(training);
  const int64_t batch = ddla_task_evaluation_batch(&training->graph);
  size_t largest = 0;
  for (int i = 0; i < training->far.count; i++)
    if (catalog.set[i].sample_bytes > largest) largest = catalog.set[i].sample_bytes;
  ddla_board_sizes made = {.sample_bytes = largest,
                           .ask_rows =
                               training->micro_batch > batch ? training->micro_batch : batch,
                           .ahead = training->job->share.ahead};
  int64_t rows = 1;
  for (int i = 0; i < ddla_segments_count(training); i++) {
    const ddla_training part = ddla_segments_training(training, i);
    const int64_t most = rows_max(&part);
    if (most > rows) rows = most;
  }
  made.step_bytes = (size_t)rows * made.sample_bytes;
  for (int h = 0; h < training->cluster.hosts; h++) {
    ddla_cluster cluster = training->cluster;
    cluster.host = h;
    const int slips = 2 * ddla_cluster_here(&cluster) * training->lanes;
    if (slips > made.slips) made.slips = slips;
  }
  if (made.ahead > 0) return made;
  made.ahead = AHEAD_BYTES / (int64_t)made.step_bytes;
  if (made.ahead < AHEAD_MIN) made.ahead = AHEAD_MIN;
  if (made.ahead > AHEAD_MAX) made.ahead = AHEAD_MAX;
  return made;
}

size_t ddla_tiered_region_bytes(const ddla_training *training) {
  if (training->far.count == 0) return 0;
  const ddla_board_sizes sizes = sizes_of(training);
  return ddla_board_bytes(&sizes);
}

/* Of share.memory or share.disk; a part of the data is one of its blocks. */
static int64_t bytes_of(double asked, const ddla_catalog *catalog) {
  if (asked > 1) return (int64_t)asked;
  return (int64_t)ceil(asked * (double)catalog->blocks) * (int64_t)catalog->block_bytes;
}

size_t ddla_tiered_tier_bytes(const ddla_training *training) {
  const ddla_catalog catalog = catalog_of(training);
  const int64_t asked = bytes_of(training->job->share.memory, &catalog);
  const uint64_t most = catalog.bytes;
  return asked < (int64_t)most ? (size_t)asked : (size_t)most;
}

/* ---- an agent's part ---- */

struct ddla_tiered {
  const ddla_training *training; /* of the segment under way */
  ddla_catalog catalog;
  ddla_board board;
  ddla_tiers *tiers; /* null but on the first agent */
  bool planned;
  size_t sample_bytes;
};

static ddla_status open_tiers(ddla_tiered *tiered, const ddla_training *training,
                              ddla_transport *link, ddla_wire *wire) {
  const ddla_job *job = training->job;
  const ddla_tiers_options options = {.link = link,
                                      .catalog = &tiered->catalog,
                                      .origins = training->far.origin,
                                      .origin_count = training->far.origin_count,
                                      .board = tiered->board,
                                      .memory_bytes = bytes_of(job->share.memory, &tiered->catalog),
                                      .disk_bytes = bytes_of(job->share.disk, &tiered->catalog),
                                      .directory = job->share.directory,
                                      .peers = job->share.peers,
                                      .trusts = strcmp(job->data.verify, "index") == 0,
                                      .wire = wire,
                                      .limit_ms = (int64_t)(job->parallel.timeout * 1000)};
  return ddla_tiers_create(&tiered->tiers, &options);
}

ddla_status ddla_tiered_open(ddla_tiered **out, const ddla_training *training,
                             ddla_transport *local, const ddla_tiered_link *link, void *memory) {
  ddla_tiered *made = NULL;
  if (training->far.count == 0) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  const ddla_board_sizes sizes = sizes_of(training);
  made->training = training;
  made->catalog = catalog_of(training);
  made->board = ddla_board_open(&sizes, local, memory);
  made->sample_bytes = made->catalog.set[0].sample_bytes;
  ddla_status status = ddla_transport_rank(local) == 0
                           ? open_tiers(made, training, link->link, link->wire)
                           : DDLA_OK;
  if (status == DDLA_OK) *out = made;
  else ddla_tiered_close(made);
  return status;
}

void ddla_tiered_close(ddla_tiered *tiered) {
  if (!tiered) return;
  ddla_tiers_destroy(tiered->tiers);
  ddla_free(tiered);
}

ddla_status ddla_tiered_explain(const ddla_tiered *tiered, ddla_status status) {
  return tiered && tiered->tiers ? ddla_tiers_explain(tiered->tiers, status) : status;
}

ddla_status ddla_tiered_begin(ddla_tiered *tiered, const ddla_training *training, int64_t step) {
  if (!tiered) return DDLA_OK;
  tiered->training = training;
  tiered->planned = !training->strategy->claims;
  if (!tiered->tiers || !tiered->planned) return DDLA_OK;
  const ddla_tiers_plan plan = {.rows = plan_rows,
                                .argument = (void *)(uintptr_t)training,
                                .rows_max = rows_max(training),
                                .from = step,
                                .end = training->end_step};
  return ddla_tiers_begin(tiered->tiers, &plan);
}

void ddla_tiered_end(ddla_tiered *tiered) {
  if (tiered && tiered->tiers) ddla_tiers_end(tiered->tiers);
}

/* ---- lanes ---- */

void ddla_tiered_enter(ddla_tiered *tiered, int64_t step) {
  if (tiered && tiered->planned) ddla_board_enter(&tiered->board, step);
}

static int set_number(const ddla_training *training, const ddla_dataset *root) {
  for (int i = 0; i < training->far.count; i++)
    if (ddla_dataset_far(training->far.set[i]) == ddla_dataset_far(root)) return i;
  return -1;
}

/* What is asked for on a slip. */
typedef struct asking {
  int slip;
  const ddla_dataset *set;
  const int64_t *indices; /* [count] */
  int64_t count;
  const ddla_board_asker *asker; /* may be null */
} asking;

static ddla_status ask(const void **out, ddla_tiered *tiered, const asking *what) {
  int64_t *rows = ddla_board_rows(&tiered->board, what->slip);
  for (int64_t i = 0; i < what->count; i++)
    rows[i] = ddla_dataset_root_index(what->set, what->indices[i]);
  return ddla_board_ask(out, &tiered->board, what->slip, set_number(tiered->training, what->set),
                        what->count, what->asker);
}

/* A worker has two slips: what feeds it may be another thread than what evaluates. */
ddla_status ddla_tiered_bring(const void **out, ddla_tiered *tiered, int worker,
                              const ddla_tiered_samples *samples) {
  const asking what = {.slip = 2 * worker,
                       .set = samples->set,
                       .indices = samples->indices,
                       .count = samples->count,
                       .asker = &samples->asker};
  *out = NULL;
  return tiered && ddla_dataset_far(samples->set) ? ask(out, tiered, &what) : DDLA_OK;
}

ddla_status ddla_tiered_bring_step(const void **out, ddla_tiered *tiered, int worker,
                                   const ddla_tiered_place *place, const int64_t *indices,
                                   int64_t count) {
  *out = NULL;
  if (!tiered) return DDLA_OK;
  const ddla_training *training = tiered->training;
  const ddla_sync_work work = ddla_supply_work(training, place->step, training->cluster.host);
  const ddla_batch_span span = ddla_supply_span(training, &work);
  const asking what = {.slip = 2 * worker + 1,
                       .set = training->train,
                       .indices = indices,
                       .count = count,
                       .asker = &place->asker};
  const void *step = NULL;
  if (!tiered->planned || place->position < span.first || place->position + count > span.end)
    return ask(out, tiered, &what);
  DDLA_TRY(ddla_board_foreseen(&step, &tiered->board, place->step, &place->asker));
  *out = (const char *)step + (size_t)(place->position - span.first) * tiered->sample_bytes;
  return DDLA_OK;
}

ddla_tier_counts ddla_tiered_counts(const ddla_tiered *tiered) {
  return tiered ? ddla_board_counts(&tiered->board) : (ddla_tier_counts){0};
}
