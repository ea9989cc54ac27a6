/* What the targets of data formats have in common. */
#ifndef DDLA_FUZZ_DATASET_H
#define DDLA_FUZZ_DATASET_H

#include "data/data.h"
#include "fuzz.h"

/* Opens the source; what is accepted must hold what it says. */
static inline void fuzz_open(const ddla_data_source *source) {
  ddla_dataset *set = NULL;
  ddla_status status = ddla_dataset_open(&set, source);
  if (status != DDLA_OK) {
    FUZZ_CHECK(!set);
    FUZZ_CHECK(ddla_status_message(status)[0]);
    return;
  }
  ddla_data_shape shape = ddla_dataset_shape(set);
  int64_t count = ddla_dataset_count(set), features = shape.height * shape.width * shape.channels;
  FUZZ_CHECK(count >= 1 && features >= 1);
  static const size_t sizes[] = {[DDLA_DATA_UINT8] = 1,
                                 [DDLA_DATA_FLOAT32] = sizeof(float),
                                 [DDLA_DATA_TOKENS] = sizeof(uint16_t)};
  const size_t size = sizes[ddla_dataset_type(set)];
  unsigned sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const unsigned char *sample = ddla_dataset_features(set, i);
    for (size_t k = 0; k < (size_t)features * size; k += 61) sum += sample[k];
    FUZZ_CHECK(ddla_dataset_label(set, i) < ddla_dataset_classes(set) ||
               !ddla_dataset_labelled(set));
  }
  (void)sum;
  ddla_dataset_close(set);
}

#endif
