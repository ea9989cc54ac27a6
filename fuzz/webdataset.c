/* Archives of images: a byte that chooses options (bit 0: no labels, 1: a key of the label, 2:
 * images are scaled, 3: to three channels, 4: sums are left as they are), then the archive. */
#include "dataset.h"
#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1) return 0;
  const unsigned options = data[0];
  uint8_t *archive = fuzz_copy(data + 1, bytes - 1);
  if (!(options & 16)) fuzz_seal_tar(archive, bytes - 1);
  ddla_data_source source = {.format = "webdataset",
                             .path = fuzz_file("images.tar", archive, bytes - 1),
                             .label_column = options & 1   ? "none"
                                             : options & 2 ? "kind"
                                                           : NULL,
                             .threads = 1};
  free(archive);
  if (options & 4) source.shape = (ddla_data_shape){4, 4, options & 8 ? 3 : 1};
  fuzz_open(&source);
  return 0;
}
