/* The sums that an index keeps of its samples' channels. */
#include "base/alloc.h"
#include "data/format.h"
#include "data/prepared/prepared.h"

ddla_status ddla_prepared_sum_set(ddla_prepared_index *index, const ddla_dataset *set) {
  if (index->records.type == DDLA_DATA_TOKENS) return DDLA_OK;
  if (!index->sums) DDLA_TRY(DDLA_NEW(index->sums, index->records.shape.channels));
  ddla_dataset_sums(index->sums, set);
  return DDLA_OK;
}

ddla_status ddla_prepared_sum_files(ddla_prepared_index *index, const char *directory) {
  const ddla_data_records *r = &index->records;
  const ddla_prepared_loading loading = {.trusts_features = true};
  ddla_prepared_content content = {0};
  if (r->type == DDLA_DATA_TOKENS) return DDLA_OK;
  DDLA_TRY(ddla_prepared_load(&content, index, directory, &loading));
  const ddla_dataset set = {.type = r->type,
                            .shape = r->shape,
                            .count = r->count,
                            .features = content.stream[DDLA_PREPARED_FEATURES].data};
  ddla_status status = ddla_prepared_sum_set(index, &set);
  ddla_prepared_content_release(&content);
  return status;
}
