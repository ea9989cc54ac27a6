#include "transport/local_share.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 1 << 20, LIMIT_MS = 20000 };

static ddla_status make(ddla_local_region **out, ddla_local_offer *offer) {
  ddla_status status = DDLA_UNSUPPORTED;
  for (int i = 0; i < DDLA_LOCAL_ATTEMPTS && status == DDLA_UNSUPPORTED; i++)
    status = ddla_local_share_make(out, offer, 2, BYTES, i);
  return status;
}

/* The second agent is another process: the offer reaches it by the fork, the region does not. */
static ddla_status be_second(ddla_local_region *region, const ddla_local_offer *offer,
                             bool orderly) {
  ddla_local_region *own = NULL;
  ddla_local_peers *peers = NULL;
  ddla_transport *t = NULL;
  void *block = NULL;
  munmap(region, offer->bytes);
  const int64_t processes[] = {offer->process, getpid()};
  DDLA_TRY(ddla_local_share_attach(&own, offer));
  if (own != region) return DDLA_FAIL(INTERNAL, "the region is at another address");
  DDLA_TRY(ddla_local_peers_open(&peers, own, 1, processes));
  const ddla_local_setup setup = {.region = own, .rank = 1, .peers = peers};
  DDLA_TRY(ddla_transport_open(&t, "local", &setup));
  DDLA_TRY(ddla_transport_alloc(t, &block, 64, DDLA_MEMORY_ONE));
  DDLA_TRY(ddla_transport_word_wait(t, block, 1, LIMIT_MS));
  ddla_transport_word_publish(t, block, 2);
  if (!orderly) kill(getpid(), SIGKILL);
  ddla_transport_close(t);
  ddla_local_peers_close(peers);
  return DDLA_OK;
}

/* What the first agent sees after the second has gone. */
static ddla_status run(bool orderly) {
  ddla_local_region *region = NULL;
  ddla_local_peers *peers = NULL;
  ddla_local_offer offer = {0};
  ddla_transport *t = NULL;
  void *block = NULL;
  int end = 0;
  DDLA_TRY(make(&region, &offer));
  pid_t second = fork();
  if (second == 0) _exit(be_second(region, &offer, orderly));
  const int64_t processes[] = {getpid(), second};
  DDLA_TRY(ddla_local_peers_open(&peers, region, 0, processes));
  const ddla_local_setup setup = {.region = region, .rank = 0, .peers = peers};
  DDLA_TRY(ddla_transport_open(&t, "local", &setup));
  DDLA_TRY(ddla_transport_alloc(t, &block, 64, DDLA_MEMORY_ONE));
  ddla_transport_word_publish(t, block, 1);
  ddla_status status = ddla_transport_word_wait(t, block, 2, LIMIT_MS);
  ddla_local_share_seal(&offer);
  if (orderly) waitpid(second, &end, 0);
  if (status == DDLA_OK) status = ddla_transport_word_wait(t, block, 3, orderly ? 300 : LIMIT_MS);
  if (!orderly) waitpid(second, &end, 0);
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_close(t);
  ddla_local_peers_close(peers);
  ddla_local_region_destroy(region);
  if (orderly && (!WIFEXITED(end) || WEXITSTATUS(end)))
    return DDLA_FAIL(INTERNAL, "the second agent ended with %d", end);
  return ddla_status_raise(&failure);
}

static void a_dead_process_is_found_by_those_who_wait(void **state) {
  (void)state;
  assert_int_equal(run(false), DDLA_PEER_LOST);
  assert_non_null(strstr(ddla_status_message(DDLA_PEER_LOST), "agent 1"));
}

static void who_has_closed_is_not_dead(void **state) {
  (void)state;
  assert_int_equal(run(true), DDLA_TIMEOUT);
}

static void a_taken_address_is_another_attempt(void **state) {
  (void)state;
  ddla_local_region *first = NULL, *second = NULL;
  ddla_local_offer offer = {0}, other = {0};
  assert_int_equal(make(&first, &offer), DDLA_OK);
  /* This process has the address already. */
  assert_int_equal(ddla_local_share_attach(&second, &offer), DDLA_UNSUPPORTED);
  assert_null(second);
  assert_int_equal(make(&second, &other), DDLA_OK);
  assert_ptr_not_equal(first, second);
  offer.inode++;
  ddla_local_region *wrong = NULL;
  assert_int_equal(ddla_local_share_attach(&wrong, &offer), DDLA_IO);
  ddla_local_share_seal(&offer);
  assert_int_equal(ddla_local_share_attach(&wrong, &offer), DDLA_IO);
  ddla_local_share_seal(&other);
  ddla_local_region_destroy(first);
  ddla_local_region_destroy(second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_dead_process_is_found_by_those_who_wait),
      cmocka_unit_test(who_has_closed_is_not_dead),
      cmocka_unit_test(a_taken_address_is_another_attempt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
