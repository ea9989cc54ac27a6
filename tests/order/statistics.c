#include "statistics.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELLS = 1024, SIDE = 32 };

static int64_t *take(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *made = malloc((size_t)n * sizeof *made);
  if (!made) {
    fprintf(stderr, "no memory\n");
    exit(1);
  }
  order(made, count, key, first, n);
  return made;
}

/* Wilson and Hilferty 1931, doi:10.1073/pnas.17.12.684: the cube root of chi-square is about
 * normal. */
static double chi_square(const int64_t *seen, int cells, double expected) {
  double sum = 0;
  const double freedom = cells - 1, spread = 2 / (9 * freedom);
  for (int i = 0; i < cells; i++) {
    const double off = (double)seen[i] - expected;
    sum += off * off / expected;
  }
  return (cbrt(sum / freedom) - (1 - spread)) / sqrt(spread);
}

static int cell_of(int64_t value, int64_t count, int cells) {
  return (int)((double)value / (double)count * cells);
}

/* Pearson's correlation of two sequences of samples. */
static double correlation(const int64_t *a, const int64_t *b, int64_t n, int64_t count) {
  const double middle = (double)(count - 1) / 2, spread = (double)count * (double)count / 12;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += ((double)a[i] - middle) * ((double)b[i] - middle);
  return sum / (spread * sqrt((double)n));
}

/* Position against sample. */
static double of_position(permutation *order, int64_t count, uint64_t key, int64_t first,
                          int64_t n) {
  int64_t *x = take(order, count, key, first, n);
  const double middle = (double)(count - 1) / 2, place = (double)(n - 1) / 2;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += ((double)x[i] - middle) * ((double)i - place);
  free(x);
  return sum / sqrt((double)count * (double)count / 12 * (double)n * (double)n / 12 * (double)n);
}

/* A sample against those so many positions further on, the worst of some distances. */
static double of_lags(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  static const int64_t lags[] = {1, 2, 3, 7, 32, 128, 1000, 4096};
  enum { LAGS = sizeof lags / sizeof lags[0] };
  int64_t *x = take(order, count, key, first, n);
  double squares = 0;
  for (int k = 0; k < LAGS; k++) {
    const double z = correlation(x, x + lags[k], n - lags[k], count);
    squares += z * z;
  }
  free(x);
  return (cbrt(squares / LAGS) - (1 - 2.0 / (9 * LAGS))) / sqrt(2.0 / (9 * LAGS));
}

/* Runs up and down: a random sequence has (2n - 1) / 3 of them, with variance (16n - 29) / 90
 * (Wald and Wolfowitz 1943, doi:10.1214/aoms/1177731421). */
static double of_runs(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *x = take(order, count, key, first, n), runs = 1;
  for (int64_t i = 2; i < n; i++) runs += (x[i] > x[i - 1]) != (x[i - 1] > x[i - 2]);
  free(x);
  return ((double)runs - (2 * (double)n - 1) / 3) / sqrt((16 * (double)n - 29) / 90);
}

/* Where the samples of a stretch come from: no part of the set is preferred. */
static double of_places(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *x = take(order, count, key, first, n), seen[CELLS] = {0};
  for (int64_t i = 0; i < n; i++) seen[cell_of(x[i], count, CELLS)]++;
  free(x);
  return chi_square(seen, CELLS, (double)n / CELLS);
}

/* Distances of neighbours, and of positions 64 apart, modulo count. */
static double distances(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n,
                        int64_t lag) {
  int64_t *x = take(order, count, key, first, n), seen[CELLS] = {0};
  for (int64_t i = lag; i < n; i++)
    seen[cell_of((x[i] - x[i - lag] + count) % count, count, CELLS)]++;
  free(x);
  return chi_square(seen, CELLS, (double)(n - lag) / CELLS);
}

static double of_neighbours(permutation *order, int64_t count, uint64_t key, int64_t first,
                            int64_t n) {
  return distances(order, count, key, first, n, 1);
}

static double of_distant(permutation *order, int64_t count, uint64_t key, int64_t first,
                         int64_t n) {
  return distances(order, count, key, first, n, 64);
}

/* Pairs of neighbours in a grid over (sample, next sample). */
static double of_pairs(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *x = take(order, count, key, first, n), seen[CELLS] = {0};
  for (int64_t i = 0; i + 1 < n; i += 2)
    seen[cell_of(x[i], count, SIDE) * SIDE + cell_of(x[i + 1], count, SIDE)]++;
  free(x);
  return chi_square(seen, CELLS, (double)(n / 2) / CELLS);
}

/* The last digits of neighbours: sets whose classes come in turn. */
static double of_last_digits(permutation *order, int64_t count, uint64_t key, int64_t first,
                             int64_t n) {
  enum { DIGITS = 10 };
  int64_t *x = take(order, count, key, first, n), seen[DIGITS * DIGITS] = {0};
  for (int64_t i = 0; i + 1 < n; i += 2) seen[x[i] % DIGITS * DIGITS + x[i + 1] % DIGITS]++;
  free(x);
  return chi_square(seen, DIGITS * DIGITS, (double)(n / 2) / (DIGITS * DIGITS));
}

/* The same positions under the next key: an epoch and the one after it. */
static double of_epochs(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *a = take(order, count, key, first, n), *b = take(order, count, key + 1, first, n);
  const double z = correlation(a, b, n, count);
  free(a);
  free(b);
  return z;
}

/* How far a sample moves from one key to the next. */
static double of_moves(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n) {
  int64_t *a = take(order, count, key, first, n), *b = take(order, count, key + 1, first, n);
  int64_t seen[CELLS] = {0};
  for (int64_t i = 0; i < n; i++) seen[cell_of((b[i] - a[i] + count) % count, count, CELLS)]++;
  free(a);
  free(b);
  return chi_square(seen, CELLS, (double)n / CELLS);
}

/* How many samples of an epoch's stretch fall into a slot of 2^20 that the epoch before had reached
 * in the same stretch: two epochs share no more than chance has it. */
static double of_stretches(permutation *order, int64_t count, uint64_t key, int64_t first,
                           int64_t n) {
  enum { BITS = 20, SLOTS = 1 << BITS };
  int64_t *a = take(order, count, key, first, n), *b = take(order, count, key + 1, first, n);
  unsigned char *held = calloc(SLOTS, 1);
  if (!held) exit(1); /* no memory */
  int64_t filled = 0, met = 0;
  for (int64_t i = 0; i < n; i++) {
    unsigned char *slot = &held[cell_of(a[i], count, SLOTS)];
    filled += *slot == 0;
    *slot = 1;
  }
  for (int64_t i = 0; i < n; i++) met += held[cell_of(b[i], count, SLOTS)];
  free(held);
  free(a);
  free(b);
  const double chance = (double)filled / SLOTS;
  return ((double)met - (double)n * chance) / sqrt((double)n * chance * (1 - chance));
}

const statistic statistics[] = {{"position and sample", of_position},
                                {"samples some positions apart", of_lags},
                                {"runs up and down", of_runs},
                                {"places of a stretch", of_places},
                                {"distances of neighbours", of_neighbours},
                                {"distances 64 positions apart", of_distant},
                                {"pairs of neighbours", of_pairs},
                                {"last digits of neighbours", of_last_digits},
                                {"epoch and next epoch", of_epochs},
                                {"moves from epoch to epoch", of_moves},
                                {"stretches of two epochs", of_stretches},
                                {NULL, NULL}};
