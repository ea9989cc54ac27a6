/* What a run with share.mode tiered tells of its tiers, of all hosts together. Threads: one. */
#ifndef DDLA_TRAIN_RUN_TIERED_REPORT_H
#define DDLA_TRAIN_RUN_TIERED_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "train/worker.h"

/* For report.json; null where samples are in memory. worker's shared reports are complete. */
json_t *ddla_tiered_json(const ddla_worker *worker);

/* For report.txt; nothing where samples are in memory. */
void ddla_tiered_print(FILE *file, const ddla_worker *worker);

#endif
