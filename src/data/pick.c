/* Samples chosen from a data set, and data sets made of them. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"
#include "data/format.h"

static ddla_status check_held(int64_t held, int64_t count, double fraction, const char *what) {
  if (held >= 1 && held < count) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "a fraction of %g leaves one part of %lld samples%s empty; choose another",
                   fraction, (long long)count, what);
}

/* The same samples as ddla_dataset_split sets aside. */
static ddla_status choose_any(uint8_t *chosen, const ddla_dataset *set,
                              const ddla_data_choice *choice) {
  const int64_t count = set->count, held = llround(choice->fraction * (double)count);
  const bool in_order = set->type == DDLA_DATA_TOKENS;
  DDLA_TRY(check_held(held, count, choice->fraction, ""));
  ddla_order order =
      in_order ? ddla_order_plain(count)
               : ddla_order_make(count, ddla_rng_key(choice->seed, DDLA_PURPOSE_SPLIT, 0, 0));
  for (int64_t i = 0; i < held; i++)
    chosen[ddla_order_at(&order, in_order ? count - 1 - i : i)] = 1;
  return DDLA_OK;
}

/* Sets aside round(fraction * size) of the samples of one class. members: [size], in the set's
 * order. */
static void choose_of_class(uint8_t *chosen, const int64_t *members, int64_t size, int label,
                            const ddla_data_choice *choice) {
  const int64_t held = llround(choice->fraction * (double)size);
  ddla_order order =
      ddla_order_make(size, ddla_rng_key(choice->seed, DDLA_PURPOSE_SPLIT, 1, (uint64_t)label));
  for (int64_t i = 0; i < held; i++) chosen[members[ddla_order_at(&order, i)]] = 1;
}

/* members: the samples sorted by class; first[c]: where class c begins, [classes + 1]. */
static ddla_status sort_by_class(int64_t **members, int64_t **first, const ddla_dataset *set) {
  const int classes = ddla_dataset_classes(set);
  int64_t *sorted = NULL, *start = NULL, *at = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(sorted, set->count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(start, classes + 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(at, classes + 1));
  for (int64_t i = 0; i < set->count; i++) start[ddla_dataset_label(set, i) + 1]++;
  for (int c = 0; c < classes; c++) start[c + 1] += start[c];
  memcpy(at, start, (size_t)(classes + 1) * sizeof *at);
  for (int64_t i = 0; i < set->count; i++) sorted[at[ddla_dataset_label(set, i)]++] = i;
  *members = sorted;
  *first = start;
  sorted = start = NULL;
cleanup:
  ddla_free(sorted);
  ddla_free(start);
  ddla_free(at);
  return status;
}

static ddla_status choose_by_label(uint8_t *chosen, const ddla_dataset *set,
                                   const ddla_data_choice *choice) {
  int64_t *members = NULL, *first = NULL, held = 0;
  if (!set->labels) return DDLA_FAIL(INVALID, "the samples have no labels to divide them by");
  DDLA_TRY(sort_by_class(&members, &first, set));
  for (int c = 0; c < ddla_dataset_classes(set); c++)
    choose_of_class(chosen, members + first[c], first[c + 1] - first[c], c, choice);
  ddla_free(members);
  ddla_free(first);
  for (int64_t i = 0; i < set->count; i++) held += chosen[i];
  return check_held(held, set->count, choice->fraction, ", divided class by class,");
}

ddla_status ddla_dataset_choose(uint8_t *chosen, const ddla_dataset *set,
                                const ddla_data_choice *choice) {
  if (!(choice->fraction > 0.0 && choice->fraction < 1.0))
    return DDLA_FAIL(INVALID, "a fraction of %g; expected more than 0 and less than 1",
                     choice->fraction);
  memset(chosen, 0, (size_t)set->count);
  return choice->by_label ? choose_by_label(chosen, set, choice) : choose_any(chosen, set, choice);
}

/* A text: the tokens of the chosen windows, and the one behind them, which is a target only. */
static void copy_tokens(ddla_dataset *out, const ddla_dataset *set, int64_t first) {
  const int64_t start = ddla_dataset_root_index(set, first) * set->shape.height;
  memcpy(out->features_block.data, (const uint16_t *)set->features + start,
         (size_t)out->length * sizeof(uint16_t));
}

static void copy_records(ddla_dataset *out, const ddla_dataset *set, const uint8_t *chosen,
                         uint8_t value) {
  const size_t bytes = (size_t)ddla_data_shape_count(set->shape) * ddla_data_type_bytes(set->type);
  const size_t targets = (size_t)set->target_count;
  int64_t made = 0;
  for (int64_t i = 0; i < set->count; i++) {
    if (chosen[i] != value) continue;
    memcpy(out->features_block.data + (size_t)made * bytes, ddla_dataset_features(set, i), bytes);
    if (out->labels) out->labels[made] = ddla_dataset_label(set, i);
    if (out->targets)
      memcpy(out->targets + (size_t)made * targets,
             set->targets + (size_t)ddla_dataset_root_index(set, i) * targets,
             targets * sizeof(float));
    made++;
  }
}

static ddla_status copy_classes(ddla_dataset *out, const ddla_dataset *set) {
  for (int i = 0; i < ddla_dataset_classes(set); i++) {
    int32_t number = 0;
    DDLA_TRY(ddla_dataset_add_class(&number, out, ddla_dataset_class_name(set, i)));
  }
  return DDLA_OK;
}

/* How many are chosen, and the first; *in_a_row: they follow each other. */
static int64_t count_chosen(int64_t *first, bool *in_a_row, const ddla_dataset *set,
                            const uint8_t *chosen, uint8_t value) {
  int64_t count = 0, last = 0;
  for (int64_t i = 0; i < set->count; i++) {
    if (chosen[i] != value) continue;
    if (count++ == 0) *first = i;
    last = i;
  }
  *in_a_row = last - *first + 1 == count;
  return count;
}

ddla_status ddla_dataset_pick(ddla_dataset **out, const ddla_dataset *set, const uint8_t *chosen,
                              uint8_t value, const ddla_data_memory *memory) {
  int64_t first = 0;
  bool in_a_row = true;
  const int64_t count = count_chosen(&first, &in_a_row, set, chosen, value);
  const bool text = set->type == DDLA_DATA_TOKENS;
  const ddla_data_source source = {.path = "a choice of samples", .memory = memory};
  ddla_data_records records = {.type = set->type,
                               .shape = set->shape,
                               .count = count,
                               .length = text ? count * set->shape.height + 1 : 0,
                               .labelled = set->labels != NULL,
                               .targets = set->target_count};
  ddla_dataset *made = NULL;
  DDLA_ASSERT(!text || in_a_row);
  if (count == 0) return DDLA_FAIL(INVALID, "of %lld samples none is left", (long long)set->count);
  DDLA_TRY(DDLA_NEW(made, 1));
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_dataset_make(&records, made, &source));
  DDLA_TRY_CLEAN(status, copy_classes(made, set));
  if (text) copy_tokens(made, set, first);
  else copy_records(made, set, chosen, value);
  ddla_dataset_seal(made);
  *out = made;
  made = NULL;
cleanup:
  ddla_dataset_close(made);
  return status;
}
