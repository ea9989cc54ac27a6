/* What a host tells the others of the data that lie on it: how many samples of which type and
 * shape, names of classes, how many samples of each, what mean and deviation are made from, and
 * fingerprints. No sample is in it. One block of bytes without pointers, which is sent as it is.
 * Threads: pure functions. */
#ifndef DDLA_DATA_CARD_H
#define DDLA_DATA_CARD_H

#include "data/data.h"

enum { DDLA_CARD_SETS = 3 }; /* training, validation and test samples, by ddla_data_part */

typedef struct ddla_card_set {
  int64_t count; /* 0: the host has none of its own */
  ddla_data_shape shape;
  int64_t type, targets, labelled, keyed;
  ddla_data_fingerprint fingerprint;
} ddla_card_set;

typedef struct ddla_card {
  uint64_t bytes; /* of all of it */
  ddla_card_set set[DDLA_CARD_SETS];
  int64_t classes, channels; /* channels: 0 where no sums are told */
  /* int64_t counts[classes], ddla_channel_sums sums[channels], names ended by zeros */
} ddla_card;

/* sets: [DDLA_CARD_SETS], null where there is none; the first one is there. Counts by class and
 * sums are of the training samples; with_sums: what mean and deviation are made from is told, but
 * not of texts. The caller frees *out. Errors: NO_MEMORY. */
ddla_status ddla_card_make(ddla_card **out, const ddla_dataset *const *sets, bool with_sums);

/* Whether a block of so many bytes is a card. Errors: CORRUPT. */
ddla_status ddla_card_check(const ddla_card *card, size_t bytes);

const int64_t *ddla_card_counts(const ddla_card *card);
const ddla_channel_sums *ddla_card_sums(const ddla_card *card);
const char *ddla_card_names(const ddla_card *card);

/* What of two hosts' data keeps them from being one set, "uint8, not float32"; null: nothing.
 * Written to text. */
const char *ddla_card_difference(char *text, size_t bytes, const ddla_card_set *a,
                                 const ddla_card_set *b);

#endif
