/* The model run forward on fixed batches: what evaluation during training, `ddla eval` and
 * `ddla predict` have in common, so that they give the same bits for the same model.
 * Threads: a forward belongs to one compute thread. */
#ifndef DDLA_TRAIN_MODEL_FORWARD_H
#define DDLA_TRAIN_MODEL_FORWARD_H

#include "data/data.h"
#include "task/task.h"
#include "train/feed/tiered.h"
#include "train/lane.h"

/* The numbers of a model: its parameters [ddla_graph_space] and its buffers
 * [ddla_graph_buffer_space], null where it has none. Borrowed. */
typedef struct ddla_model_values {
  float *parameters, *buffers;
} ddla_model_values;

/* Everything is borrowed. */
typedef struct ddla_forward {
  ddla_lane *lane;
  const ddla_task_graph *graph;
  ddla_model_values values;
  uint64_t version;              /* of parameters; see ddla_plan_run */
  const float *mean, *deviation; /* [channels]; null: samples are not standardised */
  int64_t *indices;              /* [ddla_task_evaluation_batch], scratch */
  ddla_tiered *tiered;           /* null: samples are in memory; else */
  int worker;                    /* who asks, by its number on this host, */
  ddla_watch_lane *pen;          /* and records that it waits; may be null */
} ddla_forward;

/* What evaluation keeps of each batch: column c of batch b is record[b * columns + c]. Column 0 is
 * the sum of the samples' losses; of a task that adds sums of its own, column 1 is the count that
 * the loss is over, and the others are these sums. */
int ddla_forward_columns(const ddla_task *task);

/* Evaluates batch `batch` of the set: adds into counts (task/metrics.h) where the task is a
 * classifier's, and writes the batch's record [columns]. Errors: those of plans and kernels. */
ddla_status ddla_forward_evaluate(int64_t *counts, double *record, const ddla_forward *forward,
                                  const ddla_dataset *set, int64_t batch);

/* The evaluation that records of all batches and merged counts make. counts is borrowed by *out. */
void ddla_forward_conclude(ddla_evaluation *out, const ddla_task_graph *graph,
                           const ddla_dataset *set, const double *record, const int64_t *counts);

/* Batches of a set in evaluation. Of a united set (data/united.h) each piece's begin anew: those of
 * a piece are [*first, *end). */
int64_t ddla_forward_batches(const ddla_task_graph *graph, const ddla_dataset *set);
void ddla_forward_piece(int64_t *first, int64_t *end, const ddla_task_graph *graph,
                        const ddla_dataset *set, int piece);

/* Where the samples of a batch go before ddla_forward_run: the graph's input, float [count, height,
 * width, channels] after standardising, or int32 [count, length]. Borrowed until the next place.
 * Errors: those of plans. */
ddla_status ddla_forward_place(void **out, const ddla_forward *forward, int64_t count);

/* Runs the batch of `count` samples that was placed; logits [count, rows, classes] are borrowed
 * until the next place. Errors: those of kernels. */
ddla_status ddla_forward_run(const float **logits, const ddla_forward *forward, int64_t count);

#endif
