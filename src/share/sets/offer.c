#include "share/sets/offer.h"

#include <stdio.h>
#include <string.h>

/* The next directory above that is there. */
static ddla_status find_disk(ddla_offer *offer, const char *beside) {
  char path[DDLA_DATA_PATH_BYTES];
  DDLA_TRY(ddla_data_path(path, "%s", beside));
  do {
    DDLA_TRY(ddla_data_parent(offer->directory, path));
    memcpy(path, offer->directory, sizeof path);
  } while (!ddla_data_is_directory(path) && strcmp(path, "/") != 0 && strcmp(path, ".") != 0);
  offer->disk = ddla_data_disk_in(offer->directory);
  offer->memory = ddla_data_disk_memory(&offer->disk);
  return DDLA_OK;
}

static bool lies_there(const ddla_data_source *source) {
  const bool other = source->format && strcmp(source->format, "auto") != 0 &&
                     strcmp(source->format, "prepared") != 0;
  return !other && !source->skips_damaged && ddla_data_is_directory(source->path) &&
         ddla_prepared_has(source->path, source->part);
}

static ddla_status open_part(ddla_offer *offer, int part, const ddla_data_source *source,
                             bool as_it_lies) {
  ddla_data_source asked = *source;
  if (as_it_lies && lies_there(source))
    return ddla_prepared_source_of_files(&offer->sources[part], source->path, source->part);
  if (!asked.memory) asked.memory = &offer->memory;
  DDLA_TRY(ddla_data_disk_explain(&offer->disk, ddla_dataset_open(&offer->sets[part], &asked)));
  return ddla_prepared_source_of_set(&offer->sources[part], offer->sets[part],
                                     (ddla_data_part)part);
}

ddla_status ddla_offer_open(ddla_offer *offer, const ddla_data_source source[DDLA_PREPARED_PARTS],
                            const char *beside, bool as_it_lies) {
  DDLA_TRY(find_disk(offer, beside));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (source[p].path) DDLA_TRY(open_part(offer, p, &source[p], as_it_lies));
  return DDLA_OK;
}

void ddla_offer_close(ddla_offer *offer) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    ddla_prepared_source_destroy(offer->sources[p]);
    ddla_dataset_close(offer->sets[p]);
    offer->sources[p] = NULL;
    offer->sets[p] = NULL;
  }
}
