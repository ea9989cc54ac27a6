#include "data/format/images.h"

#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image.h"

enum { THREADS_MAX = 8 };

/* One decoding thread's part of the images. */
typedef struct decoding {
  pthread_t thread;
  bool started, scale;
  const ddla_images *images;
  ddla_data_shape shape;
  uint8_t *pixels;
  int64_t first, end;
  ddla_failure failure; /* code DDLA_OK: none */
} decoding;

static ddla_status check_size(const decoding *work, const ddla_image_file *file) {
  const ddla_data_shape to = work->shape;
  ddla_data_shape is = {0};
  DDLA_TRY(ddla_image_measure(&is, file->bytes, file->length, file->name));
  if (is.height == to.height && is.width == to.width) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s has %lld x %lld pixels, but %s has %lld x %lld; give a size to bring all "
                   "images to",
                   file->name, (long long)is.height, (long long)is.width, work->images->first,
                   (long long)to.height, (long long)to.width);
}

static ddla_status decode_one(uint8_t *out, const decoding *work, int64_t index) {
  ddla_image_file file = {0};
  ddla_image image = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, work->images->open(&file, index, work->images->argument));
  if (!work->scale) DDLA_TRY_CLEAN(status, check_size(work, &file));
  DDLA_TRY_CLEAN(status, ddla_image_decode(&image, file.bytes, file.length,
                                           (int)work->shape.channels, file.name));
  DDLA_TRY_CLEAN(status, ddla_image_scale(out, work->shape, &image));
cleanup:
  ddla_image_fini(&image);
  ddla_data_block_release(&file.block);
  return status;
}

static void *decode_part(void *argument) {
  decoding *work = argument;
  const int64_t bytes = ddla_data_shape_count(work->shape);
  for (int64_t i = work->first; i < work->end; i++) {
    ddla_status status = decode_one(work->pixels + i * bytes, work, i);
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

/* Parts are in order, so that the first image's failure is that of the first part that has one. */
ddla_status ddla_images_decode(uint8_t *pixels, ddla_data_shape shape, const ddla_images *images,
                               const ddla_data_source *source) {
  int threads = choose_threads(source, images->count);
  decoding *work = NULL;
  DDLA_TRY(DDLA_NEW(work, threads));
  for (int t = 0; t < threads; t++) {
    work[t] = (decoding){.scale = source->shape.height > 0,
                         .images = images,
                         .shape = shape,
                         .pixels = pixels,
                         .first = images->count * t / threads,
                         .end = images->count * (t + 1) / threads};
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

ddla_status ddla_images_shape(ddla_data_shape *out, const ddla_images *images,
                              const ddla_data_source *source) {
  ddla_data_shape wanted = source->shape;
  if ((wanted.height > 0) != (wanted.width > 0) || wanted.height < 0 || wanted.width < 0 ||
      wanted.height > DDLA_IMAGE_SIDE_MAX || wanted.width > DDLA_IMAGE_SIDE_MAX)
    return DDLA_FAIL(INVALID, "images cannot be brought to %lld x %lld; expected 1 to %d each way",
                     (long long)wanted.height, (long long)wanted.width, DDLA_IMAGE_SIDE_MAX);
  if (wanted.channels != 0 && wanted.channels != 1 && wanted.channels != 3)
    return DDLA_FAIL(INVALID, "images cannot be brought to %lld channels; 1 or 3 are expected",
                     (long long)wanted.channels);
  ddla_image_file file = {0};
  ddla_data_shape is = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(images->open(&file, 0, images->argument));
  DDLA_TRY_CLEAN(status, ddla_image_measure(&is, file.bytes, file.length, file.name));
  if (wanted.height > 0) is.height = wanted.height, is.width = wanted.width;
  if (wanted.channels > 0) is.channels = wanted.channels;
  *out = is;
cleanup:
  ddla_data_block_release(&file.block);
  return status;
}
