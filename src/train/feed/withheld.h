/* Failures whose words may show samples, where samples may not leave their host (data.private): a
 * reader quotes what it cannot read, and what one agent says of its preparation is sent to all.
 * Threads: one. */
#ifndef DDLA_TRAIN_FEED_WITHHELD_H
#define DDLA_TRAIN_FEED_WITHHELD_H

#include "train/training.h"

/* How it went with the data of a key. Where it failed, data are private and other hosts are to hear
 * of it, its words become a file of this host, which its user alone can read, in $TMPDIR, else
 * /tmp, and the words that go on name the key and that file. They do not go to standard error:
 * launchers pass it on to the host that they were started on. Returns the code. */
ddla_status ddla_withheld_told(const ddla_training *training, const char *key, ddla_status status);

#endif
