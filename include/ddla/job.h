/* A job: what to train, on what, and how, as one plain struct with one field per option
 * (ddla/job_list.h). It is read from a YAML file, changed by KEY=VALUE words, checked, and written
 * back with every key.
 *
 * Every function that fails gives INVALID for what the user wrote, with file, line, column, key,
 * value and what is allowed, or NO_MEMORY. Threads: a job belongs to one thread until it is no
 * longer changed. */
#ifndef DDLA_JOB_H
#define DDLA_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ddla/job_list.h>
#include <ddla/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DDLA_JOB_ITEMS_MAX = 32, DDLA_JOB_PATHS_MAX = 8 };

/* A list of whole numbers; a list of real ones. Plain values. */
typedef struct ddla_job_sizes {
  int count;
  int64_t at[DDLA_JOB_ITEMS_MAX];
} ddla_job_sizes;
typedef struct ddla_job_reals {
  int count;
  double at[DDLA_JOB_ITEMS_MAX];
} ddla_job_reals;

/* Paths that do not depend on where the program is started: a relative one in a job file is
 * relative to that file, one of ddla_job_set to the current directory. */
typedef struct ddla_job_paths {
  int count;
  char *at[DDLA_JOB_PATHS_MAX];
} ddla_job_paths;

/* The C type of each option type. Strings are never null and owned by the job. A tree is null when
 * nothing was given, else borrowed from the job (its readers are in job/yaml.h). */
#define DDLA_JOB_C_INT int64_t
#define DDLA_JOB_C_REAL double
#define DDLA_JOB_C_BOOL bool
#define DDLA_JOB_C_TEXT char *
#define DDLA_JOB_C_NAME char *
#define DDLA_JOB_C_CHOICE char *
#define DDLA_JOB_C_SIZES ddla_job_sizes
#define DDLA_JOB_C_REALS ddla_job_reals
#define DDLA_JOB_C_PATHS ddla_job_paths
#define DDLA_JOB_C_TREE const struct ddla_yaml *

/* A key that is a word of C++ has an underscore behind it there: job->data.private_. */
#ifdef __cplusplus
#define private private_
#endif

/* job->train.batch and so on. Fields may be read freely; change them with ddla_job_set. */
typedef struct ddla_job {
#define DDLA_JOB_FIELD(section, field, type, initial, low, high, words, resume, help)              \
  DDLA_JOB_C_##type field;
#define DDLA_JOB_SECTION(section, help)                                                            \
  struct {                                                                                         \
    DDLA_JOB_ROWS_##section(DDLA_JOB_FIELD)                                                        \
  } section;
  DDLA_JOB_SECTIONS(DDLA_JOB_SECTION)
#undef DDLA_JOB_SECTION
#undef DDLA_JOB_FIELD
  struct ddla_job_sources *sources; /* where each value was given */
} ddla_job;

#ifdef __cplusplus
#undef private
#endif

/* A job with the initial value of every option. The caller owns *out. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_create(ddla_job **out);

/* A job from a file of at most 1 MiB; options that the file does not name keep their initial
 * values. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_load(ddla_job **out, const char *path);

/* The same from text; `name` stands for the file in messages. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_load_text(ddla_job **out, const char *text,
                                                      size_t bytes, const char *name);

/* Sets one option from "train.batch=256"; the value is YAML. On failure the job is as before. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_set(ddla_job *job, const char *assignment);

/* Refuses options that do not go together. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_check(const ddla_job *job);

/* INVALID if the option `key` (a NAME) is none of the names; else writes its index among them. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_choose(int *index, const ddla_job *job, const char *key,
                                                   const char *const *names, int count);

/* INVALID: the words, preceded by the place where option `key` was given (file, line and column, or
 * --set) and the key. For what only the option's reader can judge: return ddla_job_refuse(job,
 * "data.size", ...). */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_refuse(const ddla_job *job, const char *key,
                                                   const char *format, ...) DDLA_PRINTF(3, 4);

/* True if the option was given by file or ddla_job_set, false while it has its initial value. */
DDLA_API bool ddla_job_is_given(const ddla_job *job, const char *key);

/* True if the option's value is one of ddla_job_set (on a command line: --set), not the file's. */
DDLA_API bool ddla_job_is_set(const ddla_job *job, const char *key);

/* The value of option `key` as YAML on one line. The caller owns *out and releases it with
 * ddla_job_free_text. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_get_text(char **out, const ddla_job *job,
                                                     const char *key);
DDLA_API void ddla_job_free_text(char *text);

/* The i-th option whose value a checkpoint depends on, or null behind the last. Borrowed for ever.
 */
DDLA_API const char *ddla_job_resume_key(int i);

/* Writes every option as YAML; reading it gives an equal job. Errors: IO, DISK_FULL. */
DDLA_API DDLA_MUST_USE ddla_status ddla_job_write(const ddla_job *job, FILE *file);

/* Writes every key with its initial value, range, unit and help for people. */
DDLA_API void ddla_job_print_help(FILE *file);

/* Null is allowed. */
DDLA_API void ddla_job_destroy(ddla_job *job);

#ifdef __cplusplus
}
#endif
#endif
