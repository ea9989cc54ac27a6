/* What the files of `ddla compare` have in common. Threads: one thread. */
#ifndef DDLA_CLI_COMPARE_PARTS_H
#define DDLA_CLI_COMPARE_PARTS_H

#include "cli/words.h"
#include "compare/choice.h"
#include "compare/entry.h"
#include "compare/network.h"
#include "mpi/starter.h"
#include "train/run/run.h"

typedef enum ddla_compare_state {
  DDLA_COMPARE_OPEN,    /* has not been run to its end */
  DDLA_COMPARE_DONE,    /* to the end of the job, or of the time that each method gets */
  DDLA_COMPARE_REFUSED, /* before it started */
  DDLA_COMPARE_FAILED   /* on its way */
} ddla_compare_state;

enum { DDLA_COMPARE_COLUMNS = 5 };

/* From a run's report; NAN: it does not say. */
typedef struct ddla_compare_figures {
  double seconds, samples, steps, samples_per_second;
  double waited;        /* share of the time in which an exchange was waited for, mean over hosts */
  double lanes_waiting; /* share of the lanes' time, for whatever reason */
  double agent_bytes, sample_bytes; /* sent: by an agent, and by all for a sample */
  double staleness, test;           /* test: the metric on the test samples */
  double compute; /* seconds that lanes computed for a sample, in the mean over lanes */
} ddla_compare_figures;

/* One method and what became of it. */
typedef struct ddla_compare_run {
  const ddla_entry *entry;
  char directory[DDLA_PATH_BYTES];
  ddla_compare_state state;
  char reason[DDLA_STATUS_TEXT_BYTES]; /* why it was refused or has failed */
  ddla_compare_figures figures;
  double *column[DDLA_COMPARE_COLUMNS]; /* what the contender's curve points to; owned */
} ddla_compare_run;

/* A call of the command. */
typedef struct ddla_compare_call {
  ddla_words words;
  const char *modes, *network_text, *agents_text, *steps_text, *seconds_text, *seed_text,
      *margin_text, *mpi, *out;
  bool json;
  const char *job_path;
  ddla_job *base; /* the job file with --set, without what a method sets */
  int64_t agents, steps, seed;
  double seconds;
  bool has_network;
  ddla_network network;
  char directory[DDLA_PATH_BYTES];
  char program[DDLA_PATH_BYTES]; /* this one */
  char netlab[DDLA_PATH_BYTES];  /* the script */
  char metric[64];               /* its name */
  ddla_choice_rule rule;
  ddla_entries entries;
  ddla_compare_run run[DDLA_ENTRIES_MAX];
  ddla_contender contender[DDLA_ENTRIES_MAX]; /* beside run */
  ddla_choice choice;
} ddla_compare_call;

/* Assignments "KEY=VALUE" for the job of an entry; null: what is the same for all entries. Errors:
 * INVALID (no room). */
ddla_status ddla_compare_sets(ddla_mpi_words *out, const ddla_compare_call *call,
                              const ddla_entry *entry);

/* Finds the program, and with a network netlab, and tries both out. Errors: UNSUPPORTED saying what
 * a network needs. */
ddla_status ddla_compare_try_network(ddla_compare_call *call);

/* Trains one method; what became of it, if not well, is in state and reason. Errors: INTERRUPTED;
 * those of starting processes. */
ddla_status ddla_compare_train(ddla_compare_run *run, ddla_compare_call *call);

/* Whether the run's directory holds one that is over. */
bool ddla_compare_is_over(const ddla_compare_run *run, const ddla_compare_call *call);

/* Reads report and metrics of a run that is over, and its contender's curve. Errors: those of
 * files; CORRUPT. */
ddla_status ddla_compare_read(ddla_compare_run *run, ddla_contender *contender,
                              const ddla_compare_call *call);

/* The table and the recommendation. */
void ddla_compare_print(FILE *file, const ddla_compare_call *call);

/* compare.json as text, to be freed with free. Errors: NO_MEMORY. */
ddla_status ddla_compare_json(char **out, const ddla_compare_call *call);

/* Loss and metric over time and over bytes, as SVG. */
void ddla_compare_draw(FILE *file, const ddla_compare_call *call);

#endif
