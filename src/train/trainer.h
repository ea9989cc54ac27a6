/* An agent's training part: takes memory from its transport, starts its lanes, and runs the job.
 * Threads: called by the agent's main thread, which becomes lane 0. */
#ifndef DDLA_TRAIN_TRAINER_H
#define DDLA_TRAIN_TRAINER_H

#include <ddla/train.h>

#include "train/run/run.h"
#include "transport/transport.h"

/* How agents reach those of other hosts. The first agent of each host opens the link to the first
 * ones of the others, and learns who is where; it closes it as a transport. */
typedef struct ddla_trainer_hosts {
  ddla_status (*open)(ddla_transport **link, ddla_cluster *cluster, void *argument);
  /* Opens another link of the same agents, for samples: share.mode tiered and exchange. It belongs
   * to a thread of its own. */
  ddla_status (*open_share)(ddla_transport **link, void *argument);
  void *argument;
  bool threadless; /* the link is for the main thread, lane 0, alone */
} ddla_trainer_hosts;

typedef struct ddla_trainer_options {
  const char *directory; /* the run directory, prepared; null: no files are written */
  bool resume;
  const _Atomic bool *stop; /* looked at in every step: true asks for a clean stop; may be null */
  ddla_show show;
  FILE *terminal; /* where progress is shown; may be null where show is NONE */
  bool (*on_step)(void *argument, const ddla_train_step *step); /* on agent 0; may be null */
  void *on_step_argument;
  ddla_train_result *result; /* written on agent 0 when all went well; may be null */
  ddla_watch *watch;         /* where agents record what they do; may be null */
  ddla_trainer_hosts hosts;  /* open is null where there is one host */
  /* What every worker does instead of ddla_worker_train, for measurements. May be null. */
  ddla_status (*work)(ddla_worker *worker, void *argument);
  void *work_argument;
} ddla_trainer_options;

/* Of a host's memory, before that of the state. */
size_t ddla_trainer_board_bytes(void);

/* transport: of this host's agents. Runs a prepared training on this agent until the job is done or
 * cleanly stopped. *stopped (may be null) says which, on agent 0. Errors: the first failure of a
 * lane. */
ddla_status ddla_trainer_run(const ddla_training *training, ddla_transport *transport,
                             const ddla_trainer_options *options);

#endif
