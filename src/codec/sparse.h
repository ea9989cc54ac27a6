/* Codecs that send the numbers of largest magnitude and their places. The body of a message: how
 * many there are (8 bytes), what the codec says of each number, the places as gaps (gaps.h). */
#ifndef DDLA_CODEC_SPARSE_H
#define DDLA_CODEC_SPARSE_H

#include "codec/gaps.h"
#include "codec/loops.h"

enum { DDLA_SPARSE_ENTRIES_BYTES = 8 };

/* Numbers that are sent of count: the share topk, rounded, at least 1 and at most all. */
int64_t ddla_sparse_entries(int64_t count, const ddla_codec_options *options);

/* Slot `scratch` of a row; the bound of a body whose numbers take so many bytes. */
size_t ddla_sparse_scratch(int64_t count, const ddla_codec_options *options);
size_t ddla_sparse_bound(int64_t count, int64_t entries, size_t number_bytes);

/* Chooses what is sent, moves the state on and fills entries and width. */
void ddla_sparse_pick(ddla_codec_picks *out, ddla_codec_message *message,
                      const ddla_codec_source *source);

/* Takes what was sent, now in picks->value, out of the state, and writes the body but its numbers;
 * returns bytes of the body. */
size_t ddla_sparse_finish(uint8_t *body, const ddla_codec_message *message,
                          const ddla_codec_source *source, const ddla_codec_picks *picks,
                          size_t number_bytes);

/* Reads how many entries there are, before anything else of a body. Errors: CORRUPT. */
ddla_status ddla_sparse_read_entries(ddla_codec_message *message);

/* Looks at the rest, but for the numbers, which take so many bytes. Errors: CORRUPT. */
ddla_status ddla_sparse_check(const ddla_codec_message *message, size_t number_bytes);

/* Slot `put` of a row, from its numbers and how number i is read from them. */
typedef float ddla_sparse_number(const ddla_codec_message *message, int64_t i);
void ddla_sparse_put(float *to, const ddla_codec_message *message, const float *factor,
                     size_t number_bytes, ddla_sparse_number *number);

#endif
