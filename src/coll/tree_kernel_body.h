/* No include guard: included once per kernel with
 *   KERNEL   name of the function        TARGET  function attribute for the instruction set
 *   T        element type                LANES   elements per vector
 *   STREAM(address, vector)              a store past the caches
 * Written over vector types, so that gcc and clang emit the same additions: no reassociation, no
 * contraction. */
typedef T JOIN(KERNEL, _vector)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

#define VECTOR JOIN(KERNEL, _vector)
#define AT(array, k) (*(const VECTOR *)(const void *)((array) + (k)))
#define PUT(array, k, value) (*(VECTOR *)(void *)((array) + (k)) = (value))
#define ONE(k, GET) GET(a[0], k)
#define TWO(k, GET) (GET(a[0], k) + GET(a[1], k))
#define FOUR(k, GET) ((GET(a[0], k) + GET(a[1], k)) + (GET(a[2], k) + GET(a[3], k)))
#define EIGHT(k, GET)                                                                              \
  (((GET(a[0], k) + GET(a[1], k)) + (GET(a[2], k) + GET(a[3], k))) +                               \
   ((GET(a[4], k) + GET(a[5], k)) + (GET(a[6], k) + GET(a[7], k))))
#define SCALAR(array, k) ((array)[k])

/* All forms of one width: one or two outputs are written straight, more in a loop; a tail of
 * scalars. */
#define WIDTH(SUM)                                                                                 \
  do {                                                                                             \
    if (pass->stream && outputs == 1) {                                                            \
      for (; k < whole; k += LANES) STREAM(o0 + k, SUM(k, AT));                                    \
    } else if (pass->stream && outputs == 2) {                                                     \
      for (; k < whole; k += LANES) {                                                              \
        VECTOR sum = SUM(k, AT);                                                                   \
        STREAM(o0 + k, sum);                                                                       \
        STREAM(o1 + k, sum);                                                                       \
      }                                                                                            \
    } else if (pass->stream) {                                                                     \
      for (; k < whole; k += LANES) {                                                              \
        VECTOR sum = SUM(k, AT);                                                                   \
        for (int i = 0; i < outputs; i++) STREAM((T *)pass->outputs[i] + k, sum);                  \
      }                                                                                            \
    } else if (outputs == 1) {                                                                     \
      for (; k < whole; k += LANES) PUT(o0, k, SUM(k, AT));                                        \
    } else {                                                                                       \
      for (; k < whole; k += LANES) {                                                              \
        VECTOR sum = SUM(k, AT);                                                                   \
        for (int i = 0; i < outputs; i++) PUT((T *)pass->outputs[i], k, sum);                      \
      }                                                                                            \
    }                                                                                              \
    for (; k < count; k++) {                                                                       \
      T sum = SUM(k, SCALAR);                                                                      \
      for (int i = 0; i < outputs; i++) ((T *)pass->outputs[i])[k] = sum;                          \
    }                                                                                              \
  } while (0)

TARGET static void KERNEL(const ddla_tree_pass *pass, int64_t count) {
  const T *a[8] = {0};
  for (int i = 0; i < pass->width; i++) a[i] = pass->inputs[i];
  int outputs = pass->output_count;
  T *o0 = pass->outputs[0], *o1 = outputs > 1 ? pass->outputs[1] : NULL;
  int64_t k = 0, whole = count / LANES * LANES;
  switch (pass->width) {
  case 1: WIDTH(ONE); break;
  case 2: WIDTH(TWO); break;
  case 4: WIDTH(FOUR); break;
  default: WIDTH(EIGHT); break;
  }
  (void)o1;
}

#undef VECTOR
#undef AT
#undef PUT
#undef ONE
#undef TWO
#undef FOUR
#undef EIGHT
#undef SCALAR
#undef WIDTH
#undef KERNEL
#undef TARGET
#undef T
#undef LANES
#undef STREAM
