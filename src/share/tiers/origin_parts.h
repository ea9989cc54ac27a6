/* What the files of an origin have in common. */
#ifndef DDLA_SHARE_TIERS_ORIGIN_PARTS_H
#define DDLA_SHARE_TIERS_ORIGIN_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "share/tiers/origin.h"

enum { DDLA_ORIGIN_CONNECTIONS = 8 };

struct ddla_origin {
  char *path;
  bool address;
  _Atomic int64_t bytes;
  _Atomic bool stopped;
  pthread_mutex_t lock; /* of the connections that are not in use */
  void *idle[DDLA_ORIGIN_CONNECTIONS];
  int idle_count;
};

/* HTTP: origin_http.c. */
ddla_status ddla_origin_http_start(void);
ddla_status ddla_origin_http_read(ddla_origin *origin, void *out, const char *name, uint64_t offset,
                                  size_t bytes);
ddla_status ddla_origin_http_size(ddla_origin *origin, bool *there, uint64_t *bytes,
                                  const char *name);
void ddla_origin_http_close(ddla_origin *origin);

#endif
