/* Data that lie on hosts of their own (data.partition: files): each host opens its own files by the
 * same keys, and they tell each other what they have, by cards (data/card.h), so that all know the
 * number of all samples and of which label, one list of classes, one mean and deviation, and one
 * fingerprint; samples stay where they are. Hosts that one machine plays are opened by one process,
 * which forgets what is not its own when it becomes one of them; {host} in a path is their number.
 * Threads: one. */
#ifndef DDLA_TRAIN_FEED_OWNED_H
#define DDLA_TRAIN_FEED_OWNED_H

#include "train/training.h"

/* Whether the job says so. */
bool ddla_owned_wanted(const ddla_job *job);

/* Whether a path of the job names a file of each host; and the path of one. out:
 * [DDLA_OWNED_PATH_BYTES]. Errors: INVALID for a path that is too long. */
enum { DDLA_OWNED_PATH_BYTES = 4096 };
bool ddla_owned_is_path(const char *path);
ddla_status ddla_owned_path(char *out, const char *path, int host);

/* Opens what lies here, instead of what ddla_training_prepare opens elsewise. Errors: INVALID
 * naming a key, or the host; those of data sets. */
ddla_status ddla_owned_open(ddla_training *training);

/* All hosts tell each other of what they opened, and unite it: whole, train, validation and test
 * are then of all. opened: how all that came before went; where the training has a meeting, all
 * agents come whatever that is, and leave with the first failure of any. Errors: those; INVALID
 * naming hosts whose data differ. */
ddla_status ddla_owned_meet(ddla_training *training, ddla_status opened);

/* From all hosts' sums, added by host. mean, deviation: [channels] */
ddla_status ddla_owned_moments(float *mean, float *deviation, const ddla_training *training);

/* counts[host * labels + label]: training samples that a host has. */
void ddla_owned_counts(int64_t *counts, const ddla_training *training, int labels);

/* Training samples of a host before any exchange; null where they lie elsewhere. Borrowed. */
const ddla_dataset *ddla_owned_train(const ddla_training *training, int host);

/* This process becomes a host of those that it plays: what other ones have is closed. */
void ddla_owned_keep(ddla_training *training);

void ddla_owned_destroy(ddla_training *training);

#endif
