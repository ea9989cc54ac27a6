#include "state/statistic.h"

int64_t ddla_statistic_count(int64_t channels) { return 1 + 2 * channels; }

/* One channel of a record. */
typedef struct moments {
  double rows, mean, squares;
} moments;

static moments join(moments a, moments b) {
  if (b.rows == 0) return a;
  if (a.rows == 0) return b;
  const double rows = a.rows + b.rows, far = b.mean - a.mean;
  return (moments){.rows = rows,
                   .mean = a.mean + far * (b.rows / rows),
                   .squares = a.squares + b.squares + far * far * (a.rows * (b.rows / rows))};
}

static moments moments_at(const double *record, int64_t channels, int64_t c) {
  return (moments){record[0], record[1 + c], record[1 + channels + c]};
}

void ddla_statistic_merge(double *into, const double *from, int64_t channels) {
  const double rows = into[0] + from[0];
  for (int64_t c = 0; c < channels; c++) {
    const moments sum = join(moments_at(into, channels, c), moments_at(from, channels, c));
    into[1 + c] = sum.mean;
    into[1 + channels + c] = sum.squares;
  }
  into[0] = rows;
}

/* Channel c of the shards [first, end). */
static moments tree(const double *records, int64_t stride, const ddla_statistic *statistic,
                    int64_t c, int first, int end) {
  if (end - first == 1)
    return moments_at(records + first * stride + statistic->record, statistic->channels, c);
  int half = 1;
  while (2 * half < end - first) half *= 2;
  return join(tree(records, stride, statistic, c, first, first + half),
              tree(records, stride, statistic, c, first + half, end));
}

static float moved(float value, double observed, double momentum) {
  return (float)((double)value + momentum * (observed - (double)value));
}

void ddla_statistic_apply(float *next, const float *now, const ddla_statistic *statistic,
                          const double *records, int64_t stride, int shards) {
  for (int64_t c = 0; c < statistic->channels; c++) {
    const moments seen = tree(records, stride, statistic, c, 0, shards);
    const int64_t mean = statistic->mean + c, variance = statistic->variance + c;
    next[mean] = seen.rows > 0 ? moved(now[mean], seen.mean, statistic->momentum) : now[mean];
    next[variance] = seen.rows > 1
                         ? moved(now[variance], seen.squares / (seen.rows - 1), statistic->momentum)
                         : now[variance];
  }
}
