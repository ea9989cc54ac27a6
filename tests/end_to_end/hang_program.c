/* A training whose agent can be made to misbehave, for hang.sh.
 *   hang_program KIND AGENT STEP AGENTS LANES processes|threads RUN
 * KIND  loop   an op of this agent never ends
 *       read   reading the data of a shard blocks
 *       loader the same in the agent's loader; agents are processes
 *       skip   the agent leaves out a barrier that all others are in
 * It is the training of `ddla train` on made-up data; the linker puts the functions below in the
 * place of the library's (--wrap). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/launch.h"
#include "backend/kernel.h"
#include "data/augment.h"
#include "train/run/recording.h"
#include "train/trainer.h"

typedef struct mishap {
  const char *kind;
  int agent;
  uint64_t step;
} mishap;

static mishap planned;
static _Thread_local int this_agent = -1;
static _Thread_local uint64_t this_step;
static _Atomic int agent_here = -1; /* the last one that began a step in this process */
static _Atomic uint64_t step_here;

const ddla_kernel *__real_ddla_kernel_choose(const ddla_op_call *call, const char *only);
const ddla_kernel *__wrap_ddla_kernel_choose(const ddla_op_call *call, const char *only);
void __real_ddla_batch_fill(float *to, int32_t *labels, const ddla_dataset *set,
                            const int64_t *index, int64_t count, const ddla_augment *augment);
void __wrap_ddla_batch_fill(float *to, int32_t *labels, const ddla_dataset *set,
                            const int64_t *index, int64_t count, const ddla_augment *augment);

static bool is_time(const char *kind) {
  return strcmp(planned.kind, kind) == 0 && this_agent == planned.agent &&
         this_step == planned.step;
}

/* A thread that is no lane is the loader of its process's agent, some steps ahead. */
static bool is_loaders_time(void) {
  return strcmp(planned.kind, "loader") == 0 && this_agent < 0 &&
         atomic_load(&agent_here) == planned.agent && atomic_load(&step_here) >= planned.step;
}

static const ddla_kernel *true_linear;

static ddla_status looping_linear(ddla_kernel_state *state, const ddla_op_call *call) {
  volatile unsigned turns = 0;
  while (is_time("loop")) turns++;
  return true_linear->forward(state, call);
}

/* Every linear layer computes as before, but for the one that never ends. */
const ddla_kernel *__wrap_ddla_kernel_choose(const ddla_op_call *call, const char *only) {
  static ddla_kernel looping;
  const ddla_kernel *chosen = __real_ddla_kernel_choose(call, only);
  if (only || strcmp(call->op->name, "linear") != 0) return chosen;
  if (!true_linear) {
    true_linear = chosen;
    looping = *chosen;
    looping.forward = looping_linear;
  }
  return chosen == true_linear ? &looping : chosen;
}

/* A pipe that nobody writes into is the slowest of disks. */
void __wrap_ddla_batch_fill(float *to, int32_t *labels, const ddla_dataset *set,
                            const int64_t *index, int64_t count, const ddla_augment *augment) {
  int ends[2];
  char byte;
  if ((is_time("read") || is_loaders_time()) && pipe(ends) == 0 && read(ends[0], &byte, 1) != 1)
    abort();
  __real_ddla_batch_fill(to, labels, set, index, count, augment);
}

static ddla_status work(ddla_worker *worker, void *argument) {
  (void)argument;
  this_agent = worker->agent;
  for (int64_t i = 0; i < worker->training->total_steps; i++) {
    this_step = worker->last.step + 1;
    atomic_store(&agent_here, this_agent);
    atomic_store(&step_here, this_step);
    DDLA_TRY(ddla_worker_step(worker));
    ddla_watch_note_step(worker->agent == 0 ? worker->watch : NULL, worker->last.step, 0, 0);
    if (worker->last.step % 5 == 0 && !is_time("skip"))
      DDLA_TRY(ddla_sync_barrier(worker->sync, worker->worker));
  }
  return DDLA_OK;
}

typedef struct program {
  ddla_training *training;
  ddla_trainer_options options;
} program;

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const program *p = argument;
  return ddla_trainer_run(p->training, transport, &p->options);
}

static ddla_status prepare(ddla_job **job, int agents, const char *lanes) {
  char text[64];
  DDLA_TRY(ddla_job_create(job));
  snprintf(text, sizeof text, "parallel.agents=%d", agents);
  DDLA_TRY(ddla_job_set(*job, text));
  snprintf(text, sizeof text, "parallel.lanes=%s", lanes);
  DDLA_TRY(ddla_job_set(*job, text));
  DDLA_TRY(ddla_job_set(*job, "data.train=synthetic:8x8x1:10:640"));
  DDLA_TRY(ddla_job_set(*job, "model.kind=mlp"));
  DDLA_TRY(ddla_job_set(*job, "train.batch=32"));
  DDLA_TRY(
      ddla_job_set(*job, strcmp(planned.kind, "loader") == 0 ? "data.ahead=2" : "data.ahead=0"));
  return ddla_job_set(*job, "train.steps=2000");
}

static ddla_status run(int agents, const char *lanes, bool threads, const char *directory) {
  ddla_job *job = NULL;
  program p = {0};
  ddla_training_memory memory = {0};
  ddla_failure failure = {0};
  DDLA_TRY(prepare(&job, agents, lanes));
  DDLA_TRY(ddla_training_prepare(&p.training, job, NULL, NULL, 0));
  DDLA_TRY(ddla_training_estimate(&memory, p.training));
  DDLA_TRY(ddla_run_prepare(p.training, directory, false));
  DDLA_TRY(ddla_recording_create(&p.options.watch, &failure, p.training, directory, -1));
  p.options.work = work;
  const ddla_watcher_options hang = ddla_recording_hang(p.training, directory, stderr);
  const ddla_launch_options launch = {.agents = agents,
                                      .shared_bytes = memory.region_bytes,
                                      .threads = threads,
                                      .watch = p.options.watch,
                                      .hang = &hang};
  return ddla_launch(&launch, agent_main, &p);
}

int main(int argc, char **argv) {
  if (argc != 8) return 2;
  planned = (mishap){argv[1], (int)strtol(argv[2], NULL, 10), strtoull(argv[3], NULL, 10)};
  ddla_status status =
      run((int)strtol(argv[4], NULL, 10), argv[5], strcmp(argv[6], "threads") == 0, argv[7]);
  if (status != DDLA_OK) fprintf(stderr, "%s\n", ddla_status_message(status));
  return ddla_status_exit(status);
}
