/* What is done about replicas whose data differ (sync.heterogeneity), beside the method of
 * sync.mode accumulated that makes one model of theirs. A row may weigh what replicas give, add
 * terms to the gradients of their local steps, and have a mean of its own taken behind the model's
 * at every exchange; sync/replica/replica.c does what rows say. Rows are files of sync/unequal/ and
 * lines of heterogeneity_list.h. Threads: as of sync/replica/replica.h. */
#ifndef DDLA_SYNC_HETEROGENEITY_H
#define DDLA_SYNC_HETEROGENEITY_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/rule.h"

enum { DDLA_HETEROGENEITY_ARRAYS_MAX = 3 };

/* What a row works with: elements of the parameter space. */
typedef struct ddla_heterogeneity_view {
  const float *global;                       /* the model of the last exchange */
  float *own[DDLA_HETEROGENEITY_ARRAYS_MAX]; /* the row's arrays */
  float *given, *mean;                       /* of its own mean */
  int64_t steps;                             /* local ones since the last exchange */
  const ddla_sync_rule *rule;
} ddla_heterogeneity_view;

typedef struct ddla_heterogeneity {
  const char *name, *help;
  const char *const *methods;        /* that it goes with, null at the end; null: with all */
  const char *reason;                /* why not with others */
  bool owned;                        /* it needs parts that replicas own (data.partition) */
  bool exact;                        /* means must be exact: it goes with no codec */
  bool weighs;                       /* contributions count by the samples that replicas own */
  bool spreads;                      /* some samples are in every replica's part */
  const ddla_strategy_array *arrays; /* rows of the state */
  int array_count;
  /* The terms of local steps' gradients, which stay where they are; null: none. */
  ddla_sync_pull (*pull)(const ddla_heterogeneity_view *view);
  /* Behind the model's exchange, on elements [begin, end), whole blocks: `give` writes `given`, and
   * `take` finds the mean over replicas in `mean`. Null: there is no second mean. */
  void (*give)(const ddla_heterogeneity_view *view, int64_t begin, int64_t end);
  void (*take)(const ddla_heterogeneity_view *view, int64_t begin, int64_t end);
} ddla_heterogeneity;

/* Row by position, null behind the last; by name, or null. Borrowed for ever. */
const ddla_heterogeneity *ddla_heterogeneity_at(int index);
const ddla_heterogeneity *ddla_heterogeneity_find(const char *name);

/* Whether it goes with a method of sync.mode accumulated. */
bool ddla_heterogeneity_fits(const ddla_heterogeneity *heterogeneity, const char *method);

#endif
