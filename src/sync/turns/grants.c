#include "sync/turns/grants.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct ddla_grants {
  ddla_grants_options options;
  bool claimed, granted;
  ddla_grant grant;
  int64_t last;
  bool stopped;
  /* On host 0: */
  int64_t step;                    /* that shards are granted of */
  bool *taken;                     /* [shards / grain] of it: granted */
  int left;                        /* of it: not granted */
  double shard_ns[DDLA_HOSTS_MAX]; /* that a shard takes a host; 0: not known */
  int64_t oldest;                  /* step that is not settled; with a window */
  int64_t over;                    /* steps that are, however many lie between */
  bool *settled;                   /* [window + 1], by step */
  int queue[DDLA_HOSTS_MAX];       /* hosts that wait for an answer, the first one first */
  int waiting;
};

ddla_status ddla_grants_create(ddla_grants **out, const ddla_grants_options *options) {
  ddla_grants *grants = NULL;
  ddla_status status = DDLA_OK;
  DDLA_ASSERT(options->shards % options->most == 0 && options->most % options->grain == 0);
  DDLA_TRY(DDLA_NEW(grants, 1));
  grants->options = *options;
  grants->left = options->shards / options->grain;
  grants->step = grants->oldest = grants->over = options->start_step;
  grants->last = options->total_steps;
  if (options->window >= options->total_steps - options->start_step)
    grants->options.window = -1; /* bounds nothing */
  DDLA_TRY_CLEAN(status, DDLA_NEW(grants->taken, grants->left));
  if (grants->options.window >= 0)
    DDLA_TRY_CLEAN(status, DDLA_NEW(grants->settled, grants->options.window + 1));
  *out = grants;
  return DDLA_OK;
cleanup:
  ddla_grants_destroy(grants);
  return status;
}

void ddla_grants_destroy(ddla_grants *grants) {
  if (!grants) return;
  ddla_free(grants->taken);
  ddla_free(grants->settled);
  ddla_free(grants);
}

ddla_status ddla_grants_claim(ddla_grants *grants, double shard_ns) {
  if (grants->claimed) return DDLA_OK;
  grants->claimed = true;
  return ddla_mail_send(grants->options.mail, 0,
                        &(ddla_letter){.kind = DDLA_LETTER_CLAIM, .number = shard_ns}, NULL);
}

const ddla_grant *ddla_grants_have(const ddla_grants *grants) {
  return grants->granted ? &grants->grant : NULL;
}

void ddla_grants_take(ddla_grants *grants) {
  DDLA_ASSERT(grants->granted);
  grants->granted = grants->claimed = false;
}

static void begin_next(ddla_grants *grants) {
  grants->step++;
  grants->left = grants->options.shards / grants->options.grain;
  memset(grants->taken, 0, (size_t)grants->left * sizeof *grants->taken);
}

void ddla_grants_settle(ddla_grants *grants, int64_t step) {
  const int64_t room = grants->options.window + 1;
  grants->over++;
  if (step == grants->step) begin_next(grants);
  if (!grants->settled) return;
  DDLA_ASSERT(step >= grants->oldest && step < grants->oldest + room);
  grants->settled[step % room] = true;
  while (grants->settled[grants->oldest % room]) grants->settled[grants->oldest++ % room] = false;
}

int64_t ddla_grants_settled(const ddla_grants *grants) { return grants->over; }

ddla_status ddla_grants_stop(ddla_grants *grants) {
  return ddla_mail_send(grants->options.mail, 0, &(ddla_letter){.kind = DDLA_LETTER_STOP}, NULL);
}

int64_t ddla_grants_last(const ddla_grants *grants) { return grants->last; }

bool ddla_grants_stopped(const ddla_grants *grants) { return grants->stopped; }

/* The whole of the step that is being granted belongs to the run still. */
static ddla_status tell_last(ddla_grants *grants) {
  const ddla_grants_options *options = &grants->options;
  const int64_t next = grants->step + 1;
  if (grants->stopped) return DDLA_OK;
  grants->stopped = true; /* here at once: nothing more is granted than belongs to it */
  if (next < grants->last) grants->last = next;
  const ddla_letter letter = {.kind = DDLA_LETTER_LAST, .step = grants->last};
  for (int h = 1; h < options->cluster->hosts; h++)
    DDLA_TRY(ddla_mail_send(options->mail, h, &letter, NULL));
  return DDLA_OK;
}

ddla_status ddla_grants_deliver(ddla_grants *grants, int from, const ddla_letter *letter) {
  switch ((ddla_letter_kind)letter->kind) {
  case DDLA_LETTER_CLAIM:
    DDLA_ASSERT(grants->waiting < DDLA_HOSTS_MAX);
    grants->queue[grants->waiting++] = from;
    grants->shard_ns[from] = letter->number;
    break;
  case DDLA_LETTER_GRANT:
    grants->grant = (ddla_grant){letter->step, letter->first, letter->end};
    grants->granted = true;
    break;
  case DDLA_LETTER_STOP: return tell_last(grants);
  case DDLA_LETTER_LAST:
    grants->stopped = true;
    grants->last = letter->step;
    break;
  default: DDLA_ASSERT(false); break;
  }
  return DDLA_OK;
}

/* The next shards may be given. */
static bool may_grant(const ddla_grants *grants) {
  if (grants->waiting == 0 || grants->step >= grants->last) return false;
  return grants->options.window < 0 || grants->step <= grants->oldest + grants->options.window;
}

/* Of a host, in grains: a power of two. */
static int wanted(const ddla_grants *grants, int host) {
  const double late = 1.5; /* than the fastest: what is rounded to a power of two still fits */
  const int most = grants->options.most / grants->options.grain;
  const double own = grants->shard_ns[host];
  double least = own;
  int count = most;
  if (own <= 0) return 1;
  for (int h = 0; h < grants->options.cluster->hosts; h++)
    if (grants->shard_ns[h] > 0 && grants->shard_ns[h] < least) least = grants->shard_ns[h];
  while (count > 1 && count * own > late * most * least) count /= 2;
  return count;
}

static bool are_free(const ddla_grants *grants, int first, int count) {
  for (int i = first; i < first + count; i++)
    if (grants->taken[i]) return false;
  return true;
}

/* Free, and not half of what is free. */
static bool is_remnant(const ddla_grants *grants, int first, int count) {
  const int twice = 2 * count;
  if (!are_free(grants, first, count)) return false;
  return twice * grants->options.grain > grants->options.most ||
         !are_free(grants, first / twice * twice, twice);
}

/* Where to take `count` grains from: what would be of use to fewest others; -1: nowhere. */
static int find_place(const ddla_grants *grants, int count) {
  const int all = grants->options.shards / grants->options.grain;
  for (int size = count; size * grants->options.grain <= grants->options.most; size *= 2)
    for (int first = 0; first < all; first += size)
      if (is_remnant(grants, first, size)) return first;
  return -1;
}

static ddla_status grant_next(ddla_grants *grants) {
  const ddla_grants_options *options = &grants->options;
  const int to = grants->queue[0];
  int count = wanted(grants, to), place = find_place(grants, count);
  for (; place < 0; place = find_place(grants, count)) count /= 2;
  const ddla_letter letter = {.kind = DDLA_LETTER_GRANT,
                              .step = grants->step,
                              .first = place * options->grain,
                              .end = (place + count) * options->grain};
  grants->waiting--;
  for (int i = 0; i < grants->waiting; i++) grants->queue[i] = grants->queue[i + 1];
  for (int i = 0; i < count; i++) grants->taken[place + i] = true;
  grants->left -= count;
  if (grants->left == 0) begin_next(grants);
  return ddla_mail_send(options->mail, to, &letter, NULL);
}

ddla_status ddla_grants_advance(ddla_grants *grants, bool *moved) {
  while (may_grant(grants)) {
    *moved = true;
    DDLA_TRY(grant_next(grants));
  }
  return DDLA_OK;
}
