/* The average of the parameters that a training keeps (train.average), and which parameters are
 * measured. The running mean (ema) is made by the strategy, inside each step; the equal mean (swa)
 * here, at ends of epochs.
 *
 * Layers with statistics of their own: those that training gathered belong to the last parameters,
 * not to their average (Izmailov et al. 2018, arXiv:1803.05407, section 3.2). Who adds a layer
 * whose statistics are rows of the state rebuilds them for the average in ddla_worker_measured's
 * caller, between ddla_worker_average and the evaluation: a pass over training samples with the
 * averaged parameters, in fixed batches, dealt out as in evaluate.c. Until then training.c refuses
 * an average of a model with statistics.
 */
#ifndef DDLA_TRAIN_AVERAGE_H
#define DDLA_TRAIN_AVERAGE_H

#include "train/worker.h"

/* Whether there is an average, after this many committed steps. */
bool ddla_training_has_average(const ddla_training *training, uint64_t step);

/* At the end of a whole epoch, by all workers: takes the parameters into the equal mean where one
 * is kept and has begun. Errors: PEER_LOST. */
ddla_status ddla_worker_average(ddla_worker *worker, int64_t epoch);

/* The parameters that are validated, tested and kept as best: the average where there is one, else
 * the last. [ddla_graph_space], borrowed until the next step. */
ddla_model_values ddla_worker_measured(const ddla_worker *worker);

#endif
