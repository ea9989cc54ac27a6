/* One folder per class that holds images: PATH/CLASS/x.png, or PATH/train/CLASS/x.png and so
 * on. */
#include <dirent.h>
#include <string.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image.h"
#include "data/format/images.h"
#include "data/format/listing.h"

/* Images in the order of class and name. paths: [count], each owned. */
typedef struct listing {
  char **paths;
  int32_t *labels;
  int64_t count, room;
} listing;

static void listing_fini(listing *list) {
  for (int64_t i = 0; i < list->count; i++) ddla_free(list->paths[i]);
  ddla_free(list->paths);
  ddla_free(list->labels);
}

static ddla_status listing_grow(listing *list) {
  if (list->count < list->room) return DDLA_OK;
  int64_t room = list->room ? 2 * list->room : 256;
  char **paths = NULL;
  int32_t *labels = NULL;
  DDLA_TRY(DDLA_NEW(paths, room));
  ddla_status status = DDLA_NEW(labels, room);
  if (status != DDLA_OK) {
    ddla_free(paths);
    return status;
  }
  if (list->count > 0) {
    memcpy(paths, list->paths, (size_t)list->count * sizeof *paths);
    memcpy(labels, list->labels, (size_t)list->count * sizeof *labels);
  }
  ddla_free(list->paths);
  ddla_free(list->labels);
  list->paths = paths, list->labels = labels, list->room = room;
  return DDLA_OK;
}

static ddla_status listing_add(listing *list, const char *path, int32_t label) {
  DDLA_TRY(listing_grow(list));
  DDLA_TRY(ddla_alloc_text(&list->paths[list->count], path));
  list->labels[list->count++] = label;
  return DDLA_OK;
}

static ddla_status list_images(listing *list, const char *folder, int32_t label) {
  ddla_listing names = {0};
  DDLA_TRY(ddla_listing_read(&names, folder));
  ddla_status status = DDLA_OK;
  for (int i = 0; i < names.count; i++) {
    char path[DDLA_DATA_PATH_BYTES];
    DDLA_TRY_CLEAN(status, ddla_data_path(path, "%s/%s", folder, ddla_listing_name(&names, i)));
    if (!ddla_image_is_named(path) || ddla_data_is_directory(path)) {
      status = DDLA_FAIL(INVALID,
                         "%s is not an image (.png, .jpg, .ppm, .pgm); the folder of a class may "
                         "hold nothing else "
                         "(convert it or move it away)",
                         path);
      goto cleanup;
    }
    DDLA_TRY_CLEAN(status, listing_add(list, path, label));
  }
  if (names.count == 0)
    status = DDLA_FAIL(INVALID, "the class folder %s is empty; add images or remove it", folder);
cleanup:
  ddla_listing_fini(&names);
  return status;
}

static ddla_status class_of(int32_t *out, ddla_dataset *set, const ddla_data_source *source,
                            const char *name, const char *path) {
  if (!source->class_names) return ddla_classes_add(out, &set->classes, name, strlen(name));
  *out = ddla_classes_find(&set->classes, name, strlen(name));
  if (*out < 0)
    return DDLA_FAIL(INVALID, "%s: the folder's name is none of the %d classes given", path,
                     set->classes.count);
  return DDLA_OK;
}

static ddla_status list_classes(listing *list, ddla_dataset *set, const ddla_data_source *source,
                                const char *root) {
  ddla_listing names = {0};
  int folders = 0;
  DDLA_TRY(ddla_listing_read(&names, root));
  ddla_status status = DDLA_OK;
  for (int i = 0; i < names.count; i++) {
    const char *name = ddla_listing_name(&names, i);
    char path[DDLA_DATA_PATH_BYTES];
    int32_t label = 0;
    DDLA_TRY_CLEAN(status, ddla_data_path(path, "%s/%s", root, name));
    if (!ddla_data_is_directory(path)) {
      if (!ddla_image_is_named(path)) continue; /* a list of licences or the like */
      status = DDLA_FAIL(INVALID, "%s lies outside the folder of a class", path);
      goto cleanup;
    }
    folders++;
    DDLA_TRY_CLEAN(status, class_of(&label, set, source, name, path));
    DDLA_TRY_CLEAN(status, list_images(list, path, label));
  }
  if (folders == 0)
    status = DDLA_FAIL(INVALID, "%s has no folders; expected one folder of images per class", root);
  else if (source->class_count > 0 && set->classes.count > source->class_count)
    status = DDLA_FAIL(INVALID, "%s has %d folders, but %d classes are expected", root,
                       set->classes.count, source->class_count);
cleanup:
  ddla_listing_fini(&names);
  return status;
}

static ddla_status open_image(ddla_image_file *out, int64_t index, const void *argument) {
  const listing *list = argument;
  ddla_image_file file = {.name = list->paths[index]};
  DDLA_TRY(ddla_data_file_load(&file.block, file.name, ddla_data_memory_private()));
  file.bytes = file.block.data;
  file.length = file.block.bytes;
  *out = file;
  return DDLA_OK;
}

static ddla_status read_images(ddla_dataset *set, const listing *list,
                               const ddla_data_source *source) {
  const ddla_images images = {
      .count = list->count, .open = open_image, .argument = list, .first = list->paths[0]};
  DDLA_TRY(ddla_images_shape(&set->shape, &images, source));
  set->type = DDLA_DATA_UINT8;
  set->count = list->count;
  size_t bytes = (size_t)list->count;
  if (__builtin_mul_overflow(bytes, (size_t)ddla_data_shape_count(set->shape), &bytes))
    return DDLA_FAIL(INVALID, "%s: the images take more than 2^64 bytes", source->path);
  DDLA_TRY(ddla_data_block_make(&set->features_block, bytes, source->memory));
  DDLA_TRY(ddla_data_block_make(&set->labels_block, (size_t)list->count * sizeof *set->labels,
                                source->memory));
  set->features = set->features_block.data;
  set->labels = (int32_t *)(void *)set->labels_block.data;
  memcpy(set->labels, list->labels, (size_t)list->count * sizeof *set->labels);
  return ddla_images_decode(set->features_block.data, set->shape, &images, source);
}

static bool folder_has_part(const ddla_data_source *source) {
  char path[DDLA_DATA_PATH_BYTES];
  return ddla_listing_find_part(path, source, source->part);
}

static ddla_status folder_read(ddla_dataset *set, const ddla_data_source *source) {
  char root[DDLA_DATA_PATH_BYTES];
  listing list = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_listing_find_root(root, source));
  if (source->class_names)
    DDLA_TRY(ddla_classes_set(&set->classes, source->class_names, source->class_count));
  DDLA_TRY_CLEAN(status, list_classes(&list, set, source, root));
  DDLA_TRY_CLEAN(status, read_images(set, &list, source));
cleanup:
  listing_fini(&list);
  return status;
}

/* A folder that holds folders, or one that cannot be read and says so on reading. */
static bool folder_accepts(const ddla_data_source *source) {
  if (!ddla_data_is_directory(source->path)) return false;
  DIR *folder = opendir(source->path);
  if (!folder) return true;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(folder));) {
    char path[DDLA_DATA_PATH_BYTES];
    found = entry->d_name[0] != '.' &&
            ddla_data_path(path, "%s/%s", source->path, entry->d_name) == DDLA_OK &&
            ddla_data_is_directory(path);
  }
  closedir(folder);
  return found;
}

const ddla_data_format ddla_data_format_folder = {
    .name = "folder",
    .looks_for =
        "a directory with one folder of images (PNG, JPEG) per class, or of such directories "
        "named train and test",
    .accepts = folder_accepts,
    .has_part = folder_has_part,
    .read = folder_read};
