#include "train/run/tensorboard.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

enum { EVENT_BYTES = 256, TAG_BYTES = 64, PATH_BYTES = 4096 };

/* Fields: number << 3 | wire type (0 varint, 1 eight bytes, 2 length, 5 four bytes). */
enum {
  EVENT_WALL_TIME = 1 << 3 | 1,
  EVENT_STEP = 2 << 3 | 0,
  EVENT_FILE_VERSION = 3 << 3 | 2,
  EVENT_SUMMARY = 5 << 3 | 2,
  SUMMARY_VALUE = 1 << 3 | 2,
  VALUE_TAG = 1 << 3 | 2,
  VALUE_SIMPLE = 2 << 3 | 5
};

typedef struct bytes {
  unsigned char at[EVENT_BYTES];
  size_t count;
} bytes;

uint32_t ddla_tensorboard_crc(const void *data, size_t count) {
  const unsigned char *at = data;
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < count; i++) {
    crc ^= at[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

uint32_t ddla_tensorboard_mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8; }

/* The lowest byte first. */
static void put_number(bytes *out, uint64_t value, int count) {
  for (int i = 0; i < count; i++) out->at[out->count++] = (unsigned char)(value >> 8 * i);
}

static void put_varint(bytes *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->at[out->count++] = (unsigned char)(value | 0x80);
  out->at[out->count++] = (unsigned char)value;
}

static void put_block(bytes *out, int field, const void *data, size_t count) {
  put_varint(out, (uint64_t)field);
  put_varint(out, count);
  memcpy(out->at + out->count, data, count);
  out->count += count;
}

static void put_wall_time(bytes *out) {
  double seconds = 1e-9 * (double)ddla_clock_now_ns(ddla_clock_calendar());
  uint64_t bits = 0;
  memcpy(&bits, &seconds, sizeof bits);
  put_varint(out, EVENT_WALL_TIME);
  put_number(out, bits, 8);
}

static void write_record(FILE *file, const bytes *event) {
  bytes head = {0}, foot = {0};
  put_number(&head, event->count, 8);
  put_number(&head, ddla_tensorboard_mask(ddla_tensorboard_crc(head.at, 8)), 4);
  put_number(&foot, ddla_tensorboard_mask(ddla_tensorboard_crc(event->at, event->count)), 4);
  fwrite(head.at, 1, head.count, file);
  fwrite(event->at, 1, event->count, file);
  fwrite(foot.at, 1, foot.count, file);
}

ddla_status ddla_tensorboard_open(FILE **out, const char *directory) {
  static const char version[] = "brain.Event:2";
  char path[PATH_BYTES];
  bytes event = {0};
  snprintf(path, sizeof path, "%s/tensorboard", directory);
  DDLA_TRY(ddla_file_make_directory(path));
  snprintf(path, sizeof path, "%s/tensorboard/events.out.tfevents.%" PRId64 ".ddla", directory,
           ddla_clock_now_ns(ddla_clock_calendar()) / 1000000000);
  FILE *file = fopen(path, "ae");
  if (!file) return ddla_file_fail(errno, "cannot write", path);
  put_wall_time(&event);
  put_block(&event, EVENT_FILE_VERSION, version, sizeof version - 1);
  write_record(file, &event);
  *out = file;
  return DDLA_OK;
}

void ddla_tensorboard_scalar(FILE *file, int64_t step, const char *tag, double value) {
  bytes number = {0}, summary = {0}, event = {0};
  float small = (float)value;
  uint32_t bits = 0;
  size_t length = strlen(tag) < TAG_BYTES ? strlen(tag) : TAG_BYTES;
  if (!isfinite(value)) return;
  memcpy(&bits, &small, sizeof bits);
  put_block(&number, VALUE_TAG, tag, length);
  put_varint(&number, VALUE_SIMPLE);
  put_number(&number, bits, 4);
  put_block(&summary, SUMMARY_VALUE, number.at, number.count);
  put_wall_time(&event);
  put_varint(&event, EVENT_STEP);
  put_varint(&event, (uint64_t)step);
  put_block(&event, EVENT_SUMMARY, summary.at, summary.count);
  write_record(file, &event);
}
