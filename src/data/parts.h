/* Parts of a data set that replicas own: who has which samples, and in which order it goes through
 * them. Memory is a number for each sample; the order is a function of (seed, part, pass, place).
 *
 * A part's stream is endless: pass after pass over the part, each in an order of its own. Replicas
 * make steps of the same size, so one with few samples goes through them more often than one with
 * many. Threads: made by one; then only read. */
#ifndef DDLA_DATA_PARTS_H
#define DDLA_DATA_PARTS_H

#include "data/data.h"
#include "data/partition.h"

typedef struct ddla_parts {
  const ddla_partition_kind *kind;
  int count;                         /* of parts */
  int64_t samples;                   /* of all parts: the set's */
  int64_t *sample;                   /* part p has places [first[p], first[p + 1]): */
  int64_t first[DDLA_PARTS_MAX + 1]; /* by rising number its own[p] own samples, then those that */
  int64_t own[DDLA_PARTS_MAX];       /* all parts have and that are another one's */
  int64_t shared;                    /* samples that all parts have */
} ddla_parts;

/* Divides a set by a rule; a fraction of its samples, drawn by the rule's seed and rounded to a
 * whole number, is in every part besides. Errors: those of ddla_partition_assign. */
ddla_status ddla_parts_make(ddla_parts **out, const ddla_dataset *set,
                            const ddla_partition_kind *kind, const ddla_partition_rule *rule,
                            double shared) DDLA_MUST_USE;
void ddla_parts_destroy(ddla_parts *parts); /* null is allowed */

/* The part that every sample belongs to: [samples]. */
void ddla_parts_owners(int32_t *owner, const ddla_parts *parts);

/* Of what parts hold, so that processes can compare it. */
uint64_t ddla_parts_fingerprint(const ddla_parts *parts);

/* weight[p]: a part's share of all samples times the number of parts, a whole multiple of 2^-18
 * and not 0: their sum is the number of parts exactly, and each fits a float. */
void ddla_parts_weights(double weight[DDLA_PARTS_MAX], const ddla_parts *parts);

/* counts[part * labels + label]: how many samples of a label a part has of its own. set: what was
 * divided. */
void ddla_parts_count(int64_t *counts, const ddla_parts *parts, const ddla_dataset *set,
                      int labels);

/* A part's stream. Plain value; borrows from the parts. */
typedef struct ddla_part_stream {
  const int64_t *sample;
  int64_t count;
  uint64_t seed;
  int part;
} ddla_part_stream;

/* shared: with the samples that all have, else of the part's own. */
ddla_part_stream ddla_part_stream_of(const ddla_parts *parts, int part, bool shared, uint64_t seed);

/* Writes the samples at `position` and behind it, up to `count` and not beyond the pass, whose
 * number goes to *pass; how many they are. count >= 1 */
int64_t ddla_part_stream_fill(int64_t *out, int64_t *pass, const ddla_part_stream *stream,
                              int64_t position, int64_t count);

#endif
