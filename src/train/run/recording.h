/* The recorder of a training's agents, as the job asks for it. Threads: one thread, before agents
 * start. */
#ifndef DDLA_TRAIN_RUN_RECORDING_H
#define DDLA_TRAIN_RUN_RECORDING_H

#include "train/training.h"
#include "watch/watcher.h"

/* joined: the agent that this process is, where a launcher that is not ours started it; -1: agents
 * are started from here, and all of all hosts are recorded. Null in *out where output.events is
 * false. Where files cannot be kept in the run directory (null: none are wanted), it records in
 * memory that ends with the run, and *failure says why (code DDLA_OK: they can). Errors: NO_MEMORY.
 */
ddla_status ddla_recording_create(ddla_watch **out, ddla_failure *failure,
                                  const ddla_training *training, const char *directory, int joined);

/* When a run of this job counts as hanging, and where that is said; least_seconds 0: never. */
ddla_watcher_options ddla_recording_hang(const ddla_training *training, const char *directory,
                                         FILE *screen);

#endif
