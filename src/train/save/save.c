#include "train/save/save.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "train/feed/supply.h"
#include "train/run/run.h"
#include "train/save/adopt.h"
#include "train/save/divided.h"

enum { NOTES_MAX = 96, NOTE_BYTES = 64, NAME_BYTES = 160 };

/* Arrays of all tensors of rows of the state, with names "tensor" or "row/tensor". */
typedef struct array_list {
  ddla_safetensors_array *at;
  char (*name)[NAME_BYTES];
  int count, room;
} array_list;

static ddla_status make_list(array_list *out, int room) {
  array_list list = {.room = room};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(list.at, room));
  DDLA_TRY_CLEAN(status, DDLA_NEW(list.name, room));
  *out = list;
  return DDLA_OK;
cleanup:
  ddla_free(list.at);
  return status;
}

static void free_list(array_list *list) {
  ddla_free(list->at);
  ddla_free(list->name);
  *list = (array_list){0};
}

static void add_rows(array_list *list, const ddla_graph_parameter_row *rows, int count,
                     const char *prefix, float *base) {
  for (int i = 0; i < count; i++) {
    const ddla_graph_parameter_row *row = &rows[i];
    char *name = list->name[list->count];
    snprintf(name, NAME_BYTES, "%s%s%s", prefix, prefix[0] ? "/" : "", row->name);
    list->at[list->count++] = (ddla_safetensors_array){.name = name,
                                                       .dtype = DDLA_F32,
                                                       .shape = row->shape,
                                                       .data = base + row->offset,
                                                       .into = base + row->offset};
  }
}

/* A row of another shape than the parameters': one vector with the row's name. */
static void add_vector(array_list *list, const ddla_state_row *row, const char *given, void *base) {
  char *name = list->name[list->count];
  snprintf(name, NAME_BYTES, "%s", given);
  list->at[list->count++] = (ddla_safetensors_array){.name = name,
                                                     .dtype = row->dtype,
                                                     .shape = ddla_shape_make(1, &row->count),
                                                     .data = base,
                                                     .into = base};
}

/* The parameters, then the buffers. */
static ddla_status list_model(array_list *out, const ddla_graph *graph, ddla_model_values values) {
  DDLA_TRY(make_list(out, graph->parameter_count + graph->buffer_count + 1));
  add_rows(out, graph->parameter, graph->parameter_count, "", values.parameters);
  add_rows(out, graph->buffer, graph->buffer_count, "", values.buffers);
  return DDLA_OK;
}

ddla_status ddla_train_save_model(char sha256[DDLA_SHA256_TEXT_BYTES],
                                  const ddla_training *training, ddla_model_values values,
                                  const char *path) {
  array_list list = {0};
  ddla_safetensors_digest digest = {{0}, {0}};
  DDLA_TRY(list_model(&list, training->graph.graph, values));
  ddla_status status = ddla_safetensors_write(
      &digest, path, &(ddla_safetensors_content){.arrays = list.at, .array_count = list.count});
  if (status == DDLA_OK && sha256) memcpy(sha256, digest.sha256, sizeof digest.sha256);
  free_list(&list);
  return status;
}

static bool is_listed(const array_list *list, const char *name) {
  for (int i = 0; i < list->count; i++)
    if (strcmp(list->at[i].name, name) == 0) return true;
  return false;
}

static bool is_counter(const char *name) {
  static const char tail[] = ".num_batches_tracked";
  size_t length = strlen(name);
  return length >= sizeof tail && strcmp(name + length - (sizeof tail - 1), tail) == 0;
}

/* INVALID naming all tensors of the file that the model does not have, beside what is wrong with
 * those that it has. */
static ddla_status check_names(const ddla_safetensors *file, const array_list *list) {
  char extra[512] = "", words[DDLA_STATUS_TEXT_BYTES] = "";
  size_t used = 0;
  int count = 0;
  for (int i = 0; i < ddla_safetensors_count(file); i++) {
    const char *name = ddla_safetensors_at(file, i)->name;
    if (is_listed(list, name) || is_counter(name)) continue;
    if (used + DDLA_NAME_BYTES < sizeof extra)
      used += (size_t)snprintf(extra + used, sizeof extra - used, "%s%.48s", count ? ", " : "",
                               ddla_text_quote(name).text);
    count++;
  }
  ddla_status status = ddla_safetensors_check(file, list->at, list->count);
  if (count == 0) return status;
  if (status != DDLA_OK) snprintf(words, sizeof words, "%s; ", ddla_status_message(status));
  return DDLA_FAIL(INVALID, "%sthe file holds %d tensors that the model does not have: %s", words,
                   count, extra);
}

static ddla_status load_model(ddla_model_values values, const ddla_graph *graph, const char *path,
                              bool exactly) {
  array_list list = {0};
  ddla_safetensors *file = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(list_model(&list, graph, values));
  DDLA_TRY_CLEAN(status, ddla_safetensors_open(&file, path, NULL));
  if (exactly) DDLA_TRY_CLEAN(status, check_names(file, &list));
  DDLA_TRY_CLEAN(status, ddla_safetensors_read_all(file, list.at, list.count));
cleanup:
  ddla_safetensors_close(file);
  free_list(&list);
  return status;
}

ddla_status ddla_train_load_model(ddla_model_values values, const ddla_graph *graph,
                                  const char *path) {
  return load_model(values, graph, path, false);
}

ddla_status ddla_train_start_from(ddla_model_values values, const ddla_graph *graph,
                                  const char *path) {
  return load_model(values, graph, path, true);
}

/* Key and value texts for checkpoints. */
typedef struct note_list {
  ddla_safetensors_note at[NOTES_MAX];
  char value[NOTES_MAX][NOTE_BYTES];
  char *job_text[NOTES_MAX];
  int count, job_count;
} note_list;

static void add_note(note_list *list, const char *key, const char *format, ...) DDLA_PRINTF(3, 4);

static void add_note(note_list *list, const char *key, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(list->value[list->count], NOTE_BYTES, format, arguments);
  va_end(arguments);
  list->at[list->count] = (ddla_safetensors_note){key, list->value[list->count]};
  list->count++;
}

static void free_notes(note_list *list) {
  for (int i = 0; list && i < list->job_count; i++) ddla_job_free_text(list->job_text[i]);
  ddla_free(list);
}

/* Who trains on what is another matter with an exchange than without, though share.mode may change
 * where it only says how data come to a host. */
static const char exchanged[] = "exchanged samples", none[] = "none";

static void add_exchanged(note_list *list, const ddla_job *job) {
  char fraction[DDLA_TEXT_REAL_BYTES];
  ddla_text_from_real(fraction, job->share.fraction);
  const bool exchanges = strcmp(job->share.mode, "exchange") == 0 && job->share.fraction > 0;
  add_note(list, exchanged, "%s", exchanges ? fraction : none);
}

/* What a run and the one that resumes it must have in common. */
static ddla_status make_identity(note_list **out, const ddla_training *training) {
  note_list *list = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(list, 1));
  for (int i = 0; ddla_job_resume_key(i) && list->count + 7 < NOTES_MAX; i++) {
    const char *key = ddla_job_resume_key(i);
    DDLA_TRY_CLEAN(status, ddla_job_get_text(&list->job_text[list->job_count], training->job, key));
    list->at[list->count++] = (ddla_safetensors_note){key, list->job_text[list->job_count++]};
  }
  /* After the keys: where a key differs, it is the better word for what follows from it. */
  ddla_data_fingerprint data = ddla_dataset_fingerprint(training->train);
  add_note(list, "training data", "%016" PRIx64 "%016" PRIx64, data.high, data.low);
  add_note(list, "parameters", "%" PRId64, ddla_graph_parameter_total(training->graph.graph));
  add_exchanged(list, training->job);
  if (training->strategy->accumulates)
    add_note(list, "sync.interval", "%" PRId64, training->job->sync.interval);
  *out = list;
  return DDLA_OK;
cleanup:
  free_notes(list);
  return status;
}

/* Options that came later than the checkpoint's program: their initial value is what it did. */
static ddla_status forgive_initial(note_list *list, const ddla_checkpoint_file *file) {
  ddla_job *initial = NULL;
  ddla_status status = ddla_job_create(&initial);
  for (int i = 0; status == DDLA_OK && i < list->job_count; i++) {
    char *text = NULL;
    if (ddla_checkpoint_same(file, list->at[i].key)) continue;
    status = ddla_job_get_text(&text, initial, list->at[i].key);
    if (status == DDLA_OK && strcmp(text, list->at[i].value) == 0) list->at[i].value = NULL;
    ddla_job_free_text(text);
  }
  for (int i = list->job_count; i < list->count; i++)
    if (strcmp(list->at[i].key, exchanged) == 0 && !ddla_checkpoint_same(file, exchanged) &&
        strcmp(list->at[i].value, none) == 0)
      list->at[i].value = NULL;
  ddla_job_destroy(initial);
  return status;
}

/* A checkpoint may be of any mode (train/save/adopt.h); those of earlier programs named theirs
 * here. */
static ddla_status check_identity(const ddla_checkpoint_file *file, const ddla_training *training) {
  static const char *const any[] = {"sync.mode", "sync.method", "sync.interval"};
  note_list *list = NULL;
  DDLA_TRY(make_identity(&list, training));
  if (training->strategy->accumulates) list->count--; /* sync.interval */
  for (int i = 0; i < 3; i++) list->at[list->count++] = (ddla_safetensors_note){any[i], NULL};
  ddla_status status = forgive_initial(list, file);
  if (status == DDLA_OK)
    status = ddla_checkpoint_identity_check(file, &(ddla_checkpoint_notes){list->at, list->count});
  free_notes(list);
  return status == DDLA_OK ? ddla_adopt_check_steps(file, training) : status;
}

/* Who goes on with others is told. */
static void add_parts(note_list *list, const ddla_training *training) {
  char borders[DDLA_SUPPLY_TEXT_BYTES];
  if (!training->parts) return;
  add_note(list, "parts", "%d", training->parts->count);
  if (training->strategy->replicated) return;
  ddla_supply_borders(borders, training);
  add_note(list, "part_shards", "%s", borders);
}

static ddla_status make_notes(note_list **out, const ddla_worker *worker) {
  const ddla_training *training = worker->training;
  char best[DDLA_TEXT_REAL_BYTES];
  note_list *list = NULL;
  DDLA_TRY(DDLA_NEW(list, 1));
  int64_t step = (int64_t)ddla_sync_committed(worker->shared->sync_control);
  ddla_text_from_real(best, worker->progress.best_metric);
  add_note(list, "epoch", "%" PRId64, step / training->batches_per_epoch);
  add_note(list, "position", "%" PRId64, step % training->batches_per_epoch);
  add_note(list, "best_metric", "%s", best);
  add_note(list, "best_epoch", "%" PRId64, worker->progress.best_epoch);
  add_note(list, "epochs_without_better", "%" PRId64, worker->progress.epochs_without_better);
  /* sync_numbers, and what a codec has left out, mean what this method says */
  if (training->strategy->number_count > 0 || worker->shared->residual >= 0)
    add_note(list, "method", "%s", training->strategy->method);
  if (training->strategy->replicated || ddla_replica_rows_count(training) > 1)
    add_note(list, "replicas", "%d", ddla_replica_rows_count(training));
  add_parts(list, training);
  *out = list;
  return DDLA_OK;
}

/* The arrays of a divided row come from the hosts that have them. */
static void divide(array_list *list, int first, ddla_divided_stream *stream) {
  for (int i = first; i < list->count; i++) {
    list->at[i].data = list->at[i].into = NULL;
    if (!stream) continue;
    list->at[i].stream = (ddla_safetensors_stream){ddla_divided_next, stream++};
  }
}

/* The arrays of a row that lie at `base`, with names that begin with this. */
static void add_row(array_list *list, const ddla_graph *graph, const ddla_shared *shared, int row,
                    const char *prefix, void *base) {
  const ddla_state_row *found = ddla_state_row_at(shared->state, row);
  if (found->parameter_shaped)
    add_rows(list, graph->parameter, graph->parameter_count, prefix, base);
  else if (ddla_shared_is_buffers(shared, row))
    add_rows(list, graph->buffer, graph->buffer_count, prefix, base);
  else add_vector(list, found, prefix, base);
}

/* What a replica from 1 on has of its own. */
typedef struct own_rows {
  const ddla_replica_rows *rows;
  int place, named;          /* the replica in `rows`, and in the file */
  const ddla_adoption *from; /* reading: what the file has; writing: null */
} own_rows;

static void add_replica(array_list *list, const ddla_graph *graph, const ddla_shared *shared,
                        const own_rows *own) {
  const ddla_state *state = shared->state;
  char prefix[NAME_BYTES];
  for (int i = 0; i < ddla_state_row_count(state); i++) {
    if (!ddla_replica_rows_has(state, i)) continue;
    if (own->from && own->from->lacks[i]) continue;
    const bool one = own->from && own->from->shared[i];
    ddla_adopt_name(prefix, sizeof prefix, ddla_state_row_at(state, i)->name, one ? 0 : own->named);
    add_row(list, graph, shared, i, prefix, ddla_replica_rows_at(own->rows, state, i, own->place));
  }
}

/* What is to be listed. */
typedef struct listing {
  uint64_t step;
  ddla_model_values model;     /* where the model's values are */
  int replicas;                /* room for the rows of so many */
  ddla_divided_stream *stream; /* one for each array of divided rows, or null */
  const ddla_adoption *from;   /* reading: what the file has; writing: null */
} listing;

/* A row of the other replicas that becomes one with this: its arrays must be there too. */
static void add_merged(array_list *list, const ddla_graph *graph, const ddla_shared *shared,
                       int row, int replicas) {
  const ddla_state *state = shared->state;
  char prefix[NAME_BYTES];
  for (int r = 1; r < replicas; r++) {
    ddla_adopt_name(prefix, sizeof prefix, ddla_state_row_at(state, row)->name, r);
    add_row(list, graph, shared, row, prefix, ddla_state_array(state, row, 0, 0));
  }
}

/* All saved rows of this host's state, by part. */
static ddla_status list_state(array_list parts[2], const ddla_training *training,
                              const ddla_shared *shared, const listing *what) {
  const ddla_graph *graph = training->graph.graph;
  int rows = ddla_state_row_count(shared->state),
      tensors = graph->parameter_count + graph->buffer_count;
  DDLA_TRY(make_list(&parts[DDLA_CHECKPOINT_MODEL], tensors + 1));
  DDLA_TRY(make_list(&parts[DDLA_CHECKPOINT_STATE], what->replicas * rows * (tensors + 1)));
  ddla_divided_stream *stream = what->stream;
  add_rows(&parts[DDLA_CHECKPOINT_MODEL], graph->parameter, graph->parameter_count, "",
           what->model.parameters);
  add_rows(&parts[DDLA_CHECKPOINT_MODEL], graph->buffer, graph->buffer_count, "",
           what->model.buffers);
  for (int i = 0; i < rows; i++) {
    const ddla_state_row *row = ddla_state_row_at(shared->state, i);
    if (!row->saved || ddla_shared_is_model(shared, i)) continue;
    if (what->from && what->from->lacks[i]) continue;
    array_list *list = &parts[DDLA_CHECKPOINT_STATE];
    const int first = list->count;
    add_row(list, graph, shared, i, row->name, ddla_state_array(shared->state, i, what->step, 0));
    if (what->from && what->from->merged[i]) add_merged(list, graph, shared, i, what->from->saved);
    else if (!ddla_divided_has(shared, i)) continue;
    divide(list, first, stream);
    if (stream) stream += graph->parameter_count;
  }
  return DDLA_OK;
}

/* Everybody's rows come to the one that writes. */
static ddla_status bring_replicas(ddla_replica_rows *out, ddla_worker *worker) {
  const int replicas = ddla_replica_rows_count(worker->training);
  if (replicas == 1) return DDLA_OK;
  if (worker->place == 0) DDLA_TRY(ddla_replica_rows_create(out, worker->shared->state, replicas));
  return ddla_replica_rows_bring(out, worker);
}

static ddla_status write_checkpoint(ddla_worker *worker, const char *directory,
                                    const ddla_replica_rows *rows) {
  const ddla_training *training = worker->training;
  const int replicas = ddla_replica_rows_count(training);
  char folder[DDLA_PATH_BYTES];
  array_list parts[2] = {{0}};
  note_list *identity = NULL, *notes = NULL;
  ddla_divided_stream *stream = NULL;
  ddla_status status = DDLA_OK;
  uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  DDLA_TRY_CLEAN(status, ddla_divided_streams(&stream, worker));
  const listing what = {step, ddla_shared_model(worker->shared, step), replicas, stream, NULL};
  DDLA_TRY_CLEAN(status, list_state(parts, training, worker->shared, &what));
  for (int r = 1; r < replicas; r++)
    add_replica(&parts[DDLA_CHECKPOINT_STATE], training->graph.graph, worker->shared,
                &(own_rows){rows, r, r, NULL});
  DDLA_TRY_CLEAN(status, make_identity(&identity, training));
  DDLA_TRY_CLEAN(status, make_notes(&notes, worker));
  ddla_checkpoint checkpoint = {.step = step,
                                .notes = {notes->at, notes->count},
                                .identity = {identity->at, identity->count}};
  for (int p = 0; p < DDLA_CHECKPOINT_PARTS; p++)
    checkpoint.parts[p] = (ddla_checkpoint_arrays){parts[p].at, parts[p].count};
  ddla_log_line(DDLA_LOG_INFO, "writes the checkpoint of step %" PRIu64, step);
  ddla_run_path(folder, directory, "checkpoints");
  DDLA_TRY_CLEAN(status,
                 ddla_checkpoint_write(folder, &checkpoint, (int)training->job->checkpoint.keep));
cleanup:
  free_notes(identity);
  free_notes(notes);
  free_list(&parts[0]);
  free_list(&parts[1]);
  ddla_divided_release(stream);
  ddla_free(stream);
  return status;
}

ddla_status ddla_train_save_checkpoint(ddla_worker *worker) {
  ddla_replica_rows rows = {0};
  ddla_status status = bring_replicas(&rows, worker);
  if (status == DDLA_OK)
    status = worker->run ? write_checkpoint(worker, worker->run->directory, &rows)
                         : ddla_divided_give(worker);
  ddla_replica_rows_destroy(&rows);
  return status;
}

static ddla_status read_progress(ddla_progress *progress, const ddla_checkpoint_file *file) {
  const char *best = ddla_checkpoint_note(file, "best_metric");
  const char *epoch = ddla_checkpoint_note(file, "best_epoch");
  const char *without = ddla_checkpoint_note(file, "epochs_without_better");
  if (best && ddla_text_to_real(&progress->best_metric, best) && epoch &&
      ddla_text_to_int(&progress->best_epoch, epoch) && without &&
      ddla_text_to_int(&progress->epochs_without_better, without))
    return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "the checkpoint of step %" PRIu64 " lacks notes of its progress",
                   ddla_checkpoint_step(file));
}

/* The arrays that are read, of all replicas that were saved: where there are more replicas now than
 * were saved, they take turns. */
static ddla_status list_loaded(array_list parts[2], const ddla_training *training,
                               const ddla_shared *shared, uint64_t step, const ddla_adoption *from,
                               ddla_replica_rows *rows) {
  const int replicas = ddla_replica_rows_count(training);
  const int most = from->saved > replicas ? from->saved : replicas;
  const listing what = {step, ddla_shared_loaded(shared, step), most, NULL, from};
  DDLA_TRY(list_state(parts, training, shared, &what));
  if (most == 1) return DDLA_OK;
  DDLA_TRY(ddla_replica_rows_create(rows, shared->state, most));
  for (int r = 1; r < most; r++)
    add_replica(&parts[DDLA_CHECKPOINT_STATE], training->graph.graph, shared,
                &(own_rows){rows, r, r % from->saved, from});
  return DDLA_OK;
}

/* Another number of replicas goes on: what may not be lost is shared out. */
static void hand_on(const ddla_replica_rows *rows, const ddla_training *training,
                    const ddla_shared *shared, uint64_t step, int saved) {
  const ddla_state *state = shared->state;
  for (int i = 0; i < ddla_state_row_count(state); i++) {
    const ddla_handing handing = ddla_shared_handing(shared, training, i);
    if (handing == DDLA_HANDED_ON || !ddla_replica_rows_has(state, i)) continue;
    const int parts = handing == DDLA_HANDED_MEAN     ? saved
                      : handing == DDLA_HANDED_SHARED ? ddla_replica_rows_count(training)
                                                      : 1;
    ddla_replica_rows_merge(rows, state, i, step, saved, parts);
  }
}

/* Earlier programs named replicas alone, of which each had a part. */
static ddla_status tell_of_parts(const ddla_checkpoint_file *file, const ddla_training *training,
                                 int replicas) {
  const char *note = ddla_checkpoint_note(file, "parts");
  const char *shards = ddla_checkpoint_note(file, "part_shards");
  char borders[DDLA_SUPPLY_TEXT_BYTES];
  int64_t found = replicas;
  if (!training->parts) return DDLA_OK;
  ddla_supply_borders(borders, training);
  if (note && !ddla_text_to_int(&found, note))
    return DDLA_FAIL(CORRUPT, "the checkpoint of step %" PRIu64 " is of '%.20s' parts of the data",
                     ddla_checkpoint_step(file), note);
  if (found != training->parts->count)
    ddla_log_line(DDLA_LOG_INFO,
                  "the data are divided anew, in %d parts; the checkpoint is of %" PRId64,
                  training->parts->count, found);
  else if (!training->strategy->replicated && shards && strcmp(shards, borders) != 0)
    ddla_log_line(DDLA_LOG_INFO,
                  "parts of the data have other shards of a batch than before, as hosts have other "
                  "numbers of agents, so they go on at other samples");
  return DDLA_OK;
}

static ddla_status load(ddla_loaded *out, ddla_checkpoint_file *file, const ddla_training *training,
                        const ddla_shared *shared) {
  array_list parts[2] = {{0}};
  ddla_adoption from;
  ddla_status status = DDLA_OK;
  const uint64_t step = ddla_checkpoint_step(file);
  DDLA_TRY(check_identity(file, training));
  DDLA_TRY(ddla_adoption_of(&from, file, training, shared));
  DDLA_TRY_CLEAN(status, list_loaded(parts, training, shared, step, &from, &out->rows));
  ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS];
  for (int p = 0; p < DDLA_CHECKPOINT_PARTS; p++)
    wanted[p] = (ddla_checkpoint_arrays){parts[p].at, parts[p].count};
  DDLA_TRY_CLEAN(status, ddla_checkpoint_load(file, wanted));
  DDLA_TRY_CLEAN(status, read_progress(&out->progress, file));
  DDLA_TRY_CLEAN(status, ddla_adopt(&from, file, training, shared, step, &out->rows));
  DDLA_TRY_CLEAN(status, tell_of_parts(file, training, from.saved));
  if (from.saved != ddla_replica_rows_count(training))
    hand_on(&out->rows, training, shared, step, from.saved);
  out->step = step;
cleanup:
  free_list(&parts[0]);
  free_list(&parts[1]);
  return status;
}

ddla_status ddla_train_load_checkpoint(ddla_loaded *out, const ddla_training *training,
                                       const ddla_shared *shared, const char *directory) {
  char folder[DDLA_PATH_BYTES], *path = NULL;
  ddla_checkpoint_file *found = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_checkpoint_find_newest(&path, ddla_run_path(folder, directory, "checkpoints")));
  if (!path) return DDLA_OK;
  ddla_log_line(DDLA_LOG_INFO, "resumes from %s", path);
  DDLA_TRY_CLEAN(status, ddla_checkpoint_open(&found, path));
  DDLA_TRY_CLEAN(status, load(out, found, training, shared));
  out->file = found;
  found = NULL;
cleanup:
  ddla_checkpoint_close(found);
  ddla_free(path);
  return status;
}

ddla_status ddla_train_newest_step(int64_t *out, const char *directory) {
  char folder[DDLA_PATH_BYTES], *path = NULL;
  ddla_checkpoint_file *file = NULL;
  *out = 0;
  DDLA_TRY(ddla_checkpoint_find_newest(&path, ddla_run_path(folder, directory, "checkpoints")));
  if (!path) return DDLA_OK;
  ddla_status status = ddla_checkpoint_open(&file, path);
  if (status == DDLA_OK) *out = (int64_t)ddla_checkpoint_step(file);
  ddla_checkpoint_close(file);
  ddla_free(path);
  return status;
}

/* Steps of a run that its report calls done, and whose model file is the one that was reported; -1
 * where it is not so, which also goes for a report that cannot be read: it is then written anew. */
static int64_t reported_steps(const char *directory) {
  char path[DDLA_PATH_BYTES], sha256[DDLA_SHA256_TEXT_BYTES] = "";
  const char *state = NULL, *model = NULL;
  json_int_t steps = -1;
  json_t *report = json_load_file(ddla_run_path(path, directory, "report.json"), 0, NULL);
  if (!report) return -1;
  bool read = json_unpack(report, "{s:s, s:{s:I}, s:{s:s}}", "status", &state, "train", "steps",
                          &steps, "model", "sha256", &model) == 0;
  bool done =
      read && strcmp(state, "done") == 0 &&
      ddla_sha256_of_file(sha256, ddla_run_path(path, directory, "model.safetensors")) == DDLA_OK &&
      strcmp(model, sha256) == 0;
  json_decref(report);
  return done ? (int64_t)steps : -1;
}

static ddla_status is_end(bool *out, ddla_checkpoint_file *file, const ddla_training *training,
                          int64_t reported) {
  ddla_progress progress = {0};
  int64_t step = (int64_t)ddla_checkpoint_step(file);
  DDLA_TRY(check_identity(file, training));
  DDLA_TRY(read_progress(&progress, file));
  *out = step == reported &&
         (step >= training->total_steps || ddla_progress_is_enough(&progress, training));
  return DDLA_OK;
}

ddla_status ddla_train_finished(int64_t *steps, const ddla_training *training,
                                const char *directory) {
  char folder[DDLA_PATH_BYTES], *path = NULL;
  ddla_checkpoint_file *file = NULL;
  bool end = false;
  ddla_status status = DDLA_OK;
  int64_t reported = reported_steps(directory);
  *steps = -1;
  if (reported < 0) return DDLA_OK;
  DDLA_TRY(ddla_checkpoint_find_newest(&path, ddla_run_path(folder, directory, "checkpoints")));
  if (!path) return DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_checkpoint_open(&file, path));
  DDLA_TRY_CLEAN(status, is_end(&end, file, training, reported));
  if (end) *steps = reported;
cleanup:
  ddla_checkpoint_close(file);
  ddla_free(path);
  return status;
}
