/* The state table: every array that makes up the model's state, each with its number format, number
 * of versions and scope. Strategies, optimizers, checkpoints and recovery work from it and know no
 * layers. The table computes sizes and places; its memory is passed in (from a transport, so that
 * agents of one host share it). Threads: built by one thread, then read-only; the arrays' contents
 * follow the strategy's rules. */
#ifndef DDLA_STATE_STATE_H
#define DDLA_STATE_STATE_H

#include <ddla/tensor.h>

#include "base/status.h"
#include "tensor/rows.h"

/* Norms are taken over blocks of this many elements of the parameter space; range borders lie on
 * block borders. */
enum { DDLA_STATE_BLOCK = 4096, DDLA_STATE_NAME_BYTES = 64, DDLA_STATE_ROWS_MAX = 32 };

typedef enum ddla_scope {
  DDLA_SCOPE_REPLICATED, /* the same on all agents */
  DDLA_SCOPE_OWNED,      /* each agent is responsible for its ranges */
  DDLA_SCOPE_PER_HOST,   /* each host has values of its own */
  DDLA_SCOPE_PER_AGENT,  /* one copy for each agent */
  DDLA_SCOPE_PER_LANE    /* one copy for each lane of each agent */
} ddla_scope;

typedef struct ddla_state_row {
  const char *name; /* "theta", "adamw.first_moment": lives as long as the table */
  ddla_dtype dtype;
  ddla_scope scope;
  bool parameter_shaped; /* one element per element of the parameter space; else `count` elements */
  bool trainable;
  bool saved;    /* part of a checkpoint */
  int versions;  /* 1: changed in place; V: step t writes copy t mod V and reads copy (t - 1) mod V
                  */
  int copies;    /* 1, or the number of agents or lanes by scope */
  int64_t count; /* elements of one copy of one version */
  size_t offset; /* (table) bytes from the table's memory */
  size_t stride; /* (table) bytes from one copy of one version to the next */
} ddla_state_row;

/* A named piece of the parameter space: one tensor. Tables whose gradients are kept by row
 * (tensor/rows.h) lie behind all others, from a block's border on. */
typedef struct ddla_state_range {
  char name[DDLA_STATE_NAME_BYTES];
  ddla_shape shape;
  int64_t offset, count;
  bool decays;         /* weight decay applies */
  int64_t touched_max; /* by row: rows that a step can touch at most; else 0 */
} ddla_state_range;

typedef struct ddla_state ddla_state;

/* A table for a parameter space of `space` elements; it is padded up to whole blocks. Errors:
 * NO_MEMORY. */
ddla_status ddla_state_create(ddla_state **out, int64_t space, const ddla_state_range *ranges,
                              int range_count);
void ddla_state_destroy(ddla_state *state);

/* Adds a row; its number into out. Errors: INVALID where the table is full or has the name. */
ddla_status ddla_state_add(int *out, ddla_state *state, const ddla_state_row *row);

/* Elements of the padded parameter space: a multiple of DDLA_STATE_BLOCK. */
int64_t ddla_state_space(const ddla_state *state);

/* values[i] is element begin + i of a parameter-shaped array, i < count: those of no range become
 * 0, as which they stay in all such arrays; checkpoints do not have them. */
void ddla_state_clear_gaps(const ddla_state *state, float *values, int64_t begin, int64_t count);

/* Elements before the first table that is kept by row, padded to whole blocks; without such tables
 * this is the space. */
int64_t ddla_state_dense(const ddla_state *state);

/* Lists of rows, one for each table that is kept by row, lie in two rows of the state: numbers
 * (i64) and values (f32). Elements of one copy of each; 0: there are no such tables. */
int64_t ddla_state_list_numbers(const ddla_state *state);
int64_t ddla_state_list_values(const ddla_state *state);

/* Place of the list's first row among the numbers of a copy: where an array with as many elements
 * has something for each row of the list. */
int64_t ddla_state_list_place(const ddla_state *state, int range);

/* The list of a range that is kept by row, in these rows of the state. Borrows their memory. */
ddla_rows ddla_state_list(const ddla_state *state, int range, const int list[2], uint64_t step,
                          int copy);

/* Bytes of memory that the table wants; then give it (64-byte aligned, zeroed, borrowed). */
size_t ddla_state_bytes(const ddla_state *state);
void ddla_state_bind(ddla_state *state, void *memory);

/* Array of a row at a step (its version is step mod versions) and copy. Borrowed. */
void *ddla_state_array(const ddla_state *state, int row, uint64_t step, int copy);

/* The rows and ranges. Borrowed until destroy. */
int ddla_state_row_count(const ddla_state *state);
const ddla_state_row *ddla_state_row_at(const ddla_state *state, int row);
int ddla_state_range_count(const ddla_state *state);
const ddla_state_range *ddla_state_range_at(const ddla_state *state, int range);

/* Row of this name, or -1. */
int ddla_state_find(const ddla_state *state, const char *name);

#endif
