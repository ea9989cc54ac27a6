/* A thread of a host's first agent that fetches samples before lanes need them. It keeps blocks of
 * the prepared set in memory, and where memory is short on disk; it is the home of some of them,
 * which it alone reads from the origin; what other hosts are the homes of it asks them for, sample
 * by sample, and answers what they ask for. docs/concepts/tiers.md describes it to users, and
 * docs/decisions/0022-tiers.md says why.
 *
 * A host that gives an answer of its own (it could not read) or none in time is passed by: the
 * sample is read from the origin. Its death ends the run, as everywhere.
 *
 * Threads: create, begin, end and destroy by one thread of the agent; the rest is the thread's. */
#ifndef DDLA_SHARE_TIERS_TIERS_H
#define DDLA_SHARE_TIERS_TIERS_H

#include "share/tiers/board.h"
#include "share/tiers/catalog.h"
#include "share/tiers/origin.h"
#include "share/wire.h"

typedef struct ddla_tiers ddla_tiers;

typedef struct ddla_tiers_options {
  ddla_transport *link; /* between hosts, this thread's until destroy; null: there is one host */
  const ddla_catalog *catalog;
  ddla_origin *const *origins; /* [origin_count], where its sets lie */
  int origin_count;
  ddla_board board;
  int64_t memory_bytes, disk_bytes; /* of blocks */
  const char *directory;            /* of the disk tier */
  bool peers;                       /* else each host is the home of all blocks */
  bool trusts;                      /* a piece may be read alone, so that nobody checks its hash */
  ddla_wire *wire;                  /* on the link; null: there is one host */
  int64_t limit_ms;                 /* a home that is not heard of for so long is passed by */
} ddla_tiers_options;

/* What comes: the samples of steps [from, end). Writes those that a host needs in a step, by their
 * rows in set 0, in the order in which its lanes will find them; how many. Any thread. */
typedef struct ddla_tiers_plan {
  int64_t (*rows)(void *argument, int64_t *out, int64_t step, int host);
  void *argument;
  int64_t rows_max; /* of a host and step */
  int64_t from, end;
} ddla_tiers_plan;

/* Everything is borrowed until destroy. Errors: NO_MEMORY; those of the disk tier's file. */
ddla_status ddla_tiers_create(ddla_tiers **out, const ddla_tiers_options *options);

/* Fetches ahead by a plan, until end: then only what lanes ask for. No lane waits for anything
 * then. Errors: NO_MEMORY. */
ddla_status ddla_tiers_begin(ddla_tiers *tiers, const ddla_tiers_plan *plan);
void ddla_tiers_end(ddla_tiers *tiers);

/* The failure that ended the thread, of which others learn as a lost peer; else the status as it
 * is.
 */
ddla_status ddla_tiers_explain(const ddla_tiers *tiers, ddla_status status);

/* Ends the thread, wherever it is. Null is allowed. */
void ddla_tiers_destroy(ddla_tiers *tiers);

#endif
