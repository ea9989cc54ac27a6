#include "ckpt/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "ckpt/checkpoint_parts.h"

struct ddla_checkpoint_file {
  char *path;
  ddla_safetensors *parts[DDLA_CHECKPOINT_PARTS];
  uint64_t step;
};

static const ddla_safetensors *state_of(const ddla_checkpoint_file *file) {
  return file->parts[DDLA_CHECKPOINT_STATE];
}

static ddla_status damaged(const ddla_checkpoint_file *file, const char *part, const char *what) {
  return DDLA_FAIL(CORRUPT, "%s/%s is damaged: %s; remove %s to resume from an older checkpoint",
                   file->path, part, what, file->path);
}

static ddla_status check_format(const ddla_checkpoint_file *file) {
  static const char name[] = DDLA_CHECKPOINT_FORMAT_NAME " ";
  const char *format = ddla_safetensors_note_of(state_of(file), DDLA_NOTE_FORMAT);
  int64_t number = 0;
  bool known = format && strncmp(format, name, sizeof name - 1) == 0 &&
               ddla_text_to_int(&number, format + sizeof name - 1);
  if (!known) return DDLA_FAIL(CORRUPT, "%s is no checkpoint: it names no format", file->path);
  if (number <= DDLA_CHECKPOINT_FORMAT) return DDLA_OK;
  return DDLA_FAIL(UNSUPPORTED, "%s has format %lld of a newer program; this one reads up to %d",
                   file->path, (long long)number, DDLA_CHECKPOINT_FORMAT);
}

static ddla_status check_state(ddla_checkpoint_file *file) {
  const char *state = ddla_checkpoint_part_name(DDLA_CHECKPOINT_STATE);
  if (!ddla_safetensors_is_sealed(state_of(file))) return damaged(file, state, "it has no seal");
  DDLA_TRY(check_format(file));
  const char *step = ddla_safetensors_note_of(state_of(file), DDLA_NOTE_STEP);
  int64_t number = -1;
  if (!step || !ddla_text_to_int(&number, step) || number < 0) {
    return damaged(file, state, "it names no step");
  }
  file->step = (uint64_t)number;
  return DDLA_OK;
}

static ddla_status open_part(ddla_checkpoint_file *file, ddla_checkpoint_part part,
                             const char *header) {
  char *path = NULL;
  DDLA_TRY(ddla_checkpoint_join(&path, file->path, "/", ddla_checkpoint_part_name(part)));
  ddla_status status = ddla_safetensors_open(&file->parts[part], path, header);
  ddla_free(path);
  return status;
}

/* The state file vouches for itself by its seal, and for the model file's header. */
static ddla_status open_parts(ddla_checkpoint_file *file) {
  DDLA_TRY(open_part(file, DDLA_CHECKPOINT_STATE, NULL));
  DDLA_TRY(check_state(file));
  const char *header = ddla_safetensors_note_of(state_of(file), DDLA_NOTE_HEADER);
  return open_part(file, DDLA_CHECKPOINT_MODEL, header ? header : "");
}

ddla_status ddla_checkpoint_open(ddla_checkpoint_file **out, const char *path) {
  ddla_checkpoint_file *file = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(file, 1));
  DDLA_TRY_CLEAN(status, ddla_alloc_text(&file->path, path));
  DDLA_TRY_CLEAN(status, open_parts(file));
  *out = file;
  file = NULL;
cleanup:
  ddla_checkpoint_close(file);
  return status;
}

void ddla_checkpoint_close(ddla_checkpoint_file *file) {
  if (!file) return;
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++)
    ddla_safetensors_close(file->parts[part]);
  ddla_free(file->path);
  ddla_free(file);
}

uint64_t ddla_checkpoint_step(const ddla_checkpoint_file *file) { return file->step; }

/* The value of the note prefix + key, or null. */
static const char *prefixed(const ddla_checkpoint_file *file, const char *prefix, const char *key) {
  const ddla_safetensors_note *note;
  size_t length = strlen(prefix);
  for (int i = 0; (note = ddla_safetensors_note_at(state_of(file), i)); i++) {
    if (strncmp(note->key, prefix, length) != 0) continue;
    if (strcmp(note->key + length, key) == 0) return note->value;
  }
  return NULL;
}

const char *ddla_checkpoint_note(const ddla_checkpoint_file *file, const char *key) {
  return prefixed(file, DDLA_NOTE_FREE, key);
}

const char *ddla_checkpoint_same(const ddla_checkpoint_file *file, const char *key) {
  return prefixed(file, DDLA_NOTE_SAME, key);
}

const char *ddla_checkpoint_path(const ddla_checkpoint_file *file) { return file->path; }

const ddla_safetensors *ddla_checkpoint_part_of(const ddla_checkpoint_file *file,
                                                ddla_checkpoint_part part) {
  return file->parts[part];
}

static bool is_wanted(const ddla_checkpoint_notes *wanted, const char *key) {
  for (int i = 0; i < wanted->count; i++) {
    if (strcmp(wanted->at[i].key, key) == 0) return true;
  }
  return false;
}

ddla_status ddla_checkpoint_identity_check(const ddla_checkpoint_file *file,
                                           const ddla_checkpoint_notes *wanted) {
  for (int i = 0; i < wanted->count; i++) {
    const char *key = wanted->at[i].key, *value = wanted->at[i].value;
    const char *found = prefixed(file, DDLA_NOTE_SAME, key);
    if (!value || (found && strcmp(found, value) == 0)) continue;
    return DDLA_FAIL(INVALID,
                     "the checkpoint %s was made with%s %s %s, the job says %s; use that value, or "
                     "start a new run in another directory",
                     file->path, found ? "" : "out", key, found ? found : "", value);
  }
  const ddla_safetensors_note *note;
  size_t length = strlen(DDLA_NOTE_SAME);
  for (int i = 0; (note = ddla_safetensors_note_at(state_of(file), i)); i++) {
    if (strncmp(note->key, DDLA_NOTE_SAME, length) != 0) continue;
    if (is_wanted(wanted, note->key + length)) continue;
    return DDLA_FAIL(INVALID,
                     "the checkpoint %s was made with %s %s, which this program does not know",
                     file->path, note->key + length, note->value);
  }
  return DDLA_OK;
}

/* Reads one array into memory of its size and compares its checksum. */
static ddla_status read_checked(void *into, ddla_checkpoint_file *file, ddla_checkpoint_part part,
                                int index) {
  const ddla_safetensors_array *array = ddla_safetensors_at(file->parts[part], index);
  const char *wanted = prefixed(file, ddla_checkpoint_sum_prefix(part), array->name);
  char found[DDLA_XXH128_TEXT_BYTES], what[192];
  DDLA_TRY(ddla_safetensors_read(into, file->parts[part], index));
  ddla_xxh128_of(found, into, ddla_safetensors_bytes(array));
  if (wanted && strcmp(found, wanted) == 0) return DDLA_OK;
  snprintf(what, sizeof what, "tensor %s does not have its checksum",
           ddla_text_quote(array->name).text);
  return damaged(file, ddla_checkpoint_part_name(part), what);
}

ddla_status ddla_checkpoint_read(void *into, ddla_checkpoint_file *file, ddla_checkpoint_part part,
                                 const char *name) {
  const int index = ddla_safetensors_find(file->parts[part], name);
  if (index >= 0) return read_checked(into, file, part, index);
  return DDLA_FAIL(INVALID, "%s holds no tensor %s", file->path, ddla_text_quote(name).text);
}

ddla_status ddla_checkpoint_verify(ddla_checkpoint_file *file) {
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++) {
    for (int i = 0; i < ddla_safetensors_count(file->parts[part]); i++) {
      char *block = NULL;
      DDLA_TRY(DDLA_NEW(block, ddla_safetensors_bytes(ddla_safetensors_at(file->parts[part], i))));
      ddla_status status = read_checked(block, file, (ddla_checkpoint_part)part, i);
      ddla_free(block);
      DDLA_TRY(status);
    }
  }
  return DDLA_OK;
}

static size_t bytes_of(const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS]) {
  size_t bytes = 0;
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++) {
    for (int i = 0; i < wanted[part].count; i++)
      if (wanted[part].at[i].into) bytes += ddla_safetensors_bytes(&wanted[part].at[i]);
  }
  return bytes;
}

/* Reads all wanted arrays one behind the other into the block. */
static ddla_status stage(char *block, ddla_checkpoint_file *file,
                         const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS]) {
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++) {
    for (int i = 0; i < wanted[part].count; i++) {
      const ddla_safetensors_array *array = &wanted[part].at[i];
      if (!array->into) continue;
      int index = ddla_safetensors_find(file->parts[part], array->name);
      DDLA_TRY(read_checked(block, file, (ddla_checkpoint_part)part, index));
      block += ddla_safetensors_bytes(array);
    }
  }
  return DDLA_OK;
}

static void hand_out(const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS],
                     const char *block) {
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++) {
    for (int i = 0; i < wanted[part].count; i++) {
      const ddla_safetensors_array *array = &wanted[part].at[i];
      if (!array->into) continue;
      size_t bytes = ddla_safetensors_bytes(array);
      if (bytes > 0) memcpy(array->into, block, bytes);
      block += bytes;
    }
  }
}

ddla_status ddla_checkpoint_load(ddla_checkpoint_file *file,
                                 const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS]) {
  for (int part = 0; part < DDLA_CHECKPOINT_PARTS; part++) {
    DDLA_TRY(ddla_safetensors_check(file->parts[part], wanted[part].at, wanted[part].count));
  }
  char *block = NULL;
  DDLA_TRY(DDLA_NEW(block, bytes_of(wanted) + 1));
  ddla_status status = stage(block, file, wanted);
  if (status == DDLA_OK) hand_out(wanted, block);
  ddla_free(block);
  return status;
}
