/* ddla data info: what a data set is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/data_kinds.h"
#include "cli/json.h"
#include "data/census.h"

enum { CLASSES_SHOWN = 20 };

/* How a part lies on disk. */
typedef struct stored {
  bool prepared, compressed;
  int64_t files, blocks;
  uint64_t block_bytes, bytes; /* bytes: of the part files */
} stored;

const char *ddla_data_info_type(const ddla_dataset *set) {
  static const char *const names[] = {
      [DDLA_DATA_UINT8] = "uint8", [DDLA_DATA_FLOAT32] = "float32", [DDLA_DATA_TOKENS] = "token"};
  return names[ddla_dataset_type(set)];
}

/* Of a text: tokens in windows, mostly of one, and the one behind the last. */
int64_t ddla_data_info_count(const ddla_dataset *set) {
  const int64_t count = ddla_dataset_count(set);
  return ddla_dataset_type(set) == DDLA_DATA_TOKENS ? count * ddla_dataset_shape(set).height + 1
                                                    : count;
}

static ddla_status look(stored *out, const ddla_data_call *call, ddla_data_part part) {
  ddla_prepared_index index = {0};
  *out = (stored){0};
  if (!ddla_prepared_has(call->path, part)) return DDLA_OK;
  DDLA_TRY(ddla_prepared_index_read(&index, call->path, part));
  *out = (stored){.prepared = true,
                  .compressed = index.compressed,
                  .blocks = index.block_count,
                  .block_bytes = index.block_bytes};
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    out->files += ddla_prepared_files(&index, (ddla_prepared_stream)s);
  for (int64_t b = 0; b < index.block_count; b++) out->bytes += index.blocks[b].bytes;
  out->bytes += (uint64_t)out->files * DDLA_PREPARED_FOOT_BYTES;
  ddla_prepared_index_fini(&index);
  return DDLA_OK;
}

static ddla_status count_classes(int64_t **out, const ddla_dataset *set) {
  DDLA_TRY(DDLA_NEW(*out, ddla_dataset_classes(set)));
  ddla_census_classes(*out, set);
  return DDLA_OK;
}

static json_t *classes_json(const ddla_dataset *set, const int64_t *counts) {
  json_t *made = json_array();
  for (int c = 0; c < ddla_dataset_classes(set); c++)
    json_array_append_new(made, json_pack("{s:o, s:I}", "name",
                                          ddla_json_text(ddla_dataset_class_name(set, c)), "count",
                                          (json_int_t)counts[c]));
  return made;
}

static json_t *stored_json(const stored *on_disk) {
  if (!on_disk->prepared) return json_null();
  return json_pack("{s:b, s:I, s:I, s:I, s:I}", "compressed", on_disk->compressed, "files",
                   (json_int_t)on_disk->files, "blocks", (json_int_t)on_disk->blocks, "block_bytes",
                   (json_int_t)on_disk->block_bytes, "bytes", (json_int_t)on_disk->bytes);
}

static json_t *part_json(const ddla_dataset *set, ddla_data_part part, const stored *on_disk,
                         const int64_t *counts) {
  const ddla_data_fingerprint print = ddla_dataset_fingerprint(set);
  const ddla_data_shape shape = ddla_dataset_shape(set);
  int64_t blocks = 0;
  char text[40];
  snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, print.high, print.low);
  const int64_t left_out = ddla_dataset_left_out(&blocks, set);
  return json_pack("{s:s, s:s, s:[III], s:I, s:I, s:I, s:s, s:I, s:I, s:o, s:o}", "part",
                   ddla_prepared_part_name(part), "type", ddla_data_info_type(set), "shape",
                   (json_int_t)shape.height, (json_int_t)shape.width, (json_int_t)shape.channels,
                   "count", (json_int_t)ddla_data_info_count(set), "targets",
                   (json_int_t)ddla_dataset_targets(set), "bytes",
                   (json_int_t)ddla_dataset_bytes(set), "fingerprint", text, "left_out",
                   (json_int_t)left_out, "damaged_blocks", (json_int_t)blocks, "classes",
                   classes_json(set, counts), "prepared", stored_json(on_disk));
}

static void print_head(const ddla_dataset *set, const char *part) {
  const ddla_data_shape shape = ddla_dataset_shape(set);
  printf("%-11s %" PRId64, part, ddla_data_info_count(set));
  if (ddla_dataset_type(set) == DDLA_DATA_TOKENS) printf(" tokens");
  else
    printf(" samples of %" PRId64 " x %" PRId64 " x %" PRId64 " %s", shape.height, shape.width,
           shape.channels, ddla_data_info_type(set));
  if (ddla_dataset_targets(set) > 0) printf(", %" PRId64 " targets", ddla_dataset_targets(set));
  else if (ddla_dataset_classes(set) > 0) printf(", %d classes", ddla_dataset_classes(set));
  else printf(", no labels");
  printf(", %.1f MiB\n", (double)ddla_dataset_bytes(set) * 0x1p-20);
}

static void print_part(const ddla_dataset *set, ddla_data_part part, const stored *on_disk,
                       const int64_t *counts) {
  const ddla_data_fingerprint print = ddla_dataset_fingerprint(set);
  const int classes = ddla_dataset_classes(set);
  int64_t blocks = 0;
  const int64_t left_out = ddla_dataset_left_out(&blocks, set);
  print_head(set, ddla_prepared_part_name(part));
  if (on_disk->prepared)
    printf("  prepared  %" PRId64 " files, %" PRId64 " blocks of %.4g MiB%s, %.1f MiB on disk\n",
           on_disk->files, on_disk->blocks, (double)on_disk->block_bytes * 0x1p-20,
           on_disk->compressed ? ", compressed" : "", (double)on_disk->bytes * 0x1p-20);
  if (left_out > 0)
    printf("  left out  %" PRId64 " samples, which lie in %" PRId64 " damaged blocks\n", left_out,
           blocks);
  printf("  fingerprint %016" PRIx64 "%016" PRIx64 "\n", print.high, print.low);
  for (int c = 0; c < classes && c < CLASSES_SHOWN; c++)
    printf("  %-9s %" PRId64 "\n", ddla_dataset_class_name(set, c), counts[c]);
  if (classes > CLASSES_SHOWN)
    printf("  ... and %d more (--json lists all)\n", classes - CLASSES_SHOWN);
}

static ddla_status tell_part(json_t *parts, const ddla_data_call *call, ddla_data_part part) {
  const ddla_dataset *set = call->sets[part];
  int64_t *counts = NULL;
  stored on_disk;
  DDLA_TRY(look(&on_disk, call, part));
  DDLA_TRY(count_classes(&counts, set));
  if (call->json) json_array_append_new(parts, part_json(set, part, &on_disk, counts));
  else print_part(set, part, &on_disk, counts);
  ddla_free(counts);
  return DDLA_OK;
}

ddla_status ddla_data_info_print(const ddla_data_call *call) {
  const ddla_data_source source = ddla_data_call_source(call, DDLA_DATA_TRAIN);
  const char *format = ddla_dataset_format_of(&source);
  json_t *parts = call->json ? json_array() : NULL;
  ddla_status status = DDLA_OK;
  if (!call->json)
    printf("%s (%s), opened in %.4f s\n", call->path, format ? format : "unknown",
           call->open_seconds);
  for (int p = 0; p < DDLA_PREPARED_PARTS && status == DDLA_OK; p++)
    if (call->sets[p]) status = tell_part(parts, call, (ddla_data_part)p);
  if (!call->json || status != DDLA_OK) {
    json_decref(parts);
    return status;
  }
  return ddla_json_print(json_pack("{s:o, s:s?, s:f, s:o}", "path", ddla_json_text(call->path),
                                   "format", format, "open_seconds", call->open_seconds, "parts",
                                   parts));
}

ddla_status ddla_data_info(int argc, char **argv) {
  ddla_data_call call = {.trusts_features = true};
  ddla_status status = ddla_data_call_read(&call, argc, argv, NULL, 0);
  if (status == DDLA_OK) status = ddla_data_call_open(&call);
  if (status == DDLA_OK) status = ddla_data_info_print(&call);
  ddla_data_call_fini(&call);
  return status;
}
