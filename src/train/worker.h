/* A worker: one compute thread of an agent. All workers of all agents run the same loop over steps
 * and epochs; what they decide follows from the shared state alone, so they decide alike. */
#ifndef DDLA_TRAIN_WORKER_H
#define DDLA_TRAIN_WORKER_H

#include "base/tiers.h"
#include "share/wire.h"
#include "sync/sync.h"
#include "train/feed/tiered.h"
#include "train/run/audit.h"
#include "train/shared.h"
#include "train/training.h"

struct ddla_run;
struct ddla_loader;

typedef struct ddla_worker {
  const ddla_training *training;
  ddla_transport *transport;
  ddla_shared *shared;        /* the agent's view */
  ddla_sync *sync;            /* the agent's */
  const ddla_wire *wire;      /* on which this host sends samples; null: on none */
  ddla_tiered *tiered;        /* the agent's; null: samples are in memory */
  ddla_watch *watch;          /* of all agents; may be null */
  ddla_watch_lane pen;        /* this lane's; taken by its thread */
  struct ddla_run *run;       /* files and terminal; null but on the first worker of agent 0 */
  int agent, lane;            /* agent: its number among all */
  int worker, workers;        /* of this host */
  int place, places;          /* among the workers of all hosts */
  int replica;                /* this host's number */
  int first_shard, end_shard; /* of each batch: what this host, and those it sums with, compute */
  ddla_lane compute;
  ddla_audit *audit;          /* what it computes is written down; owned; null: it is not */
  struct ddla_loader *loader; /* borrowed: the agent's; null: the lane makes its inputs itself */
  bool holds_slot;            /* the plan's inputs lie in a slot of it */
  ddla_data_waits waits;      /* for inputs of training */
  int64_t *indices;           /* [largest batch of one plan] */
  int64_t *counts;            /* [metric_count] merged */
  double *records;            /* [loss_count] of an evaluation's batches, in their order */
  int64_t *pace_ns, *cut;     /* [places] what a batch of evaluation took; [places + 1] scratch */
  ddla_progress progress;
  ddla_sync_result last;    /* newest committed step */
  bool checkpoint_due;      /* at the next step that can be saved */
  bool stopped;             /* cleanly, before the end */
  bool bordered;            /* the segment is over, and another one follows */
  const _Atomic bool *stop; /* true asks for a clean stop; null but on an agent's first worker */
  ddla_epoch_sums epoch;
  int64_t epoch_non_finite; /* what the epoch's checks counted */
  int64_t compute_ns, data_ns, samples, shards;
  const ddla_plan *profiled; /* null, or the plan whose steps are timed into profile_ns */
  int64_t *profile_ns;
  int64_t evaluation_version; /* makes each evaluation's parameters a version of their own */
} ddla_worker;

/* Sets the worker up. training, transport, shared and sync are borrowed. Errors: NO_MEMORY. */
ddla_status ddla_worker_init(ddla_worker *worker);
void ddla_worker_fini(ddla_worker *worker);

/* Runs one step. Errors: NON_FINITE naming step, shard and samples; PEER_LOST; those of kernels. */
ddla_status ddla_worker_step(ddla_worker *worker);

/* Evaluates a model on a data set, all workers together. Equal on all
 * workers. Errors: PEER_LOST, kernels. */
ddla_status ddla_worker_evaluate(ddla_evaluation *out, ddla_worker *worker, const ddla_dataset *set,
                                 ddla_model_values values);

/* The job's segment, from the committed step to its end; behind the last one what a run leaves.
 * Errors: those of steps, evaluation and files; INTERRUPTED after a clean stop. */
ddla_status ddla_worker_train(ddla_worker *worker);

#endif
