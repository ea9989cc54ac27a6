#include "sync/grants.h"

#include "base/alloc.h"
#include "base/assert.h"

struct ddla_grants {
  ddla_grants_options options;
  bool claimed, granted;
  ddla_grant grant;
  int64_t last;
  bool stopped;
  /* On host 0: */
  int64_t step; /* the next shards are [shard, …) of this step */
  int shard;
  int64_t oldest;            /* step that is not settled; with a window */
  int64_t over;              /* steps that are, however many lie between */
  bool *settled;             /* [window + 1], by step */
  int queue[DDLA_HOSTS_MAX]; /* hosts that wait for an answer, the first one first */
  int waiting;
};

ddla_status ddla_grants_create(ddla_grants **out, const ddla_grants_options *options) {
  ddla_grants *grants = NULL;
  DDLA_ASSERT(options->shards % options->grain == 0);
  DDLA_TRY(DDLA_NEW(grants, 1));
  grants->options = *options;
  grants->step = grants->oldest = grants->over = options->start_step;
  grants->last = options->total_steps;
  if (options->window >= options->total_steps - options->start_step)
    grants->options.window = -1; /* bounds nothing */
  if (grants->options.window >= 0) {
    const ddla_status status = DDLA_NEW(grants->settled, grants->options.window + 1);
    if (status != DDLA_OK) {
      ddla_grants_destroy(grants);
      return status;
    }
  }
  *out = grants;
  return DDLA_OK;
}

void ddla_grants_destroy(ddla_grants *grants) {
  if (!grants) return;
  ddla_free(grants->settled);
  ddla_free(grants);
}

ddla_status ddla_grants_claim(ddla_grants *grants) {
  if (grants->claimed) return DDLA_OK;
  grants->claimed = true;
  return ddla_mail_send(grants->options.mail, 0, &(ddla_letter){.kind = DDLA_LETTER_CLAIM}, NULL);
}

const ddla_grant *ddla_grants_have(const ddla_grants *grants) {
  return grants->granted ? &grants->grant : NULL;
}

void ddla_grants_take(ddla_grants *grants) {
  DDLA_ASSERT(grants->granted);
  grants->granted = grants->claimed = false;
}

void ddla_grants_settle(ddla_grants *grants, int64_t step) {
  const int64_t room = grants->options.window + 1;
  grants->over++;
  if (step == grants->step) grants->step++, grants->shard = 0;
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

static ddla_status grant_next(ddla_grants *grants) {
  const ddla_grants_options *options = &grants->options;
  const ddla_letter letter = {.kind = DDLA_LETTER_GRANT,
                              .step = grants->step,
                              .first = grants->shard,
                              .end = grants->shard + options->grain};
  const int to = grants->queue[0];
  grants->waiting--;
  for (int i = 0; i < grants->waiting; i++) grants->queue[i] = grants->queue[i + 1];
  grants->shard += options->grain;
  if (grants->shard == options->shards) grants->shard = 0, grants->step++;
  return ddla_mail_send(options->mail, to, &letter, NULL);
}

ddla_status ddla_grants_advance(ddla_grants *grants, bool *moved) {
  while (may_grant(grants)) {
    *moved = true;
    DDLA_TRY(grant_next(grants));
  }
  return DDLA_OK;
}
