/* Who holds how many samples of which label, where replicas own parts of the data: in the log, the
 * report and a picture. Nothing is said where all data are everybody's. Threads: one thread. */
#ifndef DDLA_TRAIN_RUN_HOLDINGS_H
#define DDLA_TRAIN_RUN_HOLDINGS_H

#include <jansson.h>
#include <stdio.h>

#include "train/training.h"

/* At the start: lines of the log, and partition.svg in the run directory. Errors: of the file;
 * NO_MEMORY. */
ddla_status ddla_holdings_open(const ddla_training *training, const char *directory);

/* For report.txt: a line for each replica. For report.json: kind, and an object for each replica;
 * null without memory. */
void ddla_holdings_print(FILE *file, const ddla_training *training);
json_t *ddla_holdings_json(const ddla_training *training);

#endif
