#include "data/tokens.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/format.h"

/* The first token of a sample, which is number `place` of a set that is no united one. Views of
 * texts are in order, so the set's last sample is the text's last too. */
static int64_t start_of(const ddla_dataset *set, int64_t place, int64_t index,
                        const ddla_augment *augment) {
  const int64_t window = set->shape.height;
  place = ddla_dataset_root_index(set, place) * window;
  if (!augment || !augment->slide) return place;
  const int64_t last = ddla_dataset_root_index(set, set->count - 1) * window;
  const int64_t room = last - place < window - 1 ? last - place : window - 1;
  ddla_rng rng = ddla_rng_make(
      ddla_rng_key(augment->seed, DDLA_PURPOSE_AUGMENT, (uint64_t)augment->epoch, (uint64_t)index));
  return place + (int64_t)ddla_rng_below(&rng, (uint64_t)room + 1);
}

void ddla_tokens_fill(int32_t *tokens, int32_t *targets, const ddla_dataset *set,
                      const int64_t *indices, int64_t count, const ddla_augment *augment) {
  const int64_t window = set->shape.height;
  for (int64_t i = 0; i < count; i++) {
    int64_t place = 0;
    const ddla_dataset *in = ddla_dataset_piece_of(&place, set, indices[i]);
    const uint16_t *from =
        (const uint16_t *)in->features + start_of(in, place, indices[i], augment);
    for (int64_t k = 0; k < window; k++) tokens[i * window + k] = from[k];
    for (int64_t k = 0; targets && k < window; k++) targets[i * window + k] = from[k + 1];
  }
}

static ddla_status copy_names(ddla_classes *out, const ddla_classes *from) {
  int32_t number = 0;
  for (int i = 0; i < from->count; i++)
    DDLA_TRY(ddla_classes_add(&number, out, from->names[i], strlen(from->names[i])));
  return DDLA_OK;
}

/* renumber[old]: the number in `known`. A set's vocabulary holds only what occurs in it. */
static ddla_status map_names(int32_t *renumber, const ddla_classes *old,
                             const ddla_classes *known) {
  for (int i = 0; i < old->count; i++) {
    renumber[i] = ddla_classes_find(known, old->names[i], strlen(old->names[i]));
    if (renumber[i] < 0)
      return DDLA_FAIL(INVALID, "the character %s is not among the %d of the training text",
                       ddla_text_quote(old->names[i]).text, known->count);
  }
  return DDLA_OK;
}

ddla_status ddla_tokens_match(ddla_dataset *set, const ddla_dataset *like) {
  ddla_status status = DDLA_OK;
  ddla_classes made = {0}, old = {0};
  int32_t *renumber = NULL;
  uint16_t *token = (uint16_t *)(void *)set->features_block.data;
  DDLA_TRY_CLEAN(status, DDLA_NEW(renumber, set->classes.count));
  DDLA_TRY_CLEAN(status, map_names(renumber, &set->classes, &like->classes));
  DDLA_TRY_CLEAN(status, copy_names(&made, &like->classes));
  for (int64_t i = 0; i < set->length; i++) token[i] = (uint16_t)renumber[token[i]];
  old = set->classes;
  set->classes = made;
  made = old;
  set->features_hash = 0;
  ddla_dataset_seal(set);
cleanup:
  ddla_classes_fini(&made);
  ddla_free(renumber);
  return status;
}
