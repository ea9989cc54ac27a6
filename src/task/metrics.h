/* What a classifier got right and wrong, as whole numbers that add up: agents exchange and sum the
 * array as it is, in any order, and get the same. Losses are floating point and are summed by the
 * caller in a fixed order.
 *
 * The array of counts, C classes: [0, C) samples whose label is c; [C, 2C) samples that were taken
 * for c; [2C, 3C) samples of c that were taken for c; then, where C <= DDLA_METRICS_CONFUSION_MAX,
 * the confusion matrix [C, C]: row the label, column what it was taken for. Threads: pure
 * functions. */
#ifndef DDLA_TASK_METRICS_H
#define DDLA_TASK_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/status.h"

enum { DDLA_METRICS_CONFUSION_MAX = 1024 };

/* Length of the array of counts. It starts as zeros. */
int64_t ddla_metrics_count(int64_t classes);

/* The class of the largest logit; the first of equal ones; 0 where all are NaN. logits [classes].
 */
int32_t ddla_metrics_predict(const float *logits, int64_t classes);

/* Samples whose label is predicted. logits [rows, classes], labels [rows]. */
int64_t ddla_metrics_correct(const float *logits, const int32_t *labels, int64_t rows,
                             int64_t classes);

/* Adds a batch to the counts and, where loss is not null, its cross entropy (in nats, summed row
 * after row in double precision, without label smoothing) to *loss. Samples whose label is not one
 * of the classes are left out. logits [rows, classes], labels [rows]. */
void ddla_metrics_add(int64_t *counts, double *loss, const float *logits, const int32_t *labels,
                      int64_t rows, int64_t classes);

/* counts += other. */
void ddla_metrics_merge(int64_t *counts, const int64_t *other, int64_t classes);

/* Samples with a label. */
int64_t ddla_metrics_samples(const int64_t *counts, int64_t classes);

/* Share of the samples that were taken for what they are; 0 without samples. */
double ddla_metrics_accuracy(const int64_t *counts, int64_t classes);

/* The confusion matrix [classes, classes] within counts, or null where there are too many classes.
 */
const int64_t *ddla_metrics_confusion(const int64_t *counts, int64_t classes);

/* One line of a classification report. A quotient 0 / 0 is 0. */
typedef struct ddla_metrics_row {
  double precision; /* of the samples taken for the class, the share that belongs to it */
  double recall;    /* of the samples of the class, the share that was taken for it */
  double f1;        /* 2 precision recall / (precision + recall) */
  int64_t support;  /* samples of the class */
} ddla_metrics_row;

ddla_metrics_row ddla_metrics_class(const int64_t *counts, int64_t classes, int64_t index);

/* Means of the classes' rows: macro each class alike, also one that does not occur; weighted by
 * support. Support is that of all classes. */
ddla_metrics_row ddla_metrics_macro(const int64_t *counts, int64_t classes);
ddla_metrics_row ddla_metrics_weighted(const int64_t *counts, int64_t classes);

/* Writes the report in the layout of scikit-learn's classification_report with 4 digits. names
 * [classes], or null for numbers. */
void ddla_metrics_print(FILE *file, const int64_t *counts, int64_t classes,
                        const char *const *names);

/* The report as JSON: {"accuracy": x, "samples": n, "macro": {"precision", "recall", "f1"},
 * "weighted": {…}, "classes": [{"name", "precision", "recall", "f1", "support"}, …], "confusion":
 * [[…], …]}; no "confusion" where there are too many classes. The caller owns *out (json_decref).
 * Errors: NO_MEMORY, INVALID for a name that is not UTF-8. */
ddla_status ddla_metrics_json(json_t **out, const int64_t *counts, int64_t classes,
                              const char *const *names);

#endif
