#include "data/card.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/format.h"

static size_t counts_bytes(const ddla_card *card) {
  return (size_t)card->classes * sizeof(int64_t);
}

static size_t sums_bytes(const ddla_card *card) {
  return (size_t)card->channels * sizeof(ddla_channel_sums);
}

const int64_t *ddla_card_counts(const ddla_card *card) { return (const int64_t *)(card + 1); }

const ddla_channel_sums *ddla_card_sums(const ddla_card *card) {
  return (const ddla_channel_sums *)(ddla_card_counts(card) + card->classes);
}

const char *ddla_card_names(const ddla_card *card) {
  return (const char *)(ddla_card_sums(card) + card->channels);
}

static ddla_card_set describe(const ddla_dataset *set) {
  if (!set) return (ddla_card_set){0};
  return (ddla_card_set){.count = set->count,
                         .shape = set->shape,
                         .type = set->type,
                         .targets = set->target_count,
                         .labelled = ddla_dataset_labelled(set),
                         .keyed = ddla_dataset_keys(set) > 0,
                         .fingerprint = set->fingerprint};
}

static void count_labels(int64_t *counts, const ddla_dataset *set) {
  for (int64_t i = 0; set->labels && i < set->count; i++) counts[ddla_dataset_label(set, i)]++;
}

ddla_status ddla_card_make(ddla_card **out, const ddla_dataset *const *sets, bool with_sums) {
  const ddla_dataset *train = sets[DDLA_DATA_TRAIN];
  const bool summed = with_sums && train->type != DDLA_DATA_TOKENS;
  ddla_card head = {.classes = ddla_dataset_classes(train),
                    .channels = summed ? train->shape.channels : 0};
  for (int i = 0; i < DDLA_CARD_SETS; i++) head.set[i] = describe(sets[i]);
  head.bytes = sizeof head + counts_bytes(&head) + sums_bytes(&head);
  for (int c = 0; c < head.classes; c++)
    head.bytes += strlen(ddla_dataset_class_name(train, c)) + 1;
  unsigned char *block = NULL;
  DDLA_TRY(DDLA_NEW(block, head.bytes));
  ddla_card *made = (ddla_card *)(void *)block;
  *made = head;
  count_labels((int64_t *)(void *)(block + sizeof head), train);
  unsigned char *at = block + sizeof head + counts_bytes(&head);
  if (summed) ddla_dataset_sums((ddla_channel_sums *)(void *)at, train);
  at += sums_bytes(&head);
  for (int c = 0; c < head.classes; c++) {
    const size_t length = strlen(ddla_dataset_class_name(train, c)) + 1;
    memcpy(at, ddla_dataset_class_name(train, c), length);
    at += length;
  }
  *out = made;
  return DDLA_OK;
}

ddla_status ddla_card_check(const ddla_card *card, size_t bytes) {
  bool good = bytes > sizeof *card && card->bytes == bytes && card->classes >= 0 &&
              card->classes <= DDLA_CLASSES_LIMIT && card->channels >= 0 &&
              card->channels <= INT32_MAX && card->set[DDLA_DATA_TRAIN].count > 0;
  const size_t fixed = good ? sizeof *card + counts_bytes(card) + sums_bytes(card) : bytes + 1;
  int64_t names = 0;
  for (size_t i = fixed; i < bytes; i++) names += ((const char *)card)[i] == '\0';
  good = good && fixed <= bytes && names == card->classes &&
         (names == 0 || ((const char *)card)[bytes - 1] == '\0');
  return good ? DDLA_OK : DDLA_FAIL(CORRUPT, "what a host told of its data cannot be read");
}

static const char *type_name(int64_t type) {
  return type == DDLA_DATA_UINT8 ? "bytes" : type == DDLA_DATA_FLOAT32 ? "numbers" : "text";
}

const char *ddla_card_difference(char *text, size_t bytes, const ddla_card_set *a,
                                 const ddla_card_set *b) {
  const ddla_data_shape x = a->shape, y = b->shape;
  if (a->type != b->type)
    snprintf(text, bytes, "are %s, not %s", type_name(a->type), type_name(b->type));
  else if (x.height != y.height || x.width != y.width || x.channels != y.channels)
    snprintf(text, bytes, "are of %lld x %lld x %lld, not %lld x %lld x %lld", (long long)x.height,
             (long long)x.width, (long long)x.channels, (long long)y.height, (long long)y.width,
             (long long)y.channels);
  else if (a->targets != b->targets)
    snprintf(text, bytes, "have %lld targets each, not %lld", (long long)a->targets,
             (long long)b->targets);
  else if (a->labelled != b->labelled)
    snprintf(text, bytes, "have %s labels", a->labelled ? "" : "no");
  else return NULL;
  return text;
}
