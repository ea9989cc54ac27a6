#include "train/run/recording.h"

#include <string.h>
#include <unistd.h>

/* Room for the ops of so many steps: each shard has some dozens, forward and backward. */
static int64_t ring_for(const ddla_training *training) {
  enum { EVENTS_PER_SHARD = 128, EVENTS_PER_STEP = 64 };
  int64_t steps = training->job->output.trace_steps, ring = DDLA_WATCH_RING;
  int64_t workers = (int64_t)training->agents * training->lanes;
  int64_t shards = training->dynamic ? training->shards /* of one worker at most */
                                     : (training->shards + workers - 1) / workers;
  int64_t wanted = (steps + 1) * (EVENTS_PER_STEP + shards * EVENTS_PER_SHARD);
  while (steps > 0 && ring < wanted && ring < DDLA_WATCH_RING_MAX) ring *= 2;
  return ring;
}

static ddla_watch_options options_for(const ddla_training *training, const char *directory) {
  const ddla_job *job = training->job;
  const int agents = ddla_cluster_agents(&training->cluster);
  return (ddla_watch_options){.directory = directory,
                              .source = job->data.train,
                              .agents = agents,
                              .all = agents,
                              .lanes = training->lanes,
                              .shards = training->shards,
                              .batch = training->batch,
                              .total_steps = training->total_steps,
                              .batches_per_epoch = training->batches_per_epoch,
                              .ring_events = ring_for(training),
                              .loaders = training->ahead_wanted != 0,
                              .ops = job->output.trace_steps > 0,
                              .threads =
                                  agents == 1 || strcmp(job->parallel.agents_as, "threads") == 0};
}

ddla_status ddla_recording_create(ddla_watch **out, ddla_failure *failure,
                                  const ddla_training *training, const char *directory,
                                  int joined) {
  ddla_watch_options options = options_for(training, directory);
  failure->code = DDLA_OK;
  if (!training->job->output.events) return DDLA_OK;
  if (joined >= 0) {
    options.first = joined;
    options.agents = 1;
    options.threads = false;
    options.launcher = getppid();
  }
  ddla_status status = ddla_watch_create(out, &options);
  if (status == DDLA_OK || !directory) return status;
  ddla_status_take(failure, status);
  options.directory = NULL;
  return ddla_watch_create(out, &options);
}

ddla_watcher_options ddla_recording_hang(const ddla_training *training, const char *directory,
                                         FILE *screen) {
  return (ddla_watcher_options){.least_seconds = training->job->output.hang_seconds,
                                .screen = screen,
                                .directory = directory};
}
