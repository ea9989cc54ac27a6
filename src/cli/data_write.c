/* How `ddla data prepare` and `split` write: into memory that a disk stands behind, and all or
 * nothing, also when they are stopped. */
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/data_kinds.h"
#include "data/disk.h"

/* What is read, in memory of the directory that the set will be in. */
typedef struct room {
  ddla_data_memory memory; /* first: the call points to it */
  ddla_data_disk disk;
  char parent[DDLA_DATA_PATH_BYTES];
} room;

ddla_status ddla_data_target_start(const ddla_data_target *target, ddla_data_call *call) {
  room *made = NULL;
  if (!target->directory || !target->directory[0])
    return DDLA_FAIL(INVALID, "--out DIR is missing: where is the set to be written?");
  DDLA_TRY(ddla_prepared_check_target(target->directory));
  DDLA_TRY(DDLA_NEW(made, 1));
  call->memory = &made->memory; /* released at the end */
  DDLA_TRY(ddla_data_parent(made->parent, target->directory));
  made->disk = ddla_data_disk_in(made->parent);
  made->memory = ddla_data_disk_memory(&made->disk);
  return ddla_file_make_directory(made->parent);
}

void ddla_data_target_end(ddla_data_call *call) {
  ddla_data_call_fini(call);
  ddla_free((void *)(uintptr_t)call->memory);
}

ddla_status ddla_data_target_open(ddla_data_call *call) {
  return ddla_data_disk_explain(call->memory->argument, ddla_data_call_open(call));
}

static void stops(sigset_t *out) {
  sigemptyset(out);
  sigaddset(out, SIGINT);
  sigaddset(out, SIGTERM);
  sigaddset(out, SIGHUP);
}

/* They stay blocked, so that no signal leaves half a set; whether one has come is asked for. */
static bool is_stopped(void *argument) {
  sigset_t waiting;
  (void)argument;
  if (sigpending(&waiting) != 0) return false;
  return sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1 ||
         sigismember(&waiting, SIGHUP) == 1;
}

ddla_status ddla_data_target_write(const ddla_data_target *target, const ddla_data_call *call,
                                   ddla_dataset *const *sets) {
  sigset_t blocked;
  ddla_prepared_options options = {.compress = target->compress, .stopped = is_stopped};
  DDLA_TRY(ddla_data_call_number(&options.part_bytes, "--part-bytes", target->part_bytes, 0,
                                 INT64_C(1) << 50));
  DDLA_TRY(ddla_data_call_number(&options.block_bytes, "--block-bytes", target->block_bytes, 0,
                                 DDLA_PREPARED_BLOCK_MAX));
  stops(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
  DDLA_TRY(ddla_prepared_write(target->directory, sets, &options));
  ddla_data_call written = {.json = call->json,
                            .path = target->directory,
                            .trusts_features = true,
                            .memory = call->memory};
  DDLA_TRY(ddla_job_create(&written.job));
  ddla_status status = ddla_data_call_open(&written);
  if (status == DDLA_OK) status = ddla_data_info_print(&written);
  ddla_data_call_fini(&written);
  return status;
}
