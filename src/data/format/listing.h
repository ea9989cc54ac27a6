/* What lies in a directory, and how a directory is divided into parts: what folders of images and
 * of archives have in common. Only for the files of this folder. */
#ifndef DDLA_DATA_FORMAT_LISTING_H
#define DDLA_DATA_FORMAT_LISTING_H

#include "data/file.h"

/* Names in a directory but those that begin with a dot, in the order of their bytes whatever the
 * locale. Plain value; zero is empty. */
typedef struct ddla_listing {
  struct dirent **entry; /* [count], scandir's */
  int count;
} ddla_listing;

/* Errors: INVALID if the directory cannot be read. */
ddla_status ddla_listing_read(ddla_listing *out, const char *path) DDLA_MUST_USE;
void ddla_listing_fini(ddla_listing *list);
const char *ddla_listing_name(const ddla_listing *list, int index);

/* Whether a name ends so, in capitals or not, and has something before it. */
bool ddla_listing_ends(const char *name, const char *ending);

/* Names of a part in the order in which they are looked for, choice 0 or 1: train, training;
 * validation, val; test, testing. */
const char *ddla_listing_part_name(ddla_data_part part, int choice);

/* PATH/train and the like for this part; false if there is none. out: [DDLA_DATA_PATH_BYTES] */
bool ddla_listing_find_part(char *out, const ddla_data_source *source, ddla_data_part part);

/* The directory of source->part; the path itself if it is not divided so. Errors: INVALID if it
 * has directories of other parts only. */
ddla_status ddla_listing_find_root(char *out, const ddla_data_source *source) DDLA_MUST_USE;

#endif
