#include "share/sets/tier.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"

static bool has_part(const ddla_prepared_index *index) { return index->block_count > 0; }

uint64_t ddla_tier_bytes(const ddla_prepared_index index[DDLA_PREPARED_PARTS]) {
  uint64_t bytes = 0;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) bytes += ddla_prepared_series_bytes(&index[p]);
  return bytes;
}

/* ---- what is there ---- */

static bool same_classes(const ddla_classes *a, const ddla_classes *b) {
  if (a->count != b->count) return false;
  for (int i = 0; i < a->count; i++)
    if (strcmp(a->names[i], b->names[i]) != 0) return false;
  return true;
}

/* Same content; how it is cut into blocks and files is no matter. */
static bool is_same(const ddla_prepared_index *a, const ddla_prepared_index *b) {
  const ddla_data_records *x = &a->records, *y = &b->records;
  return x->type == y->type && x->count == y->count && x->length == y->length &&
         x->labelled == y->labelled && x->targets == y->targets &&
         x->shape.height == y->shape.height && x->shape.width == y->shape.width &&
         x->shape.channels == y->shape.channels && a->features_hash == b->features_hash &&
         a->fingerprint.low == b->fingerprint.low && a->fingerprint.high == b->fingerprint.high &&
         same_classes(&a->classes, &b->classes);
}

static ddla_status check_part(bool *same, const char *directory, const ddla_prepared_index *index,
                              ddla_data_part part) {
  const ddla_prepared_loading all = {0};
  ddla_prepared_content content = {0};
  ddla_prepared_index found = {0};
  *same = ddla_prepared_has(directory, part) == has_part(index);
  if (!*same || !has_part(index)) return DDLA_OK;
  DDLA_TRY(ddla_prepared_index_read(&found, directory, part));
  *same = is_same(&found, index);
  ddla_status status =
      *same ? ddla_prepared_load(&content, &found, directory, &all) : DDLA_OK; /* looks at hashes */
  ddla_prepared_content_release(&content);
  ddla_prepared_index_fini(&found);
  return status;
}

ddla_status ddla_tier_find(bool *out, const char *directory,
                           const ddla_prepared_index index[DDLA_PREPARED_PARTS]) {
  struct stat state = {0};
  const bool exists = lstat(directory, &state) == 0;
  bool same = true;
  if (!exists && errno != ENOENT) return ddla_file_fail(errno, "cannot make", directory);
  for (int p = 0; exists && same && p < DDLA_PREPARED_PARTS; p++)
    DDLA_TRY(check_part(&same, directory, &index[p], (ddla_data_part)p));
  if (exists && !same)
    return DDLA_FAIL(INVALID,
                     "%s is there already and does not hold this data set; choose another "
                     "directory, or remove it",
                     directory);
  *out = exists;
  return DDLA_OK;
}

/* ---- what is made ---- */

static ddla_status check_room(const ddla_tier *tier, uint64_t bytes) {
  struct statvfs disk;
  if (statvfs(ddla_stage_path(tier->stage), &disk) != 0) return DDLA_OK; /* writing will tell */
  const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
  if (room >= bytes) return DDLA_OK;
  return DDLA_FAIL(DISK_FULL,
                   "the disk of %s has room for %" PRIu64 " MB, and the data set has %" PRIu64
                   " MB; choose another directory, or make room",
                   tier->directory, room / 1000000, bytes / 1000000 + 1);
}

ddla_status ddla_tier_begin(ddla_tier *tier) {
  DDLA_TRY(ddla_stage_create(&tier->stage, tier->directory));
  DDLA_TRY(check_room(tier, ddla_tier_bytes(tier->index)));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (has_part(&tier->index[p]))
      DDLA_TRY(ddla_prepared_writer_create(&tier->writer[p], ddla_stage_path(tier->stage),
                                           &tier->index[p]));
  tier->part = 0;
  tier->left = ddla_prepared_series_bytes(&tier->index[0]);
  return DDLA_OK;
}

ddla_status ddla_tier_append(ddla_tier *tier, const uint8_t *data, size_t bytes) {
  while (bytes > 0) {
    while (tier->left == 0) {
      DDLA_ASSERT(tier->part + 1 < DDLA_PREPARED_PARTS);
      tier->left = ddla_prepared_series_bytes(&tier->index[++tier->part]);
    }
    const size_t some = tier->left < bytes ? (size_t)tier->left : bytes;
    DDLA_TRY(ddla_prepared_writer_append(tier->writer[tier->part], data, some));
    tier->left -= some;
    data += some;
    bytes -= some;
  }
  return DDLA_OK;
}

ddla_status ddla_tier_commit(ddla_tier *tier) {
  bool same = false;
  ddla_failure failure = {0};
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (tier->writer[p]) DDLA_TRY(ddla_prepared_writer_finish(tier->writer[p]));
  ddla_status status = ddla_stage_commit(tier->stage);
  if (status != DDLA_INVALID) return status;
  ddla_status_take(&failure, status);
  DDLA_TRY(ddla_tier_find(&same, tier->directory, tier->index));
  return same ? DDLA_OK : ddla_status_raise(&failure);
}

void ddla_tier_fini(ddla_tier *tier) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) ddla_prepared_writer_destroy(tier->writer[p]);
  ddla_stage_destroy(tier->stage);
  *tier = (ddla_tier){.directory = tier->directory};
}
