#include "data/format/labels.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static ddla_status fail_range(const char *text, int limit) {
  return DDLA_FAIL(INVALID, "label %s is out of range; expected 0 to %d, or names of classes", text,
                   limit - 1);
}

static ddla_status read_known(int32_t *out, const ddla_dataset *set, const char *text) {
  int64_t number = 0;
  *out = ddla_classes_find(&set->classes, text, strlen(text));
  if (*out >= 0) return DDLA_OK;
  if (!ddla_text_to_int(&number, text))
    return DDLA_FAIL(INVALID, "%s is none of the %d classes given", ddla_text_quote(text).text,
                     set->classes.count);
  if (number < 0 || number >= set->classes.count) return fail_range(text, set->classes.count);
  *out = (int32_t)number;
  return DDLA_OK;
}

/* A file of numbers and names is most likely damaged. */
ddla_status ddla_labels_read(int32_t *out, ddla_label_kind *kind, ddla_dataset *set,
                             const ddla_data_source *source, const char *text) {
  int64_t number = 0;
  if (source->class_names) return read_known(out, set, text);
  const int limit = source->class_count > 0 ? source->class_count : DDLA_CLASSES_LIMIT;
  const ddla_label_kind found =
      ddla_text_to_int(&number, text) ? DDLA_LABELS_NUMBERS : DDLA_LABELS_NAMES;
  if (*kind == DDLA_LABELS_UNKNOWN) *kind = found;
  if (text[0] == '\0' || found != *kind)
    return DDLA_FAIL(INVALID, "label %s; expected %s", ddla_text_quote(text).text,
                     *kind == DDLA_LABELS_NUMBERS ? "a whole number, as the first label is one"
                     : text[0] == '\0'            ? "the name of a class"
                                                  : "a name, as the first label is one");
  if (found == DDLA_LABELS_NAMES) return ddla_classes_add(out, &set->classes, text, strlen(text));
  if (number < 0 || number >= limit) return fail_range(text, limit);
  *out = (int32_t)number;
  return DDLA_OK;
}

static ddla_status sort_names(ddla_dataset *set, const ddla_data_source *source) {
  int32_t *renumber = NULL;
  if (source->class_count > 0 && set->classes.count > source->class_count)
    return DDLA_FAIL(INVALID, "%s: %d different labels, but %d classes are expected", source->path,
                     set->classes.count, source->class_count);
  DDLA_TRY(DDLA_NEW(renumber, set->classes.count));
  ddla_status status = ddla_classes_sort(&set->classes, renumber);
  for (int64_t i = 0; status == DDLA_OK && i < set->count; i++)
    set->labels[i] = renumber[set->labels[i]];
  ddla_free(renumber);
  return status;
}

ddla_status ddla_labels_finish(ddla_dataset *set, ddla_label_kind kind,
                               const ddla_data_source *source) {
  if (source->class_names) return DDLA_OK;
  if (kind == DDLA_LABELS_NAMES) return sort_names(set, source);
  if (kind == DDLA_LABELS_NUMBERS) return ddla_dataset_number_classes(set, source, source->path);
  return DDLA_OK;
}
