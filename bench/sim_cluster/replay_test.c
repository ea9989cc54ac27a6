/* Small simulated clusters: sums have the bits of the fixed tree on every host, and time and bytes
 * are the formula's. One process simulates once, so each case is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay.h"
#include "state/state.h"
#include "wire.h"

typedef struct replay_case {
  network net;
  int hosts;
  int64_t blocks, range_blocks; /* 0: chosen */
  int shards;                   /* 0: as many as hosts */
} replay_case;

enum { HOSTS_MAX = 8 };

static const network flat = {.name = "flat", .bandwidth = 125e6, .latency = 25e-6};
static const network tree = {
    .name = "tree", .bandwidth = 125e6, .latency = 25e-6, .leaf = 2, .uplinks = 1};

static bool open_wire(const replay_case *c) {
  char path[] = "/tmp/platform_XXXXXX.xml"; /* SimGrid wants the ending */
  const int fd = mkstemps(path, 4);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
  bool well = file && network_write(file, &c->net, c->hosts);
  if (file) fclose(file);
  well = well && wire_open(path, "plain", c->hosts);
  unlink(path);
  return well;
}

/* Values whose sum depends on its order. */
static float value_of(int host, int64_t k) {
  const uint64_t mixed = ((uint64_t)host * 1000003 + (uint64_t)k) * UINT64_C(0x9e3779b97f4a7c15);
  return (float)(mixed >> 40) / (float)(1 + (mixed & 1023)) - 700.0f;
}

static bool has_the_trees_bits(const replay_case *c, float *const *gradient, float *const *sum) {
  const int64_t elements = c->blocks * DDLA_STATE_BLOCK;
  ddla_tree_part part[HOSTS_MAX];
  const void *operand[HOSTS_MAX];
  float *expected = calloc((size_t)elements, sizeof *expected);
  void *outputs[1] = {expected};
  bool well = expected != NULL;
  for (int h = 0; h < c->hosts; h++) {
    part[h] = (ddla_tree_part){h, 1};
    operand[h] = gradient[h];
  }
  const ddla_tree_io io = {
      .operands = operand, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  well = well && ddla_tree_reduce(&io, c->hosts, part, c->hosts, elements) == DDLA_OK;
  for (int h = 0; h < c->hosts; h++)
    well = well && memcmp(sum[h], expected, (size_t)elements * sizeof(float)) == 0;
  free(expected);
  return well;
}

static bool is_near(double value, double expected, double tolerance) {
  return value > expected * (1 - tolerance) && value < expected * (1 + tolerance);
}

static bool is_as_stated(const replay_case *c, const replay_result *r) {
  const double seconds = formula_seconds(&r->layout, &c->net);
  printf("%d hosts, %s, %d ranges: %.6f s, %.6f by the formula; %lld bytes, %lld by the formula\n",
         c->hosts, c->net.name, r->layout.ranges, r->seconds, seconds, (long long)r->sent_bytes,
         (long long)formula_sent_bytes_most(&r->layout));
  fflush(stdout);
  /* A latency is four thousandths of these times; uneven ranges interleave in ways that the formula
   * rounds off. */
  const bool even = r->layout.bytes % r->layout.range_bytes == 0;
  return is_near(r->seconds, seconds, even ? 0.001 : 0.02) &&
         r->sent_bytes == formula_sent_bytes_most(&r->layout);
}

/* Exit status: 0 well; 1 the sums, 2 time or bytes, 3 anything else is wrong. */
static int run_case(const replay_case *c) {
  const int64_t elements = c->blocks * DDLA_STATE_BLOCK;
  float *gradient[HOSTS_MAX], *sum[HOSTS_MAX];
  replay_result result = {0};
  for (int h = 0; h < c->hosts; h++) {
    gradient[h] = calloc((size_t)elements, sizeof(float));
    sum[h] = calloc((size_t)elements, sizeof(float));
    if (!gradient[h] || !sum[h]) return 3;
    for (int64_t k = 0; k < elements; k++) gradient[h][k] = value_of(h, k);
  }
  const replay_options options = {.hosts = c->hosts,
                                  .net = &c->net,
                                  .shards = c->shards ? c->shards : c->hosts,
                                  .elements = elements,
                                  .range_bytes =
                                      c->range_blocks * DDLA_STATE_BLOCK * (int64_t)sizeof(float),
                                  .gradient = gradient,
                                  .sum = sum};
  if (!open_wire(c) || replay_run(&result, &options) != DDLA_OK) return 3;
  if (c->shards == 0 && !has_the_trees_bits(c, gradient, sum)) return 1;
  return is_as_stated(c, &result) ? 0 : 2;
}

static void check_case(const replay_case *c) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) _exit(run_case(c));
  assert_true(child > 0);
  assert_true(waitpid(child, &status, 0) == child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_four_hosts(void **state) {
  (void)state;
  const replay_case chosen = {.net = flat, .hosts = 4, .blocks = 64};
  const replay_case few = {.net = flat, .hosts = 4, .blocks = 64, .range_blocks = 32};
  check_case(&chosen);
  check_case(&few);
}

static void test_eight_hosts(void **state) {
  (void)state;
  const replay_case on_flat = {.net = flat, .hosts = 8, .blocks = 128, .range_blocks = 8};
  const replay_case on_tree = {.net = tree, .hosts = 8, .blocks = 128};
  check_case(&on_flat);
  check_case(&on_tree);
}

/* Three shards for each of four hosts are two subtrees of each, both of which are sent. */
static void test_partial_sums(void **state) {
  (void)state;
  const replay_case c = {.net = flat, .hosts = 4, .blocks = 64, .shards = 12};
  check_case(&c);
}

/* A last range that is short, whose owner is through before the others. */
static void test_uneven_ranges(void **state) {
  (void)state;
  const replay_case c = {.net = flat, .hosts = 8, .blocks = 101, .range_blocks = 14};
  check_case(&c);
}

/* Six hosts: the tree is not balanced, and ranges do not go round evenly. */
static void test_six_hosts(void **state) {
  (void)state;
  const replay_case c = {.net = flat, .hosts = 6, .blocks = 36, .range_blocks = 12};
  check_case(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_four_hosts), cmocka_unit_test(test_eight_hosts),
      cmocka_unit_test(test_partial_sums), cmocka_unit_test(test_uneven_ranges),
      cmocka_unit_test(test_six_hosts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
