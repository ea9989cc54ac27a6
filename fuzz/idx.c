/* IDX files, plain or gzip: two bytes (little-endian) with the length of the file of images, that
 * file, the file of labels. */
#include "dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 2) return 0;
  size_t images = data[0] | (size_t)data[1] << 8;
  data += 2;
  bytes -= 2;
  if (images > bytes) images = bytes;
  ddla_data_source source = {.format = "idx",
                             .path = fuzz_file("images", data, images),
                             .labels_path = fuzz_file("labels", data + images, bytes - images)};
  fuzz_open(&source);
  return 0;
}
