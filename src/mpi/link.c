#include "mpi/link.h"

#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"

struct ddla_mpi_link {
  ddla_mpi_loaded loaded;
  const ddla_mpi_plugin *plugin;
  ddla_mpi_state *state;
  ddla_mpi_start facts;
  ddla_mpi_flight *flights[DDLA_MPI_OPERATIONS]; /* by operation */
  ddla_mpi_end ends[DDLA_MPI_OPERATIONS];
};

static ddla_status fail(const ddla_mpi_link *link, const char *what, int error) {
  char words[256] = "";
  link->plugin->describe(error, words, sizeof words);
  return DDLA_FAIL(IO, "MPI (%s) cannot %s: %s", link->facts.version, what, words);
}

static ddla_status start_library(ddla_mpi_link *link) {
  void *memory = NULL;
  memory = ddla_alloc_array(1, link->plugin->state_bytes);
  DDLA_TRY(ddla_alloc_check(memory, 1, link->plugin->state_bytes));
  link->state = memory;
  int error = link->plugin->start(link->state, &link->facts);
  if (error) return fail(link, "start", error);
  if (!link->facts.funneled)
    return DDLA_FAIL(UNSUPPORTED,
                     "%s (plug-in %s) grants no threads beside its own, and ddla computes in "
                     "several; use a build of it with MPI_THREAD_SERIALIZED or MPI_THREAD_FUNNELED",
                     link->facts.version, link->loaded.path);
  return DDLA_OK;
}

ddla_status ddla_mpi_link_start(ddla_mpi_link **out, const char *library, const char *folder) {
  ddla_mpi_link *link = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(link, 1));
  DDLA_TRY_CLEAN(status, ddla_mpi_load(&link->loaded, library, folder));
  link->plugin = link->loaded.plugin;
  DDLA_TRY_CLEAN(status, start_library(link));
  *out = link;
  return DDLA_OK;
cleanup:
  ddla_mpi_link_destroy(link);
  return status;
}

const ddla_mpi_start *ddla_mpi_link_facts(const ddla_mpi_link *link) { return &link->facts; }

const ddla_mpi_loaded *ddla_mpi_link_loaded(const ddla_mpi_link *link) { return &link->loaded; }

static void take_off(ddla_mpi_link *link, ddla_mpi_flight *flight, int operation) {
  *flight = (ddla_mpi_flight){.operation = operation, .flying = operation >= 0};
  if (flight->flying) link->flights[operation] = flight;
}

ddla_status ddla_mpi_link_send(ddla_mpi_link *link, ddla_mpi_flight *flight,
                               const ddla_mpi_message *m) {
  int operation = -1;
  int error = link->plugin->send(link->state, m->data, m->bytes, m->rank, m->tag, &operation);
  if (error) return fail(link, "send", error);
  take_off(link, flight, operation);
  return DDLA_OK;
}

ddla_status ddla_mpi_link_recv(ddla_mpi_link *link, ddla_mpi_flight *flight,
                               const ddla_mpi_message *m) {
  int operation = -1;
  int error = link->plugin->recv(link->state, m->data, m->bytes, m->rank, m->tag, &operation);
  if (error) return fail(link, "receive", error);
  take_off(link, flight, operation);
  return DDLA_OK;
}

ddla_status ddla_mpi_link_form(ddla_mpi_link *link, bool member) {
  int error = link->plugin->form(link->state, member);
  return error ? fail(link, "form a group", error) : DDLA_OK;
}

ddla_status ddla_mpi_link_sum(ddla_mpi_link *link, ddla_mpi_flight *flight, float *data,
                              size_t count) {
  int operation = -1;
  int error = link->plugin->sum(link->state, data, count, &operation);
  if (error) return fail(link, "add up", error);
  take_off(link, flight, operation);
  return DDLA_OK;
}

ddla_status ddla_mpi_link_poll(ddla_mpi_link *link, bool *moved) {
  int count = 0;
  int error = link->plugin->poll(link->state, link->ends, &count);
  for (int i = 0; i < count; i++) {
    const ddla_mpi_end *end = &link->ends[i];
    ddla_mpi_flight *flight = link->flights[end->operation];
    DDLA_ASSERT(flight && flight->operation == end->operation);
    link->flights[end->operation] = NULL;
    flight->flying = false;
    flight->cancelled = end->cancelled;
    flight->bytes = end->bytes;
    *moved = true;
  }
  return error ? fail(link, "move messages", error) : DDLA_OK;
}

/* Open MPI 4.1.4 dies of a second call for the same receive. */
ddla_status ddla_mpi_link_cancel(ddla_mpi_link *link, ddla_mpi_flight *flight) {
  if (!flight->flying || flight->given_up) return DDLA_OK;
  flight->given_up = true;
  int error = link->plugin->cancel(link->state, flight->operation);
  return error ? fail(link, "cancel a receive", error) : DDLA_OK;
}

void ddla_mpi_link_nap(int64_t ns) {
  struct timespec pause = {ns / 1000000000, ns % 1000000000};
  nanosleep(&pause, NULL);
}

ddla_status ddla_mpi_link_finalize(ddla_mpi_link *link) {
  int error = link->plugin->finalize(link->state);
  return error ? fail(link, "end", error) : DDLA_OK;
}

void ddla_mpi_link_abort(ddla_mpi_link *link, int status) {
  if (link->plugin->abort) link->plugin->abort(link->state, status);
}

void ddla_mpi_link_destroy(ddla_mpi_link *link) {
  if (!link) return;
  ddla_free(link->state);
  ddla_free(link);
}
