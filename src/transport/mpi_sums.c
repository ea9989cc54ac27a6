/* Sums of transport "mpi": the library's own nonblocking all-reduce among the first ranks of all
 * hosts. The library wants them begun in the same order everywhere, so they are handed to it in the
 * order of the calls; and it cannot give one up, so a sum that is cancelled fails the work of all.
 */
#include "transport/mpi_parts.h"

static ddla_mpi_sum *at(ddla_mpi_transport *t, uint64_t index) {
  return &t->sums[index % DDLA_MPI_SUMS];
}

static void take_failure(ddla_mpi_transport *t, ddla_status status) {
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_mpi_fail(t, &failure, -1, true);
}

/* Hands to the library what it has room for. */
static void begin_sums(ddla_mpi_transport *t) {
  for (; t->sums_begun < t->sums_asked && !atomic_load(&t->failed); t->sums_begun++) {
    ddla_mpi_sum *next = at(t, t->sums_begun);
    const ddla_request *request = next->request;
    ddla_status status = ddla_mpi_link_sum(t->link, &next->flight, (float *)(void *)request->data,
                                           request->bytes / sizeof(float));
    if (status != DDLA_OK) take_failure(t, status);
    if (!next->flight.flying) return;
  }
}

void ddla_transport_mpi_advance_sums(ddla_mpi_transport *t) {
  begin_sums(t);
  for (uint64_t i = t->sums_over; i < t->sums_begun && !atomic_load(&t->failed); i++) {
    ddla_mpi_sum *sum = at(t, i);
    if (!sum->request || sum->flight.flying) continue;
    sum->request->state = DDLA_MPI_OVER;
    sum->request = NULL;
    t->moved = true;
  }
  while (t->sums_over < t->sums_begun && !at(t, t->sums_over)->request) t->sums_over++;
}

ddla_status ddla_transport_mpi_start_sum(ddla_mpi_transport *t, ddla_request *request) {
  if (t->sums_asked - t->sums_over == DDLA_MPI_SUMS)
    return DDLA_FAIL(UNSUPPORTED, "more than %d sums at once", DDLA_MPI_SUMS);
  request->state = DDLA_MPI_SUMMED;
  *at(t, t->sums_asked++) = (ddla_mpi_sum){.request = request};
  begin_sums(t);
  return DDLA_OK;
}

void ddla_transport_mpi_cancel_sum(ddla_mpi_transport *t, ddla_request *request) {
  if (!atomic_load(&t->failed)) /* else its words are the ones that count */
    take_failure(t, DDLA_FAIL(PEER_LOST, "host %s gave up a sum that all hosts make",
                              ddla_mpi_world_host_name(t->world, t->base.rank)));
  for (uint64_t i = t->sums_over; i < t->sums_asked; i++)
    if (at(t, i)->request == request) at(t, i)->request = NULL;
  request->state = DDLA_MPI_DROPPED;
}
