/* The graph's inside, for plans, models' summaries and the state table (public part: ddla/graph.h).
 */
#ifndef DDLA_GRAPH_GRAPH_H
#define DDLA_GRAPH_GRAPH_H

#include <ddla/graph.h>

#include "op/op.h"
#include "plugin/plugin.h"
#include "state/statistic.h"

/* Parameters start on multiples of this many elements of the flat parameter space (64 bytes). */
enum { DDLA_PARAMETER_ALIGNMENT = 16 };

typedef enum ddla_value_kind {
  DDLA_VALUE_INPUT,
  DDLA_VALUE_PARAMETER,
  DDLA_VALUE_BUFFER,
  DDLA_VALUE_RESULT
} ddla_value_kind;

typedef struct ddla_graph_value {
  ddla_value_kind kind;
  ddla_dtype dtype;
  ddla_shape shape; /* with batch size 1 */
  int parameter;    /* index, or -1 */
  int buffer;       /* index, where the kind is DDLA_VALUE_BUFFER */
} ddla_graph_value;

typedef struct ddla_graph_op_use {
  const ddla_op *op;
  ddla_attrs attrs;
  int input_count, output_count;
  ddla_value input[DDLA_OP_INPUTS_MAX], output[DDLA_OP_OUTPUTS_MAX];
} ddla_graph_op_use;

/* A parameter or a buffer. */
typedef struct ddla_graph_parameter_row {
  char name[DDLA_NAME_BYTES];
  ddla_value value;
  ddla_shape shape;
  ddla_init init;
  int64_t offset, count; /* place in the flat parameter or buffer space, in elements */
  bool by_row;           /* its gradient is a list of rows (tensor/rows.h) */
} ddla_graph_parameter_row;

/* A record that ops leave in training, and the buffers that follow it. */
typedef struct ddla_graph_statistic_row {
  ddla_value record;
  ddla_statistic rule;
} ddla_graph_statistic_row;

typedef struct ddla_graph_name {
  char name[DDLA_NAME_BYTES];
  ddla_value value;
} ddla_graph_name;

struct ddla_graph {
  ddla_graph_value *value;
  ddla_graph_op_use *use; /* in an order in which they can run */
  ddla_graph_parameter_row *parameter, *buffer;
  ddla_graph_statistic_row *statistic;
  ddla_graph_name *input, *output;
  int value_count, use_count, parameter_count, buffer_count, statistic_count, input_count,
      output_count;
  int value_room, use_room, parameter_room, buffer_room, statistic_room, input_room, output_room;
  int64_t space, buffer_space; /* elements of the two flat spaces so far */
  int64_t dense;               /* of space: what lies before the parameters by row */
  int64_t record_space;        /* doubles of all statistics' records of one shard */
  const ddla_plugins *plugins; /* borrowed; null: names are those of the library's ops */
};

/* Lets ops, and models and layers that are built in this graph, be found in plugins too (borrowed;
 * may be null). */
void ddla_graph_set_plugins(ddla_graph *graph, const ddla_plugins *plugins);

/* Op by name, the library's or of the graph's plugins; or null. */
const ddla_op *ddla_graph_find_op(const ddla_graph *graph, const char *name);

/* Whether this is a value of the graph; whether it is one of its inputs. */
bool ddla_graph_has(const ddla_graph *graph, ddla_value value);
bool ddla_graph_is_input(const ddla_graph *graph, ddla_value value);

/* Elements of the flat parameter space, gaps included (gaps stay zero). */
int64_t ddla_graph_space(const ddla_graph *graph);

/* Elements of the flat buffer space, gaps included; 0 where the model has no buffers. */
int64_t ddla_graph_buffer_space(const ddla_graph *graph);

/* Rows of a parameter by row that one sample can touch: the indices of the embeddings that read it.
 * Errors: INVALID where another op reads it, or none. */
ddla_status ddla_graph_touched(int64_t *out, const ddla_graph *graph, int parameter);

/* Number of trainable numbers, without gaps. */
int64_t ddla_graph_parameter_total(const ddla_graph *graph);

/* Writes starting values of all parameters into theta [ddla_graph_space], gaps zeroed. A value
 * depends only on (seed, parameter index, element). */
void ddla_graph_initialise(const ddla_graph *graph, uint64_t seed, float *theta);

/* The same for buffers [ddla_graph_buffer_space]. */
void ddla_graph_initialise_buffers(const ddla_graph *graph, uint64_t seed, float *buffers);

/* Fills a call for a use with batch size `batch` in dimension 0 where the graph has shapes of
 * values known so far in `shape` (indexed by value), and infers. Errors: as the op's infer. */
ddla_status ddla_graph_call(ddla_op_call *call, const ddla_graph *graph,
                            const ddla_graph_op_use *use, const ddla_shape *shape);

#endif
