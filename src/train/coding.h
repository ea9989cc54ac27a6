/* By which codec what agents send is written (src/codec): the keys sync.codec, topk, codec_decay
 * and momentum_correction. Threads: as train/training.h. */
#ifndef DDLA_TRAIN_CODING_H
#define DDLA_TRAIN_CODING_H

#include "train/training.h"

/* Fills codec and codec_options of a training whose strategy is chosen. Errors: INVALID naming the
 * key: no such codec, what the strategy does not send, options that mean nothing. */
ddla_status ddla_coding_choose(ddla_training *training);

/* What momentum correction does not go together with in a training whose optimizer and hosts are
 * known. Errors: INVALID naming the key. */
ddla_status ddla_coding_check(const ddla_training *training);

#endif
