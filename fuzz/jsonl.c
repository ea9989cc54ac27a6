/* JSON lines: a byte that chooses options (bit 0: keys of features are given, 1: no labels, 2: a
 * shape, 3: ten classes, 4: another label's key), then the file. */
#include "dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1) return 0;
  const unsigned options = data[0];
  ddla_data_source source = {.format = "jsonl",
                             .path = fuzz_file("table.jsonl", data + 1, bytes - 1),
                             .features = options & 1 ? "x, y" : NULL,
                             .label_column = options & 2    ? "none"
                                             : options & 16 ? "y"
                                                            : NULL,
                             .class_count = options & 8 ? 10 : 0};
  if (options & 4) source.shape = (ddla_data_shape){2, 2, 1};
  fuzz_open(&source);
  return 0;
}
