/* Shared memory for the ranks of each host: offers and answers travel over the world. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/mpi.h"

/* How a rank stands after an attempt. */
typedef enum standing { ATTACHED, TAKEN, FAILED } standing;

typedef struct answer {
  int64_t process;
  int32_t standing;
  char text[256]; /* of a failure */
} answer;

typedef struct sharing {
  ddla_mpi_world *world;
  ddla_local_region *region; /* null: not attached */
  ddla_local_offer offer;    /* own, of a host's first rank */
  ddla_local_offer *offers;  /* by rank of the world */
  answer *answers;
  int first, place, places;
} sharing;

static answer answer_for(ddla_status status) {
  answer own = {.process = getpid(), .standing = status == DDLA_OK ? ATTACHED : FAILED};
  if (status == DDLA_UNSUPPORTED) own.standing = TAKEN;
  if (status != DDLA_OK) snprintf(own.text, sizeof own.text, "%s", ddla_status_message(status));
  return own;
}

/* Makes the region or attaches it; those who have it keep it. */
static ddla_status attempt_own(sharing *s, size_t bytes, int attempt) {
  ddla_status made = DDLA_OK;
  ddla_local_offer none = {.file = -1};
  if (s->place == 0 && !s->region) {
    s->offer = none;
    made = ddla_local_share_make(&s->region, &s->offer, s->places, bytes, attempt);
    if (made == DDLA_OK) ddla_local_region_call(s->region, "agent", s->first);
  }
  const answer failed = answer_for(made); /* its words, before others' take their place */
  DDLA_TRY(ddla_mpi_world_gather(s->world, s->offers, &s->offer, sizeof s->offer,
                                 "share memory on their hosts"));
  const ddla_local_offer *theirs = &s->offers[s->first];
  ddla_status attached = DDLA_OK;
  if (s->place > 0 && !s->region && theirs->file >= 0)
    attached = ddla_local_share_attach(&s->region, theirs);
  answer own = made == DDLA_OK ? answer_for(attached) : failed;
  if (s->place > 0 && !s->region && theirs->file < 0) own.standing = TAKEN;
  return ddla_mpi_world_gather(s->world, s->answers, &own, sizeof own,
                               "attach memory on their hosts");
}

static bool have_all(const sharing *s, int first, int places, standing wanted) {
  for (int i = first; i < first + places; i++)
    if (s->answers[i].standing != (int32_t)wanted) return false;
  return true;
}

static bool has_world(const sharing *s) {
  return have_all(s, 0, ddla_mpi_world_ranks(s->world), ATTACHED);
}

/* Where one could not attach, all of the host let go. */
static void let_go(sharing *s) {
  if (have_all(s, s->first, s->places, ATTACHED)) return;
  ddla_local_region_destroy(s->region);
  s->region = NULL;
  if (s->place == 0) ddla_local_share_seal(&s->offer);
}

/* What went wrong, anywhere; the same for all but who is named. */
static ddla_status judge(const sharing *s) {
  for (int i = 0; i < ddla_mpi_world_ranks(s->world); i++) {
    const answer *a = &s->answers[i];
    if (a->standing != FAILED) continue;
    if (i == ddla_mpi_world_rank(s->world)) return DDLA_FAIL(IO, "%s", a->text);
    return DDLA_FAIL(PEER_LOST, "agent %d failed: %s", i, a->text);
  }
  return DDLA_OK;
}

static ddla_status attempt_all(sharing *s, size_t bytes) {
  for (int attempt = 0; attempt < DDLA_LOCAL_ATTEMPTS; attempt++) {
    DDLA_TRY(attempt_own(s, bytes, attempt));
    DDLA_TRY(judge(s));
    if (has_world(s)) return DDLA_OK;
    let_go(s);
  }
  return DDLA_FAIL(UNSUPPORTED,
                   "found no address for shared memory that is free in all processes of a host, in "
                   "%d attempts",
                   DDLA_LOCAL_ATTEMPTS);
}

static ddla_status open_peers(ddla_local_peers **out, const sharing *s) {
  int64_t processes[DDLA_TRANSPORT_RANKS_MAX];
  for (int i = 0; i < s->places; i++) processes[i] = s->answers[s->first + i].process;
  return ddla_local_peers_open(out, s->region, s->place, processes);
}

ddla_status ddla_transport_mpi_share(ddla_local_region **out, ddla_local_peers **peers,
                                     ddla_mpi_world *world, size_t bytes) {
  int host = ddla_mpi_world_host(world), ranks = ddla_mpi_world_ranks(world);
  sharing s = {.world = world,
               .offer = {.file = -1},
               .first = ddla_mpi_world_first(world, host),
               .place = ddla_mpi_world_place(world),
               .places = ddla_mpi_world_places(world, host)};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.offers, ranks));
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.answers, ranks));
  DDLA_TRY_CLEAN(status, attempt_all(&s, bytes));
  DDLA_TRY_CLEAN(status, open_peers(peers, &s));
  *out = s.region;
  s.region = NULL;
cleanup:
  ddla_local_share_seal(&s.offer);
  ddla_local_region_destroy(s.region);
  ddla_free(s.offers);
  ddla_free(s.answers);
  return status;
}
