/* Training inside a program of the user's: see ddla/train.h. */
#include <ddla/train.h>

#include <stdatomic.h>
#include <string.h>

#include "agent/launch.h"
#include "base/alloc.h"
#include "train/run/recording.h"
#include "train/trainer.h"

typedef struct train_call {
  ddla_training *training;
  ddla_trainer_options options;
} train_call;

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const train_call *call = argument;
  return ddla_trainer_run(call->training, transport, &call->options);
}

static ddla_status run(train_call *call) {
  ddla_training_memory memory = {0};
  DDLA_TRY(ddla_training_estimate(&memory, call->training));
  DDLA_TRY(ddla_run_prepare(call->training, call->options.directory, call->options.resume));
  ddla_failure no_events = {0}; /* a host program is not written to; the run goes on without */
  DDLA_TRY(ddla_recording_create(&call->options.watch, &no_events, call->training,
                                 call->options.directory, -1));
  const ddla_watcher_options hang =
      ddla_recording_hang(call->training, call->options.directory, NULL);
  const ddla_launch_options launch = {.agents = call->training->agents,
                                      .shared_bytes = memory.region_bytes,
                                      .threads = true,
                                      .watch = call->options.watch,
                                      .hang = hang.least_seconds > 0 ? &hang : NULL};
  ddla_status status = ddla_launch(&launch, agent_main, call);
  ddla_watch_destroy(call->options.watch);
  return status;
}

ddla_status ddla_train(ddla_train_result *out, const ddla_job *job,
                       const ddla_train_options *options) {
  if (!options || !options->directory)
    return DDLA_FAIL(INVALID, "ddla_train needs a run directory (options->directory)");
  ddla_train_result result = {0};
  train_call call = {.options = {.directory = options->directory,
                                 .resume = options->resume,
                                 .show = DDLA_SHOW_NONE,
                                 .on_step = options->on_step,
                                 .on_step_argument = options->on_step_argument,
                                 .result = &result}};
  const ddla_training_own own = {.model = options->own, .plugin = options->plugin};
  DDLA_TRY(ddla_training_prepare(&call.training, job, &own, NULL,
                                 ddla_clock_now_ns(ddla_clock_monotonic())));
  ddla_status status = run(&call);
  ddla_training_destroy(call.training);
  if (status == DDLA_OK && out) *out = result;
  return status;
}
