#include "share/manifest.h"

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

static json_t *fingerprint_json(ddla_data_fingerprint print) {
  char text[40];
  snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, print.high, print.low);
  return json_string(text);
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

bool ddla_manifest_is_of(const char *directory, const ddla_united *united) {
  char path[DDLA_DATA_PATH_BYTES], origin[20], *text = NULL;
  size_t bytes = 0;
  origin_text(origin, united);
  if (path_of(path, directory) != DDLA_OK || !ddla_data_is_file(path) ||
      ddla_file_read(&text, &bytes, path, MANIFEST_BYTES_MAX) != DDLA_OK)
    return false; /* no manifest, none of ours */
  json_t *all = json_loads(text, 0, NULL);
  const char *said = json_string_value(json_object_get(all, "origin"));
  const bool same = json_integer_value(json_object_get(all, "version")) == VERSION && said &&
                    strcmp(said, origin) == 0;
  json_decref(all);
  ddla_free(text);
  return same;
}
