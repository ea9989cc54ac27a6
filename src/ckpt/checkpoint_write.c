#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "ckpt/checkpoint_parts.h"

const char *ddla_checkpoint_part_name(ddla_checkpoint_part part) {
  return part == DDLA_CHECKPOINT_MODEL ? "model.safetensors" : "state.safetensors";
}

const char *ddla_checkpoint_sum_prefix(ddla_checkpoint_part part) {
  return part == DDLA_CHECKPOINT_MODEL ? DDLA_NOTE_SUM_MODEL : DDLA_NOTE_SUM_STATE;
}

ddla_status ddla_checkpoint_join(char **out, const char *first, const char *second,
                                 const char *third) {
  size_t bytes = strlen(first) + strlen(second) + strlen(third) + 1;
  char *text = NULL;
  DDLA_TRY(DDLA_NEW(text, bytes));
  snprintf(text, bytes, "%s%s%s", first, second, third);
  *out = text;
  return DDLA_OK;
}

#define BLANK_SUM "00000000000000000000000000000000"

_Static_assert(sizeof BLANK_SUM == DDLA_XXH128_TEXT_BYTES, "as long as a checksum");

/* Notes under construction; keys and values are owned. */
typedef struct note_list {
  ddla_safetensors_note *at;
  int count;
} note_list;

static void destroy_notes(note_list *notes) {
  for (int i = 0; i < notes->count; i++) {
    ddla_free((void *)(uintptr_t)notes->at[i].key);
    ddla_free((void *)(uintptr_t)notes->at[i].value);
  }
  ddla_free(notes->at);
}

static ddla_status add_note(note_list *notes, const char *prefix, const char *key,
                            const char *value) {
  char *whole = NULL, *copy = NULL;
  DDLA_TRY(ddla_checkpoint_join(&whole, prefix, key, ""));
  ddla_status status = ddla_alloc_text(&copy, value);
  if (status != DDLA_OK) ddla_free(whole);
  if (status == DDLA_OK) notes->at[notes->count++] = (ddla_safetensors_note){whole, copy};
  return status;
}

static ddla_status add_given(note_list *notes, const char *prefix,
                             const ddla_checkpoint_notes *given) {
  for (int i = 0; i < given->count; i++) {
    DDLA_TRY(add_note(notes, prefix, given->at[i].key, given->at[i].value));
  }
  return DDLA_OK;
}

/* Of arrays that come piece by piece the sum is not known yet: see write_state. */
static ddla_status add_sums(note_list *notes, ddla_checkpoint_part part,
                            const ddla_checkpoint_arrays *arrays) {
  for (int i = 0; i < arrays->count; i++) {
    char sum[DDLA_XXH128_TEXT_BYTES] = BLANK_SUM;
    if (!arrays->at[i].stream.next)
      ddla_xxh128_of(sum, arrays->at[i].data, ddla_safetensors_bytes(&arrays->at[i]));
    DDLA_TRY(add_note(notes, ddla_checkpoint_sum_prefix(part), arrays->at[i].name, sum));
  }
  return DDLA_OK;
}

static ddla_safetensors_content model_content(const ddla_checkpoint *c) {
  const ddla_checkpoint_arrays *arrays = &c->parts[DDLA_CHECKPOINT_MODEL];
  return (ddla_safetensors_content){.arrays = arrays->at, .array_count = arrays->count};
}

/* out->at has room for all notes. */
static ddla_status fill_notes(note_list *out, const ddla_checkpoint *c) {
  char format[64], step[32], header[DDLA_XXH128_TEXT_BYTES];
  ddla_safetensors_content model = model_content(c);
  snprintf(format, sizeof format, "%s %d", DDLA_CHECKPOINT_FORMAT_NAME, DDLA_CHECKPOINT_FORMAT);
  snprintf(step, sizeof step, "%" PRIu64, c->step);
  DDLA_TRY(ddla_safetensors_header_digest(header, &model));
  DDLA_TRY(add_note(out, "", DDLA_NOTE_FORMAT, format));
  DDLA_TRY(add_note(out, "", DDLA_NOTE_STEP, step));
  DDLA_TRY(add_note(out, "", DDLA_NOTE_HEADER, header));
  DDLA_TRY(add_given(out, DDLA_NOTE_FREE, &c->notes));
  DDLA_TRY(add_given(out, DDLA_NOTE_SAME, &c->identity));
  DDLA_TRY(add_sums(out, DDLA_CHECKPOINT_MODEL, &c->parts[DDLA_CHECKPOINT_MODEL]));
  return add_sums(out, DDLA_CHECKPOINT_STATE, &c->parts[DDLA_CHECKPOINT_STATE]);
}

static ddla_status write_model(const char *folder, const ddla_checkpoint *c) {
  char *path = NULL;
  ddla_safetensors_content content = model_content(c);
  DDLA_TRY(
      ddla_checkpoint_join(&path, folder, "/", ddla_checkpoint_part_name(DDLA_CHECKPOINT_MODEL)));
  ddla_status status = ddla_safetensors_write(NULL, path, &content);
  ddla_free(path);
  return status;
}

/* The state file while it is written. */
typedef struct state_write {
  const ddla_checkpoint_arrays *arrays;
  ddla_safetensors_array *at; /* [arrays->count] whose streams are these below */
  struct summed_stream *stream;
  note_list notes;
  int first_sum; /* of notes */
  bool streams;  /* there are some */
} state_write;

/* A stream whose pieces are added up as they pass. */
typedef struct summed_stream {
  ddla_safetensors_stream from;
  ddla_xxh128 *sum;
} summed_stream;

static ddla_status next_summed(void *argument, const void **data, size_t *bytes) {
  summed_stream *stream = argument;
  if (!stream->sum) DDLA_TRY(ddla_xxh128_create(&stream->sum));
  DDLA_TRY(stream->from.next(stream->from.argument, data, bytes));
  ddla_xxh128_add(stream->sum, *data, *bytes);
  return DDLA_OK;
}

/* The sums of streams take the place of blank ones. */
static ddla_status complete_sums(void *argument) {
  state_write *w = argument;
  for (int i = 0; i < w->arrays->count; i++)
    if (w->stream[i].sum)
      ddla_xxh128_finish((char *)(uintptr_t)w->notes.at[w->first_sum + i].value, w->stream[i].sum);
  return DDLA_OK;
}

static ddla_status prepare_state(state_write *w, const ddla_checkpoint *c) {
  const ddla_checkpoint_arrays *arrays = w->arrays;
  const int model = c->parts[DDLA_CHECKPOINT_MODEL].count;
  DDLA_TRY(DDLA_NEW(w->notes.at, 3 + c->notes.count + c->identity.count + model + arrays->count));
  DDLA_TRY(DDLA_NEW(w->at, arrays->count + 1));
  DDLA_TRY(DDLA_NEW(w->stream, arrays->count + 1));
  DDLA_TRY(fill_notes(&w->notes, c));
  w->first_sum = w->notes.count - arrays->count;
  for (int i = 0; i < arrays->count; i++) {
    w->at[i] = arrays->at[i];
    w->stream[i].from = arrays->at[i].stream;
    if (!w->at[i].stream.next) continue;
    w->streams = true;
    w->at[i].stream = (ddla_safetensors_stream){next_summed, &w->stream[i]};
  }
  return DDLA_OK;
}

static ddla_status write_prepared(state_write *w, const char *path) {
  const ddla_safetensors_content content = {.arrays = w->at,
                                            .array_count = w->arrays->count,
                                            .notes = w->notes.at,
                                            .note_count = w->notes.count,
                                            .sealed = true,
                                            .complete = w->streams ? complete_sums : NULL,
                                            .complete_argument = w};
  return ddla_safetensors_write(NULL, path, &content);
}

static ddla_status write_state(const char *folder, const ddla_checkpoint *c) {
  state_write w = {.arrays = &c->parts[DDLA_CHECKPOINT_STATE]};
  char *path = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, prepare_state(&w, c));
  DDLA_TRY_CLEAN(status, ddla_checkpoint_join(&path, folder, "/",
                                              ddla_checkpoint_part_name(DDLA_CHECKPOINT_STATE)));
  status = write_prepared(&w, path);
cleanup:
  ddla_free(path);
  for (int i = 0; w.stream && i < w.arrays->count; i++) ddla_xxh128_destroy(w.stream[i].sum);
  ddla_free(w.stream);
  ddla_free(w.at);
  destroy_notes(&w.notes);
  return status;
}

/* Fills a new directory of this name, durably. */
static ddla_status write_parts(const char *folder, const ddla_checkpoint *c) {
  DDLA_TRY(ddla_file_remove_directory(folder));
  DDLA_TRY(ddla_file_make_directory(folder));
  DDLA_TRY(write_model(folder, c));
  DDLA_TRY(write_state(folder, c));
  return ddla_file_sync_directory(folder);
}

/* Gives the finished directory its name; one of the same step makes way. */
static ddla_status publish(const char *temporary, const char *path, const char *folder) {
  DDLA_TRY(ddla_checkpoint_remove(path));
  if (rename(temporary, path) != 0) return ddla_file_fail(errno, "cannot write", path);
  return ddla_file_sync_directory(folder);
}

ddla_status ddla_checkpoint_write(const char *folder, const ddla_checkpoint *c, int keep) {
  char name[64], suffix[32], *path = NULL, *temporary = NULL;
  ddla_status status = DDLA_OK;
  snprintf(name, sizeof name, "/step-%08" PRIu64, c->step);
  snprintf(suffix, sizeof suffix, ".tmp-%ld", (long)getpid());
  DDLA_TRY_CLEAN(status, ddla_checkpoint_join(&path, folder, name, ""));
  DDLA_TRY_CLEAN(status, ddla_checkpoint_join(&temporary, folder, name, suffix));
  DDLA_TRY_CLEAN(status, ddla_file_make_directory(folder));
  status = write_parts(temporary, c);
  if (status == DDLA_OK) status = publish(temporary, path, folder);
  if (status == DDLA_OK) {
    status = ddla_checkpoint_prune(folder, c->step, keep);
  } else {
    ddla_failure failure;
    ddla_status_take(&failure, status);
    (void)ddla_file_remove_directory(temporary); /* the first failure is the one to report */
    status = ddla_status_raise(&failure);
  }
cleanup:
  ddla_free(path);
  ddla_free(temporary);
  return status;
}
