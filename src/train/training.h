/* A job made ready: data sets open, graph built, numbers worked out. Prepared once, before the
 * agents exist, so that every mistake of a job is told once; then shared read-only by all agents.
 * Threads: prepared by one thread, afterwards only read. */
#ifndef DDLA_TRAIN_TRAINING_H
#define DDLA_TRAIN_TRAINING_H

#include <stdatomic.h>

#include <ddla/job.h>

#include "backend/cpu.h"
#include "base/binding.h"
#include "data/augment.h"
#include "data/data.h"
#include "data/parts.h"
#include "graph/graph.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "plugin/plugin.h"
#include "share/tiers/origin.h"
#include "sync/sync.h"
#include "task/task.h"
#include "train/feed/ahead.h"

/* What a prepared training shares with the launcher and between agents, outside the state. */
typedef struct ddla_training_board {
  _Atomic uint64_t step;         /* committed steps, as rank 0 last saw */
  _Atomic uint32_t interrupted;  /* the run was stopped before its end */
  _Atomic int64_t first_step_ns; /* from start_ns to the first committed step; 0: not yet */
} ddla_training_board;

/* train.average */
typedef enum ddla_average_kind {
  DDLA_AVERAGE_NONE,
  DDLA_AVERAGE_EMA, /* running mean over steps */
  DDLA_AVERAGE_SWA  /* equal mean over ends of epochs */
} ddla_average_kind;

/* How agents that another program has started tell each other of the data that lie on their hosts
 * alone. Both are collective. agree: how everybody's preparation went so far; its failure is the
 * first of all. gather: `all` gets every agent's bytes, by agent. */
typedef struct ddla_training_meeting {
  ddla_status (*agree)(void *argument, ddla_status prepared);
  ddla_status (*gather)(void *argument, void *all, const void *mine, size_t bytes);
  void *argument;
} ddla_training_meeting;

/* What a program brings besides the job. Borrowed; null: nothing. meeting: where all agents that
 * are prepared so have the same data.partition, files. */
typedef struct ddla_training_own {
  const ddla_training_meeting *meeting;
  const ddla_own_model *model; /* instead of the job's */
  const ddla_plugin *plugin;
} ddla_training_own;

/* Sets whose features stay where they are (train/feed/tiered.h): by number, and where each is. */
typedef struct ddla_training_far {
  ddla_dataset *set[3];           /* borrowed: the training's */
  ddla_origin *of[3], *origin[3]; /* origin: each one once; owned */
  int count, origin_count;
} ddla_training_far;

/* train/segments.h */
typedef struct ddla_segments ddla_segments;

/* train/feed/owned.h */
typedef struct ddla_owned ddla_owned;

typedef struct ddla_training {
  const ddla_job *job;   /* borrowed */
  ddla_plugins *plugins; /* owned */
  const ddla_task *task;
  ddla_training_own own;
  ddla_task_graph graph; /* graph and its values; owned */
  ddla_dataset *whole;   /* training file; train and validation may be views of it */
  ddla_dataset *train, *validation, *test; /* validation and test may be null */
  ddla_owned *owned; /* owned; what these are united from; null: they lie everywhere */
  bool played;       /* who is where follows from the job: this machine plays all hosts */
  struct ddla_exchange *exchange; /* of samples of parts, while agents run; borrowed; null: none */
  ddla_training_far far;          /* the first is whole, if there is any */
  ddla_parts *parts;       /* of train, that replicas own; owned; null: all data are everybody's */
  float *mean, *deviation; /* by channel */
  int64_t channels;
  const char **class_names; /* [classes] */
  const ddla_strategy *strategy;
  const ddla_codec *codec; /* null: numbers travel as they are */
  ddla_codec_options codec_options;
  const ddla_heterogeneity *heterogeneity; /* what is done about replicas whose data differ */
  bool fast;                               /* sync.reduction fast, and there are several hosts */
  const ddla_optimizer *optimizer;
  ddla_optimizer_options optimizer_options;
  ddla_rate_schedule schedule;
  ddla_average_kind average;
  int64_t average_from;       /* the first epoch that is averaged, from 1 */
  int agents, lanes, shards;  /* agents: of all hosts */
  ddla_cluster cluster;       /* what is known before hosts have met: how many there are (or that
                                 there are more), and the agents of this one */
  ddla_binding *binding;      /* of this machine's agents; owned; null: not planned yet */
  int first_seat;             /* an agent's seat in it is its number less this one */
  int64_t batch, micro_batch; /* micro_batch: at most so many samples at once, never 0 */
  bool direct;                /* every shard is one micro-batch */
  bool dynamic;               /* parallel.balance: shards go to who is free */
  int64_t ahead_wanted;       /* data.ahead; -1: auto */
  ddla_ahead ahead;           /* what is made of it when it is known who runs where */
  int64_t batches_per_epoch, epochs, total_steps;
  ddla_segments *segments;     /* of the run; owned */
  int segment;                 /* the one that this training is of, */
  int64_t from_step, end_step; /* which makes steps from_step + 1 to end_step */
  int64_t resume_step;         /* of the checkpoint that the run goes on from; 0: of none */
  ddla_precision precision;
  ddla_cpu_level isa; /* what agents are held to; DDLA_CPU_LEVELS: nothing */
  uint64_t seed;
  int64_t start_ns;           /* monotonic, of the program */
  ddla_training_board *board; /* shared memory */
  bool holds_run;             /* run_lock is a file that keeps other trainings off the directory */
  int run_lock;
} ddla_training;

/* Loads plug-ins, opens data, builds the graph, checks everything that can be checked without
 * agents; binds agents that are started here (parallel.bind). job and what own names (null:
 * nothing) are borrowed until destroy. cluster: who is where, known by other means; null: as the
 * job says. Errors: INVALID naming key, value and what to do; those of plug-ins, data, model and
 * task. */
ddla_status ddla_training_prepare(ddla_training **out, const ddla_job *job,
                                  const ddla_training_own *own, const ddla_cluster *cluster,
                                  int64_t start_ns);
void ddla_training_destroy(ddla_training *training);

/* The same training where a job that differs in the section sync alone goes on; segment and steps
 * are set. Errors: INVALID as of prepare. */
ddla_status ddla_training_change_sync(ddla_training *training, const ddla_job *job);

/* Whether, by the job, every agent is a replica with a model of its own, in any of its segments. */
bool ddla_training_has_replicas(const ddla_job *job);

/* Whether samples travel between hosts while it trains: share.mode tiered and exchange. */
bool ddla_training_shares(const ddla_training *training);

/* Whether who computes what, and when, shows in the bits. */
bool ddla_training_varies(const ddla_training *training);

/* When replicas exchange. */
ddla_sync_rule ddla_training_rule(const ddla_training *training);
/* What the job's parallel.isa holds agents to: for common, what this machine has; for strict,
 * DDLA_CPU_LEVELS. May be more than this machine has. */
ddla_cpu_level ddla_training_isa(const ddla_job *job);

/* How the work of its cluster's host is cut. Borrows from the training. */
ddla_sync_split ddla_training_split(const ddla_training *training);

/* What to open for a part of the job's data at a path. Borrows from all; plugins may be null. */
ddla_data_source ddla_training_source(const ddla_job *job, const ddla_plugins *plugins,
                                      const char *path, ddla_data_part part);

/* The same for all parts of the job's data; those with a null path are not there. */
enum { DDLA_TRAINING_PARTS = 3 };
void ddla_training_sources(ddla_data_source source[DDLA_TRAINING_PARTS], const ddla_job *job,
                           const ddla_plugins *plugins);

/* Memory that the job will take: shared by all agents, and each agent's own. Estimated without
 * kernels. region_bytes: address space that the agents' transport must have; little more of it is
 * touched than shared_bytes, which is less where hosts divide the moments among themselves. */
typedef struct ddla_training_memory {
  size_t shared_bytes, region_bytes, agent_bytes, data_bytes, available_bytes;
} ddla_training_memory;

/* Errors: NO_MEMORY with the numbers where the machine cannot hold it. */
ddla_status ddla_training_estimate(ddla_training_memory *out, const ddla_training *training);

#endif
