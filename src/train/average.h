/* The average of the model that a training keeps (train.average), and which model is measured. The
 * running mean (ema) is made by the strategy, inside each step; the equal mean (swa) here, at ends
 * of epochs.
 *
 * Buffers (the running values of batch norm) are averaged with the same weights as the parameters,
 * as torch.optim.swa_utils.AveragedModel(use_buffers=True) does, without its rounding of counters.
 * Izmailov et al. 2018 (arXiv:1803.05407, section 3.2) gather the statistics of an equal mean anew
 * instead, by a pass over the training samples with the averaged parameters. That is closer to what
 * the averaged model sees where its parts lie far from each other, but a model that is measured
 * after every epoch would pay for a second epoch of forward passes each time, and what a checkpoint
 * holds of the average would not be all of it.
 */
#ifndef DDLA_TRAIN_AVERAGE_H
#define DDLA_TRAIN_AVERAGE_H

#include "train/worker.h"

/* Whether there is an average, after this many committed steps. */
bool ddla_training_has_average(const ddla_training *training, uint64_t step);

/* At the end of a whole epoch, by all workers: takes parameters and buffers into the equal mean
 * where one is kept and has begun. Errors: PEER_LOST. */
ddla_status ddla_worker_average(ddla_worker *worker, int64_t epoch);

/* The model that is validated, tested and kept as best: the average where there is one, else the
 * last. Borrowed until the next step. */
ddla_model_values ddla_worker_measured(const ddla_worker *worker);

#endif
