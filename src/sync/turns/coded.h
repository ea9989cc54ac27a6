/* What shards contribute, written by a codec (codec/codec.h), range by range. What a message leaves
 * out is kept by who contributes, and added the next time.
 *
 * Threads: one thread, the one that serves the link. */
#ifndef DDLA_SYNC_TURNS_CODED_H
#define DDLA_SYNC_TURNS_CODED_H

#include "codec/codec.h"
#include "state/state.h"
#include "sync/bridge/bridge_layout.h"

typedef struct ddla_coded_options {
  const ddla_bridge_layout *layout;
  const ddla_codec *codec;
  const ddla_codec_options *options;
  float *residual;         /* [space]; null: nothing is kept */
  float *velocity;         /* [space]; null: no momentum */
  const ddla_state *state; /* whose ranges its numbers are of: those between them stay zero.
                              Null: all are of ranges */
} ddla_coded_options;

typedef struct ddla_coded ddla_coded;

/* All is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_coded_create(ddla_coded **out, const ddla_coded_options *options);

/* Null is allowed. */
void ddla_coded_destroy(ddla_coded *coded);

/* Most bytes of a message of the longest range. */
size_t ddla_coded_bound(const ddla_coded *coded);

/* The message of a range's numbers times `factor`, what clipping scales them by: memory of `coded`
 * until the range is encoded the time after next, so that one may be on its way while the next one
 * is made. Errors: INVALID (a number is not finite, or too large). */
ddla_status ddla_coded_encode(const void **out, size_t *bytes, ddla_coded *coded, int range,
                              const float *values, double factor);

#endif
