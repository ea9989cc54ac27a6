#include "sync/turns/service.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

enum {
  IDLE_MS = 100,    /* how long the thread sleeps at most before it serves the link again, */
  BUSY_NS = 1000000 /* and, while messages are under way, before it looks what workers have made */
};

#define UNTIL_QUIET UINT64_MAX

struct ddla_service {
  ddla_service_options options;
  pthread_t thread;
  bool started;
  _Atomic bool closing;
  _Atomic bool failed;  /* the thread has */
  ddla_failure failure; /* what stopped it, or the thread; code DDLA_OK: nothing */
};

static ddla_status advance(ddla_service *service, bool *moved) {
  const ddla_service_options *options = &service->options;
  DDLA_TRY(ddla_transport_check(options->local));
  DDLA_TRY(ddla_transport_check(options->link));
  DDLA_TRY(ddla_transport_progress(options->link, moved));
  return options->client.advance(options->client.argument, moved);
}

static bool under_way(const ddla_service *service) {
  return service->options.client.under_way(service->options.client.argument);
}

/* One wait that serves. */
typedef struct serving {
  ddla_service *service;
  uint64_t target; /* of progress; UNTIL_QUIET: until no messages are under way */
  ddla_status status;
} serving;

static bool is_served(const serving *s) {
  if (s->target == UNTIL_QUIET) return !under_way(s->service) || atomic_load(&s->service->closing);
  return atomic_load(s->service->options.progress) >= s->target;
}

static ddla_ready serve(void *argument) {
  serving *s = argument;
  bool moved = false;
  ddla_failure *failure = &s->service->failure;
  s->status = failure->code != DDLA_OK ? ddla_status_raise(failure) : advance(s->service, &moved);
  if (s->status != DDLA_OK && failure->code == DDLA_OK) ddla_status_take(failure, s->status);
  if (s->status != DDLA_OK || is_served(s)) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  const serving *s = argument;
  const ddla_service_client *client = &s->service->options.client;
  client->describe(client->argument, text, bytes);
}

static ddla_status wait_serving(ddla_service *service, uint64_t target) {
  serving s = {.service = service, .target = target};
  const ddla_waiting waiting = {.ready = serve,
                                .describe = describe,
                                .argument = &s,
                                .look_ns = service->options.rings ? 0 : BUSY_NS,
                                .calm = !service->options.threadless && service->options.calm};
  DDLA_TRY(ddla_transport_wait(service->options.link, &waiting, -1));
  return s.status;
}

ddla_status ddla_service_serve(ddla_service *service, uint64_t target) {
  return wait_serving(service, target);
}

/* The thread, until something may have happened: while messages are under way the link is served,
 * else the host's workers are waited for, but so that the link is served now and then. */
static ddla_status rest(ddla_service *service) {
  const ddla_service_options *options = &service->options;
  ddla_service_word wanted = {0};
  if (under_way(service) || !options->client.waits(&wanted, options->client.argument))
    return wait_serving(service, UNTIL_QUIET);
  const ddla_status status =
      ddla_transport_word_wait(options->local, wanted.word, wanted.value, IDLE_MS);
  return status == DDLA_TIMEOUT ? DDLA_OK : status;
}

static ddla_status run(ddla_service *service) {
  while (!atomic_load(&service->closing)) {
    bool moved = false;
    DDLA_TRY(advance(service, &moved));
    if (!moved) DDLA_TRY(rest(service));
  }
  return DDLA_OK;
}

static void *thread_main(void *argument) {
  ddla_service *service = argument;
  ddla_status status = run(service);
  if (status == DDLA_OK) return NULL;
  ddla_status_take(&service->failure, status);
  atomic_store(&service->failed, true);
  /* whoever was first is kept on each side */
  ddla_transport_fail(service->options.link, &service->failure);
  ddla_transport_fail(service->options.local, &service->failure);
  return NULL;
}

ddla_status ddla_service_told(const ddla_service *service, ddla_status status) {
  if (status != DDLA_PEER_LOST || !atomic_load(&service->failed)) return status;
  if (service->failure.code == DDLA_PEER_LOST) return status;
  return ddla_status_raise(&service->failure);
}

ddla_status ddla_service_create(ddla_service **out, const ddla_service_options *options) {
  ddla_service *service = NULL;
  DDLA_TRY(DDLA_NEW(service, 1));
  service->options = *options;
  service->started =
      !options->threadless && pthread_create(&service->thread, NULL, thread_main, service) == 0;
  if (service->started || options->threadless) {
    *out = service;
    return DDLA_OK;
  }
  ddla_free(service);
  return DDLA_FAIL(NO_MEMORY, "cannot start the thread that talks to hosts");
}

void ddla_service_destroy(ddla_service *service) {
  if (!service) return;
  atomic_store(&service->closing, true);
  if (service->started) pthread_join(service->thread, NULL);
  ddla_free(service);
}
