/* Forward pass of attention by blocks. For each block of queries: scores against a block of keys,
 * largest score and weights of each row, weights times values into the block's output, which is
 * scaled down first where a larger score has turned up; at the end it is divided by the sums. */
#include <math.h>
#include <string.h>

#include "backend/native/attention_parts.h"

#if DDLA_HAS_AVX512

/* Queries of a block and keys of a block: their scores fill three quarters of a first cache. Where
 * queries see different numbers of keys, a group as large as the product's block of rows has limits
 * of its own. */
enum { QUERIES = 24, KEYS = 256, LINE = DDLA_ATTENTION_LINE };

/* One block of queries at work. */
typedef struct tile {
  const ddla_attention *a;
  const float *q, *turned_k, *v; /* v [keys, size] */
  float *score, *o;              /* [QUERIES, KEYS], [QUERIES, size] */
  int64_t first, rows;           /* queries */
  int64_t limit;                 /* keys that count */
  float unit;                    /* of scores */
  float most[QUERIES], sum[QUERIES];
} tile;

int64_t ddla_attention_forward_floats(const ddla_attention *a) {
  return ddla_attention_turned_floats(a->keys, a->size) + a->keys * a->size +
         QUERIES * (KEYS + a->size);
}

/* Rows [row, row + count) of a block and the columns of its keys that one of them sees. */
typedef struct row_group {
  int64_t row, count, seen;
} row_group;

/* Scores of the group's rows with `columns` keys from `key` on. */
static void make_scores(const tile *t, const row_group *g, int64_t key, int64_t columns) {
  const int64_t size = t->a->size;
  for (int64_t c = 0; c < columns; c += LINE) {
    const ddla_block block = {.c = t->score + g->row * KEYS + c,
                              .a = t->q + g->row * t->a->q.row,
                              .b = t->turned_k + (key + c) * size,
                              .c_row = KEYS,
                              .a_row = t->a->q.row,
                              .a_step = 1,
                              .b_row = LINE,
                              .depth = size};
    ddla_block_run(&block, g->count, (int)ddla_attention_least(columns - c, LINE));
  }
}

DDLA_AVX512 static float largest_of(const float *score, int64_t seen) {
  __m512 even = _mm512_set1_ps(-INFINITY), odd = even;
  int64_t c = 0;
  for (; c + 32 <= seen; c += 32) {
    even = _mm512_max_ps(even, _mm512_loadu_ps(score + c));
    odd = _mm512_max_ps(odd, _mm512_loadu_ps(score + c + 16));
  }
  for (; c < seen; c += 16)
    even = _mm512_mask_max_ps(even, ddla_attention_mask(seen, c), even,
                              _mm512_maskz_loadu_ps(ddla_attention_mask(seen, c), score + c));
  return _mm512_reduce_max_ps(_mm512_max_ps(even, odd));
}

/* Scores become weights 2^(score unit - most), 0 behind the first `seen`; returns their sum. */
DDLA_AVX512 static float make_weights(float *score, int64_t columns, int64_t seen, float unit,
                                      float most) {
  const __m512 u = _mm512_set1_ps(unit), m = _mm512_set1_ps(most);
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t c = 0;
  for (; c + 32 <= seen; c += 32) {
    const __m512 x = ddla_exp2_512(_mm512_fmsub_ps(_mm512_loadu_ps(score + c), u, m));
    const __m512 y = ddla_exp2_512(_mm512_fmsub_ps(_mm512_loadu_ps(score + c + 16), u, m));
    _mm512_storeu_ps(score + c, x);
    _mm512_storeu_ps(score + c + 16, y);
    even = _mm512_add_ps(even, x);
    odd = _mm512_add_ps(odd, y);
  }
  for (; c < columns; c += 16) {
    const __m512 x = _mm512_fmsub_ps(_mm512_loadu_ps(score + c), u, m);
    const __m512 weight = _mm512_maskz_mov_ps(ddla_attention_mask(seen, c), ddla_exp2_512(x));
    _mm512_storeu_ps(score + c, weight);
    even = _mm512_add_ps(even, weight);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

DDLA_AVX512 static void scale_row(float *o, const float *from, int64_t size, float factor) {
  const __m512 f = _mm512_set1_ps(factor);
  for (int64_t d = 0; d < size; d += 16)
    _mm512_storeu_ps(o + d, _mm512_mul_ps(f, _mm512_loadu_ps(from + d)));
}

DDLA_AVX512 static float exp2_of(float x) {
  return _mm512_cvtss_f32(ddla_exp2_512(_mm512_set1_ps(x)));
}

/* A row's weights for a block of keys; what was summed before takes the new scale. */
static void weigh_row(tile *t, int64_t r, int64_t columns, int64_t seen, bool first) {
  float *score = t->score + r * KEYS;
  const int64_t size = t->a->size;
  if (seen <= 0) {
    memset(score, 0, (size_t)columns * sizeof *score);
    return;
  }
  const float largest = t->unit * largest_of(score, seen);
  const float most = first || largest > t->most[r] ? largest : t->most[r];
  const float sum = make_weights(score, columns, seen, t->unit, most);
  if (first) {
    t->sum[r] = sum;
  } else {
    const float shrink = exp2_of(t->most[r] - most);
    if (most > t->most[r]) scale_row(t->o + r * size, t->o + r * size, size, shrink);
    t->sum[r] = t->sum[r] * shrink + sum;
  }
  t->most[r] = most;
}

static void add_to_group(tile *t, const row_group *g, int64_t key) {
  const int64_t columns = ddla_attention_whole(g->seen), size = t->a->size;
  make_scores(t, g, key, columns);
  for (int64_t r = g->row; r < g->row + g->count; r++)
    weigh_row(t, r, columns,
              ddla_attention_least(g->seen, ddla_attention_seen(t->a, t->limit, t->first + r, key)),
              key == 0);
  const ddla_block block = {.c = t->o + g->row * size,
                            .a = t->score + g->row * KEYS,
                            .b = t->v + key * size,
                            .c_row = size,
                            .a_row = KEYS,
                            .a_step = 1,
                            .b_row = size,
                            .depth = g->seen,
                            .add = key > 0};
  ddla_attention_product(&block, g->count, size);
}

/* Adds the keys from `key` on. */
static void add_keys(tile *t, int64_t key, int64_t count) {
  const int64_t step = t->a->causal ? DDLA_BLOCK_ROWS : QUERIES;
  for (int64_t row = 0; row < t->rows; row += step) {
    row_group g = {.row = row, .count = ddla_attention_least(t->rows - row, step)};
    g.seen = ddla_attention_seen(t->a, t->limit, t->first + row + g.count - 1, key);
    g.seen = ddla_attention_least(g.seen, count);
    if (g.seen > 0) add_to_group(t, &g, key);
  }
}

static void run_tile(tile *t, float *o, float *log_sum) {
  const int64_t size = t->a->size;
  const int64_t keys =
      ddla_attention_seen(t->a, t->limit, t->first + t->rows - 1, 0); /* what the last row sees */
  for (int64_t key = 0; key < keys; key += KEYS)
    add_keys(t, key, ddla_attention_least(keys - key, KEYS));
  for (int64_t r = 0; r < t->rows; r++) {
    scale_row(o + r * t->a->o.row, t->o + r * size, size, 1 / t->sum[r]);
    if (log_sum) log_sum[t->first + r] = t->most[r] + log2f(t->sum[r]);
  }
}

/* No keys: nothing is looked at. */
static void run_empty(const ddla_attention *a, float *o, float *log_sum) {
  for (int64_t i = 0; i < a->queries; i++) {
    memset(o + i * a->o.row, 0, (size_t)a->size * sizeof *o);
    if (log_sum) log_sum[i] = 0;
  }
}

void ddla_attention_forward(const ddla_attention *a, int64_t sample, int64_t head, float *log_sum,
                            float *scratch) {
  const int64_t limit = ddla_attention_limit(a, sample);
  const float *q = ddla_attention_rows(a, &a->q, sample, head);
  float *o = ddla_attention_rows(a, &a->o, sample, head);
  float *turned = scratch, *v = turned + ddla_attention_turned_floats(a->keys, a->size);
  tile t = {.a = a, .turned_k = turned, .v = v, .limit = limit};
  if (limit == 0) {
    run_empty(a, o, log_sum);
    return;
  }
  t.score = v + a->keys * a->size;
  t.o = t.score + QUERIES * KEYS;
  t.unit = (float)(1.4426950408889634 / sqrt((double)a->size)); /* log2(e) / sqrt(D) */
  ddla_attention_turn(turned, (ddla_attention_head){ddla_attention_rows(a, &a->k, sample, head),
                                                    a->k.row, limit, a->size});
  ddla_attention_copy(
      v, a->size,
      (ddla_attention_head){ddla_attention_rows(a, &a->v, sample, head), a->v.row, limit, a->size});
  for (t.first = 0; t.first < a->queries; t.first += QUERIES) {
    t.rows = ddla_attention_least(a->queries - t.first, QUERIES);
    t.q = q + t.first * a->q.row;
    run_tile(&t, o + t.first * a->o.row, log_sum);
  }
}

#endif
