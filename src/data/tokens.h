/* Samples of a text: windows of its tokens, each with the tokens that follow one place later.
 *
 * Sample i of a set of windows of t tokens covers tokens i t to (i + 1) t. In training it starts up
 * to t - 1 tokens later, at a place drawn from (seed, epoch, index of the sample), but never
 * reaches behind the last token that is a target of its set: so each epoch sees other windows, all
 * of the text about equally often, and nothing of the part that was set aside. Threads: pure
 * functions. */
#ifndef DDLA_DATA_TOKENS_H
#define DDLA_DATA_TOKENS_H

#include "data/augment.h"

/* tokens, targets [count, height] for samples indices [count] of set. slide: augment->slide with
 * its seed and epoch; else windows stand at their places. targets may be null. */
void ddla_tokens_fill(int32_t *tokens, int32_t *targets, const ddla_dataset *set,
                      const int64_t *indices, int64_t count, const ddla_augment *augment);

/* Gives set, which is no view, the vocabulary of like, which is none either. Errors: INVALID naming
 * the first character that like lacks; NO_MEMORY. */
ddla_status ddla_tokens_match(ddla_dataset *set, const ddla_dataset *like);

#endif
