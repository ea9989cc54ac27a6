/* The state that a training's agents share, in memory of the transport: the state table with its
 * rows, and what strategies and evaluation need beside it. Layout is a function of the prepared
 * training alone. */
#ifndef DDLA_TRAIN_SHARED_H
#define DDLA_TRAIN_SHARED_H

#include "base/tiers.h"
#include "share/tiers/board.h"
#include "state/state.h"
#include "sync/bridge/pace.h"
#include "train/model/forward.h"
#include "train/training.h"
#include "transport/transport.h"

/* What is decided at ends of epochs; part of a checkpoint. */
typedef struct ddla_progress {
  double best_metric; /* the task's metric; means nothing while best_epoch is 0 */
  int64_t best_epoch, epochs_without_better;
} ddla_progress;

/* Early stopping has come. */
bool ddla_progress_is_enough(const ddla_progress *progress, const ddla_training *training);

/* What a worker tells about its run when it is over. */
typedef struct ddla_worker_report {
  int64_t compute_ns, data_ns, waiting_ns, exchange_ns, samples;
  int64_t shards;     /* computed */
  int64_t peak_bytes; /* of the worker's agent */
  int64_t process;
  ddla_data_waits waits;                    /* for samples: part of data_ns */
  int64_t sent_bytes, hosts_ns, exposed_ns; /* to other hosts: ddla_sync_traffic, on the first
                                               worker of a host */
  int64_t sample_bytes;   /* of samples, to other hosts: of the whole run so far; ditto */
  ddla_tier_counts tiers; /* of the run, on the same worker */
} ddla_worker_report;

/* What the steps of an epoch added up to; with replicas, of one of them. */
typedef struct ddla_epoch_sums {
  double loss, count;
  int64_t correct, samples;
} ddla_epoch_sums;

/* How agent 0 found or made the state, for the others. */
typedef struct ddla_training_start {
  uint64_t step;
  ddla_progress progress;
  ddla_cluster cluster; /* as all hosts know it now */
  ddla_pace pace;       /* of the links between hosts; 0: not measured */
  int64_t range_bytes;  /* of what hosts exchange at a time: the job's, or what the links want */
} ddla_training_start;

typedef struct ddla_shared {
  ddla_state *state;
  int theta, moment[DDLA_MOMENTS_MAX], factors, section_sums, gradients, reduced, block_norms, best,
      average;                                            /* rows; -1: not there */
  int buffers, statistics, best_buffers, average_buffers; /* rows; -1: the model has no buffers */
  int lists[2], sums[2], row_norms; /* rows; -1: no parameter's gradient is kept by row */
  bool divided; /* of several hosts each has its part of the moments alone: train/save/divided.h */
  int checks;   /* row; -1: no checks for numbers that are not finite */
  int arrays[DDLA_STRATEGY_ARRAYS_MAX];      /* rows of the strategy */
  int global, global_buffers, given_buffers; /* rows; -1: all hosts have one model, or no buffers */
  int numbers, measures;                     /* rows of the strategy; -1 */
  int residual, velocity, answer_residual;   /* rows: what a codec keeps between messages; -1 */
  void *sync_control;
  ddla_training_start *start;
  ddla_worker_report *report; /* [places] */
  ddla_epoch_sums *sums_of;   /* [places] */
  int64_t *metrics;           /* [places][metric_count]: evaluation counts */
  double *losses;             /* [ddla_evaluation_records][columns]: as many of each place */
  int64_t *paces;             /* [places]: ns that a batch of evaluation took; 0: unknown */
  int64_t metric_count, loss_count;
} ddla_shared;

/* Records of batches (train/model/forward.h) that an evaluation has room for in shared memory. set
 * may be null. */
int64_t ddla_evaluation_records(const ddla_training *training, const ddla_dataset *set);

/* Bytes of memory for a host's agents together, and how many of them are ever touched: of the host
 * that needs most. And those of this host. Errors: NO_MEMORY. */
ddla_status ddla_shared_bytes(size_t *out, size_t *touched, const ddla_training *training);
ddla_status ddla_shared_bytes_here(size_t *out, const ddla_training *training);

/* Lays out ddla_shared_bytes_here bytes of zeroed memory of the transport, which it does not touch.
 * Errors: NO_MEMORY. */
ddla_status ddla_shared_open(ddla_shared *out, const ddla_training *training, void *memory);
void ddla_shared_close(ddla_shared *shared);

/* This worker's share of the tables that are kept by row: they lie behind all workers' pieces of
 * the parameter space. */
void ddla_shared_tail(const ddla_shared *shared, int worker, int workers, int64_t *begin,
                      int64_t *end);

/* Collective over the hosts' link: start and the saved rows at start->step, but those that are
 * divided, become those of host 0. The link's cluster member, `cluster` of start, stays. Errors:
 * NO_MEMORY, PEER_LOST. */
ddla_status ddla_shared_spread(ddla_shared *shared, ddla_transport *link);

/* The model at a step; with replicas the global one, of the last exchange. Borrowed. */
ddla_model_values ddla_shared_model(const ddla_shared *shared, uint64_t step);

/* Whether a row is in a checkpoint's model file: with replicas the global model stands for theta
 * and the buffers. And where the values of that file are to go. */
bool ddla_shared_is_model(const ddla_shared *shared, int row);
ddla_model_values ddla_shared_loaded(const ddla_shared *shared, uint64_t step);

/* What becomes of a row that every replica has of its own where another number of them goes on. */
typedef enum ddla_handing {
  DDLA_HANDED_ON,
  DDLA_HANDED_MEAN,  /* all get the mean */
  DDLA_HANDED_SUM,   /* all get the sum */
  DDLA_HANDED_SHARED /* all get an equal part of the sum */
} ddla_handing;
ddla_handing ddla_shared_handing(const ddla_shared *shared, const ddla_training *training, int row);

/* With replicas: this host begins with the global model of the committed step, which is in theta
 * and the buffers. */
void ddla_shared_begin_replica(const ddla_shared *shared, const ddla_training *training,
                               uint64_t step);

/* The model's buffers at a step; null where it has none. Borrowed. */
float *ddla_shared_buffers(const ddla_shared *shared, uint64_t step);

/* Whether a row holds an element for each of the model's buffers. */
bool ddla_shared_is_buffers(const ddla_shared *shared, int row);

#endif
