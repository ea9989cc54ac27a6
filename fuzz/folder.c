/* A PNG image in a folder of one class. Sums of its chunks are put right first; whether wrong ones
 * are refused is a matter of tests/bad_input. */
#include "dataset.h"
#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  uint8_t *image = fuzz_copy(data, bytes);
  fuzz_seal_png(image, bytes);
  fuzz_file("cats/1.png", image, bytes);
  free(image);
  ddla_data_source source = {
      .format = "folder", .path = fuzz_folder(), .shape = {8, 8, bytes % 2 ? 1 : 3}, .threads = 1};
  fuzz_open(&source);
  return 0;
}
