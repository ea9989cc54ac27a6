#include "train/save/replicas.h"

#include <string.h>

#include "base/alloc.h"
#include "coll/pass.h"

int ddla_replica_rows_count(const ddla_training *training) {
  const bool have =
      training->strategy->replicated || (training->strategy->claims && training->codec);
  return have ? training->cluster.hosts : 1;
}

bool ddla_replica_rows_has(const ddla_state *state, int row) {
  const ddla_state_row *found = ddla_state_row_at(state, row);
  return found->saved && found->scope == DDLA_SCOPE_PER_HOST;
}

static size_t row_bytes(const ddla_state *state, int row) {
  const ddla_state_row *found = ddla_state_row_at(state, row);
  return (size_t)found->count * ddla_dtype_bytes(found->dtype);
}

/* Bytes of a replica's rows before this one. */
static size_t offset_of(const ddla_state *state, int row) {
  size_t bytes = 0;
  for (int i = 0; i < row; i++)
    if (ddla_replica_rows_has(state, i)) bytes += row_bytes(state, i);
  return bytes;
}

ddla_status ddla_replica_rows_create(ddla_replica_rows *out, const ddla_state *state,
                                     int replicas) {
  ddla_replica_rows rows = {.replicas = replicas,
                            .bytes = offset_of(state, ddla_state_row_count(state))};
  DDLA_TRY(DDLA_NEW(rows.memory, (int64_t)rows.bytes * (replicas - 1) + 1));
  *out = rows;
  return DDLA_OK;
}

void ddla_replica_rows_destroy(ddla_replica_rows *rows) {
  ddla_free(rows->memory);
  *rows = (ddla_replica_rows){0};
}

void *ddla_replica_rows_at(const ddla_replica_rows *rows, const ddla_state *state, int row,
                           int replica) {
  return rows->memory + (size_t)(replica - 1) * rows->bytes + offset_of(state, row);
}

void ddla_replica_rows_merge(const ddla_replica_rows *rows, const ddla_state *state, int row,
                             uint64_t step, int saved, int parts) {
  const int64_t count = ddla_state_row_at(state, row)->count;
  float *first = ddla_state_array(state, row, step, 0);
  for (int64_t k = 0; k < count; k++) {
    double sum = (double)first[k];
    for (int r = 1; r < saved; r++)
      sum += (double)((const float *)ddla_replica_rows_at(rows, state, row, r))[k];
    first[k] = (float)(sum / parts);
  }
  for (int r = 1; r < rows->replicas; r++)
    memcpy(ddla_replica_rows_at(rows, state, row, r), first, (size_t)count * sizeof *first);
}

ddla_status ddla_replica_rows_bring(ddla_replica_rows *rows, ddla_worker *worker) {
  const ddla_state *state = worker->shared->state;
  const uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  const int hosts = worker->training->cluster.hosts;
  for (int h = 1; h < hosts; h++)
    for (int i = 0; i < ddla_state_row_count(state); i++) {
      if (!ddla_replica_rows_has(state, i)) continue;
      void *data = rows && rows->memory ? ddla_replica_rows_at(rows, state, i, h)
                                        : ddla_state_array(state, i, step, 0);
      DDLA_TRY(ddla_sync_bring(worker->sync, worker->worker, data, row_bytes(state, i), h));
    }
  return DDLA_OK;
}

ddla_status ddla_replica_rows_deal(const ddla_replica_rows *rows, const ddla_shared *shared,
                                   uint64_t step, ddla_transport *link) {
  const ddla_state *state = shared->state;
  const int here = ddla_transport_rank(link), hosts = ddla_transport_ranks(link);
  for (int h = 1; h < hosts; h++)
    for (int i = 0; i < ddla_state_row_count(state); i++) {
      if (!ddla_replica_rows_has(state, i)) continue;
      void *data =
          here == 0 ? ddla_replica_rows_at(rows, state, i, h) : ddla_state_array(state, i, step, 0);
      DDLA_TRY(ddla_coll_pass(link, 0, h, data, row_bytes(state, i)));
    }
  return DDLA_OK;
}
