#include "agent/exchange_cost.h"

/* Bytes from a host to another in a step: parts of sums to whom they belong, sums to all others
 * (sync/bridge/bridge.h). */
static int64_t bytes_between(const ddla_bridge_layout *layout, int from, int to) {
  int64_t elements = 0;
  for (int r = 0; r < layout->ranges; r++) {
    int64_t begin = 0, count = 0;
    ddla_bridge_range(layout, r, &begin, &count);
    const int owner = ddla_bridge_owner(layout, r);
    if (owner == to) elements += count * layout->host[from].part_count;
    if (owner == from) elements += count;
  }
  return elements * (int64_t)sizeof(float);
}

static double seconds_of(int64_t bytes, double per_s) {
  return bytes > 0 && per_s > 0 ? (double)bytes / per_s : 0;
}

void ddla_exchange_cost_of(ddla_exchange_cost *out, const ddla_bridge_layout *layout,
                           const ddla_survey *survey) {
  ddla_exchange_cost made = {.ranges = layout->ranges};
  const int hosts = layout->cluster.hosts;
  double busiest_s = 0;
  for (int h = 0; h < hosts; h++) {
    double out_s = 0, in_s = 0;
    int64_t moved = 0;
    for (int other = 0; other < hosts; other++) {
      if (other == h) continue;
      const ddla_survey_link *forth = &survey->link[h][other], *back = &survey->link[other][h];
      const int64_t sent = bytes_between(layout, h, other), got = bytes_between(layout, other, h);
      out_s += seconds_of(sent, forth->bytes_per_s * forth->both_share);
      in_s += seconds_of(got, back->bytes_per_s * back->both_share);
      made.bytes += sent;
      moved += sent + got;
      const double way_s = forth->latency_s + forth->start_s;
      if (way_s > made.way_s) made.way_s = way_s;
    }
    if (moved > made.host_bytes) made.host_bytes = moved;
    const double busy_s = out_s > in_s ? out_s : in_s;
    if (busy_s <= busiest_s) continue;
    busiest_s = busy_s;
    made.slowest = h;
  }
  made.seconds = hosts > 1 ? busiest_s + 2 * made.way_s : 0;
  *out = made;
}
