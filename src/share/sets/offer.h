/* The parts of a data set that a host has to give, opened for being sent. What is read into memory
 * may be more than the machine has: see data/disk.h. Threads: one thread. */
#ifndef DDLA_SHARE_SETS_OFFER_H
#define DDLA_SHARE_SETS_OFFER_H

#include "data/disk.h"
#include "data/prepared/prepared_series.h"

/* Zero is empty; not to be moved while it is open. */
typedef struct ddla_offer {
  char directory[DDLA_DATA_PATH_BYTES];               /* whose disk stands behind what is read */
  ddla_dataset *sets[DDLA_PREPARED_PARTS];            /* null: no such part, or sent as it lies */
  ddla_prepared_source *sources[DDLA_PREPARED_PARTS]; /* null: no such part */
  ddla_data_disk disk;
  ddla_data_memory memory;
} ddla_offer;

/* Opens the parts that `source` names, [PARTS]; those with a null path are not there. beside: what
 * is read lies on the disk of this path, which may be missing. as_it_lies: a part of a prepared set
 * is not opened but sent as its files have it, compressed or not. Errors: those of opening data;
 * DISK_FULL. */
ddla_status ddla_offer_open(ddla_offer *offer, const ddla_data_source source[DDLA_PREPARED_PARTS],
                            const char *beside, bool as_it_lies);

void ddla_offer_close(ddla_offer *offer);

#endif
