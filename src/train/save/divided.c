#include "train/save/divided.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pages.h"
#include "coll/pass.h"
#include "sync/bridge/bridge_layout.h"
#include "train/save/adopt.h"

bool ddla_divided_has(const ddla_shared *shared, int row) {
  for (int m = 0; shared->divided && m < DDLA_MOMENTS_MAX; m++)
    if (row == shared->moment[m]) return row >= 0;
  return false;
}

/* sync: null before there is a strategy. */
static ddla_status make_layout(ddla_bridge_layout *out, const ddla_shared *shared,
                               const ddla_training *training, const ddla_sync *sync) {
  ddla_sync_split split = ddla_training_split(training);
  split.cluster = &shared->start->cluster;
  DDLA_TRY(ddla_bridge_layout_of(out, &split, ddla_state_dense(shared->state),
                                 shared->start->range_bytes));
  if (sync && sync->strategy->owners) ddla_bridge_layout_deal(out, sync->strategy->owners(sync));
  else if (training->strategy->claims)
    ddla_bridge_layout_own(out, (int)training->job->sync.servers);
  return DDLA_OK;
}

/* From an element to the end of its range, or to `end`; whose that is. */
static int64_t piece_end(int *owner, const ddla_bridge_layout *layout, int64_t at, int64_t end) {
  const int range = ddla_bridge_range_down_to(layout, at);
  int64_t begin = 0, count = 0;
  ddla_bridge_range(layout, range, &begin, &count);
  *owner = ddla_bridge_owner(layout, range);
  return begin + count < end ? begin + count : end;
}

/* ---- into a checkpoint ---- */

ddla_status ddla_divided_streams(ddla_divided_stream **out, ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  const ddla_graph *graph = worker->training->graph.graph;
  ddla_divided_stream *stream = NULL;
  int count = 0;
  if (!shared->divided) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(stream, DDLA_MOMENTS_MAX * graph->parameter_count + 1));
  const uint64_t step = ddla_sync_committed(shared->sync_control);
  for (int i = 0; i < ddla_state_row_count(shared->state); i++) {
    if (!ddla_divided_has(shared, i)) continue;
    float *row = ddla_state_array(shared->state, i, step, 0);
    for (int p = 0; p < graph->parameter_count; p++) {
      const ddla_graph_parameter_row *tensor = &graph->parameter[p];
      stream[count++] = (ddla_divided_stream){.worker = worker,
                                              .first = stream,
                                              .row = row,
                                              .at = tensor->offset,
                                              .end = tensor->offset + tensor->count};
    }
  }
  if (count > 0) *out = stream;
  else ddla_free(stream); /* an optimizer without moments */
  return DDLA_OK;
}

ddla_status ddla_divided_next(void *argument, const void **data, size_t *bytes) {
  ddla_divided_stream *stream = argument, *first = stream->first;
  ddla_worker *worker = stream->worker;
  ddla_bridge_layout layout;
  int owner = 0;
  DDLA_TRY(make_layout(&layout, worker->shared, worker->training, worker->sync));
  const int64_t end = piece_end(&owner, &layout, stream->at, stream->end);
  float *piece = stream->row + stream->at;
  *bytes = (size_t)(end - stream->at) * sizeof *piece;
  *data = piece;
  stream->at = end;
  DDLA_TRY(ddla_sync_bring(worker->sync, worker->worker, piece, *bytes, owner));
  if (!worker->run) return DDLA_OK;
  ddla_watch_mark(&worker->pen, DDLA_PHASE_CHECKPOINT, worker->last.step);
  if (first->brought) (void)ddla_pages_release(first->brought, first->brought_bytes);
  first->brought = owner > 0 ? piece : NULL;
  first->brought_bytes = *bytes;
  return DDLA_OK;
}

/* Whole ranges, since pieces end within pages. */
void ddla_divided_release(ddla_divided_stream *streams) {
  ddla_bridge_layout layout;
  if (!streams) return;
  const ddla_worker *worker = streams->worker;
  const ddla_shared *shared = worker->shared;
  const uint64_t step = ddla_sync_committed(shared->sync_control);
  if (make_layout(&layout, shared, worker->training, worker->sync) != DDLA_OK) return;
  for (int i = 0; i < ddla_state_row_count(shared->state); i++) {
    if (!ddla_divided_has(shared, i)) continue;
    float *row = ddla_state_array(shared->state, i, step, 0);
    for (int r = 0; r < layout.ranges; r++) {
      int64_t begin = 0, count = 0;
      ddla_bridge_range(&layout, r, &begin, &count);
      if (ddla_bridge_owner(&layout, r) > 0)
        (void)ddla_pages_release(row + begin, (size_t)count * sizeof *row);
    }
  }
}

ddla_status ddla_divided_give(ddla_worker *worker) {
  const int tensors = worker->training->graph.graph->parameter_count;
  ddla_divided_stream *stream = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_divided_streams(&stream, worker));
  for (int i = 0; stream && i < DDLA_MOMENTS_MAX * tensors && stream[i].worker; i++)
    while (status == DDLA_OK && stream[i].at < stream[i].end) {
      const void *data = NULL;
      size_t bytes = 0;
      status = ddla_divided_next(&stream[i], &data, &bytes);
    }
  ddla_free(stream);
  return status;
}

/* ---- out of a checkpoint ---- */

/* One tensor of a row: `loaded` on host 0. */
static ddla_status deal_tensor(float *row, float *loaded, const ddla_graph_parameter_row *tensor,
                               const ddla_bridge_layout *layout, ddla_transport *link) {
  const int64_t last = tensor->offset + tensor->count;
  const int here = layout->cluster.host;
  for (int64_t at = tensor->offset, end = 0; at < last; at = end) {
    int owner = 0;
    end = piece_end(&owner, layout, at, last);
    const size_t bytes = (size_t)(end - at) * sizeof *row;
    if (here == 0 && owner == 0) memcpy(row + at, loaded + (at - tensor->offset), bytes);
    float *data = here == 0 ? loaded + (at - tensor->offset) : row + at;
    DDLA_TRY(ddla_coll_pass(link, 0, owner, data, bytes));
  }
  return DDLA_OK;
}

static ddla_status deal_named(float *row, const char *row_name,
                              const ddla_graph_parameter_row *tensor,
                              const ddla_bridge_layout *layout, ddla_transport *link,
                              ddla_checkpoint_file *checkpoint) {
  char name[DDLA_STATE_NAME_BYTES + DDLA_NAME_BYTES + 2];
  float *loaded = NULL;
  ddla_status status = DDLA_OK;
  snprintf(name, sizeof name, "%s/%s", row_name, tensor->name);
  if (layout->cluster.host == 0) {
    DDLA_TRY_CLEAN(status, DDLA_NEW(loaded, tensor->count + 1));
    DDLA_TRY_CLEAN(status, ddla_adopt_read(loaded, tensor->count, checkpoint, name));
  }
  DDLA_TRY_CLEAN(status, deal_tensor(row, loaded, tensor, layout, link));
cleanup:
  ddla_free(loaded);
  return status;
}

ddla_status ddla_divided_deal(ddla_shared *shared, const ddla_training *training,
                              ddla_transport *link, ddla_checkpoint_file *checkpoint) {
  const ddla_graph *graph = training->graph.graph;
  const uint64_t step = shared->start->step;
  ddla_bridge_layout layout;
  if (!shared->divided || step == 0) return DDLA_OK;
  DDLA_TRY(make_layout(&layout, shared, training, NULL));
  for (int i = 0; i < ddla_state_row_count(shared->state); i++) {
    if (!ddla_divided_has(shared, i)) continue;
    float *row = ddla_state_array(shared->state, i, step, 0);
    for (int p = 0; p < graph->parameter_count; p++)
      DDLA_TRY(deal_named(row, ddla_state_row_at(shared->state, i)->name, &graph->parameter[p],
                          &layout, link, checkpoint));
  }
  return DDLA_OK;
}
