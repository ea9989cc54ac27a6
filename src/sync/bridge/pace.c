#include "sync/bridge/pace.h"

#include <math.h>

#include "base/alloc.h"
#include "coll/coll.h"
#include "sync/bridge/bridge_layout.h"

enum { PROBE_BYTES = 1 << 20, MOST_BYTES = 8 << 20 };

/* What a range costs besides its bytes: words to and fro, a nap, a sum's beginning. */
static const double RANGE_S = 100e-6;

/* Seconds in which every rank gets `bytes` from every other; memory: [ranks + 1][bytes]. */
static ddla_status time_gather(double *seconds, ddla_coll *coll, char *memory, int ranks,
                               int64_t bytes) {
  const ddla_clock *clock = ddla_clock_monotonic();
  const ddla_coll_call call = {.type = DDLA_COLL_BYTE,
                               .count = ranks * bytes,
                               .align = bytes,
                               .input = memory,
                               .output = memory + bytes};
  DDLA_TRY(ddla_coll_barrier(coll));
  const int64_t start_ns = ddla_clock_now_ns(clock);
  DDLA_TRY(ddla_coll_all_gather(coll, &call));
  *seconds = 1e-9 * (double)(ddla_clock_now_ns(clock) - start_ns);
  return DDLA_OK;
}

typedef struct pace_times {
  double small, large; /* seconds */
} pace_times;

static ddla_status measure(ddla_pace *out, ddla_coll *coll, char *memory, int ranks) {
  const int64_t bytes = PROBE_BYTES / (ranks - 1);
  pace_times mine = {0}, all[DDLA_TRANSPORT_RANKS_MAX] = {{0}};
  double small = 0, large = 0;
  DDLA_TRY(time_gather(&mine.small, coll, memory, ranks, 8)); /* finds the way */
  DDLA_TRY(time_gather(&mine.small, coll, memory, ranks, 8));
  DDLA_TRY(time_gather(&mine.large, coll, memory, ranks, bytes));
  const ddla_coll_call call = {.type = DDLA_COLL_BYTE,
                               .count = ranks * (int64_t)sizeof mine,
                               .align = sizeof mine,
                               .input = &mine,
                               .output = all};
  DDLA_TRY(ddla_coll_all_gather(coll, &call));
  for (int r = 0; r < ranks; r++) {
    small = fmax(small, all[r].small);
    large = fmax(large, all[r].large);
  }
  *out = (ddla_pace){.bytes_per_s = (double)(bytes * (ranks - 1)) / fmax(large - small, 1e-6),
                     .latency_s = small};
  return DDLA_OK;
}

ddla_status ddla_pace_measure(ddla_pace *out, ddla_transport *link) {
  const int ranks = ddla_transport_ranks(link);
  ddla_coll *coll = NULL;
  char *memory = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(memory, (int64_t)(ranks + 1) * (PROBE_BYTES / (ranks - 1) + 8)));
  DDLA_TRY_CLEAN(status, ddla_coll_create(&coll, link));
  status = measure(out, coll, memory, ranks);
cleanup:
  ddla_coll_destroy(coll);
  ddla_free(memory);
  return status;
}

int64_t ddla_pace_range_bytes(const ddla_pace *pace, int64_t space_bytes, int hosts) {
  const double best = sqrt((double)space_bytes * RANGE_S * pace->bytes_per_s / 2);
  const double share = (double)space_bytes / (DDLA_BRIDGE_OWNED * hosts);
  return (int64_t)fmin(fmax(fmin(best, share), DDLA_BRIDGE_RANGE_BYTES_MIN), MOST_BYTES);
}
