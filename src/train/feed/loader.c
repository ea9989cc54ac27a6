#include "train/feed/loader.h"

#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/binding.h"

enum { LINE_BYTES = 64, LOOK_NS = 1000000 /* where something is not ready, which wakes nobody */ };

/* One lane's ring. */
typedef struct queue {
  _Alignas(LINE_BYTES) ddla_word made;          /* by the loader: micro-batches so far */
  _Alignas(LINE_BYTES) ddla_word used;          /* by the lane: of these, it needs no more */
  _Alignas(LINE_BYTES) ddla_micro_batch wanted; /* the lane's: what it takes next; */
  bool more;                                    /* whether there is one */
  uint64_t taken;                               /* so many it has taken, or passed over */
  _Alignas(LINE_BYTES) ddla_micro_batch at;     /* the loader's: what it makes next; */
  bool goes_on;                                 /* whether there is one */
  ddla_feed *slot;                              /* [slots] */
} queue;

struct ddla_loader {
  ddla_loader_options options;
  queue *queue;                        /* [lanes] */
  int64_t slots;                       /* of each */
  _Alignas(LINE_BYTES) ddla_word news; /* changes that the loader is woken for */
  _Atomic bool over;                   /* it is to end */
  _Atomic bool failed;                 /* it has ended, and failure says why */
  ddla_failure failure;
  ddla_watch_lane pen;
  pthread_t thread;
  bool started;
};

/* ---- the loader's side ---- */

static bool has_room(const ddla_loader *loader, const queue *q) {
  return q->goes_on && atomic_load(&q->made) - atomic_load(&q->used) < (uint64_t)loader->slots;
}

static bool is_ready(const ddla_loader *loader, const queue *q) {
  const ddla_loader_options *options = &loader->options;
  return !options->ready || options->ready(options->argument, &q->at);
}

static ddla_status make_one(ddla_loader *loader, int lane) {
  const ddla_loader_options *options = &loader->options;
  queue *q = &loader->queue[lane];
  const uint64_t made = atomic_load(&q->made);
  const uint64_t place = (uint64_t)q->at.shard | (uint64_t)q->at.part << 32;
  ddla_watch_set_step(&loader->pen, q->at.step + 1);
  ddla_watch_mark(&loader->pen, DDLA_PHASE_DATA, place);
  DDLA_TRY(
      options->fill(options->argument, lane, &q->at, &q->slot[made % (uint64_t)loader->slots]));
  q->goes_on = options->next(options->argument, lane, &q->at);
  ddla_transport_word_publish(options->transport, &q->made, made + 1);
  return DDLA_OK;
}

typedef struct news_target {
  const ddla_loader *loader;
  uint64_t seen;
} news_target;

/* Whether a lane has room and what its next micro-batch is made from is there, or is not. */
static bool has_lane(const ddla_loader *loader, bool ready) {
  for (int lane = 0; lane < loader->options.lanes; lane++) {
    const queue *q = &loader->queue[lane];
    if (has_room(loader, q) && is_ready(loader, q) == ready) return true;
  }
  return false;
}

static ddla_ready news_ready(void *argument) {
  const news_target *target = argument;
  const bool over =
      atomic_load(&target->loader->news) > target->seen || has_lane(target->loader, true);
  return over ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

static ddla_status wait_for_room(ddla_loader *loader, uint64_t seen) {
  news_target target = {loader, seen};
  const ddla_waiting waiting = {.ready = news_ready,
                                .argument = &target,
                                .word = &loader->news,
                                .look_ns = has_lane(loader, false) ? LOOK_NS : 0,
                                .calm = true};
  ddla_watch_mark(&loader->pen, DDLA_PHASE_WAIT,
                  ddla_watch_wait_pack(DDLA_WAIT_ROOM, DDLA_WATCH_ALL, seen + 1));
  return ddla_transport_wait(loader->options.transport, &waiting, -1);
}

static bool all_made(const ddla_loader *loader) {
  for (int lane = 0; lane < loader->options.lanes; lane++)
    if (loader->queue[lane].goes_on) return false;
  return true;
}

/* In turns, one for each lane that has room and whose next one can be made. */
static ddla_status work(ddla_loader *loader) {
  while (!atomic_load(&loader->over) && !all_made(loader)) {
    const uint64_t seen = atomic_load(&loader->news);
    bool made = false;
    for (int lane = 0; lane < loader->options.lanes && !atomic_load(&loader->over); lane++) {
      const queue *q = &loader->queue[lane];
      if (!has_room(loader, q) || !is_ready(loader, q)) continue;
      DDLA_TRY(make_one(loader, lane));
      made = true;
    }
    if (!made) DDLA_TRY(wait_for_room(loader, seen));
  }
  return DDLA_OK;
}

static void hand_over(ddla_loader *loader, ddla_status status) {
  ddla_status_take(&loader->failure, status);
  atomic_store(&loader->failed, true);
  for (int lane = 0; lane < loader->options.lanes; lane++)
    ddla_transport_word_wake(loader->options.transport, &loader->queue[lane].made);
}

static void *loader_main(void *argument) {
  ddla_loader *loader = argument;
  const ddla_loader_options *options = &loader->options;
  if (options->set) ddla_binding_enter(options->set);
  loader->pen = ddla_watch_lane_open(options->watch, options->agent, options->lanes);
  ddla_alloc_freeze();
  ddla_status status = work(loader);
  ddla_alloc_thaw();
  if (status != DDLA_OK) hand_over(loader, status);
  ddla_watch_mark(&loader->pen, DDLA_PHASE_END, 0);
  return NULL;
}

/* ---- the lane's side ---- */

static bool is_before(const ddla_micro_batch *a, const ddla_micro_batch *b) {
  if (a->step != b->step) return a->step < b->step;
  return a->shard != b->shard ? a->shard < b->shard : a->part < b->part;
}

typedef struct made_target {
  const ddla_loader *loader;
  const queue *queue;
} made_target;

static bool is_made(const queue *q) { return atomic_load(&q->made) > q->taken; }

static ddla_ready made_ready(void *argument) {
  const made_target *target = argument;
  const bool over = is_made(target->queue) || atomic_load(&target->loader->failed);
  return over ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

static ddla_status wait_made(const ddla_loader *loader, const queue *q) {
  made_target target = {loader, q};
  const ddla_waiting waiting = {
      .ready = made_ready, .argument = &target, .word = &q->made, .calm = true};
  DDLA_TRY(ddla_transport_wait(loader->options.transport, &waiting, -1));
  return is_made(q) ? DDLA_OK : ddla_status_raise(&loader->failure);
}

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

/* Until the next one is made. */
static ddla_status await(const ddla_loader *loader, const queue *q, ddla_data_waits *waits,
                         ddla_watch_lane *pen) {
  if (is_made(q)) {
    ddla_data_waits_hit(waits, DDLA_TIER_LOADER);
    return DDLA_OK;
  }
  const int64_t start_ns = now_ns();
  ddla_watch_mark_at(pen, DDLA_PHASE_SUPPLY,
                     ddla_watch_supply_pack(DDLA_TIER_LOADER, (uint32_t)q->wanted.shard), start_ns);
  ddla_status status = wait_made(loader, q);
  const int64_t end_ns = now_ns();
  ddla_data_waits_wait(waits, DDLA_TIER_LOADER, end_ns - start_ns);
  ddla_watch_mark_at(pen, DDLA_PHASE_DATA,
                     (uint64_t)q->wanted.shard | (uint64_t)q->wanted.part << 32, end_ns);
  return status;
}

/* The lane needs the slot that it took no more. The loader, which may sleep, is woken when half of
 * the queue is free: waking costs the lane more than looking. */
static void give_back(ddla_loader *loader, queue *q) {
  const ddla_loader_options *options = &loader->options;
  q->taken++;
  q->more = options->next(options->argument, (int)(q - loader->queue), &q->wanted);
  atomic_store(&q->used, q->taken);
  const uint64_t left = atomic_load(&q->made) - q->taken;
  if (2 * left > (uint64_t)options->ahead) return;
  atomic_fetch_add(&loader->news, 1);
  ddla_transport_word_wake(options->transport, &loader->news);
}

ddla_status ddla_loader_take(const ddla_feed **out, ddla_loader *loader, int lane,
                             const ddla_micro_batch *at, ddla_data_waits *waits,
                             ddla_watch_lane *pen) {
  queue *q = &loader->queue[lane];
  while (q->more && is_before(&q->wanted, at)) { /* left out by the lane */
    DDLA_TRY(wait_made(loader, q));
    give_back(loader, q);
  }
  *out = NULL;
  if (!q->more || is_before(at, &q->wanted)) return DDLA_OK;
  DDLA_TRY(await(loader, q, waits, pen));
  *out = &q->slot[q->taken % (uint64_t)loader->slots];
  return DDLA_OK;
}

void ddla_loader_done(ddla_loader *loader, int lane) { give_back(loader, &loader->queue[lane]); }

/* ---- memory ---- */

static ddla_status make_slot(ddla_feed *slot, ddla_loader *loader) {
  const ddla_loader_room *room = &loader->options.room;
  char *input = NULL, *label = NULL;
  slot->pen = &loader->pen;
  slot->input_bytes = room->input_bytes;
  slot->label_bytes = room->label_bytes;
  DDLA_TRY(DDLA_NEW(input, room->samples * (int64_t)room->input_bytes));
  slot->input = input;
  DDLA_TRY(DDLA_NEW(label, room->samples * (int64_t)room->label_bytes));
  slot->label = label;
  if (room->keyed) DDLA_TRY(DDLA_NEW(slot->key, room->samples));
  return DDLA_NEW(slot->indices, room->samples);
}

static ddla_status make_queue(ddla_loader *loader, int lane) {
  const ddla_loader_options *options = &loader->options;
  queue *q = &loader->queue[lane];
  q->wanted = options->first;
  q->more = q->goes_on = options->next(options->argument, lane, &q->wanted);
  q->at = q->wanted;
  DDLA_TRY(DDLA_NEW(q->slot, loader->slots));
  for (int64_t i = 0; i < loader->slots; i++) DDLA_TRY(make_slot(&q->slot[i], loader));
  return DDLA_OK;
}

static void free_queue(queue *q, int64_t slots) {
  for (int64_t i = 0; q->slot && i < slots; i++) {
    ddla_free(q->slot[i].input);
    ddla_free(q->slot[i].label);
    ddla_free(q->slot[i].key);
    ddla_free(q->slot[i].indices);
  }
  ddla_free(q->slot);
}

static ddla_status start(ddla_loader *loader) {
  const ddla_loader_options *options = &loader->options;
  DDLA_TRY(DDLA_NEW(loader->queue, options->lanes));
  for (int lane = 0; lane < options->lanes; lane++) DDLA_TRY(make_queue(loader, lane));
  if (pthread_create(&loader->thread, NULL, loader_main, loader) != 0)
    return DDLA_FAIL(NO_MEMORY, "cannot start a thread that prepares samples; set data.ahead to 0");
  loader->started = true;
  return DDLA_OK;
}

ddla_status ddla_loader_open(ddla_loader **out, const ddla_loader_options *options) {
  ddla_loader *loader = NULL;
  DDLA_TRY(DDLA_NEW(loader, 1));
  loader->options = *options;
  loader->slots = options->ahead + 1;
  ddla_status status = start(loader);
  if (status == DDLA_OK) *out = loader;
  else ddla_loader_close(loader);
  return status;
}

void ddla_loader_close(ddla_loader *loader) {
  if (!loader) return;
  if (loader->started) {
    atomic_store(&loader->over, true);
    atomic_fetch_add(&loader->news, 1);
    ddla_transport_word_wake(loader->options.transport, &loader->news);
    pthread_join(loader->thread, NULL);
  }
  for (int lane = 0; loader->queue && lane < loader->options.lanes; lane++)
    free_queue(&loader->queue[lane], loader->slots);
  ddla_free(loader->queue);
  ddla_free(loader);
}
