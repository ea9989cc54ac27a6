/* For tests of letters: hosts of one thread that write to each other over transport "local". */
#ifndef DDLA_SYNC_TURNS_TEST_POST_H
#define DDLA_SYNC_TURNS_TEST_POST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/turns/mail.h"
#include "transport/local.h"

enum { POST_HOSTS_MAX = 4 };

typedef struct post {
  int hosts;
  ddla_local_region *region;
  ddla_transport *link[POST_HOSTS_MAX];
  ddla_mail *mail[POST_HOSTS_MAX];
} post;

/* argument[h]: of host h's calls. */
static inline void post_open(post *p, int hosts, ddla_mail_calls calls, void *const *argument) {
  *p = (post){.hosts = hosts};
  assert_int_equal(ddla_local_region_create(&p->region, hosts, 1 << 20), DDLA_OK);
  for (int h = 0; h < hosts; h++) {
    const ddla_local_setup setup = {.region = p->region, .rank = h};
    assert_int_equal(ddla_transport_open(&p->link[h], "local", &setup), DDLA_OK);
  }
  for (int h = 0; h < hosts; h++) {
    calls.argument = argument[h];
    assert_int_equal(ddla_mail_create(&p->mail[h], p->link[h], &calls), DDLA_OK);
  }
}

/* One host, once; what came of it. */
static inline ddla_status post_look(post *p, int host, bool *moved) {
  bool any = false; /* progress clears it first */
  DDLA_TRY(ddla_transport_progress(p->link[host], &any));
  DDLA_TRY(ddla_mail_advance(p->mail[host], &any));
  *moved = *moved || any;
  return DDLA_OK;
}

/* All, until nothing moves any more. */
static inline void post_deliver(post *p) {
  for (int still = 0; still < 3;) {
    bool moved = false;
    for (int h = 0; h < p->hosts; h++) assert_int_equal(post_look(p, h, &moved), DDLA_OK);
    still = moved ? 0 : still + 1;
  }
}

static inline void post_close(post *p) {
  for (int h = 0; h < p->hosts; h++) ddla_mail_destroy(p->mail[h]);
  for (int h = 0; h < p->hosts; h++) ddla_transport_close(p->link[h]);
  ddla_local_region_destroy(p->region);
}

#endif
