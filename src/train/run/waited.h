/* What a run says of waiting for samples: how long, for whom, and how many micro-batches were
 * there. Threads: one thread. */
#ifndef DDLA_TRAIN_RUN_WAITED_H
#define DDLA_TRAIN_RUN_WAITED_H

#include <jansson.h>
#include <stdio.h>

#include "train/run/run.h"

/* For report.txt: a line. For report.json: data.ahead as it was, the share of the workers' time,
 * and an object for each tier that brought any; null without memory. worker's shared reports are
 * complete; seconds: of the training. */
void ddla_waited_print(FILE *file, const ddla_worker *worker, double seconds);
json_t *ddla_waited_json(const ddla_worker *worker, double seconds);

#endif
