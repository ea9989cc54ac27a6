/* The set that the parts of several hosts make: whether they go together, the classes of all, and
 * which samples stand twice. It depends on what the hosts have and on their order alone. Samples of
 * a host keep their order, and those of a host with a lower number come first; of samples that are
 * alike the first one stays. Threads: one thread. */
#ifndef DDLA_SHARE_SETS_UNITED_H
#define DDLA_SHARE_SETS_UNITED_H

#include "data/prepared/prepared_series.h"
#include "data/prepared/selection.h"
#include "transport/transport.h"

enum { DDLA_UNITED_NAME_BYTES = 64 };

/* What a host has told. */
typedef struct ddla_united_host {
  char name[DDLA_UNITED_NAME_BYTES];
  ddla_prepared_index index[DDLA_PREPARED_PARTS]; /* without blocks: it has no such part */
  int64_t kept[DDLA_PREPARED_PARTS];              /* samples that are not alike an earlier one */
} ddla_united_host;

typedef struct ddla_united {
  int hosts;
  ddla_united_host host[DDLA_TRANSPORT_RANKS_MAX];
  ddla_classes classes[DDLA_PREPARED_PARTS];      /* of all hosts */
  ddla_prepared_index index[DDLA_PREPARED_PARTS]; /* of the set that they make */
} ddla_united;

void ddla_united_destroy(ddla_united *united);

/* Whether a host has a part. */
bool ddla_united_has(const ddla_united *united, int host, int part);

/* Unites the classes of each part: where the lists of all hosts begin alike, as those of numbered
 * classes do, the longest one; else all names in the order of their bytes. Errors: INVALID naming
 * two hosts whose parts are of another type or shape, or not labelled alike; UNSUPPORTED for texts,
 * which have no samples that could stand twice. */
ddla_status ddla_united_agree(ddla_united *united);

/* renumber [classes of the host's part]: the numbers that its labels get. */
void ddla_united_renumber(int32_t *renumber, const ddla_united *united, int host, int part);

/* hash: of all samples of a part, [host][sample], null for hosts that have none. chosen: [host] a
 * bit for each sample that stays; zeroed. Fills in `kept`. 16 bytes of memory for each sample.
 * Errors: NO_MEMORY. */
ddla_status ddla_united_choose(ddla_united *united, int part,
                               const ddla_data_sample_hash *const *hash, uint8_t *const *chosen);

/* Plans the index of what stays, when choose was called for all parts. Errors: NO_MEMORY. */
ddla_status ddla_united_plan(ddla_united *united);

/* What tells the hosts' parts, in their order, from others. */
uint64_t ddla_united_origin(const ddla_united *united);

#endif
