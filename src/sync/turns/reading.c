#include "sync/turns/reading.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

enum { SLOTS = 3 };

typedef struct slot {
  float *data;
  bool busy; /* a version is coming */
} slot;

typedef struct read_range {
  int64_t begin, count;
  int64_t version;     /* newest that is known */
  const float *newest; /* its parameters; null: those of the start */
  slot slot[SLOTS];    /* of other hosts' ranges: where they lie, and where what comes goes */
  int64_t copied[2];   /* version in each copy */
} read_range;

struct ddla_reading {
  ddla_reading_options options;
  int open;
  read_range *range; /* [ranges] */
};

static int range_count(const ddla_reading *reading) { return reading->options.layout->ranges; }

ddla_status ddla_reading_create(ddla_reading **out, const ddla_reading_options *options) {
  ddla_reading *reading = NULL;
  DDLA_TRY(DDLA_NEW(reading, 1));
  reading->options = *options;
  reading->open = 1;
  const ddla_status status = DDLA_NEW(reading->range, options->layout->ranges);
  if (status != DDLA_OK) {
    ddla_reading_destroy(reading);
    return status;
  }
  for (int i = 0; i < options->layout->ranges; i++) {
    read_range *r = &reading->range[i];
    ddla_bridge_range(options->layout, i, &r->begin, &r->count);
    r->version = r->copied[0] = r->copied[1] = options->version;
    memcpy(options->copy[1] + r->begin, options->copy[0] + r->begin,
           (size_t)r->count * sizeof(float));
  }
  *out = reading;
  return DDLA_OK;
}

void ddla_reading_destroy(ddla_reading *reading) {
  if (!reading) return;
  for (int i = 0; reading->range && i < range_count(reading); i++)
    for (int k = 0; k < SLOTS; k++) ddla_free(reading->range[i].slot[k].data);
  ddla_free(reading->range);
  ddla_free(reading);
}

/* A slot that holds nothing; the server sends one version of a range at a time, and the next one
 * when it has come: it may be told of that before this host is. */
static slot *free_slot(read_range *r) {
  for (int k = 0; k < SLOTS; k++)
    if (!r->slot[k].busy && (!r->slot[k].data || r->slot[k].data != r->newest)) return &r->slot[k];
  return NULL;
}

ddla_status ddla_reading_place(void **out, ddla_reading *reading, const ddla_letter *letter) {
  if (letter->range < 0 || letter->range >= range_count(reading) ||
      letter->bytes != (uint64_t)reading->range[letter->range].count * sizeof(float))
    return DDLA_FAIL(CORRUPT, "%" PRIu64 " bytes came as parameters of range %d", letter->bytes,
                     letter->range);
  read_range *r = &reading->range[letter->range];
  slot *free = free_slot(r);
  if (!free) return DDLA_FAIL(CORRUPT, "too many versions of range %d come at once", letter->range);
  if (!free->data) DDLA_TRY(DDLA_NEW(free->data, r->count));
  free->busy = true;
  *out = free->data;
  return DDLA_OK;
}

void ddla_reading_deliver(ddla_reading *reading, const ddla_letter *letter, void *data) {
  read_range *r = &reading->range[letter->range];
  for (int k = 0; k < SLOTS; k++)
    if (r->slot[k].data == data) r->slot[k].busy = false;
  if (letter->version <= r->version) return;
  r->newest = data;
  r->version = letter->version;
}

void ddla_reading_own(ddla_reading *reading, int range, int64_t version, const float *parameters) {
  reading->range[range].version = version;
  reading->range[range].newest = parameters;
}

static bool bring(ddla_reading *reading, int range) {
  read_range *r = &reading->range[range];
  if (r->copied[reading->open] >= r->version) return false;
  memcpy(reading->options.copy[reading->open] + r->begin, r->newest,
         (size_t)r->count * sizeof(float));
  r->copied[reading->open] = r->version;
  return true;
}

void ddla_reading_advance(ddla_reading *reading, bool *moved) {
  for (int i = 0; i < range_count(reading); i++)
    if (bring(reading, i)) {
      *moved = true;
      return;
    }
}

int64_t ddla_reading_newest(const ddla_reading *reading, int range) {
  return reading->range[range].version;
}

int64_t ddla_reading_version(const ddla_reading *reading) {
  int64_t least = INT64_MAX;
  for (int i = 0; i < range_count(reading); i++)
    if (reading->range[i].version < least) least = reading->range[i].version;
  return least;
}

static bool is_newest(const ddla_reading *reading, int copy) {
  for (int i = 0; i < range_count(reading); i++)
    if (reading->range[i].copied[copy] < reading->range[i].version) return false;
  return true;
}

int ddla_reading_turn(ddla_reading *reading) {
  const int closed = reading->open;
  if (is_newest(reading, 1 - closed)) return 1 - closed;
  for (int i = 0; i < range_count(reading); i++) (void)bring(reading, i);
  reading->open = 1 - closed;
  return closed;
}

int64_t ddla_reading_of(const ddla_reading *reading, int range) {
  return reading->range[range].copied[1 - reading->open];
}

void ddla_reading_gather(const ddla_reading *reading, float *parameters) {
  const ddla_bridge_layout *layout = reading->options.layout;
  for (int i = 0; i < range_count(reading); i++) {
    const read_range *r = &reading->range[i];
    if (ddla_bridge_owner(layout, i) == layout->cluster.host) continue;
    const float *from = r->newest ? r->newest : reading->options.copy[0] + r->begin;
    memcpy(parameters + r->begin, from, (size_t)r->count * sizeof(float));
  }
}
