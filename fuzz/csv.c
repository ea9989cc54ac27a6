/* CSV files: a byte that chooses options (bits 0 and 1: header, 2: a delimiter is given, 3: no
 * labels, 4: ten classes), then the file. */
#include "dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1) return 0;
  unsigned options = data[0];
  ddla_data_source source = {.format = "csv",
                             .path = fuzz_file("table.csv", data + 1, bytes - 1),
                             .header = (ddla_data_header)((options & 3) % 3),
                             .delimiter = options & 4 ? ';' : 0,
                             .label_column = options & 8 ? "none" : "last",
                             .class_count = options & 16 ? 10 : 0};
  fuzz_open(&source);
  return 0;
}
