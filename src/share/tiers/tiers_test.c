/* The fetching thread of hosts that are threads of one process: samples that were foreseen and that
 * were not, a home that cannot read, and one that says nothing. */
#include "share/tiers/tiers.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "data/prepared/test_prepared.h"
#include "transport/local.h"

enum { IMAGES = 1000, BLOCK = 65536, HOSTS = 2, BATCH = 20, STEPS = 30 };

/* Long, where a host that is only slow must not be passed by; short, where one is. */
enum { LONG_MS = 20000, SHORT_MS = 300 };

/* What the hosts have in common. */
typedef struct world {
  ddla_dataset *near, *far; /* the same samples, in memory and where they lie */
  ddla_origin *origin;
  const ddla_catalog *catalog[HOSTS];
  ddla_local_region *region;
  ddla_tiers_options options; /* as far as they are alike */
  bool silent;                /* host 1 has no thread; */
  bool idle;                  /* it needs nothing itself */
  bool disk_goes;             /* in mid-run, of both */
  _Atomic int done;           /* hosts that need nothing any more */
} world;

/* One host: its lane is the test's own thread. */
typedef struct host {
  world *w;
  int number;
  ddla_transport *local, *link;
  ddla_board board;
  void *memory;
  ddla_tiers *tiers;
  ddla_wire *wire;
  ddla_failure failure;
  ddla_tier_counts counts;
} host;

/* Steps go through the samples in leaps, so that blocks of both homes are needed in each. */
static int64_t row_at(int64_t step, int number, int64_t i) {
  return ((step * HOSTS + number) * BATCH + i) * 37 % IMAGES;
}

static int64_t rows(void *argument, int64_t *out, int64_t step, int number) {
  (void)argument;
  for (int64_t i = 0; i < BATCH; i++) out[i] = row_at(step, number, i);
  return BATCH;
}

static ddla_status check(const host *h, const void *found, const int64_t *row, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (memcmp((const char *)found + i * 784, ddla_dataset_features(h->w->near, row[i]), 784) != 0)
      return DDLA_FAIL(INTERNAL, "sample %d is another", (int)row[i]);
  return DDLA_OK;
}

/* From now on nothing can be written to the files of disk tiers, nor read from them. */
static void take_disks_away(void) {
  DIR *files = opendir("/proc/self/fd");
  const int gone = open("/dev/full", O_WRONLY | O_CLOEXEC);
  for (struct dirent *entry; files && gone >= 0 && (entry = readdir(files));) {
    char link[64], path[512] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%.20s", entry->d_name);
    if (readlink(link, path, sizeof path - 1) < 0 || !strstr(path, ".ddla-tier")) continue;
    dup2(gone, (int)strtol(entry->d_name, NULL, 10));
  }
  if (gone >= 0) close(gone);
  if (files) closedir(files);
}

static ddla_status use_steps(host *h) {
  const void *found = NULL;
  int64_t row[BATCH];
  for (int64_t step = 0; step < STEPS; step++) {
    ddla_board_enter(&h->board, step);
    if (h->w->disk_goes && h->number == 0 && step == STEPS / 2) take_disks_away();
    DDLA_TRY(ddla_board_foreseen(&found, &h->board, step, NULL));
    rows(NULL, row, step, h->number);
    DDLA_TRY(check(h, found, row, BATCH));
    int64_t *asked = ddla_board_rows(&h->board, 0);
    for (int64_t i = 0; i < 3; i++) asked[i] = row[i] = (step * 91 + i * 333 + h->number) % IMAGES;
    DDLA_TRY(ddla_board_ask(&found, &h->board, 0, 0, 3, NULL));
    DDLA_TRY(check(h, found, row, 3));
  }
  return DDLA_OK;
}

static ddla_status run_host(host *h) {
  world *w = h->w;
  const ddla_local_setup setup = {.region = w->region, .rank = h->number, .adopted = true};
  const ddla_board_sizes sizes = {
      .slips = 1, .ahead = 4, .step_bytes = BATCH * 784, .ask_rows = 8, .sample_bytes = 784};
  DDLA_TRY(ddla_transport_open(&h->local, "self", NULL));
  DDLA_TRY(ddla_transport_alloc(h->local, &h->memory, ddla_board_bytes(&sizes), DDLA_MEMORY_ONE));
  DDLA_TRY(ddla_transport_open(&h->link, "local", &setup));
  h->board = ddla_board_open(&sizes, h->local, h->memory);
  ddla_tiers_options options = w->options;
  DDLA_TRY(ddla_wire_create(&h->wire, h->link, false));
  options.link = h->link;
  options.wire = h->wire;
  options.catalog = w->catalog[h->number];
  options.board = h->board;
  if (w->silent && h->number == 1) return DDLA_OK;
  DDLA_TRY(ddla_tiers_create(&h->tiers, &options));
  if (w->idle && h->number == 1) return DDLA_OK;
  const ddla_tiers_plan plan = {.rows = rows, .rows_max = BATCH, .from = 0, .end = STEPS};
  DDLA_TRY(ddla_tiers_begin(h->tiers, &plan));
  return use_steps(h);
}

static void *host_main(void *argument) {
  host *h = argument;
  const ddla_status status = run_host(h);
  if (status != DDLA_OK) ddla_status_take(&h->failure, status);
  if (status != DDLA_OK && h->link) ddla_transport_fail(h->link, &h->failure);
  atomic_fetch_add(&h->w->done, 1);
  while (atomic_load(&h->w->done) < HOSTS) usleep(1000); /* the other may still ask */
  if (h->memory) h->counts = ddla_board_counts(&h->board);
  ddla_tiers_destroy(h->tiers);
  ddla_wire_destroy(h->wire);
  ddla_transport_close(h->link);
  ddla_transport_close(h->local);
  return NULL;
}

static void run_hosts(host hosts[HOSTS], world *w) {
  pthread_t thread[HOSTS];
  atomic_store(&w->done, 0);
  CHECK_OK(ddla_local_region_create(&w->region, HOSTS, 1 << 20));
  for (int h = 0; h < HOSTS; h++) {
    hosts[h] = (host){.w = w, .number = h};
    assert_int_equal(pthread_create(&thread[h], NULL, host_main, &hosts[h]), 0);
  }
  for (int h = 0; h < HOSTS; h++) pthread_join(thread[h], NULL);
  ddla_local_region_destroy(w->region);
}

static ddla_status fail_to_read(void *argument, void *out, const char *name, uint64_t offset,
                                size_t bytes) {
  (void)argument, (void)out, (void)name, (void)offset, (void)bytes;
  return DDLA_FAIL(IO, "the device is gone");
}

static world open_world(ddla_catalog *catalog) {
  world w = {.near = open_images("x", IMAGES)};
  const char *path = prepare("set", w.near, &(ddla_prepared_options){.block_bytes = BLOCK});
  CHECK_OK(ddla_origin_open(&w.origin, path));
  const ddla_far_files files = ddla_origin_files(w.origin);
  CHECK_OK(ddla_dataset_open_far(&w.far, &(ddla_data_source){.path = path}, &files));
  ddla_catalog_add(catalog, ddla_dataset_far(w.far), &files);
  w.catalog[0] = w.catalog[1] = catalog;
  w.options =
      (ddla_tiers_options){.memory_bytes = 100 * BLOCK, .peers = true, .limit_ms = LONG_MS};
  return w;
}

static void close_world(world *w) {
  ddla_dataset_close(w->near);
  ddla_dataset_close(w->far);
  ddla_origin_close(w->origin);
}

static void check_went_well(const host *h) {
  if (h->failure.code != DDLA_OK) fail_msg("host %d: %s", h->number, h->failure.text);
}

static void hosts_give_each_other_samples(void **state) {
  (void)state;
  ddla_catalog catalog = {0};
  world w = open_world(&catalog);
  host hosts[HOSTS];
  run_hosts(hosts, &w);
  for (int h = 0; h < HOSTS; h++) {
    check_went_well(&hosts[h]);
    assert_int_equal(hosts[h].counts.misses, 0);
    assert_true(hosts[h].counts.sent_bytes > 0);
    assert_true(hosts[h].counts.bytes[DDLA_TIER_PEER] > 0);
    assert_true(hosts[h].counts.bytes[DDLA_TIER_MEMORY] > 0);
  }
  close_world(&w);
}

/* Each sample once more than fits: blocks are read again, or kept on disk. */
static void little_memory_is_enough(void **state) {
  (void)state;
  ddla_catalog catalog = {0};
  world w = open_world(&catalog);
  host hosts[HOSTS];
  w.options.memory_bytes = 2 * BLOCK;
  run_hosts(hosts, &w);
  for (int h = 0; h < HOSTS; h++) check_went_well(&hosts[h]);
  w.options.disk_bytes = 100 * BLOCK;
  w.options.directory = test_path("tier");
  run_hosts(hosts, &w);
  for (int h = 0; h < HOSTS; h++) check_went_well(&hosts[h]);
  assert_true(hosts[0].counts.bytes[DDLA_TIER_DISK] > 0);
  close_world(&w);
}

static void count_line(ddla_log_level level, const char *line, void *argument) {
  if (level == DDLA_LOG_WARN && strstr(line, "the disk tier takes no more blocks"))
    atomic_fetch_add((_Atomic int *)argument, 1);
}

/* A disk that fails in mid-run is done without: what was there comes from the origin again, and
 * each host says so once. */
static void a_disk_that_fails_is_done_without(void **state) {
  (void)state;
  ddla_catalog catalog = {0};
  world w = open_world(&catalog);
  host hosts[HOSTS];
  int64_t origin_bytes = 0;
  _Atomic int warned = 0;
  ddla_log_set_sink(count_line, &warned);
  w.options.memory_bytes = BLOCK;
  w.options.disk_bytes = 100 * BLOCK;
  w.options.directory = test_path("tier");
  for (int goes = 0; goes < 2; goes++) {
    w.disk_goes = goes == 1;
    run_hosts(hosts, &w);
    for (int h = 0; h < HOSTS; h++) check_went_well(&hosts[h]);
    assert_true(hosts[0].counts.bytes[DDLA_TIER_DISK] > 0);
    assert_int_equal(atomic_load(&warned), goes ? HOSTS : 0);
    if (goes) assert_true(hosts[0].counts.bytes[DDLA_TIER_ORIGIN] > origin_bytes);
    origin_bytes = hosts[0].counts.bytes[DDLA_TIER_ORIGIN];
  }
  ddla_log_set_sink(NULL, NULL);
  close_world(&w);
}

/* A home that cannot read says so; its blocks are then read by who needs them. */
static void a_home_that_cannot_read_is_passed_by(void **state) {
  (void)state;
  ddla_catalog catalog = {0}, broken = {0};
  world w = open_world(&catalog);
  ddla_far_files files = ddla_origin_files(w.origin);
  host hosts[HOSTS];
  w.options.limit_ms = SHORT_MS;
  files.read = fail_to_read;
  ddla_catalog_add(&broken, ddla_dataset_far(w.far), &files);
  w.catalog[1] = &broken;
  run_hosts(hosts, &w);
  assert_int_equal(hosts[1].failure.code, DDLA_PEER_LOST); /* it needs its blocks itself */
  assert_non_null(strstr(hosts[1].failure.text, "the device is gone"));
  w.idle = true;
  run_hosts(hosts, &w);
  for (int h = 0; h < HOSTS; h++) check_went_well(&hosts[h]);
  assert_true(hosts[0].counts.misses > 0);
  close_world(&w);
}

static void a_home_that_says_nothing_is_passed_by(void **state) {
  (void)state;
  ddla_catalog catalog = {0};
  world w = open_world(&catalog);
  host hosts[HOSTS];
  w.options.limit_ms = SHORT_MS;
  w.silent = true;
  run_hosts(hosts, &w);
  check_went_well(&hosts[0]);
  assert_true(hosts[0].counts.misses > 0);
  assert_int_equal(hosts[0].counts.bytes[DDLA_TIER_PEER], 0);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hosts_give_each_other_samples),
      cmocka_unit_test(little_memory_is_enough),
      cmocka_unit_test(a_disk_that_fails_is_done_without),
      cmocka_unit_test(a_home_that_cannot_read_is_passed_by),
      cmocka_unit_test(a_home_that_says_nothing_is_passed_by),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
