/* What a graph consists of, for `ddla info model`, logs and reports. */
#ifndef DDLA_MODEL_SUMMARY_H
#define DDLA_MODEL_SUMMARY_H

#include <stdio.h>

#include <ddla/graph.h>

#include "base/status.h"

typedef struct ddla_summary_row {
  char name[DDLA_NAME_BYTES]; /* what its parameters' names begin with; "" without parameters */
  const char *kind;           /* the op's name */
  ddla_shape shape;           /* of the first output, for one sample */
  int64_t parameters;         /* numbers that occur here first; a shared parameter counts once */
  double flops;               /* of one forward for one sample; 0 where elementwise */
} ddla_summary_row;

typedef struct ddla_summary {
  ddla_summary_row *rows;
  int count;
  int64_t parameters; /* of the graph */
  int64_t buffers;    /* numbers that are not trained */
  double flops;       /* of one forward for one sample */
} ddla_summary;

/* Errors: NO_MEMORY. The caller owns *out's rows and releases them with fini. */
ddla_status ddla_summary_init(ddla_summary *out, const ddla_graph *graph);
void ddla_summary_fini(ddla_summary *summary);

/* Writes a table, one line for each op, and the totals. */
void ddla_summary_print(const ddla_summary *summary, FILE *file);

#endif
