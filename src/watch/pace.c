/* How long a step usually takes, from what a lane's ring still knows. */
#include "watch/reader.h"

enum { TIMES = 31 };

/* Keeps the list sorted. */
static void insert(int64_t *sorted, int count, int64_t time) {
  int at = count;
  for (; at > 0 && sorted[at - 1] > time; at--) sorted[at] = sorted[at - 1];
  sorted[at] = time;
}

int64_t ddla_watch_usual_ns(const ddla_watch *watch, int agent, int lane) {
  int64_t sorted[TIMES], later_ns = 0;
  uint64_t count = atomic_load(&ddla_watch_lane_at(watch, agent, lane)->count), later = 0;
  uint64_t oldest = count > DDLA_WATCH_RING ? count - DDLA_WATCH_RING : 0;
  int times = 0;
  for (uint64_t n = count; n > oldest && times < TIMES; n--) {
    ddla_watch_seen seen;
    if (!ddla_watch_read(&seen, watch, agent, lane, n)) continue;
    if (seen.phase != DDLA_PHASE_COMMITTED || seen.detail == later) continue;
    if (later == seen.detail + 1) insert(sorted, times++, later_ns - seen.time_ns);
    later = seen.detail;
    later_ns = seen.time_ns;
  }
  return times > 0 ? sorted[times / 2] : 0;
}
