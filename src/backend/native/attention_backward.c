/* Backward pass of attention by blocks. For each block of keys and each block of queries that sees
 * it: scores and weights P are made anew from the log sums, then, with dP = dO VT,
 *
 *   dS = P (dP - rowsum(dO O)) / sqrt(D),  dV += PT dO,  dK += dST Q,  dQ += dS K. */
#include <math.h>
#include <string.h>

#include "backend/native/attention_parts.h"

#if DDLA_HAS_AVX512

enum { QUERIES = 64, LINE = DDLA_ATTENTION_LINE };

/* One head at work; arrays of scratch, dense. */
typedef struct head_work {
  const ddla_attention *a;
  const float *log_sum;
  int64_t limit;
  float unit, scale;  /* log2(e) / sqrt(D), 1 / sqrt(D) */
  float *q, *k, *d_o; /* [queries or keys, size] */
  float *turned_k, *turned_v;
  float *dq;             /* [queries, size] */
  float *dk, *dv;        /* of a block of keys [LINE, size] */
  float *weight, *slope; /* [QUERIES, LINE]: P and dS */
  float *total;          /* [queries]: rowsum(dO O) */
} head_work;

int64_t ddla_attention_backward_floats(const ddla_attention *a) {
  return (3 * a->queries + a->keys + 2 * LINE) * a->size +
         2 * ddla_attention_turned_floats(a->keys, a->size) + 2 * QUERIES * LINE +
         ddla_attention_whole(a->queries);
}

static void lay_out(head_work *w, float *scratch) {
  const int64_t queries = w->a->queries * w->a->size, keys = w->a->keys * w->a->size;
  const int64_t turned = ddla_attention_turned_floats(w->a->keys, w->a->size);
  w->q = scratch;
  w->d_o = w->q + queries;
  w->dq = w->d_o + queries;
  w->k = w->dq + queries;
  w->turned_k = w->k + keys;
  w->turned_v = w->turned_k + turned;
  w->dk = w->turned_v + turned;
  w->dv = w->dk + LINE * w->a->size;
  w->weight = w->dv + LINE * w->a->size;
  w->slope = w->weight + QUERIES * LINE;
  w->total = w->slope + QUERIES * LINE;
}

DDLA_AVX512 static float dot(const float *x, const float *y, int64_t count) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16)
    sum = _mm512_fmadd_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i), sum);
  return _mm512_reduce_add_ps(sum);
}

static ddla_attention_head head_of(const ddla_attention *a, const ddla_attention_matrix *m,
                                   int64_t sample, int64_t head, int64_t count) {
  return (ddla_attention_head){ddla_attention_rows(a, m, sample, head), m->row, count, a->size};
}

static void gather(head_work *w, int64_t sample, int64_t head) {
  const ddla_attention *a = w->a;
  const ddla_attention_head k = head_of(a, &a->k, sample, head, w->limit);
  const float *o = ddla_attention_rows(a, &a->o, sample, head);
  ddla_attention_copy(w->q, a->size, head_of(a, &a->q, sample, head, a->queries));
  ddla_attention_copy(w->d_o, a->size, head_of(a, &a->d_o, sample, head, a->queries));
  ddla_attention_copy(w->k, a->size, k);
  ddla_attention_turn(w->turned_k, k);
  ddla_attention_turn(w->turned_v, head_of(a, &a->v, sample, head, w->limit));
  for (int64_t i = 0; i < a->queries; i++)
    w->total[i] = dot(w->d_o + i * a->size, o + i * a->o.row, a->size);
}

/* A row of scores becomes weights, a row of dP becomes dS; 0 behind the first `seen`. */
DDLA_AVX512 static void slope_row(float *weight, float *slope, int64_t columns, int64_t seen,
                                  const head_work *w, int64_t i) {
  const __m512 unit = _mm512_set1_ps(w->unit), most = _mm512_set1_ps(w->log_sum[i]);
  const __m512 total = _mm512_set1_ps(w->total[i]), scale = _mm512_set1_ps(w->scale);
  for (int64_t c = 0; c < columns; c += 16) {
    const __mmask16 here = ddla_attention_mask(seen, c);
    const __m512 x = _mm512_fmsub_ps(_mm512_loadu_ps(weight + c), unit, most);
    const __m512 p = _mm512_maskz_mov_ps(here, ddla_exp2_512(x));
    const __m512 off = _mm512_sub_ps(_mm512_loadu_ps(slope + c), total);
    _mm512_storeu_ps(weight + c, p);
    _mm512_storeu_ps(slope + c, _mm512_maskz_mul_ps(here, _mm512_mul_ps(p, scale), off));
  }
}

/* P and dS of `rows` queries from `first` on, row `row` of the tile on, and the first `columns` of
 * the block of keys from `key` on. */
static void make_slopes(const head_work *w, int64_t first, int64_t rows, int64_t key,
                        int64_t columns) {
  const int64_t size = w->a->size, row = first % QUERIES * LINE;
  ddla_block block = {.c = w->weight + row,
                      .a = w->q + first * size,
                      .b = w->turned_k + key * size,
                      .c_row = LINE,
                      .a_row = size,
                      .a_step = 1,
                      .b_row = LINE,
                      .depth = size};
  ddla_block_run(&block, rows, (int)columns);
  block.c = w->slope + row;
  block.a = w->d_o + first * size;
  block.b = w->turned_v + key * size;
  ddla_block_run(&block, rows, (int)columns);
  for (int64_t r = 0; r < rows; r++)
    slope_row(w->weight + row + r * LINE, w->slope + row + r * LINE, columns,
              ddla_attention_seen(w->a, w->limit, first + r, key), w, first + r);
}

/* A block of queries and one of keys. On the diagonal of a causal head the product's blocks of six
 * rows have limits of their own: queries see no keys behind them, keys no queries before them. */
typedef struct tile_place {
  int64_t first, rows, key, keys;
  bool diagonal, start; /* start: the first queries that these keys meet */
} tile_place;

static void fill_tile(const head_work *w, const tile_place *t) {
  const int64_t step = t->diagonal ? DDLA_BLOCK_ROWS : QUERIES;
  for (int64_t r = 0; r < t->rows; r += step) {
    const int64_t rows = ddla_attention_least(t->rows - r, step);
    const int64_t seen = ddla_attention_seen(w->a, w->limit, t->first + r + rows - 1, t->key);
    make_slopes(w, t->first + r, rows, t->key,
                ddla_attention_whole(ddla_attention_least(seen, t->keys)));
  }
}

/* to [keys, size] (+)= the turned tile [rows, keys] times from [rows, size]. */
static void add_keys(float *to, const float *tile, const float *from, const head_work *w,
                     const tile_place *t) {
  const int64_t size = w->a->size, step = t->diagonal ? DDLA_BLOCK_ROWS : LINE;
  for (int64_t k = 0; k < t->keys; k += step) {
    const int64_t skipped = t->diagonal ? k : 0;
    const ddla_block block = {.c = to + k * size,
                              .a = tile + skipped * LINE + k,
                              .b = from + (t->first + skipped) * size,
                              .c_row = size,
                              .a_row = 1,
                              .a_step = LINE,
                              .b_row = size,
                              .depth = t->rows - skipped,
                              .add = !t->start};
    ddla_attention_product(&block, ddla_attention_least(t->keys - k, step), size);
  }
}

static void add_queries(const head_work *w, const tile_place *t) {
  const int64_t size = w->a->size, step = t->diagonal ? DDLA_BLOCK_ROWS : QUERIES;
  for (int64_t r = 0; r < t->rows; r += step) {
    const int64_t rows = ddla_attention_least(t->rows - r, step);
    const int64_t seen = ddla_attention_seen(w->a, w->limit, t->first + r + rows - 1, t->key);
    const ddla_block block = {.c = w->dq + (t->first + r) * size,
                              .a = w->slope + r * LINE,
                              .b = w->k + t->key * size,
                              .c_row = size,
                              .a_row = LINE,
                              .a_step = 1,
                              .b_row = size,
                              .depth = ddla_attention_least(seen, t->keys),
                              .add = t->key > 0};
    ddla_attention_product(&block, rows, size);
  }
}

static void run_tile(const head_work *w, const tile_place *t) {
  fill_tile(w, t);
  add_keys(w->dv, w->weight, w->d_o, w, t);
  add_keys(w->dk, w->slope, w->q, w, t);
  add_queries(w, t);
}

/* Rows to where they are wanted; null: zeros. */
static void store(const ddla_attention *a, const ddla_attention_matrix *m, float *to,
                  const float *from, int64_t rows) {
  if (!m->data) return;
  if (from) ddla_attention_copy(to, m->row, (ddla_attention_head){from, a->size, rows, a->size});
  for (int64_t r = 0; !from && r < rows; r++)
    memset(to + r * m->row, 0, (size_t)a->size * sizeof *to);
}

static float *place(const ddla_attention *a, const ddla_attention_matrix *m, int64_t sample,
                    int64_t head, int64_t row) {
  return m->data ? ddla_attention_rows(a, m, sample, head) + row * m->row : NULL;
}

void ddla_attention_backward(const ddla_attention *a, int64_t sample, int64_t head,
                             const float *log_sum, float *scratch) {
  head_work w = {.a = a, .log_sum = log_sum, .limit = ddla_attention_limit(a, sample)};
  const int64_t limit = w.limit;
  w.scale = (float)(1 / sqrt((double)a->size));
  w.unit = (float)(1.4426950408889634 / sqrt((double)a->size));
  lay_out(&w, scratch);
  if (limit > 0) gather(&w, sample, head);
  for (int64_t key = 0; key < limit; key += LINE) {
    const int64_t keys = ddla_attention_least(limit - key, LINE);
    const int64_t begin = a->causal ? key / QUERIES * QUERIES : 0;
    for (int64_t first = begin; first < a->queries; first += QUERIES)
      run_tile(&w, &(tile_place){.first = first,
                                 .rows = ddla_attention_least(a->queries - first, QUERIES),
                                 .key = key,
                                 .keys = keys,
                                 .diagonal = a->causal && first == key,
                                 .start = first == begin});
    store(a, &a->dk, place(a, &a->dk, sample, head, key), w.dk, keys);
    store(a, &a->dv, place(a, &a->dv, sample, head, key), w.dv, keys);
  }
  store(a, &a->dk, place(a, &a->dk, sample, head, limit), NULL, a->keys - limit);
  store(a, &a->dv, place(a, &a->dv, sample, head, limit), NULL, a->keys - limit);
  store(a, &a->dq, place(a, &a->dq, sample, head, 0), limit > 0 ? w.dq : NULL, a->queries);
}

#endif
