/* A PNG image in a folder of one class. */
#include "dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  fuzz_file("cats/1.png", data, bytes);
  ddla_data_source source = {
      .format = "folder", .path = fuzz_folder(), .shape = {8, 8, bytes % 2 ? 1 : 3}, .threads = 1};
  fuzz_open(&source);
  return 0;
}
