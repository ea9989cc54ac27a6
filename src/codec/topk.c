/* The numbers of largest magnitude, as they are, and their places (Aji and Heafield 2017, "Sparse
 * communication for distributed gradient descent", arXiv:1704.05021), with error feedback (Stich et
 * al. 2018, "Sparsified SGD with memory", arXiv:1809.07599), and with the momentum correction and
 * masking of Deep Gradient Compression (Lin et al. 2018, arXiv:1712.01887, sections 3.1 and 3.3):
 *
 *   u = momentum * u + x,  v = decay * v + u,  the largest of |v| are sent; there u = v = 0
 *
 * What is sent is exact, so nothing is lost. DGC takes its limit from a sample of the gradient and
 * sends what is above it, more or less; ours sends exactly the share topk, of equal magnitudes
 * those that come first. Its warm-up of the share and its clipping are the caller's. */
#include <string.h>

#include "codec/message.h"
#include "codec/sparse.h"

static size_t number_bytes(int64_t entries) { return (size_t)entries * sizeof(float); }

static size_t bound(const ddla_codec *codec, int64_t count, const ddla_codec_options *options) {
  const int64_t entries = ddla_sparse_entries(count, options);
  (void)codec;
  return ddla_sparse_bound(count, entries, number_bytes(entries));
}

static size_t encode(uint8_t *body, ddla_codec_message *message, const ddla_codec_source *source) {
  ddla_codec_picks picks;
  ddla_sparse_pick(&picks, message, source);
  const size_t bytes = number_bytes(picks.count);
  if (bytes > 0) memcpy(body + DDLA_SPARSE_ENTRIES_BYTES, picks.value, bytes);
  return ddla_sparse_finish(body, message, source, &picks, bytes);
}

static float number(const ddla_codec_message *message, int64_t i) {
  float x = 0;
  memcpy(&x, message->body + DDLA_SPARSE_ENTRIES_BYTES + number_bytes(i), sizeof x);
  return x;
}

static ddla_status check(ddla_codec_message *message) {
  DDLA_TRY(ddla_sparse_read_entries(message));
  if (message->block != 0)
    return DDLA_FAIL(CORRUPT, "a message of topk has blocks, which this codec has not");
  DDLA_TRY(ddla_sparse_check(message, number_bytes(message->entries)));
  for (int64_t i = 0; i < message->entries; i++)
    if (ddla_codec_magnitude(number(message, i)) >= DDLA_CODEC_LIMIT)
      return DDLA_FAIL(CORRUPT, "a message of topk has a number of 2^127 or above");
  return DDLA_OK;
}

static void put(float *to, const ddla_codec_message *message, const float *factor) {
  ddla_sparse_put(to, message, factor, number_bytes(message->entries), number);
}

const ddla_codec ddla_codec_topk = {
    .name = "topk",
    .help = "the numbers of largest magnitude and their places; needs feedback",
    .version = 1,
    .momentum = true,
    .bound = bound,
    .scratch = ddla_sparse_scratch,
    .encode = encode,
    .check = check,
    .put = put};
