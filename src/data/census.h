/* What a data set holds: spread of its numbers, sizes of its classes, samples that stand twice.
 * Threads: pure functions. */
#ifndef DDLA_DATA_CENSUS_H
#define DDLA_DATA_CENSUS_H

#include "data/data.h"

/* Plain value; arrays are owned; zero is empty. Numbers of uint8 are x / 255, as the model sees
 * them. */
typedef struct ddla_census {
  int64_t channels;        /* 0 for a text */
  float *mean, *deviation; /* [channels], as of ddla_dataset_moments */
  double *least, *most;    /* [channels] */
  int classes;             /* of a text: characters */
  int64_t *class_counts;   /* [classes] */
  double entropy_bits;     /* of a sample's class, or of a text's token */
  bool compared;           /* not a text: windows are no samples of their own */
  int64_t repeated;        /* samples whose features an earlier one has too */
  int64_t contradicting;   /* of these: with another label than the earlier one */
} ddla_census;

void ddla_census_fini(ddla_census *census);

/* Sizes of classes alone: counts [classes]. Errors: none. */
void ddla_census_classes(int64_t *counts, const ddla_dataset *set);

/* Errors: NO_MEMORY. */
ddla_status ddla_census_of(ddla_census *out, const ddla_dataset *set);

/* Samples of `set` whose features a sample of `other` has too, by 128-bit hash; 0 where samples
 * differ in shape or type, or are windows of texts. Errors: NO_MEMORY. */
ddla_status ddla_census_shared(int64_t *out, const ddla_dataset *set, const ddla_dataset *other);

#endif
