/* Some samples of an open set as bytes, stream after stream, as a prepared set has them; and what
 * tells one sample from another. Not of texts. Threads: one thread per selection. */
#ifndef DDLA_DATA_PREPARED_SELECTION_H
#define DDLA_DATA_PREPARED_SELECTION_H

#include "data/data.h"

/* Plain value; borrows. */
typedef struct ddla_data_selection {
  const ddla_dataset *set;
  const uint8_t *chosen;   /* a bit for each sample, the lowest first; null: all */
  const int32_t *renumber; /* [classes of set]: labels become these */
  int stream;              /* where it is: 0 features, 1 labels, 2 targets */
  int64_t sample;
  size_t done; /* bytes of the sample */
} ddla_data_selection;

/* Bytes that each sample has of a stream; 0: there is none. */
size_t ddla_data_selection_bytes(const ddla_dataset *set, int stream);

/* The next bytes of a stream, which must be there; streams in their order. */
void ddla_data_selection_read(ddla_data_selection *selection, int stream, uint8_t *out,
                              size_t bytes);

/* 128 bits of hash of a sample's content: features, name of its class, targets. */
typedef struct ddla_data_sample_hash {
  uint64_t low, high;
} ddla_data_sample_hash;

/* Those of all samples: [count of set]. Errors: NO_MEMORY. */
ddla_status ddla_data_sample_hashes(ddla_data_sample_hash *out, const ddla_dataset *set);

#endif
