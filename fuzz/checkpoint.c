/* Checkpoints: two bytes (little-endian) with the length of model.safetensors, that file,
 * state.safetensors. Where the checksums of headers have their places, they are put right first:
 * what is explored is a checkpoint that somebody made, not one that a disk damaged. */
#include <string.h>

#include "base/alloc.h"
#include "base/sha256.h"
#include "ckpt/checkpoint_parts.h"
#include "ckpt/safetensors_parts.h"
#include "fuzz.h"

enum { LENGTH_BYTES = 8, DIGITS = DDLA_XXH128_TEXT_BYTES - 1, FILE_BYTES_MAX = 1 << 16 };

/* Bytes of the length and the header, 0 where they do not fit. */
static size_t header_of(const uint8_t *file, size_t bytes) {
  uint64_t length = 0;
  if (bytes < LENGTH_BYTES) return 0;
  for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)file[i] << (8 * i);
  return length <= bytes - LENGTH_BYTES ? (size_t)length + LENGTH_BYTES : 0;
}

static void put_sum_of_model(uint8_t *state, size_t header, const uint8_t *model, size_t bytes) {
  static const char before[] = "\"" DDLA_NOTE_HEADER "\":\"";
  char sum[DDLA_XXH128_TEXT_BYTES];
  uint8_t *at = memmem(state, header, before, sizeof before - 1);
  if (!at || (size_t)(state + header - at) < sizeof before + DIGITS) return;
  ddla_xxh128_of(sum, model, header_of(model, bytes));
  memcpy(at + sizeof before - 1, sum, DIGITS);
}

static void seal(uint8_t *state, size_t header) {
  char sum[DDLA_XXH128_TEXT_BYTES];
  char *digits = ddla_safetensors_seal_in((char *)state, header);
  if (!digits) return;
  memcpy(digits, DDLA_SAFETENSORS_SEAL_BLANK, DIGITS);
  ddla_xxh128_of(sum, state, header);
  memcpy(digits, sum, DIGITS);
}

static void load(const char *path) {
  static float model[6], state[6];
  const ddla_safetensors_array arrays[2] = {
      {.name = "w", .dtype = DDLA_F32, .shape = DDLA_SHAPE(2, 3), .into = model},
      {.name = "momentum.w", .dtype = DDLA_F32, .shape = DDLA_SHAPE(2, 3), .into = state}};
  const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS] = {{&arrays[0], 1}, {&arrays[1], 1}};
  const ddla_safetensors_note same = {"train.shards", "8"};
  ddla_checkpoint_file *file = NULL;
  if (ddla_checkpoint_open(&file, path) != DDLA_OK) return;
  (void)ddla_checkpoint_step(file);
  (void)ddla_checkpoint_note(file, "epoch");
  (void)!ddla_checkpoint_identity_check(file, &(ddla_checkpoint_notes){&same, 1});
  (void)!ddla_checkpoint_verify(file);
  (void)!ddla_checkpoint_load(file, wanted);
  ddla_checkpoint_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static uint8_t state[FILE_BYTES_MAX];
  if (bytes < 2 || bytes > FILE_BYTES_MAX) return 0;
  size_t model = data[0] | (size_t)data[1] << 8;
  data += 2;
  bytes -= 2;
  if (model > bytes) model = bytes;
  memcpy(state, data + model, bytes - model);
  size_t header = header_of(state, bytes - model);
  put_sum_of_model(state, header, data, model);
  seal(state, header);
  fuzz_file("step-00000007/model.safetensors", data, model);
  char path[512];
  const char *file = fuzz_file("step-00000007/state.safetensors", state, bytes - model);
  size_t folder = (size_t)(strrchr(file, '/') - file);
  memcpy(path, file, folder);
  path[folder] = 0;
  load(path);
  return 0;
}
