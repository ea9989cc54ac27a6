/* A model as a graph of ops with static shapes. Built once with batch size 1 in dimension 0 of
 * every input; a plan is compiled from it for each batch size that occurs. Values are numbers of
 * the graph that made them. Threads: a graph is one thread's while it is built, read-only and
 * shared afterwards. */
#ifndef DDLA_GRAPH_H
#define DDLA_GRAPH_H

#include <ddla/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ddla_graph ddla_graph;
typedef int ddla_value; /* 0, 1, 2, …; DDLA_NO_VALUE where an optional input is absent */

enum { DDLA_NO_VALUE = -1, DDLA_NAME_BYTES = 64 };

/* Kinds of starting values. */
typedef enum ddla_init_kind {
  DDLA_INIT_ZEROS,
  DDLA_INIT_ONES,
  DDLA_INIT_UNIFORM,
  DDLA_INIT_NORMAL
} ddla_init_kind;

/* How a parameter starts: uniform in [-scale, scale) or normal with standard deviation scale. */
typedef struct ddla_init {
  ddla_init_kind kind;
  double scale;
} ddla_init;

/* Errors: NO_MEMORY. Destroy takes null. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_create(ddla_graph **out);
DDLA_API void ddla_graph_destroy(ddla_graph *graph);

/* A value fed from outside; shape->dim[0] is 1 and stands for the batch. Copies name. Errors:
 * INVALID, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_input(ddla_value *out, ddla_graph *graph,
                                                    const char *name, ddla_dtype dtype,
                                                    const ddla_shape *shape);

/* A trainable fp32 parameter. Tensors of rank 2 and more get weight decay, others (biases, norms)
 * none. Errors: INVALID where the name is taken, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_parameter(ddla_value *out, ddla_graph *graph,
                                                        const char *name, const ddla_shape *shape,
                                                        const ddla_init *init);

/* Keeps the gradient of a table [rows, width] as a list of the rows that a step touches: only these
 * are summed and updated, the others keep weights and moments, and no row gets weight decay. For
 * large tables of which a batch reads few rows; only the op "embedding" may read it. Errors:
 * INVALID where the value is no such parameter. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_sparse(ddla_graph *graph, ddla_value parameter);

/* A buffer: fp32 state of the model that is not trained, read by ops as a parameter is. It is the
 * same on all agents, is saved with the parameters, and changes only through a statistic. Errors:
 * INVALID where a parameter or buffer has the name, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_buffer(ddla_value *out, ddla_graph *graph,
                                                     const char *name, const ddla_shape *shape,
                                                     const ddla_init *init);

/* After every training step the buffers mean [C] and variance [C] move towards what the step's
 * samples showed: r + momentum * (observed - r), the variance unbiased. record, f64 [1 + 2C], is an
 * op's result in training: rows, C means, C sums of squared deviations (output 1 of batch_norm).
 * Errors: INVALID where shapes do not fit or a buffer has a statistic already, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_statistic(ddla_graph *graph, ddla_value record,
                                                        ddla_value mean, ddla_value variance,
                                                        double momentum);

/* Applies an op ("relu", "conv2d", …; `ddla info ops` lists them). out takes as many values as the
 * op has outputs (at most 2). attrs may be null. Errors: INVALID naming op and shapes. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_op(ddla_value *out, ddla_graph *graph, const char *op,
                                                 const ddla_value *inputs, int input_count,
                                                 const ddla_attrs *attrs);

/* Applies an op of one's own. op is borrowed until the graph is destroyed (training: until
 * ddla_train returns) and bears no name of the library's ops. Errors: INVALID where the op lacks
 * something, and as ddla_graph_op. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_use(ddla_value *out, ddla_graph *graph,
                                                  const ddla_op *op, const ddla_value *inputs,
                                                  int input_count, const ddla_attrs *attrs);

/* Names a value so that it can be found and read after a run: a classifier names its "logits".
 * Errors: INVALID. */
DDLA_API DDLA_MUST_USE ddla_status ddla_graph_output(ddla_graph *graph, const char *name,
                                                     ddla_value value);

/* The value of this output or input name, or DDLA_NO_VALUE. */
DDLA_API ddla_value ddla_graph_find(const ddla_graph *graph, const char *name);

/* Shape (with batch size 1) and format of a value. */
DDLA_API ddla_shape ddla_graph_shape(const ddla_graph *graph, ddla_value value);
DDLA_API ddla_dtype ddla_graph_dtype(const ddla_graph *graph, ddla_value value);

/* A model of one's own: builds from input [1, H, W, C] (or [1, 1, 1, features] for tables) the
 * logits [1, classes]. Called once, before training. */
typedef struct ddla_own_model {
  ddla_status (*build)(ddla_value *logits, ddla_graph *graph, ddla_value input, int64_t classes,
                       void *argument);
  void *argument;
} ddla_own_model;

/* Layers: an op together with its parameters, named "<name>.weight" and "<name>.bias", started as
 * PyTorch does (uniform within 1/sqrt(fan-in)). Options are plain; zero means the default in
 * brackets. */
typedef struct ddla_conv2d_options {
  int64_t channels; /* of the output */
  int64_t kernel;   /* edge [3] */
  int64_t stride;   /* [1] */
  int64_t padding;  /* on each side [0] */
  int64_t groups;   /* [1] */
  bool no_bias;
} ddla_conv2d_options;

/* x [N, H, W, C] -> [N, H', W', channels]. Errors: INVALID, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_conv2d(ddla_value *out, ddla_graph *graph,
                                                     const char *name, ddla_value x,
                                                     const ddla_conv2d_options *options);

/* x [N, I] -> [N, features]. Errors: INVALID, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_linear(ddla_value *out, ddla_graph *graph,
                                                     const char *name, ddla_value x,
                                                     int64_t features);

/* Zero means the default in brackets. */
typedef struct ddla_batch_norm_options {
  double epsilon;  /* added to the variance [1e-5] */
  double momentum; /* share of the running values that a step replaces [0.1] */
} ddla_batch_norm_options;

/* x [N, ..., C] normalized over all dimensions but the last, in training by the mean and variance
 * of its micro-batch, else by the buffers "<name>.running_mean" and "<name>.running_var"; then
 * times
 * "<name>.weight" [C] (starts as 1) plus "<name>.bias" [C] (starts as 0). options may be null.
 * Errors: INVALID, NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_batch_norm(ddla_value *out, ddla_graph *graph,
                                                         const char *name, ddla_value x,
                                                         const ddla_batch_norm_options *options);

/* x [N, ...] -> [N, product of the rest]. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_flatten(ddla_value *out, ddla_graph *graph,
                                                      ddla_value x);

/* Max-pool with a square window and stride = window. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_max_pool(ddla_value *out, ddla_graph *graph,
                                                       ddla_value x, int64_t window);

/* Zeroes elements with this probability in training and scales the others by 1 / (1 - probability);
 * keyed by sample, so it makes the graph's input "key" (i64 [N]) where that does not exist yet. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_dropout(ddla_value *out, ddla_graph *graph,
                                                      ddla_value x, double probability);

/* One-input op with the initial values of its attributes: relu, gelu, silu, tanh, softmax, exp. */
DDLA_API DDLA_MUST_USE ddla_status ddla_layer_apply(ddla_value *out, ddla_graph *graph,
                                                    const char *op, ddla_value x);

#ifdef __cplusplus
}
#endif
#endif
