#include "train/run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "train/run/holdings.h"
#include "train/run/past.h"
#include "train/run/table.h"
#include "train/run/tensorboard.h"
#include "train/save/description.h"
#include "train/save/save.h"
#include "train/segments.h"

const char *ddla_run_path(char *path, const char *directory, const char *name) {
  snprintf(path, DDLA_PATH_BYTES, "%s/%s", directory, name);
  return path;
}

static bool exists(const char *directory, const char *name) {
  char path[DDLA_PATH_BYTES];
  struct stat found;
  return stat(ddla_run_path(path, directory, name), &found) == 0;
}

ddla_status ddla_run_check(const char *directory) {
  if (strlen(directory) + 64 > DDLA_PATH_BYTES)
    return DDLA_FAIL(INVALID, "the path of the run directory is too long");
  if (exists(directory, "job.yaml")) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s holds no job.yaml; expected the directory of a run, made by ddla train",
                   directory);
}

/* Removes the files and folders of files in a folder of the run directory; a missing one is fine.
 */
static ddla_status empty_folder(const char *directory, const char *name) {
  char folder[DDLA_PATH_BYTES], path[DDLA_PATH_BYTES];
  ddla_status status = DDLA_OK;
  DIR *open = opendir(ddla_run_path(folder, directory, name));
  if (!open) return DDLA_OK;
  for (struct dirent *entry = readdir(open); entry && status == DDLA_OK; entry = readdir(open)) {
    if (entry->d_name[0] == '.') continue;
    int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (length < 0 || (size_t)length >= sizeof path) continue;
    if (unlink(path) != 0) status = ddla_file_remove_directory(path);
  }
  closedir(open);
  return status;
}

/* Files of a run directory; the job is not a result. */
static const char *const file_names[] = {
    "job.yaml",    "metrics.jsonl",     "metrics.csv",      "report.txt",
    "report.json", "model.safetensors", "best.safetensors", "average.safetensors",
    "model.json",  "hang.txt",          "partition.svg"};

enum { FILE_COUNT = sizeof file_names / sizeof file_names[0] };

/* Whether a name is the temporary one of base/file.h for a file of a run. */
static bool is_temporary(const char *name) {
  for (int i = 0; i < FILE_COUNT; i++) {
    size_t length = strlen(file_names[i]);
    if (strncmp(name, file_names[i], length) == 0 && strncmp(name + length, ".tmp-", 5) == 0)
      return true;
  }
  return false;
}

/* Removes what a process was writing when it was killed. Those of checkpoints go with the next
 * checkpoint. */
static void remove_leftovers(const char *directory) {
  char path[DDLA_PATH_BYTES];
  DIR *open = opendir(directory);
  if (!open) return;
  for (struct dirent *entry = readdir(open); entry; entry = readdir(open))
    if (is_temporary(entry->d_name)) unlink(ddla_run_path(path, directory, entry->d_name));
  closedir(open);
}

static ddla_status remove_results(const char *directory) {
  char path[DDLA_PATH_BYTES];
  for (int i = 1; i < FILE_COUNT; i++) unlink(ddla_run_path(path, directory, file_names[i]));
  DDLA_TRY(empty_folder(directory, "checkpoints"));
  DDLA_TRY(empty_folder(directory, "tensorboard"));
  return empty_folder(directory, "agents");
}

static ddla_status write_job(const ddla_job *job, const char *directory) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for the resolved job");
  ddla_status status = ddla_job_write(job, file);
  if (fclose(file) != 0 && status == DDLA_OK)
    status = DDLA_FAIL(NO_MEMORY, "no memory for the resolved job");
  if (status == DDLA_OK)
    status = ddla_file_write(ddla_run_path(path, directory, "job.yaml"), text, bytes);
  free(text); /* made by open_memstream, not by our allocator */
  return status;
}

/* A resumed run keeps the hashes of the model files that are there. */
static ddla_status write_description(const ddla_training *training, const char *directory,
                                     bool resume) {
  ddla_description made = {0}, old = {0};
  DDLA_TRY(ddla_description_of(&made, training));
  if (resume && ddla_description_read(&old, directory) == DDLA_OK) {
    memcpy(made.sha256, old.sha256, sizeof made.sha256);
  }
  ddla_status status = ddla_description_write(&made, directory);
  ddla_description_fini(&made);
  ddla_description_fini(&old);
  return status;
}

/* A run goes on with the plug-ins that it began with. */
static ddla_status check_plugins(const ddla_training *training, const char *directory) {
  ddla_description old = {0};
  char path[DDLA_PATH_BYTES];
  if (access(ddla_run_path(path, directory, "model.json"), F_OK) != 0) return DDLA_OK;
  DDLA_TRY(ddla_description_read(&old, directory));
  ddla_status status = ddla_description_check_plugins(&old, training->job, training->plugins);
  ddla_description_fini(&old);
  return status;
}

/* Where the file system knows no such locks there is none. Agents of a launcher that was killed
 * hold theirs while they end. */
static ddla_status hold(ddla_training *training, const char *directory) {
  enum { LOOKS = 60 };
  const struct timespec pause = {.tv_nsec = 50000000};
  if (training->holds_run) return DDLA_OK;
  int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return ddla_file_fail(errno, "cannot read", directory);
  for (int looks = 0; flock(folder, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; looks++) {
    if (looks < LOOKS) {
      nanosleep(&pause, NULL);
      continue;
    }
    close(folder);
    return DDLA_FAIL(INVALID,
                     "another training is under way in %s; wait for its end, or choose another "
                     "directory (--out DIR)",
                     directory);
  }
  training->holds_run = true;
  training->run_lock = folder;
  return DDLA_OK;
}

void ddla_run_release(ddla_training *training) {
  if (training->holds_run) close(training->run_lock);
  training->holds_run = false;
}

/* A run of several segments must know where it goes on before there is a state. */
static ddla_status find_step(ddla_training *training, const char *directory) {
  if (ddla_segments_count(training) == 1) return DDLA_OK;
  return ddla_train_newest_step(&training->resume_step, directory);
}

ddla_status ddla_run_prepare(ddla_training *training, const char *directory, bool resume) {
  char path[DDLA_PATH_BYTES];
  if (strlen(directory) + 64 > sizeof path)
    return DDLA_FAIL(INVALID, "output.dir is %zu characters long; at most %zu are possible",
                     strlen(directory), sizeof path - 64);
  DDLA_TRY(ddla_file_make_directory(directory));
  DDLA_TRY(hold(training, directory));
  bool used = exists(directory, "job.yaml") || exists(directory, "metrics.jsonl");
  if (used && !resume && !training->job->output.overwrite)
    return DDLA_FAIL(INVALID,
                     "%s already holds a run; go on with it (--resume), choose another directory "
                     "(--out DIR), or "
                     "replace it (--set output.overwrite=true)",
                     directory);
  if (access(directory, W_OK | X_OK) != 0)
    return ddla_file_fail(errno, "cannot write in", directory);
  if (used && resume) DDLA_TRY(check_plugins(training, directory));
  if (resume) DDLA_TRY(find_step(training, directory));
  remove_leftovers(directory);
  if (used && !resume) DDLA_TRY(remove_results(directory));
  DDLA_TRY(ddla_file_make_directory(ddla_run_path(path, directory, "checkpoints")));
  return ddla_file_make_directory(ddla_run_path(path, directory, "agents"));
}

/* The step in a row of metrics.jsonl; INT64_MAX where the row was cut off by a crash. */
static int64_t row_step(const char *row, size_t length) {
  static const char key[] = "\"step\": ";
  const char *found = memmem(row, length, key, sizeof key - 1);
  if (!found || row[length - 1] != '\n') return INT64_MAX;
  return strtoll(found + sizeof key - 1, NULL, 10);
}

/* Copies rows up to `step`, all where out is null; *dropped: there are others. */
static bool copy_rows(FILE *out, FILE *in, int64_t step, bool *dropped) {
  char *row = NULL;
  size_t room = 0;
  bool good = true;
  *dropped = false;
  for (ssize_t length; good && (length = getline(&row, &room, in)) > 0;) {
    const bool stays = row_step(row, (size_t)length) <= step;
    *dropped |= !stays;
    if (out && stays) good = fwrite(row, 1, (size_t)length, out) == (size_t)length;
  }
  free(row); /* getline's */
  return good && !ferror(in);
}

/* The file may be larger than memory. */
static ddla_status write_kept_rows(const char *path, FILE *in, int64_t step) {
  char fresh[DDLA_PATH_BYTES + 8];
  bool dropped = false;
  snprintf(fresh, sizeof fresh, "%s.rows", path);
  FILE *out = fopen(fresh, "w");
  if (!out) return ddla_file_fail(errno, "cannot write", fresh);
  rewind(in);
  bool good = copy_rows(out, in, step, &dropped) && fflush(out) == 0 && fsync(fileno(out)) == 0;
  int reason = errno;
  good = fclose(out) == 0 && good;
  if (good && rename(fresh, path) == 0) return DDLA_OK;
  if (good) reason = errno;
  unlink(fresh);
  return ddla_file_fail(reason, "cannot write", fresh);
}

ddla_status ddla_run_trim_rows(const char *path, int64_t step) {
  bool dropped = false;
  ddla_status status = DDLA_OK;
  FILE *in = fopen(path, "r");
  if (!in) return errno == ENOENT ? DDLA_OK : ddla_file_fail(errno, "cannot read", path);
  if (!copy_rows(NULL, in, step, &dropped)) status = ddla_file_fail(errno, "cannot read", path);
  else if (dropped) status = write_kept_rows(path, in, step);
  fclose(in);
  return status;
}

ddla_status ddla_run_open(ddla_run *run, const ddla_training *training, const char *directory,
                          ddla_show show, int64_t start_step) {
  char path[DDLA_PATH_BYTES];
  DDLA_TRY(write_description(training, directory, start_step > 0));
  DDLA_TRY(write_job(training->job, directory));
  DDLA_TRY(ddla_holdings_open(training, directory));
  DDLA_TRY(ddla_run_trim_rows(ddla_run_path(path, directory, "metrics.jsonl"), start_step));
  *run = (ddla_run){.training = training, .directory = directory, .show = show};
  run->metrics = fopen(ddla_run_path(path, directory, "metrics.jsonl"), "a");
  if (!run->metrics) return ddla_file_fail(errno, "cannot write", path);
  if (training->job->output.csv) DDLA_TRY(ddla_table_open(&run->table, directory));
  else unlink(ddla_run_path(path, directory, "metrics.csv")); /* it would not go on */
  if (training->job->output.tensorboard)
    DDLA_TRY(ddla_tensorboard_open(&run->tensorboard, directory));
  return DDLA_OK;
}

void ddla_run_close(ddla_run *run) {
  if (run->metrics) fclose(run->metrics);
  if (run->table) fclose(run->table);
  if (run->tensorboard) fclose(run->tensorboard);
  ddla_past_destroy(run->past);
  *run = (ddla_run){0};
}
