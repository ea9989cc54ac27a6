/* ddla data verify: whether a prepared set is whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/data_kinds.h"
#include "cli/json.h"

typedef struct verifying {
  const ddla_data_call *call;
  json_t *parts, *damages; /* with --json; damages: of the part at hand */
  int64_t damaged;         /* told, of all parts */
} verifying;

static void tell(const char *words, void *argument) {
  verifying *self = argument;
  self->damaged++;
  if (self->call->json) json_array_append_new(self->damages, ddla_json_text(words));
  else printf("%s\n", words);
}

static void conclude(verifying *self, ddla_data_part part, const ddla_prepared_verdict *found) {
  const char *name = ddla_prepared_part_name(part);
  if (self->call->json)
    json_array_append_new(self->parts,
                          json_pack("{s:s, s:I, s:I, s:I, s:I, s:O}", "part", name, "files",
                                    (json_int_t)found->files, "blocks", (json_int_t)found->blocks,
                                    "samples", (json_int_t)found->samples, "bytes",
                                    (json_int_t)found->bytes, "damages", self->damages));
  else
    printf("%s: %" PRId64 " files, %" PRId64 " blocks, %" PRIu64 " bytes: ", name, found->files,
           found->blocks, found->bytes);
  if (!self->call->json && found->damages == 0) puts("whole");
  if (!self->call->json && found->damages > 0)
    printf("%" PRId64 " damage%s\n", found->damages, found->damages == 1 ? "" : "s");
}

/* Part files without the index that says what is in them. */
static bool is_orphan(char *path, const char *directory, ddla_data_part part) {
  const ddla_prepared_index index = {.part = part};
  return !ddla_prepared_has(directory, part) &&
         ddla_prepared_file_path(path, directory, &index, DDLA_PREPARED_FEATURES, 0) == DDLA_OK &&
         ddla_data_is_file(path);
}

static ddla_status verify_part(verifying *self, ddla_data_part part) {
  char path[DDLA_DATA_PATH_BYTES], words[DDLA_DATA_PATH_BYTES + 128];
  const char *directory = self->call->path;
  ddla_prepared_verdict found = {0};
  const bool orphan = is_orphan(path, directory, part);
  if (!orphan && !ddla_prepared_has(directory, part)) return DDLA_OK;
  self->damages = self->call->json ? json_array() : NULL;
  ddla_status status = DDLA_OK;
  if (orphan) {
    snprintf(words, sizeof words, "%s/%s.index is missing, though %s is there", directory,
             ddla_prepared_part_name(part), path);
    tell(words, self);
    found.damages = 1;
  } else {
    status = ddla_prepared_verify(&found, directory, part, tell, self);
  }
  if (status == DDLA_OK) conclude(self, part, &found);
  json_decref(self->damages);
  return status;
}

static ddla_status verify(const ddla_data_call *call) {
  verifying self = {.call = call, .parts = call->json ? json_array() : NULL};
  char path[DDLA_DATA_PATH_BYTES];
  ddla_status status = DDLA_OK;
  bool any = ddla_dataset_is_prepared(call->path);
  for (int p = 0; p < DDLA_PREPARED_PARTS && !any; p++)
    any = is_orphan(path, call->path, (ddla_data_part)p);
  if (!any)
    status = DDLA_FAIL(INVALID,
                       "%s is no prepared set: it holds no train.index, validation.index "
                       "or test.index",
                       call->path);
  for (int p = 0; p < DDLA_PREPARED_PARTS && status == DDLA_OK; p++)
    status = verify_part(&self, (ddla_data_part)p);
  if (status == DDLA_OK && call->json)
    status = ddla_json_print(json_pack("{s:o, s:b, s:O}", "path", ddla_json_text(call->path),
                                       "whole", self.damaged == 0, "parts", self.parts));
  json_decref(self.parts);
  if (status != DDLA_OK || self.damaged == 0) return status;
  return DDLA_FAIL(DAMAGED,
                   "%s is damaged in %" PRId64 " place%s; copy it again, or prepare it anew",
                   call->path, self.damaged, self.damaged == 1 ? "" : "s");
}

ddla_status ddla_data_verify(int argc, char **argv) {
  ddla_data_call call = {0};
  ddla_status status = ddla_data_call_read(&call, argc, argv, NULL, 0);
  if (status == DDLA_OK) status = verify(&call);
  ddla_data_call_fini(&call);
  return status;
}
