/* Makes a prepared set one that an older ddla has written: its training part without sums.
 *
 *   tiers_older DIRECTORY */
#include <stdio.h>

#include "base/alloc.h"
#include "data/prepared/prepared.h"

static ddla_status forget_sums(const char *directory) {
  ddla_prepared_index index = {0};
  DDLA_TRY(ddla_prepared_index_read(&index, directory, DDLA_DATA_TRAIN));
  ddla_free(index.sums);
  index.sums = NULL;
  const ddla_status status = ddla_prepared_index_store(directory, &index);
  ddla_prepared_index_fini(&index);
  return status;
}

int main(int count, char **text) {
  if (count != 2) return 2;
  const ddla_status status = forget_sums(text[1]);
  if (status == DDLA_OK) return 0;
  fprintf(stderr, "tiers_older: %s\n", ddla_status_message(status));
  return 1;
}
