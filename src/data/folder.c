/* One folder per class that holds PNG images: PATH/CLASS/x.png, or PATH/train/CLASS/x.png and so
 * on. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/image.h"

enum { THREADS_MAX = 8 };

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

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) { /* in every locale */
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_names(struct dirent **names, int count) {
  for (int i = 0; i < count; i++) free(names[i]); /* scandir's */
  free(names);
}

static ddla_status list_names(struct dirent ***out, int *count, const char *path) {
  struct dirent **names = NULL;
  int found = scandir(path, &names, not_hidden, by_bytes);
  if (found < 0) return DDLA_FAIL(INVALID, "cannot read the folder %s: %s", path, strerror(errno));
  *out = names;
  *count = found;
  return DDLA_OK;
}

static bool is_png(const char *name) {
  size_t length = strlen(name);
  return length > 4 && strcasecmp(name + length - 4, ".png") == 0;
}

static ddla_status list_images(listing *list, const char *folder, int32_t label) {
  struct dirent **names = NULL;
  int count = 0;
  DDLA_TRY(list_names(&names, &count, folder));
  ddla_status status = DDLA_OK;
  for (int i = 0; i < count; i++) {
    char path[DDLA_DATA_PATH_BYTES];
    DDLA_TRY_CLEAN(status, ddla_data_path(path, "%s/%s", folder, names[i]->d_name));
    if (!is_png(path) || ddla_data_is_directory(path)) {
      status = DDLA_FAIL(INVALID,
                         "%s is not a PNG image; the folder of a class may hold nothing else "
                         "(convert it or move it away)",
                         path);
      goto cleanup;
    }
    DDLA_TRY_CLEAN(status, listing_add(list, path, label));
  }
  if (count == 0)
    status =
        DDLA_FAIL(INVALID, "the class folder %s is empty; add PNG images or remove it", folder);
cleanup:
  free_names(names, count);
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
  struct dirent **names = NULL;
  int count = 0, folders = 0;
  DDLA_TRY(list_names(&names, &count, root));
  ddla_status status = DDLA_OK;
  for (int i = 0; i < count; i++) {
    char path[DDLA_DATA_PATH_BYTES];
    int32_t label = 0;
    DDLA_TRY_CLEAN(status, ddla_data_path(path, "%s/%s", root, names[i]->d_name));
    if (!ddla_data_is_directory(path)) {
      if (!is_png(path)) continue; /* a list of licences or the like */
      status = DDLA_FAIL(INVALID, "%s lies outside the folder of a class", path);
      goto cleanup;
    }
    folders++;
    DDLA_TRY_CLEAN(status, class_of(&label, set, source, names[i]->d_name, path));
    DDLA_TRY_CLEAN(status, list_images(list, path, label));
  }
  if (folders == 0)
    status =
        DDLA_FAIL(INVALID, "%s has no folders; expected one folder of PNG images per class", root);
  else if (source->class_count > 0 && set->classes.count > source->class_count)
    status = DDLA_FAIL(INVALID, "%s has %d folders, but %d classes are expected", root,
                       set->classes.count, source->class_count);
cleanup:
  free_names(names, count);
  return status;
}

/* One decoding thread's part of the images; plain values, joined before the set is used. */
typedef struct decoding {
  pthread_t thread;
  bool started, scale;
  const listing *list;
  const ddla_dataset *set;
  uint8_t *pixels;
  int64_t first, end;
  ddla_failure failure; /* code DDLA_OK: none */
} decoding;

static ddla_status decode_one(uint8_t *out, const decoding *work, const char *path) {
  ddla_data_shape to = work->set->shape;
  ddla_data_block raw = {0};
  ddla_image image = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_data_file_load(&raw, path, ddla_data_memory_private()));
  if (!work->scale) {
    ddla_data_shape is = {0};
    DDLA_TRY_CLEAN(status, ddla_image_measure(&is, raw.data, raw.bytes, path));
    if (is.height != to.height || is.width != to.width) {
      status = DDLA_FAIL(INVALID,
                         "%s has %lld x %lld pixels, but %s has %lld x %lld; give a size to bring "
                         "all images to",
                         path, (long long)is.height, (long long)is.width, work->list->paths[0],
                         (long long)to.height, (long long)to.width);
      goto cleanup;
    }
  }
  DDLA_TRY_CLEAN(status, ddla_image_decode(&image, raw.data, raw.bytes, (int)to.channels, path));
  DDLA_TRY_CLEAN(status, ddla_image_scale(out, to, &image));
cleanup:
  ddla_image_fini(&image);
  ddla_data_block_release(&raw);
  return status;
}

static void *decode_part(void *argument) {
  decoding *work = argument;
  int64_t bytes = ddla_data_shape_count(work->set->shape);
  for (int64_t i = work->first; i < work->end; i++) {
    ddla_status status = decode_one(work->pixels + i * bytes, work, work->list->paths[i]);
    if (status == DDLA_OK) continue;
    ddla_status_take(&work->failure, status);
    break;
  }
  return NULL;
}

static int choose_threads(const ddla_data_source *source, int64_t count) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  int threads = source->threads > 0 ? source->threads : (int)processors;
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  if (threads > count) threads = (int)count;
  return threads < 1 ? 1 : threads;
}

/* Parts are in order, so that of several failures the first image's is told, however threads run.
 */
static ddla_status decode_all(const ddla_dataset *set, const listing *list, bool scale,
                              const ddla_data_source *source) {
  int threads = choose_threads(source, list->count);
  decoding *work = NULL;
  DDLA_TRY(DDLA_NEW(work, threads));
  for (int t = 0; t < threads; t++) {
    work[t] = (decoding){.scale = scale,
                         .list = list,
                         .set = set,
                         .pixels = set->features_block.data,
                         .first = list->count * t / threads,
                         .end = list->count * (t + 1) / threads};
    work[t].started = t > 0 && pthread_create(&work[t].thread, NULL, decode_part, &work[t]) == 0;
  }
  for (int t = 0; t < threads; t++)
    if (!work[t].started) decode_part(&work[t]);
  ddla_status status = DDLA_OK;
  for (int t = 0; t < threads; t++)
    if (work[t].started) pthread_join(work[t].thread, NULL);
  for (int t = 0; t < threads && status == DDLA_OK; t++)
    if (work[t].failure.code != DDLA_OK) status = ddla_status_raise(&work[t].failure);
  ddla_free(work);
  return status;
}

static ddla_status choose_shape(ddla_data_shape *out, const listing *list,
                                const ddla_data_source *source) {
  ddla_data_shape wanted = source->shape;
  if ((wanted.height > 0) != (wanted.width > 0) || wanted.height < 0 || wanted.width < 0 ||
      wanted.height > DDLA_IMAGE_SIDE_MAX || wanted.width > DDLA_IMAGE_SIDE_MAX)
    return DDLA_FAIL(INVALID, "images cannot be brought to %lld x %lld; expected 1 to %d each way",
                     (long long)wanted.height, (long long)wanted.width, DDLA_IMAGE_SIDE_MAX);
  if (wanted.channels != 0 && wanted.channels != 1 && wanted.channels != 3)
    return DDLA_FAIL(INVALID, "images cannot be brought to %lld channels; 1 or 3 are expected",
                     (long long)wanted.channels);
  ddla_data_block raw = {0};
  ddla_data_shape is = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_data_file_load(&raw, list->paths[0], ddla_data_memory_private()));
  DDLA_TRY_CLEAN(status, ddla_image_measure(&is, raw.data, raw.bytes, list->paths[0]));
  if (wanted.height > 0) is.height = wanted.height, is.width = wanted.width;
  if (wanted.channels > 0) is.channels = wanted.channels;
  *out = is;
cleanup:
  ddla_data_block_release(&raw);
  return status;
}

static ddla_status read_images(ddla_dataset *set, const listing *list,
                               const ddla_data_source *source) {
  DDLA_TRY(choose_shape(&set->shape, list, source));
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
  return decode_all(set, list, source->shape.height > 0, source);
}

/* Finds PATH/train and the like; false if there is none. */
static bool find_part(char *out, const ddla_data_source *source, ddla_data_part part) {
  static const char *const names[][2] = {[DDLA_DATA_TRAIN] = {"train", "training"},
                                         [DDLA_DATA_VALIDATION] = {"validation", "val"},
                                         [DDLA_DATA_TEST] = {"test", "testing"}};
  for (int i = 0; i < 2; i++)
    if (ddla_data_path(out, "%s/%s", source->path, names[part][i]) == DDLA_OK &&
        ddla_data_is_directory(out))
      return true;
  return false;
}

static bool folder_has_part(const ddla_data_source *source) {
  char path[DDLA_DATA_PATH_BYTES];
  return find_part(path, source, source->part);
}

/* The folder of the part; PATH itself if it is not divided into parts. */
static ddla_status find_root(char *out, const ddla_data_source *source) {
  if (find_part(out, source, source->part)) return DDLA_OK;
  for (int p = DDLA_DATA_TRAIN; p <= DDLA_DATA_TEST; p++)
    if (find_part(out, source, (ddla_data_part)p))
      return DDLA_FAIL(INVALID,
                       "%s holds the part %s but not the part that is asked for (train, "
                       "validation or test)",
                       source->path, out);
  return ddla_data_path(out, "%s", source->path);
}

static ddla_status folder_read(ddla_dataset *set, const ddla_data_source *source) {
  char root[DDLA_DATA_PATH_BYTES];
  listing list = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(find_root(root, source));
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
    found = not_hidden(entry) &&
            ddla_data_path(path, "%s/%s", source->path, entry->d_name) == DDLA_OK &&
            ddla_data_is_directory(path);
  }
  closedir(folder);
  return found;
}

const ddla_data_format ddla_data_format_folder = {
    .name = "folder",
    .looks_for = "a directory with one folder of PNG images per class, or of such directories "
                 "named train and test",
    .accepts = folder_accepts,
    .has_part = folder_has_part,
    .read = folder_read};
