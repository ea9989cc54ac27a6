#include "share/tiers/readers.h"

#include <pthread.h>

#include "base/alloc.h"

typedef struct list {
  ddla_reading *first, **last;
} list;

struct ddla_readers {
  ddla_readers_options options;
  pthread_mutex_t lock;
  pthread_cond_t more;
  list wanted, done;
  bool closing;
  int started;
  pthread_t *thread; /* [started] */
};

static void append(list *to, ddla_reading *reading) {
  reading->next = NULL;
  if (!to->first) to->last = &to->first;
  *to->last = reading;
  to->last = &reading->next;
}

static ddla_reading *remove_first(list *from) {
  ddla_reading *found = from->first;
  if (found) from->first = found->next;
  return found;
}

static ddla_status work_on(const ddla_readers_options *o, const ddla_reading *r, void *scratch) {
  const ddla_piece *piece = &r->piece;
  switch (r->kind) {
  case DDLA_READING_BLOCK: return ddla_catalog_read(r->data, scratch, o->catalog, piece->block);
  case DDLA_READING_PIECE: return ddla_catalog_read_piece(r->data, o->catalog, piece);
  case DDLA_READING_SPILLED:
    return ddla_spill_read(r->data, o->spill, r->place, piece->offset, piece->bytes);
  case DDLA_READING_SPILL: return ddla_spill_write(o->spill, r->place, r->data, piece->bytes);
  }
  return DDLA_FAIL(INTERNAL, "no such reading");
}

static ddla_reading *next_wanted(ddla_readers *readers) {
  ddla_reading *found = NULL;
  pthread_mutex_lock(&readers->lock);
  while (!readers->closing && !readers->wanted.first)
    pthread_cond_wait(&readers->more, &readers->lock);
  if (!readers->closing) found = remove_first(&readers->wanted);
  pthread_mutex_unlock(&readers->lock);
  return found;
}

static void *reader_main(void *argument) {
  ddla_readers *readers = argument;
  const ddla_readers_options *o = &readers->options;
  char *scratch = NULL;
  const ddla_status made =
      o->catalog->stored_bytes ? DDLA_NEW(scratch, o->catalog->stored_bytes) : DDLA_OK;
  ddla_failure none = {0};
  if (made != DDLA_OK) ddla_status_take(&none, made);
  for (ddla_reading *r = next_wanted(readers); r; r = next_wanted(readers)) {
    r->failure = none;
    const ddla_status status = none.code == DDLA_OK ? work_on(o, r, scratch) : DDLA_OK;
    if (status != DDLA_OK) ddla_status_take(&r->failure, status);
    pthread_mutex_lock(&readers->lock);
    append(&readers->done, r);
    pthread_mutex_unlock(&readers->lock);
    o->ring(o->argument);
  }
  ddla_free(scratch);
  return NULL;
}

ddla_status ddla_readers_create(ddla_readers **out, const ddla_readers_options *options) {
  ddla_readers *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->options = *options;
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->more, NULL);
  ddla_status status = DDLA_NEW(made->thread, options->threads);
  for (int t = 0; t < options->threads && status == DDLA_OK; t++) {
    if (pthread_create(&made->thread[t], NULL, reader_main, made) == 0) made->started++;
    else status = DDLA_FAIL(NO_MEMORY, "cannot start a thread that reads samples");
  }
  if (status == DDLA_OK) *out = made;
  else ddla_readers_destroy(made);
  return status;
}

void ddla_readers_destroy(ddla_readers *readers) {
  if (!readers) return;
  pthread_mutex_lock(&readers->lock);
  readers->closing = true;
  pthread_cond_broadcast(&readers->more);
  pthread_mutex_unlock(&readers->lock);
  for (int t = 0; t < readers->started; t++) pthread_join(readers->thread[t], NULL);
  pthread_cond_destroy(&readers->more);
  pthread_mutex_destroy(&readers->lock);
  ddla_free(readers->thread);
  ddla_free(readers);
}

void ddla_readers_submit(ddla_readers *readers, ddla_reading *reading) {
  pthread_mutex_lock(&readers->lock);
  append(&readers->wanted, reading);
  pthread_cond_signal(&readers->more);
  pthread_mutex_unlock(&readers->lock);
}

ddla_reading *ddla_readers_take(ddla_readers *readers) {
  pthread_mutex_lock(&readers->lock);
  ddla_reading *found = remove_first(&readers->done);
  pthread_mutex_unlock(&readers->lock);
  return found;
}
