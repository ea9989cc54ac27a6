#include "cli/trained.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

void ddla_trained_fini(ddla_trained *trained) {
  ddla_inference_close(trained->inference);
  ddla_description_fini(&trained->description);
  ddla_job_destroy(trained->job);
  *trained = (ddla_trained){0};
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static void set_path(ddla_trained *made, const char *path) {
  snprintf(made->path, sizeof made->path, "%s", path);
}

/* The file given, else the one of this name in the run directory (null: none). */
static ddla_status find_given(ddla_trained *made, const char *directory, const char *model) {
  char inside[DDLA_PATH_BYTES];
  if (strlen(model) >= sizeof inside) return DDLA_FAIL(INVALID, "--model: the path is too long");
  set_path(made, model);
  if (exists(model) || !directory) return DDLA_OK;
  ddla_run_path(inside, directory, model);
  if (exists(inside)) set_path(made, inside);
  return DDLA_OK;
}

static ddla_status open_run(ddla_trained *made, const ddla_words *words, const char *directory,
                            const char *model) {
  char path[DDLA_PATH_BYTES];
  DDLA_TRY(ddla_run_check(directory));
  DDLA_TRY(ddla_words_job(&made->job, words, ddla_run_path(path, directory, "job.yaml")));
  DDLA_TRY(ddla_job_check(made->job));
  DDLA_TRY(ddla_description_read(&made->description, directory));
  return model ? find_given(made, directory, model)
               : ddla_inference_find(made->path, made->sha256, &made->description, directory);
}

/* Without a run directory, the training data say what the model takes. */
static ddla_status open_job(ddla_trained *made, const ddla_words *words, const char *path,
                            const char *model) {
  ddla_training *training = NULL;
  DDLA_TRY(ddla_words_job(&made->job, words, path));
  if (!model)
    return DDLA_FAIL(INVALID,
                     "%s is a job file; name the model to use with --model FILE, or give "
                     "the run's directory instead of the job",
                     path);
  DDLA_TRY(find_given(made, NULL, model));
  if (!exists(made->path)) return ddla_file_fail(errno, "cannot read", made->path);
  DDLA_TRY(ddla_training_prepare(&training, made->job, NULL, NULL,
                                 ddla_clock_now_ns(ddla_clock_monotonic())));
  ddla_status status = ddla_description_of(&made->description, training);
  ddla_training_destroy(training);
  return status;
}

static ddla_status open_place(ddla_trained *made, const ddla_words *words, const char *place,
                              const char *model) {
  struct stat found;
  if (stat(place, &found) != 0) return ddla_file_fail(errno, "cannot read", place);
  DDLA_TRY(S_ISDIR(found.st_mode) ? open_run(made, words, place, model)
                                  : open_job(made, words, place, model));
  if (!made->sha256[0]) DDLA_TRY(ddla_sha256_of_file(made->sha256, made->path));
  return ddla_inference_open(&made->inference, made->job, NULL, &made->description, made->path);
}

ddla_status ddla_trained_open(ddla_trained *out, const ddla_words *words, const char *place,
                              const char *model) {
  *out = (ddla_trained){0}; /* in place, as the inference borrows from it */
  ddla_status status = open_place(out, words, place, model);
  if (status != DDLA_OK) ddla_trained_fini(out);
  return status;
}
