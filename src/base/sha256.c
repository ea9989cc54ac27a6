#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/file.h"

enum { READ_BYTES = 1 << 20 };

static void hex(char *out, const uint8_t *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * count] = '\0';
}

void ddla_sha256_init(ddla_sha256 *sha256) { sha256_init(&sha256->state); }

void ddla_sha256_add(ddla_sha256 *sha256, const void *data, size_t bytes) {
  if (bytes > 0) sha256_update(&sha256->state, bytes, data);
}

void ddla_sha256_finish(char out[DDLA_SHA256_TEXT_BYTES], ddla_sha256 *sha256) {
  uint8_t bytes[SHA256_DIGEST_SIZE];
  sha256_digest(&sha256->state, sizeof bytes, bytes);
  hex(out, bytes, sizeof bytes);
}

void ddla_sha256_of(char out[DDLA_SHA256_TEXT_BYTES], const void *data, size_t bytes) {
  ddla_sha256 sha256;
  ddla_sha256_init(&sha256);
  ddla_sha256_add(&sha256, data, bytes);
  ddla_sha256_finish(out, &sha256);
}

static ddla_status add_file(ddla_sha256 *sha256, int fd, char *block, const char *path) {
  for (;;) {
    ssize_t got = read(fd, block, READ_BYTES);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ddla_file_fail(errno, "cannot read", path);
    if (got == 0) return DDLA_OK;
    ddla_sha256_add(sha256, block, (size_t)got);
  }
}

ddla_status ddla_sha256_of_file(char out[DDLA_SHA256_TEXT_BYTES], const char *path) {
  char *block = NULL;
  DDLA_TRY(DDLA_NEW(block, READ_BYTES));
  ddla_sha256 sha256;
  ddla_sha256_init(&sha256);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ddla_status status = fd < 0 ? ddla_file_fail(errno, "cannot open", path) : DDLA_OK;
  if (fd >= 0) status = add_file(&sha256, fd, block, path);
  if (fd >= 0) close(fd);
  ddla_free(block);
  if (status == DDLA_OK) ddla_sha256_finish(out, &sha256);
  return status;
}

static void write_xxh128(char out[DDLA_XXH128_TEXT_BYTES], XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  hex(out, canonical.digest, sizeof canonical.digest);
}

void ddla_xxh128_of(char out[DDLA_XXH128_TEXT_BYTES], const void *data, size_t bytes) {
  write_xxh128(out, XXH3_128bits(data, bytes));
}

struct ddla_xxh128 {
  XXH3_state_t *state; /* of the library, which aligns it */
};

ddla_status ddla_xxh128_create(ddla_xxh128 **out) {
  ddla_xxh128 *xxh128 = NULL;
  DDLA_TRY(DDLA_NEW(xxh128, 1));
  xxh128->state = XXH3_createState();
  if (!xxh128->state) {
    ddla_free(xxh128);
    return DDLA_FAIL(NO_MEMORY, "no memory for a checksum");
  }
  XXH3_128bits_reset(xxh128->state);
  *out = xxh128;
  return DDLA_OK;
}

void ddla_xxh128_add(ddla_xxh128 *xxh128, const void *data, size_t bytes) {
  XXH3_128bits_update(xxh128->state, data, bytes);
}

void ddla_xxh128_finish(char out[DDLA_XXH128_TEXT_BYTES], ddla_xxh128 *xxh128) {
  write_xxh128(out, XXH3_128bits_digest(xxh128->state));
  XXH3_128bits_reset(xxh128->state);
}

void ddla_xxh128_destroy(ddla_xxh128 *xxh128) {
  if (!xxh128) return;
  XXH3_freeState(xxh128->state);
  ddla_free(xxh128);
}
