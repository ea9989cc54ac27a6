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

/* The options that decide about the result, one on each line. */
static ddla_status job_hash(char out[DDLA_SHA256_TEXT_BYTES], const ddla_job *job) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for the job's options");
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    if (option->resume != DDLA_OPTION_SAME) continue;
    fprintf(file, "%s: ", option->key);
    ddla_option_write(job, option, file);
    fputc('\n', file);
  }
  ddla_status status =
      fclose(file) == 0 ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory for the job's options");
  if (status == DDLA_OK) ddla_sha256_of(out, text, bytes);
  free(text); /* made by open_memstream */
  return status;
}

ddla_status ddla_train_facts(ddla_join_fact *facts, const ddla_training *training) {
  char hash[DDLA_SHA256_TEXT_BYTES], library[DDLA_BACKEND_TEXT_BYTES];
  memset(facts, 0, DDLA_JOIN_FACTS * sizeof *facts);
  if (!training) return DDLA_OK;
  DDLA_TRY(job_hash(hash, training->job));
  const ddla_data_fingerprint data = ddla_dataset_fingerprint(training->train);
  facts[0].name = "program";
  snprintf(facts[0].value, sizeof facts[0].value, "%s, %s, %s", DDLA_VERSION,
           ddla_backend_version(library), ddla_machine_byte_order());
  facts[1].name = "job";
  snprintf(facts[1].value, sizeof facts[1].value, "SHA-256 %.16s", hash);
  facts[2].name = "data set";
  snprintf(facts[2].value, sizeof facts[2].value, "%016" PRIx64 "%016" PRIx64, data.high, data.low);
  facts[3].name = "number of lanes";
  snprintf(facts[3].value, sizeof facts[3].value, "%d", training->lanes);
  facts[4].name = "parallel.isa";
  snprintf(facts[4].value, sizeof facts[4].value, "%s", training->job->parallel.isa);
  if (training->isa != DDLA_CPU_LEVELS) return DDLA_OK; /* it is agreed on, or given */
  facts[5].name = "instruction set";
  facts[5].advice = "start all agents on processors of one kind, or set parallel.isa to common, "
                    "with which all use the best set that all have";
  snprintf(facts[5].value, sizeof facts[5].value, "%s", ddla_cpu_name(ddla_cpu_has()));
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
