#include "share/tiers/foresight.h"

#include <stddef.h>

#include "base/alloc.h"

typedef struct use {
  int64_t step;
  int32_t next; /* of the same block, or free; -1: none */
} use;

/* A block's uses, by rising step. */
typedef struct line {
  int32_t first, last; /* -1: none */
} line;

struct ddla_foresight {
  int64_t blocks;
  int32_t room, unused; /* uses [unused, room) were never taken */
  int32_t given_back;   /* a list */
  line *lines;          /* [blocks] */
  use *uses;            /* [room] */
};

void ddla_foresight_clear(ddla_foresight *f) {
  f->unused = 0;
  f->given_back = -1;
  for (int64_t b = 0; b < f->blocks; b++) f->lines[b] = (line){-1, -1};
}

ddla_status ddla_foresight_create(ddla_foresight **out, int64_t blocks, int64_t room) {
  ddla_foresight *made = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->blocks = blocks;
  made->room = (int32_t)(room < INT32_MAX ? room : INT32_MAX);
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->lines, blocks));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->uses, made->room));
  ddla_foresight_clear(made);
  *out = made;
  return DDLA_OK;
cleanup:
  ddla_foresight_destroy(made);
  return status;
}

void ddla_foresight_destroy(ddla_foresight *f) {
  if (!f) return;
  ddla_free(f->lines);
  ddla_free(f->uses);
  ddla_free(f);
}

static int32_t take(ddla_foresight *f) {
  const int32_t found = f->given_back;
  if (found < 0) return f->unused < f->room ? f->unused++ : -1;
  f->given_back = f->uses[found].next;
  return found;
}

/* Uses that are over. */
static void drop_before(ddla_foresight *f, line *l, int64_t from) {
  while (l->first >= 0 && f->uses[l->first].step < from) {
    const int32_t over = l->first;
    l->first = f->uses[over].next;
    f->uses[over].next = f->given_back;
    f->given_back = over;
  }
  if (l->first < 0) l->last = -1;
}

bool ddla_foresight_add(ddla_foresight *f, int64_t block, int64_t step, int64_t from) {
  line *l = &f->lines[block];
  drop_before(f, l, from);
  if (l->last >= 0 && f->uses[l->last].step == step) return true;
  const int32_t made = take(f);
  if (made < 0) return false;
  f->uses[made] = (use){.step = step, .next = -1};
  if (l->last >= 0) f->uses[l->last].next = made;
  else l->first = made;
  l->last = made;
  return true;
}

int64_t ddla_foresight_next(ddla_foresight *f, int64_t block, int64_t from) {
  line *l = &f->lines[block];
  drop_before(f, l, from);
  return l->first < 0 ? INT64_MAX : f->uses[l->first].step;
}
