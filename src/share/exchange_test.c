/* Hosts that exchange records, simulated: after any number of epochs each has what swap.h says,
 * with the bytes that the record had where it came from. */
#include "share/exchange.h"

#include "base/alloc.h"
#include "data/augment.h"
#include "data/card.h"
#include "data/test_files.h"
#include "transport/sim.h"

enum { HOSTS = 3, EPOCHS = 4, FEATURES = 40 };
static const int64_t sizes[HOSTS] = {270, 108, 162};

/* What every host has of its own, the test's; a united set for each. */
typedef struct world {
  ddla_dataset *own[HOSTS], *united[HOSTS];
  ddla_swap swap;
  int64_t start;
  bool private_data;
  int64_t sent[HOSTS];
  int bad;
} world;

static ddla_dataset *open_host(int host) {
  static char text[270 * (FEATURES + 1) * 8];
  size_t used = 0;
  char name[32];
  ddla_dataset *set = NULL;
  for (int64_t i = 0; i < sizes[host]; i++) {
    for (int c = 0; c < FEATURES; c++)
      used += (size_t)snprintf(text + used, sizeof text - used, "%d,", (int)(host * 1000 + i) + c);
    used += (size_t)snprintf(text + used, sizeof text - used, "%d\n", (int)(i % 4));
  }
  snprintf(name, sizeof name, "exchange%d.csv", host);
  const ddla_data_source source = {.path = write_file(name, text, used),
                                   .header = DDLA_DATA_HEADER_NO};
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

static void open_world(world *w) {
  w->swap = (ddla_swap){.parts = HOSTS, .fraction = 0.5, .seed = 3};
  memcpy(w->swap.count, sizes, sizeof sizes);
  for (int h = 0; h < HOSTS; h++) w->own[h] = open_host(h);
  for (int h = 0; h < HOSTS; h++) {
    ddla_data_piece piece[HOSTS];
    ddla_classes classes = {0};
    for (int p = 0; p < HOSTS; p++)
      piece[p] = (ddla_data_piece){.set = p == h ? w->own[p] : NULL, .count = sizes[p]};
    CHECK_OK(ddla_classes_number(&classes, 4));
    CHECK_OK(ddla_dataset_unite(&w->united[h], piece, HOSTS, &classes));
  }
}

static void close_world(world *w) {
  for (int h = 0; h < HOSTS; h++) {
    ddla_dataset_close(w->united[h]);
    ddla_dataset_close(w->own[h]);
  }
}

/* Every sample that this host holds in an epoch is the one that lay at its home. */
static int count_bad(const world *w, const ddla_exchange *x, int host, int64_t epoch) {
  const int64_t *held = ddla_exchange_held(x, epoch);
  const int64_t first = ddla_swap_first(&w->swap, host);
  int bad = 0;
  for (int64_t k = first; k < first + sizes[host]; k++) {
    float mine[FEATURES], wanted[FEATURES];
    int32_t label[2];
    int home = 0;
    while (held[k] >= ddla_swap_first(&w->swap, home + 1)) home++;
    const int64_t index = held[k] - ddla_swap_first(&w->swap, home);
    ddla_batch_fill(mine, &label[0], w->united[host], &held[k], 1, NULL);
    ddla_batch_fill(wanted, &label[1], w->own[home], &index, 1, NULL);
    bad += memcmp(mine, wanted, sizeof mine) != 0 || label[0] != label[1];
  }
  return bad;
}

static ddla_status run_host(ddla_transport *link, ddla_transport *local, ddla_wire *wire,
                            world *w) {
  const int host = ddla_transport_rank(link);
  ddla_exchange *x = NULL;
  const ddla_exchange_options options = {.swap = w->swap,
                                         .host = host,
                                         .united = w->united[host],
                                         .own = w->own[host],
                                         .transport = local,
                                         .link = link,
                                         .wire = wire,
                                         .moves = true,
                                         .epochs = EPOCHS};
  DDLA_TRY(ddla_exchange_open(&x, &options));
  ddla_status status = ddla_exchange_start_alone(x, w->start);
  for (int64_t e = w->start; status == DDLA_OK && e < EPOCHS; e++) {
    w->bad += count_bad(w, x, host, e);
    status = ddla_exchange_turn(x, e);
    if (status == DDLA_OK) w->bad += count_bad(w, x, host, e); /* it has both */
  }
  ddla_exchange_close(x);
  return status;
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  world *w = argument;
  ddla_transport *local = NULL;
  ddla_wire *wire = NULL;
  ddla_status status = ddla_transport_open(&local, "self", NULL);
  if (status == DDLA_OK) status = ddla_wire_create(&wire, link, w->private_data);
  if (status == DDLA_OK) status = run_host(link, local, wire, w);
  if (wire) w->sent[ddla_transport_rank(link)] = ddla_wire_bytes(wire);
  ddla_wire_destroy(wire);
  ddla_transport_close(local);
  return status;
}

static ddla_sim_result run(world *w, uint64_t seed, int crashes) {
  const ddla_sim_options options = {.ranks = HOSTS, .seed = seed, .crashes = crashes};
  ddla_sim_result result;
  CHECK_OK(ddla_sim_run(&options, &result, rank_main, w));
  return result;
}

static void records_come_to_whom_they_should(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    world w = {.start = seed % 3 == 0 ? 2 : 0};
    open_world(&w);
    const ddla_sim_result result = run(&w, seed, 0);
    for (int h = 0; h < HOSTS; h++) assert_int_equal(result.statuses[h], DDLA_OK);
    assert_int_equal(w.bad, 0);
    const int64_t record = FEATURES * (int64_t)sizeof(float) + (int64_t)sizeof(int32_t);
    int64_t gives[DDLA_PARTS_MAX];
    ddla_swap_gives(gives, &w.swap);
    for (int h = 0; h < HOSTS && w.start == 0; h++)
      assert_int_equal(w.sent[h], EPOCHS * gives[h] * record);
    close_world(&w);
  }
}

/* Where a host is lost the others say so, and nobody waits for ever. */
static void a_lost_host_ends_the_exchange(void **state) {
  (void)state;
  int lost = 0;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    world w = {0};
    open_world(&w);
    const ddla_sim_result result = run(&w, seed, 1);
    for (int h = 0; h < HOSTS; h++) {
      if (result.crashed[h] || result.statuses[h] == DDLA_OK) continue;
      assert_int_equal(result.statuses[h], DDLA_PEER_LOST);
      lost++;
    }
    close_world(&w);
  }
  assert_true(lost > 0);
}

static void private_samples_are_not_sent(void **state) {
  (void)state;
  world w = {.private_data = true};
  const ddla_sim_options options = {.ranks = HOSTS, .seed = 1};
  ddla_sim_result result;
  bool refused = false;
  open_world(&w);
  /* Who was to get some waits for ever, as nobody says here that the run is over. */
  (void)ddla_sim_run(&options, &result, rank_main, &w); /* INTERNAL */
  for (int h = 0; h < HOSTS; h++) {
    assert_int_not_equal(result.statuses[h], DDLA_OK);
    refused |= result.statuses[h] == DDLA_INVALID;
    assert_int_equal(w.sent[h], 0);
  }
  assert_true(refused);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_to_whom_they_should),
      cmocka_unit_test(a_lost_host_ends_the_exchange),
      cmocka_unit_test(private_samples_are_not_sent),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
