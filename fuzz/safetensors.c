/* Safetensors files. */
#include "ckpt/safetensors.h"
#include "base/alloc.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  ddla_safetensors *file = NULL;
  ddla_status status = ddla_safetensors_open(&file, fuzz_file("m.safetensors", data, bytes), NULL);
  if (status != DDLA_OK) {
    FUZZ_CHECK(!file);
    return 0;
  }
  size_t total = 0;
  for (int i = 0; i < ddla_safetensors_count(file); i++) {
    const ddla_safetensors_array *array = ddla_safetensors_at(file, i);
    size_t size = ddla_safetensors_bytes(array);
    char *into = NULL;
    FUZZ_CHECK(ddla_safetensors_find(file, array->name) == i);
    FUZZ_CHECK((total += size) <= bytes);
    if (DDLA_NEW(into, size + 1) == DDLA_OK) {
      FUZZ_CHECK(ddla_safetensors_read(into, file, i) == DDLA_OK);
      ddla_free(into);
    }
  }
  for (int i = 0; ddla_safetensors_note_at(file, i); i++)
    FUZZ_CHECK(ddla_safetensors_note_of(file, ddla_safetensors_note_at(file, i)->key));
  ddla_safetensors_close(file);
  return 0;
}
