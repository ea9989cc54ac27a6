/* The plug-in: plugin.h over one MPI library, MPI-3.1 calls only. Compiled once for each library
 * that CMake finds; DDLA_MPI_LIBRARY is its name. Links with that library and nothing of ddla. */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi/plugin.h"

struct ddla_mpi_state {
  MPI_Comm comm;    /* the world's, duplicated */
  MPI_Comm members; /* who add numbers up; of others, and before form, null */
  bool started_here;
  int high;       /* operations at and above this one are free */
  int free_count; /* of `free`: below `high` */
  MPI_Request requests[DDLA_MPI_OPERATIONS];
  bool adds[DDLA_MPI_OPERATIONS]; /* not a message: its status says nothing more */
  int free[DDLA_MPI_OPERATIONS];
  int ended[DDLA_MPI_OPERATIONS];
  MPI_Status statuses[DDLA_MPI_OPERATIONS];
};

static int check(int result, int *error) {
  if (result != MPI_SUCCESS && *error == MPI_SUCCESS) *error = result;
  return *error;
}

/* Over TCP, Open MPI sends 64 KiB of a longer message and asks the receiver for the rest: a round
 * trip for each message, 40 ms to another town. Pieces find their receive posted, so they can go
 * whole. Only its TCP module (btl) reads these; what the user has set counts. */
#ifdef OMPI_MAJOR_VERSION
static void set_up(void) {
  static const char *const name[] = {"OMPI_MCA_btl_tcp_eager_limit",
                                     "OMPI_MCA_btl_tcp_max_send_size"};
  enum { HEADERS = 4096 }; /* more than the library's own */
  char bytes[32] = "";
  if (getenv(name[0]) || getenv(name[1])) return;
  snprintf(bytes, sizeof bytes, "%d", DDLA_MPI_PIECE_BYTES + HEADERS);
  for (int i = 0; i < 2; i++) (void)setenv(name[i], bytes, 0); /* without it, it is slower */
}
#else
static void set_up(void) {}
#endif

static int begin(ddla_mpi_state *state, ddla_mpi_start *out) {
  int initialized = 0, granted = 0, length = 0, error = MPI_SUCCESS;
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  check(MPI_Initialized(&initialized), &error);
  if (!initialized) set_up();
  if (!initialized) check(MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &granted), &error);
  else check(MPI_Query_thread(&granted), &error);
  if (error != MPI_SUCCESS) return error;
  state->started_here = !initialized;
  check(MPI_Comm_dup(MPI_COMM_WORLD, &state->comm), &error);
  if (error != MPI_SUCCESS) return error;
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), &error);
  check(MPI_Comm_set_errhandler(state->comm, MPI_ERRORS_RETURN), &error);
  check(MPI_Comm_rank(state->comm, &out->rank), &error);
  check(MPI_Comm_size(state->comm, &out->ranks), &error);
  check(MPI_Get_library_version(version, &length), &error);
  version[strcspn(version, ",\n")] =
      '\0'; /* "Open MPI v4.1.4, package: ...", "MPICH Version:\t4.0.2" */
  for (char *at = strchr(version, '\t'); at; at = strchr(at, '\t')) *at = ' ';
  snprintf(out->version, sizeof out->version, "%.200s", version);
  out->threads = granted >= MPI_THREAD_SERIALIZED;
  out->funneled = granted >= MPI_THREAD_FUNNELED;
  int found = 0, *limit = NULL;
  check(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &limit, &found), &error);
  out->tag_max = found ? *limit : 32767; /* what the standard promises */
  for (int i = 0; i < DDLA_MPI_OPERATIONS; i++) state->requests[i] = MPI_REQUEST_NULL;
  state->members = MPI_COMM_NULL;
  return error;
}

static int form(ddla_mpi_state *state, bool member) {
  int rank = 0, error = MPI_SUCCESS;
  check(MPI_Comm_rank(state->comm, &rank), &error);
  check(MPI_Comm_split(state->comm, member ? 0 : MPI_UNDEFINED, rank, &state->members), &error);
  if (error == MPI_SUCCESS && state->members != MPI_COMM_NULL)
    check(MPI_Comm_set_errhandler(state->members, MPI_ERRORS_RETURN), &error);
  return error;
}

static int take(ddla_mpi_state *state) {
  int taken = -1;
  if (state->free_count > 0) taken = state->free[--state->free_count];
  else if (state->high < DDLA_MPI_OPERATIONS) taken = state->high++;
  if (taken >= 0) state->adds[taken] = false;
  return taken;
}

static int start_sum(ddla_mpi_state *state, float *data, size_t count, int *operation) {
  int taken = *operation = take(state);
  if (taken < 0) return MPI_SUCCESS;
  state->adds[taken] = true;
  return MPI_Iallreduce(MPI_IN_PLACE, data, (int)count, MPI_FLOAT, MPI_SUM, state->members,
                        &state->requests[taken]);
}

static int start_send(ddla_mpi_state *state, const void *data, size_t bytes, int rank, int tag,
                      int *operation) {
  int taken = *operation = take(state);
  if (taken < 0) return MPI_SUCCESS;
  return MPI_Isend(data, (int)bytes, MPI_BYTE, rank, tag, state->comm, &state->requests[taken]);
}

static int start_recv(ddla_mpi_state *state, void *data, size_t bytes, int rank, int tag,
                      int *operation) {
  int taken = *operation = take(state);
  if (taken < 0) return MPI_SUCCESS;
  return MPI_Irecv(data, (int)bytes, MPI_BYTE, rank < 0 ? MPI_ANY_SOURCE : rank, tag, state->comm,
                   &state->requests[taken]);
}

/* The library takes requests that have ended out of the array. */
static int poll_all(ddla_mpi_state *state, ddla_mpi_end *ends, int *count) {
  int found = 0;
  *count = 0;
  if (state->high == 0) return MPI_SUCCESS;
  int error = MPI_Testsome(state->high, state->requests, &found, state->ended, state->statuses);
  if (error != MPI_SUCCESS && error != MPI_ERR_IN_STATUS) return error;
  bool marked = error == MPI_ERR_IN_STATUS; /* only then the statuses carry errors */
  error = MPI_SUCCESS;
  for (int i = 0; found != MPI_UNDEFINED && i < found; i++) {
    MPI_Status *status = &state->statuses[i];
    int cancelled = 0, bytes = 0;
    if (marked) check(status->MPI_ERROR, &error);
    const bool message = !state->adds[state->ended[i]];
    if (message) check(MPI_Test_cancelled(status, &cancelled), &error);
    if (message && !cancelled) check(MPI_Get_count(status, MPI_BYTE, &bytes), &error);
    ends[*count] = (ddla_mpi_end){state->ended[i], cancelled != 0, bytes > 0 ? (size_t)bytes : 0};
    ++*count;
    state->free[state->free_count++] = state->ended[i];
  }
  return error;
}

static int cancel(ddla_mpi_state *state, int operation) {
  if (state->requests[operation] == MPI_REQUEST_NULL) return MPI_SUCCESS;
  return MPI_Cancel(&state->requests[operation]);
}

static void describe(int error, char *text, size_t bytes) {
  char words[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(error, words, &length);
  snprintf(text, bytes, "%s", words);
}

/* Who has started the library ends it. */
static int finalize(ddla_mpi_state *state) {
  int error = MPI_SUCCESS;
  if (state->members != MPI_COMM_NULL) check(MPI_Comm_free(&state->members), &error);
  check(MPI_Comm_free(&state->comm), &error);
  if (state->started_here) check(MPI_Finalize(), &error);
  return error;
}

/* mpirun of Open MPI 4.1 goes on waiting for a machine behind a cut link; MPICH's does not. */
#ifdef OMPI_MAJOR_VERSION
#define ABORT NULL
#else
static void abort_all(ddla_mpi_state *state, int status) {
  (void)state;
  MPI_Abort(MPI_COMM_WORLD, status);
}
#define ABORT abort_all
#endif

__attribute__((visibility("default"))) extern const ddla_mpi_plugin ddla_mpi_plugin_table;
const ddla_mpi_plugin ddla_mpi_plugin_table = {
    .version = DDLA_MPI_PLUGIN_VERSION,
    .library = DDLA_MPI_LIBRARY,
    .state_bytes = sizeof(ddla_mpi_state),
    .start = begin,
    .send = start_send,
    .recv = start_recv,
    .form = form,
    .sum = start_sum,
    .poll = poll_all,
    .cancel = cancel,
    .describe = describe,
    .finalize = finalize,
    .abort = ABORT,
};
