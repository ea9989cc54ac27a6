/* The files of `ddla doctor` among themselves. Threads: one thread. */
#ifndef DDLA_CLI_DOCTOR_PARTS_H
#define DDLA_CLI_DOCTOR_PARTS_H

#include "agent/advice.h"
#include "agent/exchange_cost.h"
#include "cli/words.h"
#include "train/training.h"

/* What the command line says. */
typedef struct ddla_doctor_given {
  ddla_words words;
  const char *hosts, *launcher, *program, *timeout, *job, *slots; /* null: not given */
  bool json;
} ddla_doctor_given;

/* What is known of a cluster in the end. */
typedef struct ddla_doctor_result {
  ddla_survey survey;
  ddla_findings findings;
  const char *library;         /* "Open MPI v4.1.4" */
  const char *job;             /* path; null: none was given */
  int64_t parameters;          /* of the job's model, */
  ddla_training_memory memory; /* what a host takes, */
  ddla_cluster cluster;        /* whom it is trained by, */
  ddla_bridge_layout layout;   /* what they exchange, */
  ddla_exchange_cost cost;     /* and what that costs */
  double seconds;              /* that measuring took */
} ddla_doctor_result;

/* doctor_joined.c: this process is one of those that an MPI launcher has started: all measure, the
 * first one prints. Errors: those of MPI; a finding that is bad. */
ddla_status ddla_doctor_joined(const ddla_doctor_given *given, int64_t start_ns);

/* How thoroughly links are measured. */
ddla_survey_options ddla_doctor_pace(void);

/* doctor_hosts.c: reaches the hosts of a file, one by one, then starts a process on each. Errors:
 * INVALID for file and launcher; what was wrong with which host; what the processes said. */
ddla_status ddla_doctor_hosts(const ddla_doctor_given *given);

/* doctor_table.c: prints a result for people; as JSON. Errors: IO, NO_MEMORY. */
void ddla_doctor_print(const ddla_doctor_result *result);
ddla_status ddla_doctor_print_json(const ddla_doctor_result *result);

#endif
