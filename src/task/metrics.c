#include "task/metrics.h"

#include <math.h>
#include <stdbool.h>

static bool has_confusion(int64_t classes) { return classes <= DDLA_METRICS_CONFUSION_MAX; }

int64_t ddla_metrics_count(int64_t classes) {
  return 3 * classes + (has_confusion(classes) ? classes * classes : 0);
}

int32_t ddla_metrics_predict(const float *logits, int64_t classes) {
  int64_t best = 0;
  for (int64_t c = 1; c < classes; c++)
    if (logits[c] > logits[best] || (isnan(logits[best]) && !isnan(logits[c]))) best = c;
  return (int32_t)best;
}

int64_t ddla_metrics_correct(const float *logits, const int32_t *labels, int64_t rows,
                             int64_t classes) {
  int64_t correct = 0;
  for (int64_t n = 0; n < rows; n++)
    correct += ddla_metrics_predict(logits + n * classes, classes) == labels[n];
  return correct;
}

/* log(sum(exp(z))) - z[label] */
static double cross_entropy(const float *z, int64_t classes, int32_t label, float largest) {
  double sum = 0;
  for (int64_t c = 0; c < classes; c++) sum += exp((double)z[c] - (double)largest);
  return (double)largest + log(sum) - (double)z[label];
}

void ddla_metrics_add(int64_t *counts, double *loss, const float *logits, const int32_t *labels,
                      int64_t rows, int64_t classes) {
  for (int64_t n = 0; n < rows; n++) {
    const int32_t label = labels[n];
    if (label < 0 || label >= classes) continue;
    const float *z = logits + n * classes;
    const int32_t predicted = ddla_metrics_predict(z, classes);
    counts[label]++;
    counts[classes + predicted]++;
    counts[2 * classes + label] += label == predicted;
    if (has_confusion(classes)) counts[(3 + label) * classes + predicted]++;
    if (loss) *loss += cross_entropy(z, classes, label, z[predicted]);
  }
}

void ddla_metrics_merge(int64_t *counts, const int64_t *other, int64_t classes) {
  const int64_t count = ddla_metrics_count(classes);
  for (int64_t i = 0; i < count; i++) counts[i] += other[i];
}

static int64_t sum(const int64_t *values, int64_t count) {
  int64_t total = 0;
  for (int64_t i = 0; i < count; i++) total += values[i];
  return total;
}

static double share(double part, double whole) { return whole != 0 ? part / whole : 0; }

int64_t ddla_metrics_samples(const int64_t *counts, int64_t classes) {
  return sum(counts, classes);
}

double ddla_metrics_accuracy(const int64_t *counts, int64_t classes) {
  return share((double)sum(counts + 2 * classes, classes), (double)sum(counts, classes));
}

const int64_t *ddla_metrics_confusion(const int64_t *counts, int64_t classes) {
  return has_confusion(classes) ? counts + 3 * classes : NULL;
}

ddla_metrics_row ddla_metrics_class(const int64_t *counts, int64_t classes, int64_t index) {
  const double support = (double)counts[index], taken = (double)counts[classes + index];
  const double correct = (double)counts[2 * classes + index];
  return (ddla_metrics_row){.precision = share(correct, taken),
                            .recall = share(correct, support),
                            .f1 = share(2 * correct, taken + support),
                            .support = counts[index]};
}

/* Mean of the classes' rows with a weight of 1, or of their support. */
static ddla_metrics_row mean(const int64_t *counts, int64_t classes, bool by_support) {
  ddla_metrics_row total = {0};
  double weights = 0;
  for (int64_t c = 0; c < classes; c++) {
    const ddla_metrics_row row = ddla_metrics_class(counts, classes, c);
    const double weight = by_support ? (double)row.support : 1;
    total.precision += weight * row.precision;
    total.recall += weight * row.recall;
    total.f1 += weight * row.f1;
    total.support += row.support;
    weights += weight;
  }
  total.precision = share(total.precision, weights);
  total.recall = share(total.recall, weights);
  total.f1 = share(total.f1, weights);
  return total;
}

ddla_metrics_row ddla_metrics_macro(const int64_t *counts, int64_t classes) {
  return mean(counts, classes, false);
}

ddla_metrics_row ddla_metrics_weighted(const int64_t *counts, int64_t classes) {
  return mean(counts, classes, true);
}
