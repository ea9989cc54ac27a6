/* The k numbers of largest magnitude, exactly: of equal ones, those that come first. What is chosen
 * is a function of the numbers alone. It takes one pass in most cases: some numbers, from fixed
 * places, tell a limit that a few more than k will reach; those are set aside, and the k largest
 * are chosen among them, by the bits of the magnitude from the highest down. Where the limit was
 * wrong (many equal numbers, or a regular pattern), the same is done with the whole array. */
#ifndef DDLA_CODEC_SELECT_H
#define DDLA_CODEC_SELECT_H

#include "codec/loops.h"

/* Bytes of scratch memory. */
size_t ddla_select_scratch(int64_t count, int64_t k);

/* Moves the state of the source on (u', v; see codec.h), and picks k (0 to count) of what it is
 * then; the picks lie in the source's scratch memory. */
void ddla_select(ddla_codec_picks *out, const ddla_codec_source *source, int64_t k);

#endif
