/* Max-pool of channels-last images, 16 channels at a time; the winning tap is kept in one byte. The first of
 * equal values wins and a NaN wins, as in the reference. */
#include "backend/kernel.h"
#include "backend/wide.h"
#include "base/alloc.h"
#include "op/window.h"

struct ddla_kernel_state {
  ddla_window window;
  bool tiles;  /* windows lie side by side and cover the input: each place belongs to exactly one */
  bool square; /* 2 by 2, stride 2, tiles */
  bool saves;
};

static bool accepts(const ddla_op_call *call) {
  ddla_window window = ddla_window_of_pool(call);
  return window.kernel[0] * window.kernel[1] <= 256;
}

static bool covers(const ddla_window *w, int axis) {
  return w->kernel[axis] == w->stride[axis] && w->dilation[axis] == 1 && w->padding[axis] == 0 &&
         w->out[axis] * w->stride[axis] == w->in[axis];
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->window = ddla_window_of_pool(call);
  s->tiles = covers(&s->window, 0) && covers(&s->window, 1);
  s->square = s->tiles && s->window.kernel[0] == 2 && s->window.kernel[1] == 2;
  s->saves = ddla_kernel_wants(call, 0);
  call->saved_bytes = s->saves ? (size_t)ddla_shape_count(&call->output[0].shape) : 0;
  call->scratch_bytes = 0;
  call->backward_reads_input[0] = call->backward_reads_output[0] = false;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

DDLA_INLINE void put_bytes(uint8_t *to, int n, ddla_wide_int value) {
  ddla_wide_byte bytes = __builtin_convertvector(value, ddla_wide_byte);
  if (n == DDLA_WIDE)
    *(ddla_wide_byte *)to = bytes;
  else
    memcpy(to, &bytes, (size_t)n);
}

DDLA_INLINE ddla_wide_int take_bytes(const uint8_t *from, int n) {
  ddla_wide_byte bytes = {0};
  if (n == DDLA_WIDE)
    bytes = *(const ddla_wide_byte *)from;
  else
    memcpy(&bytes, from, (size_t)n);
  return __builtin_convertvector(bytes, ddla_wide_int);
}

DDLA_INLINE ddla_wide choose(ddla_wide_int mask, ddla_wide yes, ddla_wide no) {
  return (ddla_wide)(((ddla_wide_int)yes & mask) | ((ddla_wide_int)no & ~mask));
}

/* Places of the input under one window, by tap: elements from the start of the image, -1 in the padding. */
typedef struct taps {
  int count;
  int64_t place[256];
} taps;

static void set_taps(taps *t, const ddla_window *w, int64_t oh, int64_t ow) {
  t->count = 0;
  for (int64_t kh = 0; kh < w->kernel[0]; kh++)
    for (int64_t kw = 0; kw < w->kernel[1]; kw++) {
      int64_t at = ddla_window_place(w, oh, ow, kh, kw);
      t->place[t->count++] = at < 0 ? -1 : at * w->channels;
    }
}

/* n channels of one window. */
DDLA_INLINE void largest_of(float *y, uint8_t *saved, const float *image, const taps *t, int n) {
  ddla_wide best = {0};
  ddla_wide_int winner = {0};
  bool any = false;
  for (int tap = 0; tap < t->count; tap++) {
    if (t->place[tap] < 0) continue;
    ddla_wide value = ddla_wide_take(image + t->place[tap], n);
    ddla_wide_int wins = ~(ddla_wide_int){0};
    if (any) wins = ~(value <= best) & (best == best);
    best = choose(wins, value, best);
    winner = (wins & tap) | (~wins & winner);
    any = true;
  }
  ddla_wide_put(y, n, best);
  if (saved) put_bytes(saved, n, winner);
}

DDLA_INLINE void forward_places_body(float *y, uint8_t *saved, const float *image, const taps *t,
                                     int64_t channels) {
  int64_t c = 0;
  for (; c + DDLA_WIDE <= channels; c += DDLA_WIDE)
    largest_of(y + c, saved ? saved + c : NULL, image + c, t, DDLA_WIDE);
  if (c < channels) largest_of(y + c, saved ? saved + c : NULL, image + c, t, (int)(channels - c));
}

DDLA_WIDTHS(forward_places,
            (float *y, uint8_t *saved, const float *image, const taps *t, int64_t channels),
            (y, saved, image, t, channels))

static void forward_any(const ddla_kernel_state *s, const float *x, float *y, uint8_t *saved) {
  const ddla_window *w = &s->window;
  int64_t image = w->in[0] * w->in[1] * w->channels, to = 0;
  for (int64_t n = 0; n < w->batch; n++)
    for (int64_t oh = 0; oh < w->out[0]; oh++)
      for (int64_t ow = 0; ow < w->out[1]; ow++, to += w->channels) {
        taps t;
        set_taps(&t, w, oh, ow);
        forward_places(y + to, saved ? saved + to : NULL, x + n * image, &t, w->channels);
      }
}

/* n channels of a 2 by 2 window whose upper row starts at a and lower row at b. Winners by comparisons in the order
 * of the taps, without branches. */
DDLA_INLINE void square_forward(float *y, uint8_t *saved, const float *a, const float *b, int64_t step, int n) {
  ddla_wide v[4] = {ddla_wide_take(a, n), ddla_wide_take(a + step, n), ddla_wide_take(b, n),
                    ddla_wide_take(b + step, n)};
  ddla_wide best = v[0];
  ddla_wide_int winner = {0};
  for (int tap = 1; tap < 4; tap++) {
    ddla_wide_int wins = ~(v[tap] <= best) & (best == best);
    best = choose(wins, v[tap], best);
    winner = (wins & tap) | (~wins & winner);
  }
  ddla_wide_put(y, n, best);
  if (saved) put_bytes(saved, n, winner);
}

/* rows: output rows of all images together, each from two input rows. */
DDLA_INLINE void forward_square_body(float *y, uint8_t *saved, const float *x, int64_t rows, int64_t columns,
                                     int64_t channels) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t ow = 0; ow < columns; ow++) {
      int64_t to = (r * columns + ow) * channels;
      const float *a = x + (4 * r * columns + 2 * ow) * channels, *b = a + 2 * columns * channels;
      int64_t c = 0;
      for (; c + DDLA_WIDE <= channels; c += DDLA_WIDE)
        square_forward(y + to + c, saved ? saved + to + c : NULL, a + c, b + c, channels, DDLA_WIDE);
      if (c < channels)
        square_forward(y + to + c, saved ? saved + to + c : NULL, a + c, b + c, channels, (int)(channels - c));
    }
}

DDLA_WIDTHS(forward_square,
            (float *y, uint8_t *saved, const float *x, int64_t rows, int64_t columns, int64_t channels),
            (y, saved, x, rows, columns, channels))

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_window *w = &s->window;
  uint8_t *saved = s->saves ? call->saved : NULL;
  if (s->square)
    forward_square(call->output[0].data, saved, call->input[0].data, w->batch * w->out[0], w->out[1],
                   w->channels);
  else
    forward_any(s, call->input[0].data, call->output[0].data, saved);
  return DDLA_OK;
}

DDLA_INLINE void square_backward(float *a, float *b, const float *dy, const uint8_t *saved, int64_t step,
                                 int n) {
  ddla_wide g = ddla_wide_take(dy, n);
  ddla_wide_int winner = take_bytes(saved, n);
  ddla_wide_put(a, n, ddla_wide_keep(g, winner == 0));
  ddla_wide_put(a + step, n, ddla_wide_keep(g, winner == 1));
  ddla_wide_put(b, n, ddla_wide_keep(g, winner == 2));
  ddla_wide_put(b + step, n, ddla_wide_keep(g, winner == 3));
}

DDLA_INLINE void backward_square_body(float *dx, const float *dy, const uint8_t *saved, int64_t rows,
                                      int64_t columns, int64_t channels) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t ow = 0; ow < columns; ow++) {
      int64_t from = (r * columns + ow) * channels;
      float *a = dx + (4 * r * columns + 2 * ow) * channels, *b = a + 2 * columns * channels;
      int64_t c = 0;
      for (; c + DDLA_WIDE <= channels; c += DDLA_WIDE)
        square_backward(a + c, b + c, dy + from + c, saved + from + c, channels, DDLA_WIDE);
      if (c < channels)
        square_backward(a + c, b + c, dy + from + c, saved + from + c, channels, (int)(channels - c));
    }
}

DDLA_WIDTHS(backward_square,
            (float *dx, const float *dy, const uint8_t *saved, int64_t rows, int64_t columns, int64_t channels),
            (dx, dy, saved, rows, columns, channels))

/* Windows may overlap or leave places out: start from zero and add in the order of the windows. */
static void backward_any(const ddla_kernel_state *s, float *dx, const float *dy, const uint8_t *saved) {
  const ddla_window *w = &s->window;
  int64_t image = w->in[0] * w->in[1] * w->channels, from = 0;
  memset(dx, 0, (size_t)(w->batch * image) * sizeof *dx);
  for (int64_t n = 0; n < w->batch; n++)
    for (int64_t oh = 0; oh < w->out[0]; oh++)
      for (int64_t ow = 0; ow < w->out[1]; ow++, from += w->channels) {
        taps t;
        set_taps(&t, w, oh, ow);
        for (int64_t c = 0; c < w->channels; c++)
          dx[n * image + t.place[saved[from + c]] + c] += dy[from + c];
      }
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_window *w = &s->window;
  if (!call->input_grad[0].data) return DDLA_OK;
  if (s->square)
    backward_square(call->input_grad[0].data, call->output_grad[0].data, call->saved, w->batch * w->out[0],
                    w->out[1], w->channels);
  else
    backward_any(s, call->input_grad[0].data, call->output_grad[0].data, call->saved);
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_native_max_pool = {.name = "native_max_pool",
                                                 .op = "max_pool",
                                                 .accepts = accepts,
                                                 .prepare = prepare,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .destroy = destroy};
