/* Groups of agents for programs of others: the results, the bits, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka asks for these before it */
#include <cmocka.h>

#include <ddla/group.h>

enum { SHARDS = 8, COUNT = 1000 };

/* Leaves of very different sizes: another order of sums gives other bits. */
static float leaf(int64_t shard, int64_t k) {
  uint32_t mixed = (uint32_t)(shard * 7919 + k) * 2654435761u;
  float scale = (float[]){1e-3f, 1.0f, 3e2f}[mixed % 3];
  return ((float)(mixed >> 8) / 16777216.0f - 0.5f) * scale;
}

typedef struct sums {
  bool shared; /* arrays in the group's memory */
  float out[COUNT];
} sums;

static ddla_status sum_shards(ddla_group *group, void *argument) {
  sums *s = argument;
  static _Thread_local float own_in[SHARDS * COUNT], own_out[COUNT];
  void *in = own_in, *out = own_out;
  int64_t first = 0, end = 0;
  ddla_status status = DDLA_OK;
  if (s->shared) status = ddla_group_memory(group, &in, sizeof own_in);
  if (s->shared && !status) status = ddla_group_memory(group, &out, sizeof own_out);
  if (status) return status;
  ddla_group_share(group, SHARDS, &first, &end);
  for (int64_t shard = first; shard < end; shard++)
    for (int64_t k = 0; k < COUNT; k++) ((float *)in)[(shard - first) * COUNT + k] = leaf(shard, k);
  const ddla_group_array array = {.type = DDLA_F32, .count = COUNT, .input = in, .output = out};
  status = ddla_group_sum_shards(group, &array, SHARDS, COUNT);
  if (!status && ddla_group_rank(group) == ddla_group_size(group) - 1)
    memcpy(s->out, out, sizeof s->out);
  return status;
}

/* The tree over 8 leaves by hand. */
static float expected(int64_t k) {
  float level[SHARDS];
  for (int i = 0; i < SHARDS; i++) level[i] = leaf(i, k);
  for (int width = SHARDS / 2; width >= 1; width /= 2)
    for (int i = 0; i < width; i++) level[i] = level[2 * i] + level[2 * i + 1];
  return level[0];
}

static void sums_over_shards_have_the_same_bits(void **state) {
  (void)state;
  static sums s;
  for (int agents = 1; agents <= SHARDS; agents++)
    for (int shared = 0; shared < 2; shared++) {
      s = (sums){.shared = shared};
      const ddla_group_options options = {.agents = agents};
      assert_int_equal(ddla_group_run(&options, sum_shards, &s), DDLA_OK);
      for (int64_t k = 0; k < COUNT; k++) {
        float wanted = expected(k);
        assert_memory_equal(&s.out[k], &wanted, sizeof wanted);
      }
    }
}

static ddla_status exchange(ddla_group *group, void *argument) {
  int64_t in[3], out[3] = {0}, rank = ddla_group_rank(group), size = ddla_group_size(group);
  for (int i = 0; i < 3; i++) in[i] = rank * 10 + i;
  ddla_group_array array = {.type = DDLA_I64, .count = 3, .input = in, .output = out};
  ddla_status status = ddla_group_all_reduce(group, &array);
  for (int i = 0; i < 3 && !status; i++)
    if (out[i] != 10 * size * (size - 1) / 2 + i * size)
      status = ddla_group_fail(DDLA_INTERNAL, "a sum is %lld", (long long)out[i]);
  if (!status) status = ddla_group_broadcast(group, &array, (int)size - 1);
  if (!status && out[2] != (size - 1) * 10 + 2)
    status = ddla_group_fail(DDLA_INTERNAL, "the root's value came as %lld", (long long)out[2]);
  if (!status) status = ddla_group_barrier(group);
  array.input = NULL; /* in place */
  if (!status) status = ddla_group_all_reduce(group, &array);
  if (!status && out[0] != (size - 1) * 10 * size)
    status = ddla_group_fail(DDLA_INTERNAL, "in place it is %lld", (long long)out[0]);
  int64_t first = 0, end = 0, dealt = 0;
  ddla_group_share(group, 7, &first, &end);
  dealt = end - first;
  array = (ddla_group_array){.type = DDLA_I64, .count = 1, .output = &dealt};
  if (!status) status = ddla_group_all_reduce(group, &array);
  if (!status && dealt != 7)
    status = ddla_group_fail(DDLA_INTERNAL, "%lld of 7 items are dealt out", (long long)dealt);
  (void)argument;
  return status;
}

static void arrays_are_exchanged(void **state) {
  (void)state;
  for (int agents = 1; agents <= 5; agents++) {
    ddla_group_options options = {.agents = agents};
    assert_int_equal(ddla_group_run(&options, exchange, NULL), DDLA_OK);
#ifndef __SANITIZE_THREAD__
    options.processes = true;
    assert_int_equal(ddla_group_run(&options, exchange, NULL), DDLA_OK);
#endif
  }
}

static ddla_status one_fails(ddla_group *group, void *argument) {
  (void)argument;
  if (ddla_group_rank(group) == 1) return ddla_group_fail(DDLA_INVALID, "row 7 is not a number");
  return ddla_group_barrier(group);
}

static ddla_status one_leaves(ddla_group *group, void *argument) {
  (void)argument;
  float value = 1;
  const ddla_group_array array = {.type = DDLA_F32, .count = 1, .output = &value};
  if (ddla_group_rank(group) == 1) return DDLA_OK;
  return ddla_group_all_reduce(group, &array);
}

static ddla_status few_shards(ddla_group *group, void *argument) {
  (void)argument;
  float value[2] = {0};
  const ddla_group_array array = {
      .type = DDLA_F32, .count = 1, .input = value, .output = value + 1};
  return ddla_group_sum_shards(group, &array, 2, 1);
}

static ddla_status bytes(ddla_group *group, void *argument) {
  (void)argument;
  uint8_t value = 0;
  const ddla_group_array array = {.type = DDLA_U8, .count = 1, .output = &value};
  return ddla_group_all_reduce(group, &array);
}

static void refuse(ddla_group_main main, ddla_status wanted, const char *words) {
  const ddla_group_options options = {.agents = 3};
  ddla_status status = ddla_group_run(&options, main, NULL);
  assert_int_equal(status, wanted);
  if (!strstr(ddla_status_message(status), words))
    fail_msg("'%s' says nothing of '%s'", ddla_status_message(status), words);
}

static void what_goes_wrong_has_words(void **state) {
  (void)state;
  refuse(one_fails, DDLA_INVALID, "row 7 is not a number");
  refuse(one_leaves, DDLA_INVALID, "another collective operation");
  refuse(few_shards, DDLA_INVALID, "2 shards");
  refuse(bytes, DDLA_UNSUPPORTED, "arrays of U8");
  refuse(NULL, DDLA_INVALID, "needs a function");
  const ddla_group_options options = {.agents = 65};
  assert_int_equal(ddla_group_run(&options, exchange, NULL), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_over_shards_have_the_same_bits),
                                     cmocka_unit_test(arrays_are_exchanged),
                                     cmocka_unit_test(what_goes_wrong_has_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
