#include "mpi/gather.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

/* Sleeps grow with the time already waited, so that a wait of seconds costs nothing. */
enum { YIELDS = 16, NAP_LEAST_NS = 100000, NAP_MOST_NS = 2000000, NAP_SHARE = 16 };

/* Rank 0 knows who is missing and speaks first: the others wait longer by this part. */
enum { PATIENCE = 2 };

struct ddla_mpi_gather {
  ddla_mpi_link *link;
  ddla_mpi_gather_call call;
  int rank, ranks;
  unsigned char *all;
  ddla_mpi_flight *flights; /* of rank 0: one for each rank; of others: send, receive */
  int64_t end_ns;
};

/* Lets time pass between two looks. */
static void pause_briefly(int looks, int64_t waited_ns) {
  int64_t nap_ns = waited_ns / NAP_SHARE;
  if (looks < YIELDS) sched_yield();
  else
    ddla_mpi_link_nap(nap_ns < NAP_LEAST_NS  ? NAP_LEAST_NS
                      : nap_ns > NAP_MOST_NS ? NAP_MOST_NS
                                             : nap_ns);
}

static int flying(const ddla_mpi_gather *g, int count) {
  int found = 0;
  for (int i = 0; i < count; i++) found += g->flights[i].flying;
  return found;
}

/* "rank 3 on h1, rank 5 on h2 and 4 more" */
static void list_missing(const ddla_mpi_gather *g, char *text, size_t bytes) {
  enum { NAMED = 4 };
  size_t used = 0;
  int missing = flying(g, g->ranks), listed = 0;
  text[0] = '\0';
  for (int i = 0; i < g->ranks && listed < NAMED; i++) {
    char name[128] = "";
    if (!g->flights[i].flying) continue;
    g->call.name(g->call.argument, i, name, sizeof name);
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", listed++ ? ", " : "", name);
  }
  if (missing > listed) snprintf(text + used, bytes - used, " and %d more", missing - listed);
}

static ddla_status fail_late(const ddla_mpi_gather *g) {
  char names[640] = "";
  if (g->rank == 0) list_missing(g, names, sizeof names);
  else g->call.name(g->call.argument, 0, names, sizeof names);
  return DDLA_FAIL(TIMEOUT, "waited %" PRId64 " ms for %s to %s%s", g->call.timeout_ms, names,
                   g->call.what,
                   g->rank == 0 ? "" : "; it may be waiting for others and say so itself");
}

/* Waits until `count` flights have landed. */
static ddla_status land(ddla_mpi_gather *g, int count) {
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t begun_ns = ddla_clock_now_ns(clock), now_ns = begun_ns;
  for (int looks = 0; flying(g, count) > 0; looks++) {
    bool moved = false;
    DDLA_TRY(ddla_mpi_link_poll(g->link, &moved));
    if (moved) looks = 0;
    now_ns = ddla_clock_now_ns(clock);
    if (now_ns >= g->end_ns && flying(g, count) > 0) return fail_late(g);
    if (!moved) pause_briefly(looks, now_ns - begun_ns);
  }
  return DDLA_OK;
}

static ddla_mpi_message message(const ddla_mpi_gather *g, int rank, void *data, size_t bytes) {
  return (ddla_mpi_message){.rank = rank, .tag = g->call.tag, .data = data, .bytes = bytes};
}

/* Little is under way here, so that operations never run out. */
static ddla_status send(ddla_mpi_gather *g, int flight, int rank, void *data, size_t bytes) {
  const ddla_mpi_message m = message(g, rank, data, bytes);
  DDLA_TRY(ddla_mpi_link_send(g->link, &g->flights[flight], &m));
  if (g->flights[flight].flying) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "too many messages under way to %s", g->call.what);
}

static ddla_status recv(ddla_mpi_gather *g, int flight, int rank, void *data, size_t bytes) {
  const ddla_mpi_message m = message(g, rank, data, bytes);
  DDLA_TRY(ddla_mpi_link_recv(g->link, &g->flights[flight], &m));
  if (g->flights[flight].flying) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "too many messages under way to %s", g->call.what);
}

static ddla_status run_first(ddla_mpi_gather *g) {
  size_t bytes = g->call.bytes;
  for (int i = 1; i < g->ranks; i++) DDLA_TRY(recv(g, i, i, g->all + bytes * (size_t)i, bytes));
  DDLA_TRY(land(g, g->ranks));
  for (int i = 1; i < g->ranks; i++) DDLA_TRY(send(g, i, i, g->all, bytes * (size_t)g->ranks));
  return land(g, g->ranks);
}

static ddla_status run_other(ddla_mpi_gather *g) {
  size_t bytes = g->call.bytes;
  DDLA_TRY(send(g, 0, 0, g->all + bytes * (size_t)g->rank, bytes));
  DDLA_TRY(land(g, 1)); /* before the answer takes its place */
  DDLA_TRY(recv(g, 1, 0, g->all, bytes * (size_t)g->ranks));
  return land(g, 2);
}

ddla_status ddla_mpi_gather_run(ddla_mpi_gather **out, ddla_mpi_link *link,
                                const ddla_mpi_gather_call *call) {
  const ddla_mpi_start *facts = ddla_mpi_link_facts(link);
  ddla_mpi_gather *g = NULL;
  DDLA_TRY(DDLA_NEW(g, 1));
  *g = (ddla_mpi_gather){.link = link,
                         .call = *call,
                         .rank = facts->rank,
                         .ranks = facts->ranks,
                         .end_ns = ddla_clock_now_ns(ddla_clock_monotonic()) +
                                   call->timeout_ms * INT64_C(1000000)};
  if (g->rank > 0) g->end_ns += call->timeout_ms * INT64_C(1000000) / PATIENCE;
  *out = g;
  DDLA_TRY(DDLA_NEW(g->all, call->bytes * (size_t)g->ranks));
  DDLA_TRY(DDLA_NEW(g->flights, g->ranks + 1));
  memcpy(g->all + call->bytes * (size_t)g->rank, call->mine, call->bytes);
  return g->rank == 0 ? run_first(g) : run_other(g);
}

const unsigned char *ddla_mpi_gather_bytes(const ddla_mpi_gather *gather) { return gather->all; }

void ddla_mpi_gather_destroy(ddla_mpi_gather *gather) {
  if (!gather) return;
  ddla_free(gather->all);
  ddla_free(gather->flights);
  ddla_free(gather);
}
