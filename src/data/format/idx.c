#include "data/format/idx.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "data/format.h"

enum { TYPE_BYTE = 0x08, MAGIC_BYTES = 4 };

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static ddla_status check_magic(const uint8_t *bytes, size_t length, int least, int most,
                               const char *path) {
  char expected[64];
  int used = snprintf(expected, sizeof expected, "0x%08x", 0x800u + (unsigned)least);
  if (most > least)
    snprintf(expected + used, sizeof expected - (size_t)used, " or 0x%08x",
             0x800u + (unsigned)most);
  const char *kind = least == 1 ? "labels" : "images";
  if (length < MAGIC_BYTES)
    return DDLA_FAIL(CORRUPT, "%s: %zu bytes are too few for IDX %s, which begin with %s", path,
                     length, kind, expected);
  uint32_t magic = big_endian(bytes);
  int dimensions = bytes[3];
  bool known_type =
      bytes[2] == TYPE_BYTE || bytes[2] == 0x09 || (bytes[2] >= 0x0b && bytes[2] <= 0x0e);
  if (bytes[0] == 0 && bytes[1] == 0 && known_type && bytes[2] != TYPE_BYTE)
    return DDLA_FAIL(INVALID, "%s: IDX values of type 0x%02x; only unsigned bytes (0x08) are read",
                     path, bytes[2]);
  if (magic >> 8 != TYPE_BYTE || dimensions < least || dimensions > most)
    return DDLA_FAIL(CORRUPT, "%s: begins with 0x%08x; IDX %s begin with %s%s", path, magic, kind,
                     expected,
                     magic == 0x801   ? " (this is a file of labels)"
                     : magic == 0x803 ? " (this is a file of images)"
                                      : "");
  return DDLA_OK;
}

ddla_status ddla_idx_parse(ddla_idx_header *out, const uint8_t *bytes, size_t length, int least,
                           int most, const char *path) {
  DDLA_ASSERT(least >= 1 && least <= most && most <= DDLA_IDX_DIMENSIONS_MAX);
  DDLA_TRY(check_magic(bytes, length, least, most, path));
  ddla_idx_header head = {.dimensions = bytes[3], .values_count = 1};
  head.values_offset = MAGIC_BYTES + 4 * (size_t)head.dimensions;
  if (length < head.values_offset)
    return DDLA_FAIL(CORRUPT, "%s: cut short after %zu bytes, within the header of %zu", path,
                     length, head.values_offset);
  for (int d = 0; d < head.dimensions; d++) {
    head.size[d] = big_endian(bytes + MAGIC_BYTES + 4 * d);
    if (d > 0 && head.size[d] == 0)
      return DDLA_FAIL(CORRUPT, "%s: dimension %d of %d is 0", path, d + 1, head.dimensions);
    if (__builtin_mul_overflow(head.values_count, (size_t)head.size[d], &head.values_count))
      return DDLA_FAIL(CORRUPT, "%s: the sizes in the header multiply to more than 2^64 bytes",
                       path);
  }
  size_t values = length - head.values_offset;
  if (values < head.values_count)
    return DDLA_FAIL(CORRUPT, "%s: cut short: the header promises %zu values, %zu follow", path,
                     head.values_count, values);
  if (values > head.values_count)
    return DDLA_FAIL(CORRUPT, "%s: %zu bytes follow the %zu values that the header promises", path,
                     values - head.values_count, head.values_count);
  *out = head;
  return DDLA_OK;
}

static const char *const endings[] = {"", ".gz"};
static const char *const separators[] = {"-idx", ".idx"};

/* stem of the canonical names of a part; null where there is none */
static const char *part_stem(ddla_data_part part, int choice) {
  static const char *const stems[][2] = {[DDLA_DATA_TRAIN] = {"train", NULL},
                                         [DDLA_DATA_VALIDATION] = {"validation", "valid"},
                                         [DDLA_DATA_TEST] = {"t10k", "test"}};
  return stems[part][choice];
}

/* Finds DIR/STEM-KIND-idxN-ubyte[.gz]; false if no spelling of it exists. */
static bool find_canonical(char *out, const ddla_data_source *source, const char *kind,
                           int dimensions) {
  for (int s = 0; s < 2; s++) {
    const char *stem = part_stem(source->part, s);
    for (int v = 0; stem && v < 4; v++) {
      if (ddla_data_path(out, "%s/%s-%s%s%d-ubyte%s", source->path, stem, kind, separators[v / 2],
                         dimensions, endings[v % 2]) == DDLA_OK &&
          ddla_data_is_file(out))
        return true;
    }
  }
  return false;
}

static ddla_status find_in_directory(char *out, const ddla_data_source *source, const char *kind) {
  int dimensions = strcmp(kind, "labels") == 0 ? 1 : 3;
  if (find_canonical(out, source, kind, dimensions)) return DDLA_OK;
  if (dimensions == 3 && find_canonical(out, source, kind, 4)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s has no file %s-%s-idx%d-ubyte or %s-%s-idx%d-ubyte.gz",
                   source->path, part_stem(source->part, 0), kind, dimensions,
                   part_stem(source->part, 0), kind, dimensions);
}

/* Replaces the last `from` of a path's file name; false if there is none or no room. */
static bool replace_in_name(char *path, const char *from, const char *to) {
  char *slash = strrchr(path, '/'), *found = NULL;
  for (char *at = slash ? slash : path; (at = strstr(at, from)); at++) found = at;
  if (!found || strlen(path) - strlen(from) + strlen(to) >= DDLA_DATA_PATH_BYTES) return false;
  memmove(found + strlen(to), found + strlen(from), strlen(found + strlen(from)) + 1);
  memcpy(found, to, strlen(to));
  return true;
}

/* x-images-idx3-ubyte.gz -> x-labels-idx1-ubyte.gz, or that without .gz, or with. */
static ddla_status derive_labels(char *out, const char *images) {
  DDLA_TRY(ddla_data_path(out, "%s", images));
  if (!replace_in_name(out, "images", "labels"))
    return DDLA_FAIL(
        INVALID,
        "%s: the labels' file is not given and cannot be guessed, as the name does not "
        "say \"images\"",
        images);
  if (!replace_in_name(out, "idx3", "idx1")) replace_in_name(out, "idx4", "idx1");
  if (ddla_data_is_file(out)) return DDLA_OK;
  char first[DDLA_DATA_PATH_BYTES];
  DDLA_TRY(ddla_data_path(first, "%s", out));
  size_t length = strlen(out);
  if (length > 3 && strcmp(out + length - 3, ".gz") == 0) out[length - 3] = '\0';
  else DDLA_TRY(ddla_data_path(out, "%s.gz", first));
  if (ddla_data_is_file(out)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s: no labels for these images; looked for %s and %s", images, first,
                   out);
}

static ddla_status find_files(char *images, char *labels, const ddla_data_source *source) {
  bool directory = ddla_data_is_directory(source->path);
  if (directory) DDLA_TRY(find_in_directory(images, source, "images"));
  else DDLA_TRY(ddla_data_path(images, "%s", source->path));
  if (source->labels_path) return ddla_data_path(labels, "%s", source->labels_path);
  return directory ? find_in_directory(labels, source, "labels") : derive_labels(labels, images);
}

static ddla_status read_images(ddla_dataset *set, const ddla_data_source *source,
                               const char *path) {
  ddla_idx_header head = {0};
  DDLA_TRY(ddla_data_file_load(&set->features_block, path, source->memory));
  DDLA_TRY(ddla_idx_parse(&head, set->features_block.data, set->features_block.bytes, 3, 4, path));
  set->type = DDLA_DATA_UINT8;
  set->count = head.size[0];
  set->shape = (ddla_data_shape){.height = head.size[1],
                                 .width = head.size[2],
                                 .channels = head.dimensions == 4 ? head.size[3] : 1};
  set->features = set->features_block.data + head.values_offset;
  return DDLA_OK;
}

static ddla_status read_labels(ddla_dataset *set, const ddla_data_source *source, const char *path,
                               const char *images_path) {
  ddla_data_block raw = {0};
  ddla_idx_header head = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_data_file_load(&raw, path, ddla_data_memory_private()));
  DDLA_TRY_CLEAN(status, ddla_idx_parse(&head, raw.data, raw.bytes, 1, 1, path));
  if (head.size[0] != set->count) {
    status = DDLA_FAIL(INVALID, "%s holds %lld images but %s holds %lld labels", images_path,
                       (long long)set->count, path, (long long)head.size[0]);
    goto cleanup;
  }
  DDLA_TRY_CLEAN(status,
                 ddla_data_block_make(&set->labels_block, (size_t)set->count * sizeof *set->labels,
                                      source->memory));
  set->labels = (int32_t *)(void *)set->labels_block.data;
  for (int64_t i = 0; i < set->count; i++)
    set->labels[i] = raw.data[head.values_offset + (size_t)i];
  DDLA_TRY_CLEAN(status, ddla_dataset_number_classes(set, source, path));
cleanup:
  ddla_data_block_release(&raw);
  return status;
}

static ddla_status idx_read(ddla_dataset *set, const ddla_data_source *source) {
  char images[DDLA_DATA_PATH_BYTES], labels[DDLA_DATA_PATH_BYTES];
  DDLA_TRY(find_files(images, labels, source));
  DDLA_TRY(read_images(set, source, images));
  return read_labels(set, source, labels, images);
}

static bool idx_has_part(const ddla_data_source *source) {
  char path[DDLA_DATA_PATH_BYTES];
  return find_canonical(path, source, "images", 3) || find_canonical(path, source, "images", 4);
}

static bool idx_accepts(const ddla_data_source *source) {
  if (ddla_data_is_directory(source->path)) {
    ddla_data_source part = *source; /* any will do: the one that is missing is named on reading */
    for (int p = DDLA_DATA_TRAIN; p <= DDLA_DATA_TEST; p++) {
      part.part = (ddla_data_part)p;
      if (idx_has_part(&part)) return true;
    }
    return false;
  }
  if (!ddla_data_is_file(source->path)) return false;
  const char *slash = strrchr(source->path, '/');
  const char *name = slash ? slash + 1 : source->path;
  uint8_t head[MAGIC_BYTES] = {0};
  if (strstr(name, "idx") || strstr(name, "ubyte")) return true;
  return ddla_data_file_peek(head, sizeof head, source->path) == sizeof head &&
         big_endian(head) >> 8 == TYPE_BYTE;
}

const ddla_data_format ddla_data_format_idx = {
    .name = "idx",
    .looks_for = "a directory with train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz] and "
                 "their t10k-… counterparts, or one such file of images beside its labels",
    .accepts = idx_accepts,
    .has_part = idx_has_part,
    .read = idx_read};
