#include "codec/sparse.h"

#include <inttypes.h>
#include <string.h>

#include "codec/message.h"
#include "codec/select.h"

int64_t ddla_sparse_entries(int64_t count, const ddla_codec_options *options) {
  const int64_t entries = (int64_t)(options->topk * (double)count + 0.5);
  if (entries < 1) return count < 1 ? count : 1;
  return entries < count ? entries : count;
}

size_t ddla_sparse_scratch(int64_t count, const ddla_codec_options *options) {
  return ddla_select_scratch(count, ddla_sparse_entries(count, options));
}

size_t ddla_sparse_bound(int64_t count, int64_t entries, size_t number_bytes) {
  return DDLA_SPARSE_ENTRIES_BYTES + number_bytes + ddla_gaps_bound(count, entries);
}

void ddla_sparse_pick(ddla_codec_picks *out, ddla_codec_message *message,
                      const ddla_codec_source *source) {
  message->entries = ddla_sparse_entries(source->count, source->options);
  message->width = ddla_gaps_width(source->count, message->entries);
  ddla_select(out, source, message->entries);
}

size_t ddla_sparse_finish(uint8_t *body, const ddla_codec_message *message,
                          const ddla_codec_source *source, const ddla_codec_picks *picks,
                          size_t number_bytes) {
  const size_t before = DDLA_SPARSE_ENTRIES_BYTES + number_bytes;
  ddla_message_put(body, (uint64_t)picks->count, DDLA_SPARSE_ENTRIES_BYTES);
  for (int64_t i = 0; source->residual && i < picks->count; i++)
    source->residual[picks->index[i]] -= picks->value[i];
  for (int64_t i = 0; source->velocity && i < picks->count; i++)
    source->velocity[picks->index[i]] = 0;
  return before + ddla_gaps_write(body + before, picks->index, picks->count, message->width);
}

ddla_status ddla_sparse_read_entries(ddla_codec_message *message) {
  const char *name = message->codec->name;
  if (message->body_bytes < DDLA_SPARSE_ENTRIES_BYTES)
    return DDLA_FAIL(CORRUPT, "a message of %s ends before it says how many numbers it has", name);
  const uint64_t entries = ddla_message_get(message->body, DDLA_SPARSE_ENTRIES_BYTES);
  if (entries > (uint64_t)message->count || (entries == 0) != (message->count == 0))
    return DDLA_FAIL(CORRUPT, "a message of %s claims to have %" PRIu64 " numbers of %" PRId64,
                     name, entries, message->count);
  message->entries = (int64_t)entries;
  return DDLA_OK;
}

static ddla_gaps open_gaps(const ddla_codec_message *message, size_t number_bytes) {
  const size_t before = DDLA_SPARSE_ENTRIES_BYTES + number_bytes;
  return ddla_gaps_open(message->body + before, message->body_bytes - before, message->width);
}

ddla_status ddla_sparse_check(const ddla_codec_message *message, size_t number_bytes) {
  const char *name = message->codec->name;
  if (message->width > DDLA_GAPS_WIDTH_MAX)
    return DDLA_FAIL(CORRUPT, "a message of %s has gaps with %d lower bits, more than %d", name,
                     message->width, DDLA_GAPS_WIDTH_MAX);
  if (message->body_bytes - DDLA_SPARSE_ENTRIES_BYTES < number_bytes)
    return DDLA_FAIL(CORRUPT, "a message of %s with %" PRId64 " numbers ends after %zu bytes", name,
                     message->entries, message->body_bytes);
  ddla_gaps gaps = open_gaps(message, number_bytes);
  for (int64_t i = 0, place = 0; i < message->entries; i++)
    if (!ddla_gaps_next(&place, &gaps, message->count))
      return DDLA_FAIL(CORRUPT,
                       "the place of number %" PRId64 " of a message of %s is cut off or not below "
                       "%" PRId64,
                       i, name, message->count);
  if (!ddla_gaps_are_over(&gaps))
    return DDLA_FAIL(CORRUPT, "a message of %s goes on behind its last place", name);
  return DDLA_OK;
}

void ddla_sparse_put(float *to, const ddla_codec_message *message, const float *factor,
                     size_t number_bytes, ddla_sparse_number *number) {
  ddla_gaps gaps = open_gaps(message, number_bytes);
  if (!factor && message->count > 0) memset(to, 0, (size_t)message->count * sizeof *to);
  for (int64_t i = 0, place = 0; i < message->entries; i++) {
    if (!ddla_gaps_next(&place, &gaps, message->count)) return; /* not after a check */
    const float x = number(message, i);
    to[place] = factor ? to[place] + *factor * x : x;
  }
}
