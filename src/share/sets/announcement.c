#include "share/sets/announcement.h"

#include <string.h>

#include "base/alloc.h"

ddla_status ddla_announcement_encode(uint8_t **out, size_t *bytes,
                                     const ddla_prepared_index *const index[DDLA_PREPARED_PARTS]) {
  uint8_t *one[DDLA_PREPARED_PARTS] = {NULL}, *made = NULL, *at = NULL;
  size_t length[DDLA_PREPARED_PARTS] = {0}, all = 0;
  ddla_status status = DDLA_OK;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    if (index[p]) DDLA_TRY_CLEAN(status, ddla_prepared_index_encode(&one[p], &length[p], index[p]));
    all += sizeof(uint64_t) + length[p];
  }
  DDLA_TRY_CLEAN(status, DDLA_NEW(made, all));
  at = made;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    const uint64_t said = length[p];
    memcpy(at, &said, sizeof said);
    if (said > 0) memcpy(at + sizeof said, one[p], said);
    at += sizeof said + said;
  }
  *out = made;
  *bytes = all;
cleanup:
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) ddla_free(one[p]);
  return status;
}

ddla_status ddla_announcement_decode(ddla_prepared_index index[DDLA_PREPARED_PARTS],
                                     const uint8_t *bytes, size_t length) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    uint64_t said = 0;
    if (length < sizeof said) return DDLA_FAIL(CORRUPT, "another host told half an index");
    memcpy(&said, bytes, sizeof said);
    bytes += sizeof said;
    length -= sizeof said;
    if (said > length) return DDLA_FAIL(CORRUPT, "another host told half an index");
    if (said > 0)
      DDLA_TRY(ddla_prepared_index_parse(&index[p], bytes, said, "the index of another host"));
    bytes += said;
    length -= said;
  }
  return DDLA_OK;
}

void ddla_announcement_release(ddla_prepared_index index[DDLA_PREPARED_PARTS]) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) ddla_prepared_index_fini(&index[p]);
}
