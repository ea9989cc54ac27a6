#include "tensor/rows.h"

#include <string.h>

#include "base/assert.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, ROW_SHIFT = 32 };

static float *value_at(const ddla_rows *rows, int64_t place) {
  return rows->value + place * rows->width;
}

static void copy_value(float *to, const float *from, int64_t width) {
  memcpy(to, from, (size_t)width * sizeof *to);
}

static void add_value(float *to, const float *from, int64_t width) {
  for (int64_t i = 0; i < width; i++) to[i] += from[i];
}

/* One pass of a radix sort that keeps the order of equal digits (Knuth, TAOCP 3, 5.2.5). */
static void sort_digit(uint64_t *to, const uint64_t *from, int64_t count, int shift) {
  int64_t place[DIGITS] = {0}, sum = 0;
  for (int64_t i = 0; i < count; i++) place[from[i] >> shift & (DIGITS - 1)]++;
  for (int d = 0; d < DIGITS; d++) {
    const int64_t number = place[d];
    place[d] = sum;
    sum += number;
  }
  for (int64_t i = 0; i < count; i++) to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

/* Row << 32 | number of the index, in rising order; returned in one half of the scratch. */
static const uint64_t *sorted_keys(const ddla_rows_source *source) {
  uint64_t *key = source->scratch, *other = key + source->count, largest = 0;
  for (int64_t i = 0; i < source->count; i++) {
    const uint64_t row = source->wide ? (uint64_t)((const int64_t *)source->index)[i]
                                      : (uint64_t)((const int32_t *)source->index)[i];
    key[i] = row << ROW_SHIFT | (uint64_t)i;
    if (row > largest) largest = row;
  }
  for (int shift = 0; largest >> shift; shift += DIGIT_BITS) {
    sort_digit(other, key, source->count, ROW_SHIFT + shift);
    uint64_t *sorted = other;
    other = key;
    key = sorted;
  }
  return key;
}

void ddla_rows_sum(const ddla_rows *to, const ddla_rows_source *from) {
  const uint64_t *key = sorted_keys(from);
  int64_t count = 0;
  for (int64_t i = 0; i < from->count; i++) {
    const int64_t row = (int64_t)(key[i] >> ROW_SHIFT);
    const float *value = from->value + (int64_t)(key[i] & UINT32_MAX) * to->width;
    if (count > 0 && to->row[count - 1] == row) {
      add_value(value_at(to, count - 1), value, to->width);
      continue;
    }
    DDLA_ASSERT(count < to->capacity);
    to->row[count] = row;
    copy_value(value_at(to, count++), value, to->width);
  }
  *to->count = count;
}

/* Rows that are in one list or in both. */
static int64_t count_union(const ddla_rows *a, const ddla_rows *b) {
  int64_t i = 0, k = 0, both = 0;
  while (i < *a->count && k < *b->count) {
    const int64_t left = a->row[i], right = b->row[k];
    both += left == right;
    i += left <= right;
    k += right <= left;
  }
  return *a->count + *b->count - both;
}

/* From the last row to the first, so that nothing is written over that is still needed. */
void ddla_rows_merge(const ddla_rows *to, const ddla_rows *from) {
  const int64_t count = count_union(to, from);
  int64_t i = *to->count - 1, k = *from->count - 1;
  DDLA_ASSERT(count <= to->capacity && to->width == from->width);
  for (int64_t place = count - 1; k >= 0; place--) {
    if (i < 0 || to->row[i] < from->row[k]) {
      to->row[place] = from->row[k];
      copy_value(value_at(to, place), value_at(from, k--), to->width);
      continue;
    }
    if (to->row[i] == from->row[k]) add_value(value_at(to, i), value_at(from, k--), to->width);
    if (place > i) {
      to->row[place] = to->row[i];
      copy_value(value_at(to, place), value_at(to, i), to->width);
    }
    i--;
  }
  *to->count = count;
}

void ddla_rows_copy(const ddla_rows *to, const ddla_rows *from) {
  const int64_t count = *from->count;
  DDLA_ASSERT(count <= to->capacity && to->width == from->width);
  memcpy(to->row, from->row, (size_t)count * sizeof *to->row);
  memcpy(to->value, from->value, (size_t)(count * to->width) * sizeof *to->value);
  *to->count = count;
}

int64_t ddla_rows_find(const ddla_rows *rows, int64_t row) {
  int64_t low = 0, high = *rows->count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (rows->row[middle] < row) low = middle + 1;
    else high = middle;
  }
  return low;
}
