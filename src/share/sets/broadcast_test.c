#include "share/sets/broadcast.h"

#include <pthread.h>

#include "base/file.h"
#include "data/prepared/test_prepared.h"
#include "transport/local.h"
#include "transport/sim.h"

enum { SEEDS = 60, BLOCK = 20000, RANKS_MAX = 5 };

static ddla_dataset *set; /* what is sent: 1200 images and as many labels, 945600 bytes */

/* One run of a group. */
typedef struct story {
  int ranks;
  const char *folder; /* directory of rank r: FOLDER/rR */
  const char *source; /* null: the open set */
  bool private_data;
  bool one_directory; /* all have the first one's */
  bool threaded;
  ddla_broadcast_result results[DDLA_TRANSPORT_RANKS_MAX];
  int64_t sent[DDLA_TRANSPORT_RANKS_MAX];
  ddla_failure failure[DDLA_TRANSPORT_RANKS_MAX];
} story;

static void directory_of(char *out, size_t bytes, const story *s, int rank) {
  snprintf(out, bytes, "%s/r%d", s->folder, s->one_directory ? 0 : rank);
}

static ddla_status run_rank(ddla_transport *link, story *s) {
  const int rank = ddla_transport_rank(link);
  char directory[600], host[16];
  ddla_wire *wire = NULL;
  snprintf(host, sizeof host, "h%d", rank);
  directory_of(directory, sizeof directory, s, rank);
  ddla_broadcast_call call = {
      .directory = directory, .host = host, .block_bytes = BLOCK, .threadless = !s->threaded};
  ddla_status status = ddla_wire_create(&wire, link, s->private_data);
  if (status == DDLA_OK && rank == 0)
    status = s->source ? ddla_prepared_source_of_files(&call.parts[0], s->source, DDLA_DATA_TRAIN)
                       : ddla_prepared_source_of_set(&call.parts[0], set, DDLA_DATA_TRAIN);
  if (status == DDLA_OK) status = ddla_share_broadcast(&s->results[rank], link, wire, &call);
  ddla_status_take(&s->failure[rank], status);
  s->sent[rank] = ddla_wire_bytes(wire);
  ddla_wire_destroy(wire);
  ddla_prepared_source_destroy(call.parts[0]);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&s->failure[rank]);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  return run_rank(link, argument);
}

static void run(story *s, ddla_sim_result *result, uint64_t seed, int crashes) {
  const ddla_sim_options options = {
      .ranks = s->ranks, .seed = seed, .crashes = crashes, .crash_before = 600};
  CHECK_OK(ddla_sim_run(&options, result, rank_main, s));
}

/* A rank that is a thread of this process, with another one for its files. */
typedef struct player {
  story *s;
  ddla_local_region *region;
  int rank;
} player;

static void *play(void *argument) {
  const player *p = argument;
  const ddla_local_setup setup = {.region = p->region, .rank = p->rank};
  ddla_transport *link = NULL;
  ddla_status status = ddla_transport_open(&link, "local", &setup);
  if (status == DDLA_OK) (void)!run_rank(link, p->s); /* its failure is in the story */
  else ddla_status_take(&p->s->failure[p->rank], status);
  ddla_transport_close(link);
  return NULL;
}

static void run_threads(story *s) {
  player players[RANKS_MAX];
  pthread_t threads[RANKS_MAX];
  ddla_local_region *region = NULL;
  s->threaded = true;
  CHECK_OK(ddla_local_region_create(&region, s->ranks, 1 << 20));
  for (int r = 0; r < s->ranks; r++) {
    players[r] = (player){s, region, r};
    assert_int_equal(pthread_create(&threads[r], NULL, play, &players[r]), 0);
  }
  for (int r = 0; r < s->ranks; r++) pthread_join(threads[r], NULL);
  ddla_local_region_destroy(region);
}

static void remove_folder(const char *path) { nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

static bool is_whole(const story *s, int rank) {
  char directory[600];
  directory_of(directory, sizeof directory, s, rank);
  if (access(directory, F_OK) != 0) return false;
  ddla_dataset *found = open_prepared(directory);
  check_same(found, set);
  ddla_dataset_close(found);
  return true;
}

/* Nothing but whole sets is left in the folder. */
static void check_nothing_else(const story *s) {
  DIR *folder = opendir(s->folder);
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));)
    if (entry->d_name[0] != '.' && strstr(entry->d_name, ".tmp-"))
      fail_msg("%s/%s is left", s->folder, entry->d_name);
  closedir(folder);
}

static void all_hosts_have_the_set(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= RANKS_MAX; ranks++) {
    ddla_sim_result result;
    story s = {.ranks = ranks, .folder = make_directory("all")};
    run(&s, &result, (uint64_t)ranks, 0);
    for (int r = 0; r < ranks; r++) {
      if (result.statuses[r] != DDLA_OK) fail_msg("rank %d: %s", r, s.failure[r].text);
      assert_true(is_whole(&s, r));
      assert_int_equal(s.results[r].takers, ranks);
      assert_int_equal(s.results[r].bytes, 1200 * 788);
      /* Each but the last sends all bytes once, to one other. */
      assert_int_equal(s.sent[r], r < ranks - 1 ? 1200 * 788 : 0);
    }
    remove_folder(s.folder);
  }
}

/* It is in no chain, and who is damaged is told. */
static void who_has_it_takes_nothing(void **state) {
  (void)state;
  ddla_sim_result result;
  char path[700];
  story s = {.ranks = 4, .folder = make_directory("some")};
  run(&s, &result, 7, 0);
  directory_of(path, sizeof path, &s, 3);
  remove_folder(path);
  directory_of(path, sizeof path, &s, 1);
  remove_folder(path);
  memset(s.sent, 0, sizeof s.sent);
  run(&s, &result, 8, 0);
  for (int r = 0; r < 4; r++) {
    assert_int_equal(result.statuses[r], DDLA_OK);
    assert_true(is_whole(&s, r));
    assert_int_equal(s.results[r].takers, 2);
    assert_int_equal(s.results[r].took, r == 1 || r == 3);
    assert_int_equal(s.sent[r] > 0, r < 2);
  }
  snprintf(path, sizeof path, "%s/r2/train-features-00000.part", s.folder);
  flip(path, 5000, 1);
  run(&s, &result, 9, 0);
  for (int r = 0; r < 4; r++) {
    assert_int_equal(result.statuses[r], DDLA_CORRUPT);
    assert_non_null(strstr(s.failure[r].text, "on host h2: "));
    assert_non_null(strstr(s.failure[r].text, path));
  }
  remove_folder(s.folder);
}

static void threads_do_as_one_does(void **state) {
  (void)state;
  story s = {.ranks = 4, .folder = make_directory("threads")};
  run_threads(&s);
  for (int r = 0; r < 4; r++) {
    if (s.failure[r].code != DDLA_OK) fail_msg("rank %d: %s", r, s.failure[r].text);
    assert_true(is_whole(&s, r));
    assert_int_equal(s.sent[r], r < 3 ? 1200 * 788 : 0);
  }
  /* A source that is damaged ends all, in whatever thread it is seen. */
  char path[700];
  remove_folder(s.folder);
  s.source = prepare("threads-source", set, &(ddla_prepared_options){.block_bytes = 65536});
  snprintf(path, sizeof path, "%s/train-features-00000.part", s.source);
  flip(path, 500000, 1);
  s.folder = make_directory("threads-damaged");
  run_threads(&s);
  for (int r = 0; r < 4; r++) {
    assert_int_equal(s.failure[r].code, r > 0 ? DDLA_PEER_LOST : DDLA_CORRUPT);
    if (!strstr(s.failure[r].text, path)) fail_msg("rank %d: %s", r, s.failure[r].text);
    assert_false(is_whole(&s, r));
  }
  check_nothing_else(&s);
}

static void what_is_there_stays(void **state) {
  (void)state;
  ddla_sim_result result;
  char path[700];
  story s = {.ranks = 3, .folder = make_directory("taken")};
  directory_of(path, sizeof path, &s, 1);
  assert_int_equal(mkdir(path, 0777), 0);
  run(&s, &result, 3, 0);
  for (int r = 0; r < 3; r++) {
    assert_int_equal(result.statuses[r], DDLA_INVALID);
    assert_non_null(strstr(s.failure[r].text, "on host h1: "));
    assert_non_null(strstr(s.failure[r].text, path));
    assert_int_equal(s.sent[r], 0);
    assert_false(r != 1 && is_whole(&s, r));
  }
  check_nothing_else(&s);
  remove_folder(path);
  /* Another set is something else, too. */
  ddla_dataset *other = open_images("other", 1201);
  ddla_dataset *const sets[DDLA_PREPARED_PARTS] = {other, NULL, NULL};
  CHECK_OK(ddla_prepared_write(path, sets, &(ddla_prepared_options){0}));
  run(&s, &result, 4, 0);
  for (int r = 0; r < 3; r++) {
    assert_int_equal(result.statuses[r], DDLA_INVALID);
    assert_non_null(strstr(s.failure[r].text, path));
  }
  ddla_dataset_close(other);
  remove_folder(s.folder);
}

/* Processes of one machine that count as hosts: the first one's set stays. */
static void hosts_may_have_one_directory(void **state) {
  (void)state;
  ddla_sim_result result;
  story s = {.ranks = 3, .folder = make_directory("one"), .one_directory = true};
  run(&s, &result, 2, 0);
  for (int r = 0; r < 3; r++) {
    if (result.statuses[r] != DDLA_OK) fail_msg("rank %d: %s", r, s.failure[r].text);
    assert_true(s.results[r].took);
  }
  assert_true(is_whole(&s, 0));
  check_nothing_else(&s);
  remove_folder(s.folder);
}

static void compressed_files_travel_as_they_are(void **state) {
  (void)state;
  ddla_sim_result result;
  story s = {.ranks = 3, .folder = make_directory("packed")};
  s.source = prepare(
      "source", set,
      &(ddla_prepared_options){.block_bytes = 65536, .part_bytes = 200000, .compress = true});
  run(&s, &result, 5, 0);
  for (int r = 0; r < 3; r++) {
    assert_int_equal(result.statuses[r], DDLA_OK);
    assert_true(is_whole(&s, r));
  }
  assert_true(s.sent[0] > 0 && s.sent[0] < 1200 * 788);
  remove_folder(s.folder);
  /* A source that is damaged gets nowhere. */
  char path[700];
  snprintf(path, sizeof path, "%s/train-features-00000.part", s.source);
  flip(path, 300, 8);
  s.folder = make_directory("packed-damaged");
  run(&s, &result, 6, 0);
  assert_int_equal(result.statuses[0], DDLA_CORRUPT);
  assert_non_null(strstr(s.failure[0].text, path));
  for (int r = 0; r < 3; r++) {
    assert_int_not_equal(result.statuses[r], DDLA_OK);
    assert_false(is_whole(&s, r));
  }
  check_nothing_else(&s);
}

static void private_data_stay(void **state) {
  (void)state;
  ddla_sim_result result;
  story s = {.ranks = 3, .folder = make_directory("private"), .private_data = true};
  run(&s, &result, 4, 0);
  for (int r = 0; r < 3; r++) {
    assert_int_not_equal(result.statuses[r], DDLA_OK);
    assert_int_equal(s.sent[r], 0);
    assert_false(is_whole(&s, r));
  }
  assert_non_null(strstr(s.failure[0].text, "data.private"));
  check_nothing_else(&s);
}

/* Whoever crashes, whenever: all others end, and no directory has its name that is not whole. */
static void crashes_leave_no_half_set(void **state) {
  (void)state;
  int some = 0, crashed = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    ddla_sim_result result;
    story s = {.ranks = 2 + (int)(seed % 4), .folder = make_directory("crash")};
    run(&s, &result, seed, 1);
    for (int r = 0; r < s.ranks; r++) {
      crashed += result.crashed[r];
      some += is_whole(&s, r);
      if (result.crashed[r] || result.statuses[r] == DDLA_OK) continue;
      if (result.statuses[r] != DDLA_PEER_LOST)
        fail_msg("seed %d, rank %d: %s", (int)seed, r, s.failure[r].text);
    }
    check_nothing_else(&s);
    remove_folder(s.folder);
  }
  assert_true(crashed > SEEDS / 2); /* else the faults test nothing */
  assert_true(some < SEEDS * 3);
}

static int open_set(void **state) {
  if (make_test_folder(state) != 0) return -1;
  set = open_images("sent", 1200);
  return 0;
}

static int close_set(void **state) {
  ddla_dataset_close(set);
  return remove_test_folder(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_hosts_have_the_set),
      cmocka_unit_test(who_has_it_takes_nothing),
      cmocka_unit_test(threads_do_as_one_does),
      cmocka_unit_test(what_is_there_stays),
      cmocka_unit_test(hosts_may_have_one_directory),
      cmocka_unit_test(compressed_files_travel_as_they_are),
      cmocka_unit_test(private_data_stay),
      cmocka_unit_test(crashes_leave_no_half_set),
  };
  return cmocka_run_group_tests(tests, open_set, close_set);
}
