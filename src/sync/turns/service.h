/* Who serves the link between hosts: a thread of the host's first agent, the only one that calls
 * the link; or, where there can be no thread (a simulator, an MPI library that grants none), the
 * host's first worker while it waits. What is to be done, the client says: it is asked again and
 * again to do what can be done without waiting.
 *
 * The thread sleeps while the host's workers have something to do first and naps while messages are
 * under way. A failure on either side ends both: a host's agents learn of another host's failure
 * through their own transport, and the other way round.
 *
 * Threads: create and destroy by one thread of an agent. */
#ifndef DDLA_SYNC_TURNS_SERVICE_H
#define DDLA_SYNC_TURNS_SERVICE_H

#include "transport/transport.h"

/* A word that must reach a value. */
typedef struct ddla_service_word {
  const ddla_word *word;
  uint64_t value;
} ddla_service_word;

/* Called by the one thread that serves. */
typedef struct ddla_service_client {
  /* Does whatever can be done without waiting; *moved is set if that was anything. */
  ddla_status (*advance)(void *argument, bool *moved);
  /* Messages are under way, so the link wants to be served. */
  bool (*under_way)(const void *argument);
  /* What the host's workers have to do before there is anything to do; false: nothing. */
  bool (*waits)(ddla_service_word *out, const void *argument);
  /* What other hosts are waited for, for messages about their silence. */
  void (*describe)(void *argument, char *text, size_t bytes);
  void *argument;
} ddla_service_client;

typedef struct ddla_service_options {
  ddla_transport *local;     /* of this host's agents */
  ddla_transport *link;      /* messages between hosts; the server's until destroy */
  const ddla_word *progress; /* published by the client: what workers wait for */
  bool threadless;
  bool calm;  /* the thread sleeps where it could look: workers compute while messages are under way
               */
  bool rings; /* whoever changes what the client looks at wakes the link, so that the thread may
                 sleep while messages are awaited */
  ddla_service_client client;
} ddla_service_options;

typedef struct ddla_service ddla_service;

/* Starts the thread, if there is to be one. Everything is borrowed until destroy. Errors:
 * NO_MEMORY. */
ddla_status ddla_service_create(ddla_service **out, const ddla_service_options *options);

/* Ends the thread, wherever it is. Null is allowed. */
void ddla_service_destroy(ddla_service *service);

/* Without a thread: serves while the caller, always the same thread of the host's first agent,
 * waits until the word `progress` reaches a target; 0: looks once. Errors: those of the transports
 * and of the client; the first one again and again. */
ddla_status ddla_service_serve(ddla_service *service, uint64_t target);

/* What a worker of the first agent fails with whose waits have ended so: for a lost peer, as all
 * learn of a failure, the failure of this agent's thread, if that is why. */
ddla_status ddla_service_told(const ddla_service *service, ddla_status status);

#endif
