/* Labels as readers find them, a text for each sample: whole numbers from 0, or names of classes.
 * The first one decides which. Only for the files of this folder. */
#ifndef DDLA_DATA_FORMAT_LABELS_H
#define DDLA_DATA_FORMAT_LABELS_H

#include "data/format.h"

enum { DDLA_LABEL_BYTES = 256 }; /* of a label with the zero at its end */

/* What the labels of a set are; zero before the first was read. */
typedef enum ddla_label_kind {
  DDLA_LABELS_UNKNOWN,
  DDLA_LABELS_NUMBERS,
  DDLA_LABELS_NAMES
} ddla_label_kind;

/* Number of the class that text stands for. With source->class_names, which set->classes must hold
 * then, it is one of them or a number below their count; else names join set->classes.
 * Errors: INVALID, to be put behind the label's place, for another kind of label than the first,
 * one out of range, and one that is none of the given names; NO_MEMORY. */
ddla_status ddla_labels_read(int32_t *out, ddla_label_kind *kind, ddla_dataset *set,
                             const ddla_data_source *source, const char *text) DDLA_MUST_USE;

/* After the last label: gives classes that have no given names theirs, "0", "1", … or the names
 * found, numbered in the order of their bytes, so that the order of samples does not matter.
 * Errors: INVALID naming the path for more classes than source->class_count; NO_MEMORY. */
ddla_status ddla_labels_finish(ddla_dataset *set, ddla_label_kind kind,
                               const ddla_data_source *source) DDLA_MUST_USE;

#endif
