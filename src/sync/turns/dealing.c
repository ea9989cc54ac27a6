#include "sync/turns/dealing.h"

#include "base/assert.h"
#include "sync/cluster.h"

/* A host's part of the ranges is done[h] * ranges / total: whole ones, and a rest of 1 / total. */
typedef struct part {
  int64_t whole, rest;
  int now;
} part;

/* Who is that slow serves none. */
static bool is_slow(int64_t done, int64_t total, int hosts) { return done * hosts * 2 < total; }

static bool is_far(const part *p, int64_t total) {
  const int64_t surplus = (p->now - p->whole) * total - p->rest;
  return surplus > total || surplus < -total;
}

/* Ranges that are left over go to the largest rests, the first of equal ones. */
static void round_parts(part *parts, int hosts, int ranges) {
  for (int h = 0; h < hosts; h++) ranges -= (int)parts[h].whole;
  for (; ranges > 0; ranges--) {
    int most = 0;
    for (int h = 1; h < hosts; h++)
      if (parts[h].rest > parts[most].rest) most = h;
    parts[most].whole++;
    parts[most].rest = -1;
  }
  if (parts[0].whole > 0) return;
  int richest = 0;
  for (int h = 1; h < hosts; h++)
    if (parts[h].whole > parts[richest].whole) richest = h;
  parts[richest].whole--;
  parts[0].whole = 1;
}

/* From the last range up, whoever has too many gives to the first one that has too few. True: some
 * did. */
static bool move(int16_t *owner, int ranges, part *parts) {
  bool moved = false;
  for (int r = ranges - 1; r >= 0; r--) {
    part *from = &parts[owner[r]];
    int to = 0;
    if (from->now <= from->whole) continue;
    while (parts[to].now >= parts[to].whole) to++;
    from->now--;
    parts[to].now++;
    owner[r] = (int16_t)to;
    moved = true;
  }
  return moved;
}

bool ddla_dealing_change(int16_t *owner, int ranges, const int64_t *done, int hosts) {
  part parts[DDLA_HOSTS_MAX] = {{0}};
  int64_t total = 0, serving = 0; /* what those do who serve */
  bool far = false;
  DDLA_ASSERT(hosts >= 1 && hosts <= DDLA_HOSTS_MAX);
  for (int h = 0; h < hosts; h++) total += done[h];
  if (total <= 0) return false;
  for (int r = 0; r < ranges; r++) parts[owner[r]].now++;
  for (int h = 0; h < hosts; h++)
    if (!is_slow(done[h], total, hosts)) serving += done[h];
  for (int h = 0; h < hosts; h++) {
    const bool slow = is_slow(done[h], total, hosts);
    parts[h].whole = slow ? 0 : done[h] * ranges / serving;
    parts[h].rest = slow ? 0 : done[h] * ranges % serving;
    far = far || is_far(&parts[h], serving) || (slow && h > 0 && parts[h].now > 0);
  }
  if (!far) return false;
  round_parts(parts, hosts, ranges);
  return move(owner, ranges, parts);
}
