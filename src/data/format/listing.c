#include "data/format/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

ddla_status ddla_listing_read(ddla_listing *out, const char *path) {
  struct dirent **names = NULL;
  int found = scandir(path, &names, not_hidden, by_bytes);
  if (found < 0) return DDLA_FAIL(INVALID, "cannot read the folder %s: %s", path, strerror(errno));
  *out = (ddla_listing){.entry = names, .count = found};
  return DDLA_OK;
}

void ddla_listing_fini(ddla_listing *list) {
  for (int i = 0; i < list->count; i++) free(list->entry[i]); /* scandir's */
  free(list->entry);
  *list = (ddla_listing){0};
}

const char *ddla_listing_name(const ddla_listing *list, int index) {
  return list->entry[index]->d_name;
}

bool ddla_listing_ends(const char *name, const char *ending) {
  const size_t length = strlen(name), end = strlen(ending);
  return length > end && strcasecmp(name + length - end, ending) == 0;
}

const char *ddla_listing_part_name(ddla_data_part part, int choice) {
  static const char *const names[][2] = {[DDLA_DATA_TRAIN] = {"train", "training"},
                                         [DDLA_DATA_VALIDATION] = {"validation", "val"},
                                         [DDLA_DATA_TEST] = {"test", "testing"}};
  return names[part][choice];
}

bool ddla_listing_find_part(char *out, const ddla_data_source *source, ddla_data_part part) {
  for (int i = 0; i < 2; i++)
    if (ddla_data_path(out, "%s/%s", source->path, ddla_listing_part_name(part, i)) == DDLA_OK &&
        ddla_data_is_directory(out))
      return true;
  return false;
}

ddla_status ddla_listing_find_root(char *out, const ddla_data_source *source) {
  if (ddla_listing_find_part(out, source, source->part)) return DDLA_OK;
  for (int p = DDLA_DATA_TRAIN; p <= DDLA_DATA_TEST; p++)
    if (ddla_listing_find_part(out, source, (ddla_data_part)p))
      return DDLA_FAIL(INVALID,
                       "%s holds the part %s but not the part that is asked for (train, "
                       "validation or test)",
                       source->path, out);
  return ddla_data_path(out, "%s", source->path);
}
