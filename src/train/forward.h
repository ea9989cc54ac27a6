/* The model run forward on fixed batches: what evaluation during training, `ddla eval` and
 * `ddla predict` have in common, so that they give the same bits for the same model.
 * Threads: a forward belongs to one compute thread. */
#ifndef DDLA_TRAIN_FORWARD_H
#define DDLA_TRAIN_FORWARD_H

#include "data/data.h"
#include "task/task.h"
#include "train/lane.h"

/* Samples of a batch in evaluation. Losses are summed in the order of batches, so another number
 * would be other bits. */
enum { DDLA_EVAL_BATCH = 64 };

/* Result of evaluating a data set. */
typedef struct ddla_evaluation {
  double loss, accuracy; /* loss: mean cross entropy in nats */
  int64_t count;
  int64_t *counts; /* task/metrics.h; owned by the worker or inference, until its next evaluation */
} ddla_evaluation;

/* Everything is borrowed. */
typedef struct ddla_forward {
  ddla_lane *lane;
  const ddla_task_graph *graph;
  const float *parameters;       /* [ddla_graph_space] */
  uint64_t version;              /* of parameters; see ddla_plan_run */
  const float *mean, *deviation; /* [channels]; null: samples are not standardised */
  int64_t *indices;              /* [DDLA_EVAL_BATCH], scratch */
} ddla_forward;

/* Evaluates batch `batch` of the set: adds into counts (task/metrics.h) and writes the sum of the
 * samples' losses. Errors: those of plans and kernels. */
ddla_status ddla_forward_evaluate(int64_t *counts, double *loss, const ddla_forward *forward,
                                  const ddla_dataset *set, int64_t batch);

/* Where the samples of a batch go before ddla_forward_run: [count, height, width, channels], after
 * standardising. Borrowed until the next place. Errors: those of plans. */
ddla_status ddla_forward_place(float **out, const ddla_forward *forward, int64_t count);

/* Runs the batch of `count` samples that was placed; logits [count, classes] are borrowed until the
 * next place. Errors: those of kernels. */
ddla_status ddla_forward_run(const float **logits, const ddla_forward *forward, int64_t count);

#endif
