/* A directory that is being written beside the one that it will be. It has a temporary name until
 * everything in it is durable, and belongs to the process that holds its lock: what a process that
 * was killed has left is removed by the next one that writes to the same target. Threads: one
 * thread per stage. */
#ifndef DDLA_DATA_PREPARED_STAGE_H
#define DDLA_DATA_PREPARED_STAGE_H

#include "base/status.h"

typedef struct ddla_stage ddla_stage;

/* Makes DIRECTORY.tmp-… and, where they are missing, the directories above. The caller owns *out.
 * Errors: those of base/file.h. */
ddla_status ddla_stage_create(ddla_stage **out, const char *directory);

/* Path of the temporary directory; borrowed. */
const char *ddla_stage_path(const ddla_stage *stage);

/* Gives the directory its name. Errors: INVALID where another process came first or something else
 * is there; those of base/file.h. */
ddla_status ddla_stage_commit(ddla_stage *stage);

/* Removes what was not committed, with the files in it. Null is allowed. */
void ddla_stage_destroy(ddla_stage *stage);

#endif
