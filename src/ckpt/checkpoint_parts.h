/* What writing and reading checkpoints share: names of files, directories and notes. */
#ifndef DDLA_CKPT_CHECKPOINT_PARTS_H
#define DDLA_CKPT_CHECKPOINT_PARTS_H

#include "ckpt/checkpoint.h"

#define DDLA_CHECKPOINT_FORMAT_NAME "ddla-checkpoint"
#define DDLA_NOTE_FORMAT "format"
#define DDLA_NOTE_STEP "step"
#define DDLA_NOTE_HEADER "header.model" /* XXH128 of the model file's header */
#define DDLA_NOTE_FREE "note."
#define DDLA_NOTE_SAME "same."
#define DDLA_NOTE_SUM_MODEL "xxh128.model."
#define DDLA_NOTE_SUM_STATE "xxh128.state."

/* "model.safetensors", "state.safetensors"; the prefix of a part's checksums. Borrowed for ever. */
const char *ddla_checkpoint_part_name(ddla_checkpoint_part part);
const char *ddla_checkpoint_sum_prefix(ddla_checkpoint_part part);

/* first + second + third in new memory. The caller owns *out. */
ddla_status ddla_checkpoint_join(char **out, const char *first, const char *second,
                                 const char *third);

/* Removes all but the one just written and the keep - 1 newest others, and temporary directories.
 */
ddla_status ddla_checkpoint_prune(const char *folder, uint64_t written, int keep);

/* Moves a checkpoint out of sight under a temporary name and removes it; a missing one is fine. */
ddla_status ddla_checkpoint_remove(const char *path);

#endif
