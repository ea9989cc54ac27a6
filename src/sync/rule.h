/* What strategies with replicas go by beside the options of all: when they exchange, and what they
 * keep. */
#ifndef DDLA_SYNC_RULE_H
#define DDLA_SYNC_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum { DDLA_STRATEGY_ARRAYS_MAX = 8 };

/* An array of the parameter space that a strategy keeps: a row of the state, of one version. */
typedef struct ddla_strategy_array {
  const char *name;
  bool saved;  /* part of a checkpoint */
  bool own;    /* every host has values of its own; else they are the same on all */
  bool merges; /* own: where their number changes, each gets their mean, and not one of them */
} ddla_strategy_array;

/* When replicas exchange, and how what they make of it is weighted: keys of the section sync. */
typedef struct ddla_sync_rule {
  int64_t interval;                           /* steps from one exchange to the next */
  int64_t after;                              /* up to this step replicas exchange in every step */
  double outer_learning_rate, outer_momentum; /* diloco */
  int64_t fragments, delay;                   /* streaming: delay in steps */
  double mixing, carry;                       /* streaming */
  double moving_rate;                         /* elastic */
  double penalty, penalty_ratio;              /* admm; ratio 0: the penalty stays */
  double proximal;                            /* fedprox */
  double weight; /* weighted: of what this replica gives; all replicas' add up to their number */
  /* Asynchronous: */
  int64_t staleness;   /* steps that may be under way beside the oldest one; negative: any number */
  int64_t servers;     /* ranges belong to the first so many hosts; 0: to all */
  bool damped;         /* push: an update's rate is divided by its staleness */
  double compensation; /* push: of delay; 0: none */
  int64_t backup;      /* backup: shards of a step that are not waited for */
  int64_t meet_every[3]; /* steps at whose multiples there is one model; 0: none */
} ddla_sync_rule;

/* Terms of a replica's gradient beside its batch's mean gradient g: weight * (theta - target +
 * offset) and plus - minus. */
typedef struct ddla_sync_pull {
  const float *target, *offset; /* [space] target null: no such term; offset null: 0 */
  const double *weight;         /* does not change in a step */
  const float *plus, *minus;    /* [space] both, or null */
  float *sum;                   /* [space] g is added to it; null: to nothing */
} ddla_sync_pull;

#endif
