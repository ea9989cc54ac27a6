#include "share/sets/manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

enum { VERSION = 1, MANIFEST_BYTES_MAX = 1 << 24 };

static ddla_status path_of(char *out, const char *directory) {
  return ddla_data_path(out, "%s/manifest.json", directory);
}

static void origin_text(char text[20], const ddla_united *united) {
  snprintf(text, 20, "%016" PRIx64, ddla_united_origin(united));
}

static const char *fingerprint_text(char text[40], ddla_data_fingerprint print) {
  snprintf(text, 40, "%016" PRIx64 "%016" PRIx64, print.high, print.low);
  return text;
}

static json_t *fingerprint_json(ddla_data_fingerprint print) {
  char text[40];
  return json_string(fingerprint_text(text, print));
}

static json_t *host_json(const ddla_united *united, int host, int part) {
  const ddla_united_host *h = &united->host[host];
  const ddla_prepared_index *index = &h->index[part];
  const int64_t count = index->records.count;
  return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "host", h->name, "samples", (json_int_t)count,
                   "kept", (json_int_t)h->kept[part], "duplicates",
                   (json_int_t)(count - h->kept[part]), "bytes",
                   (json_int_t)ddla_prepared_series_bytes(index), "fingerprint",
                   fingerprint_json(index->fingerprint));
}

static json_t *part_json(const ddla_united *united, int part) {
  const ddla_prepared_index *index = &united->index[part];
  json_t *hosts = json_array();
  int64_t samples = 0;
  for (int h = 0; h < united->hosts; h++) {
    if (!ddla_united_has(united, h, part)) continue;
    samples += united->host[h].index[part].records.count;
    json_array_append_new(hosts, host_json(united, h, part));
  }
  return json_pack("{s:s, s:I, s:I, s:I, s:i, s:o, s:o}", "part",
                   ddla_prepared_part_name((ddla_data_part)part), "samples",
                   (json_int_t)index->records.count, "bytes",
                   (json_int_t)ddla_prepared_series_bytes(index), "duplicates",
                   (json_int_t)(samples - index->records.count), "classes", index->classes.count,
                   "fingerprint", fingerprint_json(index->fingerprint), "hosts", hosts);
}

ddla_status ddla_manifest_write(const char *directory, const ddla_united *united) {
  char path[DDLA_DATA_PATH_BYTES], origin[20];
  json_t *parts = json_array();
  DDLA_TRY(path_of(path, directory));
  origin_text(origin, united);
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (united->index[p].block_count > 0) json_array_append_new(parts, part_json(united, p));
  json_t *all = json_pack("{s:i, s:s, s:o}", "version", VERSION, "origin", origin, "parts", parts);
  char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
  json_decref(all);
  if (!text) return DDLA_FAIL(NO_MEMORY, "no memory for %s", path);
  ddla_status status = ddla_file_write(path, text, strlen(text));
  free(text); /* made by jansson */
  return status;
}

/* ---- what is there ---- */

/* The caller's (json_decref); null: no manifest, or none of this version. */
static json_t *read_manifest(const char *directory) {
  char path[DDLA_DATA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  if (path_of(path, directory) != DDLA_OK || !ddla_data_is_file(path) ||
      ddla_file_read(&text, &bytes, path, MANIFEST_BYTES_MAX) != DDLA_OK)
    return NULL;
  json_t *all = json_loads(text, 0, NULL);
  ddla_free(text);
  if (json_integer_value(json_object_get(all, "version")) == VERSION) return all;
  json_decref(all);
  return NULL;
}

bool ddla_manifest_is_of(const char *directory, const ddla_united *united) {
  char origin[20];
  json_t *all = read_manifest(directory);
  const char *said = json_string_value(json_object_get(all, "origin"));
  origin_text(origin, united);
  const bool same = said && strcmp(said, origin) == 0;
  json_decref(all);
  return same;
}

/* Null: the manifest does not tell of this part. */
static const json_t *entry_of(const json_t *all, int part) {
  const json_t *parts = json_object_get(all, "parts");
  for (size_t i = 0; i < json_array_size(parts); i++) {
    const json_t *entry = json_array_get(parts, i);
    const char *name = json_string_value(json_object_get(entry, "part"));
    if (name && strcmp(name, ddla_prepared_part_name((ddla_data_part)part)) == 0) return entry;
  }
  return NULL;
}

/* Null: as told. */
static const char *find_difference(const json_t *entry, const ddla_prepared_index *found,
                                   bool wanted) {
  char print[40];
  const char *told = json_string_value(json_object_get(entry, "fingerprint"));
  if (!entry && wanted) return "is not in its manifest.json";
  if (!entry) return found->block_count > 0 ? "was put there afterwards" : NULL;
  if (found->block_count == 0) return "is missing";
  if (json_integer_value(json_object_get(entry, "samples")) != found->records.count)
    return "has another number of samples than its manifest.json tells";
  if (!told || strcmp(told, fingerprint_text(print, found->fingerprint)) != 0)
    return "has other samples than its manifest.json tells (the fingerprint differs)";
  return NULL;
}

ddla_status ddla_manifest_check(const char *directory, const ddla_united *united,
                                const ddla_prepared_index found[DDLA_PREPARED_PARTS]) {
  json_t *all = read_manifest(directory);
  ddla_status status = DDLA_OK;
  for (int p = 0; p < DDLA_PREPARED_PARTS && status == DDLA_OK; p++) {
    bool wanted = false;
    for (int h = 0; h < united->hosts; h++) wanted = wanted || ddla_united_has(united, h, p);
    const char *difference = find_difference(entry_of(all, p), &found[p], wanted);
    if (difference)
      status = DDLA_FAIL(CORRUPT,
                         "%s was gathered before from the same parts, but its part %s %s; remove "
                         "the directory, and it is gathered again",
                         directory, ddla_prepared_part_name((ddla_data_part)p), difference);
  }
  json_decref(all);
  return status;
}
