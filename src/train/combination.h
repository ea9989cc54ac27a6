/* What a way to update does not go together with (docs/MODES.md). Threads: as train/training.h. */
#ifndef DDLA_TRAIN_COMBINATION_H
#define DDLA_TRAIN_COMBINATION_H

#include "train/training.h"

/* Of a training whose graph is built and whose steps are counted. Errors: INVALID naming the key,
 * and why. */
ddla_status ddla_combination_check(const ddla_training *training);

#endif
