/* Where samples come from when a step needs them, and how long lanes waited for them, by source.
 * Whoever brings samples counts here; the sum stands in the run's report. Threads: plain values. */
#ifndef DDLA_BASE_TIERS_H
#define DDLA_BASE_TIERS_H

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, number, word of reports and traces, with an article). The numbers are part of the format
 * of events and keep their meaning. */
#define DDLA_TIER_LIST(X)                                                                          \
  X(MEMORY, 0, "memory", "memory") /* the lane itself, out of its machine's memory */              \
  X(DISK, 1, "disk", "the disk")                                                                   \
  X(PEER, 2, "peer", "a peer") /* another agent */                                                 \
  X(ORIGIN, 3, "origin", "the origin")                                                             \
  X(LOADER, 4, "loader", "the loader") /* the agent's thread that prepares micro-batches */

typedef enum ddla_tier {
#define DDLA_TIER_ENUM(name, number, word, words) DDLA_TIER_##name = number,
  DDLA_TIER_LIST(DDLA_TIER_ENUM)
#undef DDLA_TIER_ENUM
      DDLA_TIERS
} ddla_tier;

/* Micro-batches by source: those that were there, those that were waited for, and how long. */
typedef struct ddla_data_waits {
  int64_t hits[DDLA_TIERS], waits[DDLA_TIERS], ns[DDLA_TIERS];
} ddla_data_waits;

static inline void ddla_data_waits_hit(ddla_data_waits *waits, ddla_tier tier) {
  waits->hits[tier]++;
}

static inline void ddla_data_waits_wait(ddla_data_waits *waits, ddla_tier tier, int64_t ns) {
  waits->waits[tier]++;
  waits->ns[tier] += ns;
}

static inline void ddla_data_waits_add(ddla_data_waits *sum, const ddla_data_waits *waits) {
  for (int tier = 0; tier < DDLA_TIERS; tier++) {
    sum->hits[tier] += waits->hits[tier];
    sum->waits[tier] += waits->waits[tier];
    sum->ns[tier] += waits->ns[tier];
  }
}

/* "peer", and "a peer"; "unknown" for numbers of no tier. */
static inline const char *ddla_tier_name(ddla_tier tier) {
  static const char *const names[] = {
#define DDLA_TIER_NAME(name, number, word, words) [number] = word,
      DDLA_TIER_LIST(DDLA_TIER_NAME)
#undef DDLA_TIER_NAME
  };
  return (unsigned)tier < DDLA_TIERS ? names[tier] : "unknown";
}

static inline const char *ddla_tier_words(ddla_tier tier) {
  static const char *const names[] = {
#define DDLA_TIER_WORDS(name, number, word, words) [number] = words,
      DDLA_TIER_LIST(DDLA_TIER_WORDS)
#undef DDLA_TIER_WORDS
  };
  return (unsigned)tier < DDLA_TIERS ? names[tier] : "unknown";
}

#endif
