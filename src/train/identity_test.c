#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "backend/kernel.h"
#include "train/identity.h"
#include "transport/sim.h"

enum { RANKS = 4, ODD = 2 };

/* What the group is made of, and what each rank said. */
typedef struct group {
  ddla_identity usual, odd; /* odd: rank ODD's */
  ddla_failure failures[RANKS];
} group;

static ddla_status rank_main(ddla_transport *transport, void *argument) {
  group *g = argument;
  int rank = ddla_transport_rank(transport);
  ddla_status status = ddla_identity_agree(transport, rank == ODD ? &g->odd : &g->usual);
  if (status != DDLA_OK) ddla_status_take(&g->failures[rank], status);
  return status;
}

static group equal_group(void) {
  group g = {.usual = {.probe = "0123456789abcdef",
                       .instructions = "avx512",
                       .library = "oneDNN 2.6.3",
                       .processor = "one"}};
  g.odd = g.usual;
  return g;
}

/* Over messages only, as between hosts, and in shared memory. */
static void run(group *g, bool shared) {
  ddla_sim_options options = {.ranks = RANKS, .seed = 1, .shared = shared};
  memset(g->failures, 0, sizeof g->failures);
  assert_int_equal(ddla_sim_run(&options, NULL, rank_main, g), DDLA_OK);
}

static void expect_words(const group *g, const char *words) {
  for (int rank = 0; rank < RANKS; rank++)
    assert_int_equal(g->failures[rank].code, rank == ODD ? DDLA_UNSUPPORTED : DDLA_OK);
  if (!strstr(g->failures[ODD].text, words)) print_error("%s\n", g->failures[ODD].text);
  assert_non_null(strstr(g->failures[ODD].text, words));
}

static void equal_probes_agree(void **state) {
  (void)state;
  group g = equal_group();
  snprintf(g.odd.processor, sizeof g.odd.processor, "another that computes the same");
  for (int shared = 0; shared < 2; shared++) {
    run(&g, shared);
    for (int rank = 0; rank < RANKS; rank++) assert_int_equal(g.failures[rank].code, DDLA_OK);
  }
}

static void a_difference_names_agent_and_cause(void **state) {
  (void)state;
  group g = equal_group();
  g.odd.probe[0] = 'f';
  for (int shared = 0; shared < 2; shared++) {
    run(&g, shared);
    expect_words(&g, "agent 2 computes other bits than agent 0 (probe f1234567, not 01234567)");
    expect_words(&g, "one of the machines computes unreliably");
  }
  snprintf(g.odd.instructions, sizeof g.odd.instructions, "avx2");
  run(&g, false);
  expect_words(&g, "instruction set avx2, not avx512; agents must");
  snprintf(g.odd.library, sizeof g.odd.library, "oneDNN 3.1");
  run(&g, false);
  expect_words(&g, "library oneDNN 3.1, not oneDNN 2.6.3; agents must");
}

/* The probe may agree: what a plug-in computes is not in it. */
static void other_plugins_are_refused(void **state) {
  (void)state;
  group g = equal_group();
  snprintf(g.odd.plugins, sizeof g.odd.plugins, "abcdef0123");
  for (int shared = 0; shared < 2; shared++) {
    run(&g, shared);
    expect_words(&g, "agent 2 has other plug-ins than agent 0 (SHA-256 abcdef01, not none)");
  }
  snprintf(g.usual.plugins, sizeof g.usual.plugins, "0123456789");
  g.odd.plugins[0] = '\0';
  run(&g, false);
  expect_words(&g, "(SHA-256 none, not 01234567); every machine needs the same files");
}

static void this_process_is_alike(void **state) {
  (void)state;
  group g = {0};
  assert_int_equal(ddla_backend_start(), DDLA_OK);
  assert_int_equal(ddla_identity_of(&g.usual, DDLA_PRECISION_FP32, NULL), DDLA_OK);
  assert_int_equal(ddla_identity_of(&g.odd, DDLA_PRECISION_FP32, NULL), DDLA_OK);
  assert_true(strlen(g.usual.library) > 0 && strlen(g.usual.instructions) > 0);
  assert_memory_equal(&g.usual, &g.odd, sizeof g.odd);
  run(&g, false);
  assert_int_equal(g.failures[ODD].code, DDLA_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_probes_agree),
      cmocka_unit_test(a_difference_names_agent_and_cause),
      cmocka_unit_test(other_plugins_are_refused),
      cmocka_unit_test(this_process_is_alike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
