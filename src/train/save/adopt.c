#include "train/save/adopt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "train/save/divided.h"

enum { NAME_BYTES = 2 * DDLA_STATE_NAME_BYTES + DDLA_NAME_BYTES };

static ddla_status read_replicas(int *out, const ddla_checkpoint_file *file) {
  const char *note = ddla_checkpoint_note(file, "replicas");
  int64_t count = 1;
  if (note && (!ddla_text_to_int(&count, note) || count < 1 || count > DDLA_HOSTS_MAX))
    return DDLA_FAIL(CORRUPT, "the checkpoint of step %" PRIu64 " is of '%.20s' replicas",
                     ddla_checkpoint_step(file), note);
  *out = (int)count;
  return DDLA_OK;
}

/* Steps are counted in batches of one size: epochs and the learning rate follow from their number.
 */
ddla_status ddla_adopt_check_steps(const ddla_checkpoint_file *file,
                                   const ddla_training *training) {
  const char *note = ddla_checkpoint_same(file, "sync.interval");
  const int64_t wanted = training->batch / training->job->train.batch;
  int64_t found = 1;
  if (note && !ddla_text_to_int(&found, note))
    return DDLA_FAIL(CORRUPT, "the checkpoint %s is of steps of '%.20s' batches",
                     ddla_checkpoint_path(file), note);
  if (found == wanted) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "the checkpoint %s was made with steps of %" PRId64 " batches, the job has "
                   "steps of %" PRId64 " (sync.method gradient: sync.interval; others: 1), so that "
                   "epochs and the learning rate would not go on; use that number, or start a new "
                   "run in another directory",
                   ddla_checkpoint_path(file), found, wanted);
}

static bool has_array(const ddla_checkpoint_file *file, const char *name) {
  return ddla_safetensors_find(ddla_checkpoint_part_of(file, DDLA_CHECKPOINT_STATE), name) >= 0;
}

void ddla_adopt_name(char *out, size_t bytes, const char *name, int replica) {
  if (replica == 0) snprintf(out, bytes, "%s", name);
  else snprintf(out, bytes, "replica-%d/%s", replica, name);
}

static const char *own_name(char out[NAME_BYTES], const char *name, int replica) {
  ddla_adopt_name(out, NAME_BYTES, name, replica);
  return out;
}

/* Whether a row belongs to a mode or method, so that a checkpoint may not have it. */
static bool is_of_method(const ddla_training *training, const ddla_shared *shared, int row) {
  const int kept[] = {shared->residual, shared->velocity, shared->answer_residual, shared->numbers};
  for (int i = 0; i < 4; i++)
    if (row == kept[i]) return true;
  if (row == shared->theta) return !ddla_shared_is_model(shared, row);
  for (int i = 0; ddla_sync_array_at(training->strategy, training->heterogeneity, i); i++)
    if (row == shared->arrays[i]) return true;
  return false;
}

/* Whether the checkpoint has a replica's row. */
static bool has_row(const ddla_checkpoint_file *file, const ddla_training *training,
                    const ddla_state_row *row, int replica) {
  char name[DDLA_STATE_NAME_BYTES + DDLA_NAME_BYTES], own[NAME_BYTES];
  const ddla_graph *graph = training->graph.graph;
  if (row->parameter_shaped && graph->parameter_count > 0)
    snprintf(name, sizeof name, "%s/%s", row->name, graph->parameter[0].name);
  else snprintf(name, sizeof name, "%s", row->name);
  return has_array(file, own_name(own, name, replica));
}

/* Numbers mean what their method says. Earlier programs did not name it: it was the job's. */
static bool has_numbers(const ddla_checkpoint_file *file, const ddla_training *training) {
  const char *method = ddla_checkpoint_note(file, "method");
  return !method || strcmp(method, training->strategy->method) == 0;
}

/* What was left out of contributions is of no use where these are something else: gradients, to be
 * summed, or differences of models. Of the job's kind where the checkpoint names no method. */
static bool has_residual(const ddla_checkpoint_file *file, const ddla_training *training) {
  const char *method = ddla_checkpoint_note(file, "method");
  int count = 0;
  const ddla_strategy *const *strategies = ddla_strategy_table(&count);
  for (int i = 0; method && i < count; i++)
    if (strcmp(strategies[i]->method, method) == 0)
      return strategies[i]->claims == training->strategy->claims;
  return true;
}

/* Whether a row that the checkpoint has is what it is here. */
static bool means_the_same(const ddla_checkpoint_file *file, const ddla_training *training,
                           const ddla_shared *shared, int row) {
  if (row == shared->numbers) return has_numbers(file, training);
  if (row == shared->residual || row == shared->velocity || row == shared->answer_residual)
    return has_residual(file, training);
  return true;
}

static bool is_moment(const ddla_shared *shared, int row) {
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++)
    if (row == shared->moment[m]) return true;
  return row == shared->factors;
}

ddla_status ddla_adoption_of(ddla_adoption *out, const ddla_checkpoint_file *file,
                             const ddla_training *training, const ddla_shared *shared) {
  ddla_adoption made = {0};
  DDLA_TRY(read_replicas(&made.saved, file));
  for (int i = 0; i < ddla_state_row_count(shared->state); i++) {
    const ddla_state_row *row = ddla_state_row_at(shared->state, i);
    if (!row->saved) continue;
    const bool each = made.saved > 1 && has_row(file, training, row, 1);
    made.shared[i] = !each && ddla_replica_rows_has(shared->state, i);
    made.merged[i] = each && !ddla_replica_rows_has(shared->state, i) && is_moment(shared, i);
    made.lacks[i] =
        is_of_method(training, shared, i) &&
        (!has_row(file, training, row, 0) || !means_the_same(file, training, shared, i));
  }
  *out = made;
  return DDLA_OK;
}

static ddla_status read_mean(float *into, int64_t count, ddla_checkpoint_file *file,
                             const char *name, int replicas) {
  double *sum = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(sum, count + 1));
  for (int r = 0; r < replicas; r++) {
    char own[NAME_BYTES];
    DDLA_TRY_CLEAN(status,
                   ddla_checkpoint_read(into, file, DDLA_CHECKPOINT_STATE, own_name(own, name, r)));
    for (int64_t k = 0; k < count; k++) sum[k] += (double)into[k];
  }
  for (int64_t k = 0; k < count; k++) into[k] = (float)(sum[k] / replicas);
cleanup:
  ddla_free(sum);
  return status;
}

ddla_status ddla_adopt_read(float *into, int64_t count, ddla_checkpoint_file *file,
                            const char *name) {
  char second[NAME_BYTES];
  int replicas = 1;
  DDLA_TRY(read_replicas(&replicas, file));
  if (replicas > 1 && has_array(file, own_name(second, name, 1)))
    return read_mean(into, count, file, name, replicas);
  return ddla_checkpoint_read(into, file, DDLA_CHECKPOINT_STATE, name);
}

/* A row that is not divided: tensor by tensor, or as the vector that it is. */
static ddla_status read_row(float *base, const ddla_state_row *row, const ddla_graph *graph,
                            ddla_checkpoint_file *file) {
  if (!row->parameter_shaped) return ddla_adopt_read(base, row->count, file, row->name);
  for (int p = 0; p < graph->parameter_count; p++) {
    const ddla_graph_parameter_row *tensor = &graph->parameter[p];
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s/%s", row->name, tensor->name);
    DDLA_TRY(ddla_adopt_read(base + tensor->offset, tensor->count, file, name));
  }
  return DDLA_OK;
}

/* Every replica begins at the global model. */
static void begin_apart(const ddla_shared *shared, uint64_t step, const ddla_replica_rows *rows) {
  const ddla_state *state = shared->state;
  const size_t bytes = (size_t)ddla_state_space(state) * sizeof(float);
  const float *global = ddla_state_array(state, shared->global, step, 0);
  memcpy(ddla_state_array(state, shared->theta, step, 0), global, bytes);
  for (int r = 1; r < rows->replicas; r++)
    memcpy(ddla_replica_rows_at(rows, state, shared->theta, r), global, bytes);
}

ddla_status ddla_adopt(const ddla_adoption *adoption, ddla_checkpoint_file *file,
                       const ddla_training *training, const ddla_shared *shared, uint64_t step,
                       const ddla_replica_rows *rows) {
  const ddla_strategy *strategy = training->strategy;
  const ddla_sync_rule rule = ddla_training_rule(training);
  if (adoption->lacks[shared->theta]) begin_apart(shared, step, rows);
  if (shared->numbers >= 0 && adoption->lacks[shared->numbers] && strategy->initial)
    strategy->initial(ddla_state_array(shared->state, shared->numbers, 0, 0), &rule);
  for (int i = 0; i < ddla_state_row_count(shared->state); i++)
    if (adoption->merged[i] && !ddla_divided_has(shared, i))
      DDLA_TRY(read_row(ddla_state_array(shared->state, i, step, 0),
                        ddla_state_row_at(shared->state, i), training->graph.graph, file));
  return DDLA_OK;
}
