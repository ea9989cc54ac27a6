#include "sync/turns/moving.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pages.h"

struct ddla_moving {
  ddla_moving_options options;
  int rows;               /* of moments */
  int awaited;            /* letters that have not come; below 0: of a fence still to begin */
  ddla_served_past *past; /* [ranges] as letters said */
  bool *came, *lost;      /* [ranges] */
  int64_t version;
};

static int range_count(const ddla_moving *m) { return m->options.layout->ranges; }

/* Letters of a range: one for each row of moments, or one without bytes. */
static int letters_of_range(const ddla_moving *m) { return m->rows > 0 ? m->rows : 1; }

ddla_status ddla_moving_create(ddla_moving **out, const ddla_moving_options *options) {
  ddla_moving *m = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(m, 1));
  m->options = *options;
  while (m->rows < DDLA_MOMENTS_MAX && options->sync->moment[m->rows] >= 0) m->rows++;
  DDLA_TRY_CLEAN(status, DDLA_NEW(m->past, range_count(m)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(m->came, range_count(m)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(m->lost, range_count(m)));
  *out = m;
  return DDLA_OK;
cleanup:
  ddla_moving_destroy(m);
  return status;
}

void ddla_moving_destroy(ddla_moving *m) {
  if (!m) return;
  ddla_free(m->past);
  ddla_free(m->came);
  ddla_free(m->lost);
  ddla_free(m);
}

/* A range's moments in a row, of a version. */
static float *place_of(const ddla_moving *m, int row, int64_t version, int range, int64_t *count) {
  const ddla_sync_options *sync = m->options.sync;
  int64_t begin = 0;
  ddla_bridge_range(m->options.layout, range, &begin, count);
  return (float *)ddla_state_array(sync->state, sync->moment[row], (uint64_t)version, 0) + begin;
}

ddla_status ddla_moving_place(void **out, ddla_moving *m, const ddla_letter *letter) {
  int64_t count = 0;
  if (letter->range < 0 || letter->range >= range_count(m) || letter->first < 0 ||
      letter->first >= m->rows)
    return DDLA_FAIL(CORRUPT, "moments %d of range %d came", letter->first, letter->range);
  *out = place_of(m, letter->first, letter->version, letter->range, &count);
  if (letter->bytes == (uint64_t)count * sizeof(float)) return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%" PRIu64 " bytes came as moments of range %d", letter->bytes,
                   letter->range);
}

ddla_status ddla_moving_deliver(ddla_moving *m, const ddla_letter *letter) {
  if (letter->range < 0 || letter->range >= range_count(m))
    return DDLA_FAIL(CORRUPT, "range %d came", letter->range);
  m->past[letter->range] = (ddla_served_past){letter->sums, letter->number};
  m->came[letter->range] = true;
  m->awaited--;
  return DDLA_OK;
}

static ddla_status send_range(const ddla_moving *m, int range, int to,
                              const ddla_served_past *past) {
  ddla_letter letter = {.kind = DDLA_LETTER_MOVE,
                        .range = range,
                        .version = m->version,
                        .sums = past->sums,
                        .number = past->learning_rate};
  if (m->rows == 0) return ddla_mail_send(m->options.mail, to, &letter, NULL);
  for (; letter.first < m->rows; letter.first++) {
    int64_t count = 0;
    const float *moments = place_of(m, letter.first, m->version, range, &count);
    letter.bytes = (uint64_t)count * sizeof *moments;
    DDLA_TRY(ddla_mail_send(m->options.mail, to, &letter, moments));
  }
  return DDLA_OK;
}

ddla_status ddla_moving_begin(ddla_moving *m, const int16_t *owner, int64_t version,
                              const ddla_served_past *past) {
  ddla_bridge_layout *layout = m->options.layout;
  const int here = layout->cluster.host;
  m->version = version;
  for (int r = 0; r < layout->ranges; r++) {
    const int from = ddla_bridge_owner(layout, r);
    m->lost[r] = from == here && owner[r] != here;
    if (from != here && owner[r] == here) m->awaited += letters_of_range(m);
    if (m->lost[r]) DDLA_TRY(send_range(m, r, owner[r], &past[r]));
  }
  ddla_bridge_layout_deal(layout, owner);
  return DDLA_OK;
}

static void release(const ddla_moving *m, int range) {
  for (int i = 0; i < m->rows; i++)
    for (int version = 0; version < 2; version++) {
      int64_t count = 0;
      float *moments = place_of(m, i, version, range, &count);
      (void)ddla_pages_release(moments, (size_t)count * sizeof *moments);
    }
}

bool ddla_moving_over(ddla_moving *m, ddla_served_past *past) {
  if (m->awaited > 0 || ddla_mail_sending(m->options.mail)) return false;
  for (int r = 0; r < range_count(m); r++) {
    if (m->came[r]) past[r] = m->past[r];
    if (m->lost[r]) release(m, r);
    m->came[r] = m->lost[r] = false;
  }
  return true;
}
