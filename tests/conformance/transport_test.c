/* One suite for every transport: what transport.h promises, on each world that the row runs in. */
#include "transport/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "coll/pass.h"
#include "ranks.h"

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) return DDLA_FAIL(INTERNAL, "not true: %s", #condition);                      \
  } while (0)

#define EXPECT_STATUS(expected, expression)                                                        \
  do {                                                                                             \
    ddla_status expect_status = (expression);                                                      \
    if (expect_status != (expected))                                                               \
      return DDLA_FAIL(INTERNAL, "%s gave %s: %s", #expression, ddla_status_name(expect_status),   \
                       ddla_status_message(expect_status));                                        \
  } while (0)

typedef struct flight {
  ddla_transport *transport;
  ddla_request *requests;
  int count;
  ddla_status status;
} flight;

static ddla_ready look(void *argument) {
  flight *f = argument;
  bool moved = false, done = false;
  f->status = ddla_transport_progress(f->transport, &moved);
  for (int i = 0; i < f->count && f->status == DDLA_OK; i++) {
    f->status = ddla_transport_test(f->transport, &f->requests[i], &done);
    if (!done && f->status == DDLA_OK) return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
  }
  return DDLA_READY_DONE;
}

/* Waits for all requests; the first error of one of them. */
static ddla_status land(ddla_transport *t, ddla_request *requests, int count) {
  flight f = {t, requests, count, DDLA_OK};
  DDLA_TRY(ddla_transport_wait(t, &(ddla_waiting){look, NULL, &f, NULL}, 20000));
  return f.status;
}

/* Every rank tells every other one an empty message: a barrier for transports of both kinds. */
static ddla_status meet(ddla_transport *t, uint64_t tag) {
  ddla_request requests[2 * DDLA_TRANSPORT_RANKS_MAX];
  int count = 0;
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_MESSAGES)) return DDLA_OK; /* alone */
  for (int peer = 0; peer < ddla_transport_ranks(t); peer++) {
    if (peer == ddla_transport_rank(t)) continue;
    DDLA_TRY(ddla_transport_recv(t, &requests[count++], peer, tag, NULL, 0));
    DDLA_TRY(ddla_transport_send(t, &requests[count++], peer, tag, NULL, 0));
  }
  return land(t, requests, count);
}

static ddla_status memory(ddla_transport *t, void *argument) {
  (void)argument;
  int rank = ddla_transport_rank(t), ranks = ddla_transport_ranks(t);
  bool shared = ddla_transport_caps(t) & DDLA_TRANSPORT_SHARED;
  void *small = NULL, *large = NULL, *one = NULL, *none = NULL;
  DDLA_TRY(ddla_transport_alloc(t, &small, 100, DDLA_MEMORY_OWN));
  DDLA_TRY(ddla_transport_alloc(t, &large, 3 << 20, DDLA_MEMORY_OWN));
  EXPECT((uintptr_t)small % 64 == 0 && (uintptr_t)large % 64 == 0);
  for (size_t i = 0; i < 3 << 20; i += 511) EXPECT(((unsigned char *)large)[i] == 0);
  EXPECT_STATUS(DDLA_INVALID, ddla_transport_alloc(t, &none, 0, DDLA_MEMORY_OWN));
  EXPECT(none == NULL);
  EXPECT(ddla_transport_peer(t, &rank, rank) == NULL);
  int *inside = (int *)small + 3;
  EXPECT(ddla_transport_peer(t, inside, rank) == inside);
  EXPECT(ddla_transport_peer(t, (unsigned char *)large + (3 << 20) + 64, rank) != large);
  *inside = 100 + rank;
  if (!shared) {
    EXPECT(ranks == 1 || ddla_transport_peer(t, inside, (rank + 1) % ranks) == NULL);
    EXPECT_STATUS(DDLA_UNSUPPORTED, ddla_transport_alloc(t, &one, 64, DDLA_MEMORY_ONE));
    return DDLA_OK;
  }
  DDLA_TRY(ddla_transport_alloc(t, &one, 4 * 64, DDLA_MEMORY_ONE));
  ((int *)one)[rank] = rank + 1;
  DDLA_TRY(meet(t, 1));
  for (int peer = 0; peer < ranks; peer++) {
    EXPECT(ddla_transport_peer(t, one, peer) == one);
    EXPECT(((int *)one)[peer] == peer + 1);
    int *theirs = ddla_transport_peer(t, inside, peer);
    EXPECT(theirs && *theirs == 100 + peer);
  }
  return meet(t, 2);
}

static ddla_status words(ddla_transport *t, void *argument) {
  (void)argument;
  enum { ROUNDS = 300 };
  int rank = ddla_transport_rank(t), ranks = ddla_transport_ranks(t);
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_SHARED)) return DDLA_OK;
  void *block = NULL;
  DDLA_TRY(ddla_transport_alloc(t, &block, 128, DDLA_MEMORY_OWN));
  ddla_word *word = block;
  uint64_t *plain = (uint64_t *)block + 8;
  EXPECT_STATUS(DDLA_OK, ddla_transport_word_wait(t, word, 0, 0));
  EXPECT_STATUS(DDLA_TIMEOUT, ddla_transport_word_wait(t, word, 1000000, 0));
  EXPECT_STATUS(DDLA_TIMEOUT, ddla_transport_word_wait(t, word, 1000000, 20));
  ddla_word *before = ddla_transport_peer(t, block, (rank + ranks - 1) % ranks);
  for (uint64_t round = 1; round <= ROUNDS; round++) { /* a token goes round the ranks */
    if (rank > 0 || round > 1)
      DDLA_TRY(ddla_transport_word_wait(t, before, rank > 0 ? round : round - 1, 20000));
    const uint64_t *theirs =
        (const uint64_t *)(void *)ddla_transport_peer(t, block, (rank + ranks - 1) % ranks) + 8;
    if (ranks > 1) EXPECT(*theirs == (rank > 0 ? round : round - 1) * 3);
    *plain = round * 3;
    ddla_transport_word_publish(t, word, round);
  }
  if (rank == 0) DDLA_TRY(ddla_transport_word_wait(t, before, ROUNDS, 20000));
  return DDLA_OK;
}

/* Messages of all lengths, one tag: in order. */
static ddla_status messages_in_order(ddla_transport *t, void *argument) {
  (void)argument;
  static const size_t lengths[] = {0, 1, 63, 4096, 300001, 7, (5 << 20) + 3};
  enum { COUNT = sizeof lengths / sizeof lengths[0] };
  int rank = ddla_transport_rank(t), ranks = ddla_transport_ranks(t);
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_MESSAGES) || ranks == 1) return DDLA_OK;
  ddla_status status = DDLA_OK;
  unsigned char *out[COUNT] = {0}, *in[COUNT] = {0};
  ddla_request requests[2 * COUNT];
  for (int i = 0; i < COUNT; i++) {
    DDLA_TRY_CLEAN(status, DDLA_NEW(out[i], lengths[i] + 1));
    DDLA_TRY_CLEAN(status, DDLA_NEW(in[i], lengths[i] + 1));
    for (size_t k = 0; k < lengths[i]; k++)
      out[i][k] = (unsigned char)(k * 7 + (size_t)i + (size_t)rank * 31);
    DDLA_TRY_CLEAN(status,
                   ddla_transport_send(t, &requests[i], (rank + 1) % ranks, 5, out[i], lengths[i]));
  }
  int left = (rank + ranks - 1) % ranks;
  for (int i = 0; i < COUNT; i++)
    DDLA_TRY_CLEAN(status,
                   ddla_transport_recv(t, &requests[COUNT + i], left, 5, in[i], lengths[i]));
  DDLA_TRY_CLEAN(status, land(t, requests, 2 * COUNT));
  for (int i = 0; i < COUNT; i++)
    for (size_t k = 0; k < lengths[i] && status == DDLA_OK; k++)
      if (in[i][k] != (unsigned char)(k * 7 + (size_t)i + (size_t)left * 31))
        status = DDLA_FAIL(INTERNAL, "message %d, byte %zu is wrong", i, k);
cleanup:
  for (int i = 0; i < COUNT; i++) {
    ddla_free(out[i]);
    ddla_free(in[i]);
  }
  return status;
}

/* Receives posted in the opposite order of the sends, by tag; sends wait for receives that come
 * later. */
static ddla_status messages_by_tag(ddla_transport *t, void *argument) {
  (void)argument;
  enum { COUNT = 40 };
  int rank = ddla_transport_rank(t), ranks = ddla_transport_ranks(t);
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_MESSAGES) || ranks == 1) return DDLA_OK;
  int out[COUNT], in[COUNT], right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
  ddla_request sends[COUNT], recvs[COUNT];
  for (int i = 0; i < COUNT; i++) {
    out[i] = i * 10 + rank;
    DDLA_TRY(ddla_transport_send(t, &sends[i], right, (uint64_t)i + 100, &out[i], sizeof out[i]));
  }
  for (int i = COUNT - 1; i >= 0; i--) {
    DDLA_TRY(ddla_transport_recv(t, &recvs[i], left, (uint64_t)i + 100, &in[i], sizeof in[i]));
    DDLA_TRY(land(t, &recvs[i], 1));
    EXPECT(in[i] == i * 10 + left);
  }
  return land(t, sends, COUNT);
}

static ddla_status wrong_lengths(ddla_transport *t, void *argument) {
  (void)argument;
  int rank = ddla_transport_rank(t);
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_MESSAGES) || ddla_transport_ranks(t) == 1 ||
      rank > 1)
    return DDLA_OK;
  int data[2] = {3, 4}, after = 0;
  ddla_request request = {0}, next = {0};
  if (rank == 0) {
    DDLA_TRY(ddla_transport_send(t, &request, 1, 9, data, sizeof data));
    DDLA_TRY(ddla_transport_send(t, &next, 1, 9, data, sizeof data[0]));
  } else {
    DDLA_TRY(ddla_transport_recv(t, &request, 0, 9, data, sizeof data[0]));
    DDLA_TRY(ddla_transport_recv(t, &next, 0, 9, &after, sizeof after));
  }
  EXPECT_STATUS(DDLA_INVALID, land(t, &request, 1));
  DDLA_TRY(land(t, &next, 1)); /* the pair is still usable */
  EXPECT(rank == 0 || after == 3);
  return DDLA_OK;
}

/* A cancelled receive leaves its buffer alone, and the next one of the same tag gets the message.
 */
static ddla_status cancelled(ddla_transport *t, void *argument) {
  (void)argument;
  int rank = ddla_transport_rank(t), first = 0, second = 0, data = 77;
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_MESSAGES) || ddla_transport_ranks(t) == 1)
    return DDLA_OK;
  ddla_request dropped = {0}, request = {0}, unsent = {0};
  if (rank == 1) {
    DDLA_TRY(ddla_transport_recv(t, &dropped, 0, 11, &first, sizeof first));
    ddla_transport_cancel(t, &dropped);
  }
  DDLA_TRY(meet(t, 12));
  if (rank == 0) {
    DDLA_TRY(ddla_transport_send(t, &unsent, 1, 13, &data, sizeof data)); /* nobody ever takes it */
    ddla_transport_cancel(t, &unsent);
    DDLA_TRY(ddla_transport_send(t, &request, 1, 11, &data, sizeof data));
    DDLA_TRY(land(t, &request, 1));
  }
  if (rank == 1) {
    DDLA_TRY(ddla_transport_recv(t, &request, 0, 11, &second, sizeof second));
    DDLA_TRY(land(t, &request, 1));
    EXPECT(first == 0 && second == 77);
  }
  return meet(t, 14);
}

/* Sums of several lengths under way at once, of small whole numbers, whose order is no matter; then
 * one of others, which is the same on all ranks. */
static ddla_status sums(ddla_transport *t, void *argument) {
  (void)argument;
  static const int64_t lengths[] = {1, 700000, 3, 4096};
  enum { COUNT = sizeof lengths / sizeof lengths[0], ROUNDS = 3 };
  const int rank = ddla_transport_rank(t), ranks = ddla_transport_ranks(t);
  float *data[COUNT] = {0}, *other = NULL;
  ddla_request requests[COUNT], request = {0};
  ddla_status status = DDLA_OK;
  if (!(ddla_transport_caps(t) & DDLA_TRANSPORT_SUMS)) {
    EXPECT_STATUS(DDLA_UNSUPPORTED, ddla_transport_sum(t, &request, other, 1));
    return DDLA_OK;
  }
  for (int i = 0; i < COUNT; i++) DDLA_TRY_CLEAN(status, DDLA_NEW(data[i], lengths[i]));
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < COUNT; i++) {
      for (int64_t k = 0; k < lengths[i]; k++)
        data[i][k] = (float)((rank + 1) * (k % 1000 + i + round));
      DDLA_TRY_CLEAN(status, ddla_transport_sum(t, &requests[i], data[i], lengths[i]));
    }
    DDLA_TRY_CLEAN(status, land(t, requests, COUNT));
    for (int i = 0; i < COUNT; i++)
      for (int64_t k = 0; k < lengths[i] && status == DDLA_OK; k++)
        if (data[i][k] != (float)(ranks * (ranks + 1) / 2 * (k % 1000 + i + round)))
          status = DDLA_FAIL(INTERNAL, "sum %d, element %d is %g", i, (int)k, (double)data[i][k]);
    if (status != DDLA_OK) goto cleanup;
  }
  for (int64_t k = 0; k < lengths[1]; k++) data[1][k] = 1.0F / (float)(k + 1 + rank * 7);
  DDLA_TRY_CLEAN(status, ddla_transport_sum(t, &request, data[1], lengths[1]));
  DDLA_TRY_CLEAN(status, land(t, &request, 1));
  const size_t bytes = (size_t)lengths[1] * sizeof *other;
  DDLA_TRY_CLEAN(status, DDLA_NEW(other, lengths[1]));
  for (int to = 1; to < ranks; to++) {
    memcpy(other, data[1], bytes);
    DDLA_TRY_CLEAN(status, ddla_coll_pass(t, 0, to, other, bytes));
    if (rank == to && memcmp(other, data[1], bytes) != 0)
      status = DDLA_FAIL(INTERNAL, "ranks 0 and %d have another sum", to);
  }
cleanup:
  for (int i = 0; i < COUNT; i++) ddla_free(data[i]);
  ddla_free(other);
  return status;
}

static ddla_status different_blocks(ddla_transport *t, void *argument) {
  (void)argument;
  void *block = NULL;
  int rank = ddla_transport_rank(t);
  if (rank > 0) DDLA_TRY(meet(t, 20));
  ddla_status status = ddla_transport_alloc(t, &block, rank > 0 ? 64 : 128, DDLA_MEMORY_OWN);
  if (rank == 0) {
    DDLA_TRY(status);
    return meet(t, 20);
  }
  EXPECT_STATUS(DDLA_INVALID, status);
  return DDLA_OK;
}

static void everywhere(ranks_main *rank_main) {
  static const int counts[] = {1, 2, 3, 4, 5};
  enum { COUNTS = sizeof counts / sizeof counts[0] };
  for (int world = RANKS_SELF; world < RANKS_WORLD_COUNT; world++)
    for (int i = 0; i < (world == RANKS_SELF ? 1 : COUNTS); i++) {
      if (!ranks_available((ranks_world)world, counts[i])) continue;
      ddla_status status = ranks_run((ranks_world)world, counts[i], rank_main, NULL);
      if (status != DDLA_OK)
        print_error("%s, %d ranks: %s\n", ranks_world_names[world], counts[i],
                    ddla_status_message(status));
      assert_int_equal(status, DDLA_OK);
    }
}

static void rows_declare_what_they_fill(void **state) {
  (void)state;
  int count = 0;
  for (; ddla_transport_row(count); count++)
    assert_int_equal(ddla_transport_check_row(ddla_transport_row(count)), DDLA_OK);
  assert_true(count >= 4);
  ddla_transport_ops liar = *ddla_transport_find("self");
  liar.caps |= DDLA_TRANSPORT_MESSAGES;
  assert_int_equal(ddla_transport_check_row(&liar), DDLA_INTERNAL);
  liar = *ddla_transport_find("local");
  liar.cancel = NULL;
  assert_int_equal(ddla_transport_check_row(&liar), DDLA_INTERNAL);
  liar = *ddla_transport_find("mpi");
  liar.caps &= ~(unsigned)DDLA_TRANSPORT_SUMS;
  assert_int_equal(ddla_transport_check_row(&liar), DDLA_INTERNAL);
  ddla_transport *transport = NULL;
  assert_int_equal(ddla_transport_open(&transport, "pigeon", NULL), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "local"));
}

static void memory_is_shared_as_declared(void **state) {
  (void)state;
  everywhere(memory);
}
static void words_carry_what_was_written(void **state) {
  (void)state;
  everywhere(words);
}
static void messages_keep_their_order(void **state) {
  (void)state;
  everywhere(messages_in_order);
}
static void tags_tell_messages_apart(void **state) {
  (void)state;
  everywhere(messages_by_tag);
}
static void wrong_lengths_are_errors(void **state) {
  (void)state;
  everywhere(wrong_lengths);
}
static void cancelling_gives_buffers_back(void **state) {
  (void)state;
  everywhere(cancelled);
}
static void sums_are_those_of_all(void **state) {
  (void)state;
  everywhere(sums);
}
static void differing_blocks_are_refused(void **state) {
  (void)state;
  everywhere(different_blocks);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_declare_what_they_fill),
      cmocka_unit_test(memory_is_shared_as_declared),
      cmocka_unit_test(words_carry_what_was_written),
      cmocka_unit_test(messages_keep_their_order),
      cmocka_unit_test(tags_tell_messages_apart),
      cmocka_unit_test(wrong_lengths_are_errors),
      cmocka_unit_test(cancelling_gives_buffers_back),
      cmocka_unit_test(sums_are_those_of_all),
      cmocka_unit_test(differing_blocks_are_refused),
  };
  return ranks_end(cmocka_run_group_tests(tests, NULL, NULL));
}
