/* Ways to divide samples among parts that replicas own (data.partition): rows of partition_list.h.
 * A row says which part every sample belongs to, as a function of labels or keys, the number of
 * parts and the seed; it knows neither files nor replicas. Threads: pure functions. */
#ifndef DDLA_DATA_PARTITION_H
#define DDLA_DATA_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { DDLA_PARTS_MAX = 64 };

/* What is known of the samples. Borrowed. */
typedef struct ddla_partition_samples {
  int64_t count;
  int labels, keys;           /* how many there may be; 0: samples have none */
  const int32_t *label, *key; /* [count] from 0; null: samples have none */
  int homes;                  /* hosts that they lie on; 0: they lie everywhere */
  const int32_t *home;        /* [count] from 0; null: they lie everywhere */
} ddla_partition_samples;

/* How they are divided. */
typedef struct ddla_partition_rule {
  int parts;       /* 1 to DDLA_PARTS_MAX */
  uint64_t seed;   /* of what is drawn */
  int64_t labels;  /* by-label: of each part */
  double alpha;    /* dirichlet */
  double exponent; /* by-size */
} ddla_partition_rule;

typedef struct ddla_partition_kind {
  const char *name, *help;
  const char *mend; /* what to change where a part would be empty */
  bool needs_labels, needs_keys, needs_homes;
  /* owner[i]: the part of sample i. Parts may stay empty: who calls refuses that. Errors: INVALID
   * for a rule that cannot be followed; NO_MEMORY. */
  ddla_status (*assign)(int32_t *owner, const ddla_partition_samples *samples,
                        const ddla_partition_rule *rule);
} ddla_partition_kind;

/* Row by position, null behind the last; by name, or null. Borrowed for ever. */
const ddla_partition_kind *ddla_partition_at(int index);
const ddla_partition_kind *ddla_partition_find(const char *name);

/* owner: [samples->count] the part of each sample; no part is empty. Errors: INVALID saying what is
 * missing and what to change; NO_MEMORY. */
ddla_status ddla_partition_assign(int32_t *owner, const ddla_partition_kind *kind,
                                  const ddla_partition_samples *samples,
                                  const ddla_partition_rule *rule) DDLA_MUST_USE;

/* ---- for rows ---- */

/* What a row draws is keyed by one of these, so that no two draw the same. */
typedef enum ddla_partition_draw {
  DDLA_PARTITION_ORDER,  /* of samples */
  DDLA_PARTITION_LABELS, /* order of labels */
  DDLA_PARTITION_SHARES, /* by part: of labels */
  DDLA_PARTITION_TURNS,  /* by part: the label of the next sample */
  DDLA_PARTITION_SHARED  /* the order whose first samples all parts have */
} ddla_partition_draw;

uint64_t ddla_partition_key(uint64_t seed, ddla_partition_draw draw, int part);

/* Samples by label, those of a label in an order drawn by seed: label l has
 * sample[first[l] … first[l + 1]). sample: [count], first: [labels + 1] */
void ddla_partition_sort(int64_t *sample, int64_t *first, const ddla_partition_samples *samples,
                         uint64_t seed);

#endif
