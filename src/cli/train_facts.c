#include "cli/train_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu.h"
#include "backend/kernel.h"
#include "base/alloc.h"
#include "base/machine.h"
#include "base/sha256.h"
#include "job/option.h"

enum { OTHERS = 7 }; /* facts beside options: the program, and what ddla_train_facts adds */
#define ROW(...) +1
#define SECTION(section, help) DDLA_JOB_ROWS_##section(ROW)
_Static_assert(OTHERS DDLA_JOB_SECTIONS(SECTION) <= DDLA_JOIN_FACTS, "no room for all options");
#undef ROW
#undef SECTION

/* Whether agents may have different values: where something lies on a host, how a run looks, and
 * lanes, which are compared as they came out. All else decides about the run's course. */
static bool may_differ(const ddla_option *option) {
  const bool place = option->type == DDLA_OPTION_TEXT || option->type == DDLA_OPTION_PATHS;
  return (place && option->resume == DDLA_OPTION_FREE) || strcmp(option->section, "output") == 0 ||
         strcmp(option->key, "parallel.lanes") == 0;
}

/* The option's value; its hash where it is long. */
static ddla_status add_option(ddla_join_fact *fact, const ddla_job *job,
                              const ddla_option *option) {
  char *text = NULL, hash[DDLA_SHA256_TEXT_BYTES];
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for the job's options");
  ddla_option_write(job, option, file);
  ddla_status status =
      fclose(file) == 0 ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory for the job's options");
  if (status == DDLA_OK && bytes < sizeof fact->value) memcpy(fact->value, text, bytes + 1);
  if (status == DDLA_OK && bytes >= sizeof fact->value) {
    ddla_sha256_of(hash, text, bytes);
    snprintf(fact->value, sizeof fact->value, "SHA-256 %.16s", hash);
  }
  fact->name = option->key;
  free(text); /* made by open_memstream */
  return status;
}

static ddla_status add_options(ddla_join_fact *facts, int *count, const ddla_job *job) {
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    if (may_differ(option)) continue;
    DDLA_TRY(add_option(&facts[(*count)++], job, option));
  }
  return DDLA_OK;
}

static ddla_status add_job(ddla_join_fact *facts, int *count, const ddla_job *job) {
  char library[DDLA_BACKEND_TEXT_BYTES];
  ddla_join_fact *program = &facts[(*count)++];
  program->name = "program";
  snprintf(program->value, sizeof program->value, "%s, %s, %s", DDLA_VERSION,
           ddla_backend_version(library), ddla_machine_byte_order());
  return add_options(facts, count, job);
}

ddla_status ddla_train_job_facts(ddla_join_fact *facts, const ddla_job *job) {
  int count = 0;
  memset(facts, 0, DDLA_JOIN_FACTS * sizeof *facts);
  return add_job(facts, &count, job);
}

/* What a set holds; another host may have another file by the same path. */
static void add_set(ddla_join_fact *facts, int *count, const char *name, const ddla_dataset *set) {
  ddla_join_fact *fact = &facts[(*count)++];
  fact->name = name;
  snprintf(fact->value, sizeof fact->value, "none");
  if (!set) return;
  const ddla_data_fingerprint data = ddla_dataset_fingerprint(set);
  snprintf(fact->value, sizeof fact->value, "%016" PRIx64 "%016" PRIx64, data.high, data.low);
}

ddla_status ddla_train_facts(ddla_join_fact *facts, const ddla_training *training) {
  int count = 0;
  memset(facts, 0, DDLA_JOIN_FACTS * sizeof *facts);
  if (!training) return DDLA_OK;
  DDLA_TRY(add_job(facts, &count, training->job));
  add_set(facts, &count, "data set", training->train);
  add_set(facts, &count, "validation set", training->validation);
  add_set(facts, &count, "test set", training->test);
  ddla_join_fact *last = &facts[count];
  last[0].name = "number of lanes";
  snprintf(last[0].value, sizeof last[0].value, "%d", training->lanes);
  last[1].name = "parts of the data";
  if (training->parts)
    snprintf(last[1].value, sizeof last[1].value, "%016" PRIx64,
             ddla_parts_fingerprint(training->parts));
  if (training->isa != DDLA_CPU_LEVELS) return DDLA_OK; /* it is agreed on, or given */
  last[2].name = "instruction set";
  last[2].advice = "start all agents on processors of one kind, or set parallel.isa to common, "
                   "with which all use the best set that all have";
  snprintf(last[2].value, sizeof last[2].value, "%s", ddla_cpu_name(ddla_cpu_has()));
  return DDLA_OK;
}

/* The agent whose processor has least, the first of these. */
static ddla_status find_least(int *who, ddla_cpu_level *least, bool *differ, ddla_join *join) {
  const int agents = ddla_cluster_agents(ddla_join_cluster(join));
  const int32_t mine = (int32_t)ddla_cpu_has();
  int32_t *all = NULL;
  DDLA_TRY(DDLA_NEW(all, agents));
  ddla_status status =
      ddla_join_gather(join, all, &mine, sizeof mine, "agree on an instruction set");
  *who = 0;
  *differ = false;
  for (int a = 0; status == DDLA_OK && a < agents; a++) {
    if (all[a] < all[*who]) *who = a;
    if (all[a] != all[0]) *differ = true;
  }
  if (status == DDLA_OK) *least = (ddla_cpu_level)all[*who];
  ddla_free(all);
  return status;
}

ddla_status ddla_train_agree_isa(char words[DDLA_TRAIN_ISA_BYTES], ddla_training *training,
                                 ddla_join *join) {
  const bool agreed = strcmp(training->job->parallel.isa, "common") == 0;
  bool differ = false;
  int who = 0;
  words[0] = '\0';
  if (training->isa == DDLA_CPU_LEVELS) return DDLA_OK;
  if (agreed && join) DDLA_TRY(find_least(&who, &training->isa, &differ, join));
  int used = snprintf(words, DDLA_TRAIN_ISA_BYTES, "instruction set: %s (parallel.isa: %s",
                      ddla_cpu_name(training->isa), training->job->parallel.isa);
  if (differ)
    snprintf(words + used, DDLA_TRAIN_ISA_BYTES - (size_t)used,
             "; agent %d on host %s has no more)", who, ddla_join_host_name(join, who));
  else snprintf(words + used, DDLA_TRAIN_ISA_BYTES - (size_t)used, ")");
  return DDLA_OK;
}
