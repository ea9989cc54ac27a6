/* The table of options made from ddla/job_list.h, and how one option's value is read and written.
 * Threads: pure functions on constant tables; a job belongs to one thread. */
#ifndef DDLA_JOB_OPTION_H
#define DDLA_JOB_OPTION_H

#include <stdio.h>

#include <ddla/job.h>

#include "job/yaml.h"

typedef enum ddla_option_type {
  DDLA_OPTION_INT,
  DDLA_OPTION_REAL,
  DDLA_OPTION_BOOL,
  DDLA_OPTION_TEXT,
  DDLA_OPTION_NAME,
  DDLA_OPTION_CHOICE,
  DDLA_OPTION_SIZES,
  DDLA_OPTION_REALS,
  DDLA_OPTION_PATHS,
  DDLA_OPTION_TREE
} ddla_option_type;

typedef enum ddla_option_resume { DDLA_OPTION_FREE, DDLA_OPTION_SAME } ddla_option_resume;

/* One row; the columns are those of ddla/job_list.h. */
typedef struct ddla_option {
  const char *section, *field, *key; /* "train", "batch", "train.batch" */
  ddla_option_type type;
  const char *initial;
  double low, high;
  const char *words;
  ddla_option_resume resume;
  const char *help;
  size_t offset; /* of the field in ddla_job */
} ddla_option;

typedef struct ddla_option_section {
  const char *name, *help;
} ddla_option_section;

int ddla_option_count(void);
const ddla_option *ddla_option_at(int index);
int ddla_option_index(const ddla_option *option);

int ddla_option_section_count(void);
const ddla_option_section *ddla_option_section_at(int index);

/* By dotted key, or null. */
const ddla_option *ddla_option_find(const char *key);

/* By section and field, or null. */
const ddla_option *ddla_option_find_field(const char *section, const char *field);

/* A hint for an unknown field of a section (null: for a top-level key), such as "; did you mean
 * train.batch?", else the keys that there are. */
typedef struct ddla_option_hint {
  char text[512];
} ddla_option_hint;

ddla_option_hint ddla_option_hint_for(const char *section, const char *field);

/* What values are allowed: "a whole number from 1 to 65536 (agents)". */
ddla_option_hint ddla_option_allowed(const ddla_option *option);

/* Reads the value into the job's field; the job is unchanged on failure. A tree keeps pointing into
 * the value's document. Errors: INVALID with place, key, value and what is allowed; NO_MEMORY. */
ddla_status ddla_option_assign(ddla_job *job, const ddla_option *option, const ddla_yaml *value);

/* Writes the job's value as YAML on one line. */
void ddla_option_write(const ddla_job *job, const ddla_option *option, FILE *file);

/* Releases what the job's field owns. */
void ddla_option_release(ddla_job *job, const ddla_option *option);

#endif
