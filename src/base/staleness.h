/* How old the parameters were that contributions to a model were computed with, where hosts do not
 * wait for each other: whole numbers of versions, counted by class. Servers of asynchronous methods
 * count; the counts stand in the run's report and, while it goes on, in its events. Threads: plain
 * values. */
#ifndef DDLA_BASE_STALENESS_H
#define DDLA_BASE_STALENESS_H

#include <stdint.h>

/* X(the largest of the class, words). Places in the list are part of the format of events. */
#define DDLA_STALENESS_LIST(X)                                                                     \
  X(0, "0")                                                                                        \
  X(1, "1")                                                                                        \
  X(2, "2")                                                                                        \
  X(4, "3-4")                                                                                      \
  X(8, "5-8")                                                                                      \
  X(16, "9-16")                                                                                    \
  X(INT64_MAX, "above 16")

#define DDLA_STALENESS_ONE(largest, words) +1
enum { DDLA_STALENESS_CLASSES = DDLA_STALENESS_LIST(DDLA_STALENESS_ONE) };
#undef DDLA_STALENESS_ONE

typedef struct ddla_staleness {
  int64_t count[DDLA_STALENESS_CLASSES];
  int64_t contributions, sum, most;
} ddla_staleness;

/* So many contributions that are `stale` versions old each. */
static inline void ddla_staleness_count(ddla_staleness *found, int64_t stale, int64_t count) {
#define DDLA_STALENESS_LARGEST(largest, words) largest,
  static const int64_t largest[] = {DDLA_STALENESS_LIST(DDLA_STALENESS_LARGEST)};
#undef DDLA_STALENESS_LARGEST
  int class = 0;
  while (stale > largest[class]) class ++;
  found->count[class] += count;
  found->contributions += count;
  found->sum += stale * count;
  if (stale > found->most) found->most = stale;
}

static inline void ddla_staleness_add(ddla_staleness *sum, const ddla_staleness *found) {
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) sum->count[i] += found->count[i];
  sum->contributions += found->contributions;
  sum->sum += found->sum;
  if (found->most > sum->most) sum->most = found->most;
}

/* 0: there are none. */
static inline double ddla_staleness_mean(const ddla_staleness *found) {
  return found->contributions > 0 ? (double)found->sum / (double)found->contributions : 0;
}

/* "3-4": of a class, which there is. */
static inline const char *ddla_staleness_words(int class) {
#define DDLA_STALENESS_WORDS(largest, words) words,
  static const char *const words[] = {DDLA_STALENESS_LIST(DDLA_STALENESS_WORDS)};
#undef DDLA_STALENESS_WORDS
  return words[class];
}

#endif
