/* Plain texts: a byte for the size of a window (bit 7: a vocabulary is given), then the file. */
#include "data/tokens.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static const char *const names[] = {"\n", " ", "a", "b", "\xc3\xa9"};
  enum { WINDOW_MOST = 128 };
  int32_t tokens[WINDOW_MOST], next[WINDOW_MOST];
  ddla_dataset *set = NULL;
  if (bytes < 1) return 0;
  const bool given = data[0] & 0x80;
  const ddla_data_source source = {.format = "text",
                                   .path = fuzz_file("text.txt", data + 1, bytes - 1),
                                   .window = (data[0] & 0x7f) + 1,
                                   .class_names = given ? names : NULL,
                                   .class_count = given ? 5 : 0};
  ddla_status status = ddla_dataset_open(&set, &source);
  if (status != DDLA_OK) {
    FUZZ_CHECK(!set);
    FUZZ_CHECK(ddla_status_message(status)[0]);
    return 0;
  }
  for (int64_t i = 0; i < ddla_dataset_count(set); i++) {
    const ddla_augment augment = {.seed = 1, .epoch = i, .slide = i % 2};
    ddla_tokens_fill(tokens, next, set, &i, 1, &augment);
    for (int64_t k = 0; k < source.window; k++) {
      FUZZ_CHECK(tokens[k] >= 0 && tokens[k] < ddla_dataset_classes(set));
      FUZZ_CHECK(next[k] >= 0 && next[k] < ddla_dataset_classes(set));
    }
  }
  ddla_dataset_close(set);
  return 0;
}
