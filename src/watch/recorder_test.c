#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "watch/reader.h"

static char folder[64];

static int make_folder(void **state) {
  char path[96];
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/ddla-watch-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/agents", folder);
  return mkdir(path, 0777);
}

static int remove_folder(void **state) {
  char path[96];
  (void)state;
  snprintf(path, sizeof path, "%s/agents", folder);
  return ddla_file_remove_directory(path) == DDLA_OK ? rmdir(folder) : -1;
}

static const char *events_path(int agent) {
  static char path[128];
  snprintf(path, sizeof path, "%s/agents/%d.events", folder, agent);
  return path;
}

static ddla_watch *create(int agents, int lanes, const char *directory) {
  ddla_watch *watch = NULL;
  const ddla_watch_options options = {
      .directory = directory, .agents = agents, .lanes = lanes, .ring_events = 16};
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  return watch;
}

static void events_come_back_and_old_ones_go(void **state) {
  (void)state;
  ddla_watch *written = create(2, 2, folder), *read = NULL;
  ddla_watch_lane pen = ddla_watch_lane_open(written, 1, 1);
  ddla_watch_set_step(&pen, 7);
  for (uint64_t i = 1; i <= 20; i++) ddla_watch_mark(&pen, DDLA_PHASE_COMPUTE, 100 + i);
  ddla_watch_destroy(written);
  assert_int_equal(ddla_watch_open(&read, folder), DDLA_OK);
  assert_int_equal(read->agents, 2);
  ddla_watch_seen seen = {0}, before = {0};
  for (uint64_t i = 1; i <= 4; i++) assert_false(ddla_watch_read(&seen, read, 1, 1, i));
  for (uint64_t i = 5; i <= 20; i++) {
    assert_true(ddla_watch_read(&seen, read, 1, 1, i));
    assert_int_equal(seen.detail, 100 + i);
    assert_int_equal(seen.phase, DDLA_PHASE_COMPUTE);
    assert_int_equal(seen.step, 7);
    assert_true(seen.time_ns >= before.time_ns);
    before = seen;
  }
  assert_false(ddla_watch_read(&seen, read, 1, 1, 21));
  assert_false(ddla_watch_read(&seen, read, 0, 0, 1));
  ddla_watch_destroy(read);
}

/* Writes events whose parts belong together until it is killed. */
static void write_for_ever(ddla_watch *watch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends the test first */
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  for (uint64_t i = 1;; i++) {
    ddla_watch_set_step(&pen, i);
    ddla_watch_mark(&pen, DDLA_PHASE_DATA, i * UINT64_C(0x9e3779b97f4a7c15));
  }
}

static int check_all(const ddla_watch *watch) {
  int sound = 0;
  ddla_watch_seen seen;
  uint64_t count = atomic_load(&ddla_watch_lane_at(watch, 0, 0)->count);
  for (uint64_t n = count > 16 ? count - 16 : 1; n <= count; n++) {
    if (!ddla_watch_read(&seen, watch, 0, 0, n)) continue;
    assert_int_equal(seen.step, n);
    assert_int_equal(seen.detail, n * UINT64_C(0x9e3779b97f4a7c15));
    sound++;
  }
  return sound;
}

/* A reader beside a writer, and after the writer was killed somewhere. */
static void no_event_is_torn(void **state) {
  (void)state;
  for (int round = 0; round < 8; round++) {
    ddla_watch *watch = create(1, 1, folder), *read = NULL;
    pid_t writer = fork();
    if (writer == 0) write_for_ever(watch);
    assert_true(writer > 0);
    ddla_watch_destroy(watch);
    assert_int_equal(ddla_watch_open(&read, folder), DDLA_OK);
    int64_t end_ns = ddla_clock_now_ns(ddla_clock_monotonic()) + 150000000;
    int sound = 0;
    while (ddla_clock_now_ns(ddla_clock_monotonic()) < end_ns) sound += check_all(read);
    assert_true(sound > 1000);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    assert_in_range(check_all(read), 14, 17); /* all but the one it was at */
    ddla_watch_destroy(read);
  }
}

static void names_are_kept_once(void **state) {
  (void)state;
  ddla_watch *watch = create(1, 1, NULL);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  char text[64];
  assert_int_equal(ddla_watch_name(&pen, "conv2d forward"), 1);
  assert_int_equal(ddla_watch_name(&pen, "relu forward"), 2);
  assert_int_equal(ddla_watch_name(&pen, "conv2d forward"), 1);
  for (int i = 3; i <= DDLA_WATCH_OPS_MAX + 1; i++) {
    snprintf(text, sizeof text, "op %d with a name that is longer than there is room", i);
    int wanted = i <= DDLA_WATCH_OPS_MAX ? i : 0;
    assert_int_equal(ddla_watch_name(&pen, text), wanted);
  }
  assert_string_equal(ddla_watch_op_text(watch, 0, 0, 2), "relu forward");
  assert_string_equal(ddla_watch_op_text(watch, 0, 0, 0), "");
  assert_string_equal(ddla_watch_op_text(watch, 0, 0, 60000), "");
  ddla_watch_destroy(watch);
}

/* An op is seen as long as its phase lasts; when it began is told from its phase only in traces. */
static void check_op_under_way(bool ops) {
  ddla_watch *watch = create(1, 1, NULL);
  ddla_watch_scene *scene = NULL;
  watch->ops = ops;
  ddla_watch_begin_agent(watch, 0);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  uint16_t name = ddla_watch_name(&pen, "softmax forward");
  assert_int_equal(ddla_watch_scene_create(&scene, watch), DDLA_OK);
  ddla_watch_mark(&pen, DDLA_PHASE_COMPUTE, 3);
  usleep(3000);
  ddla_watch_op(&pen, name);
  ddla_watch_scene_look(scene, true);
  assert_string_equal(scene->view[0].op, "softmax forward");
  int64_t after_ns = scene->view[0].op_since_ns - scene->view[0].now.time_ns;
  assert_true(ops ? after_ns >= 2000000 : after_ns <= 0 && after_ns > -1000);
  assert_int_equal(scene->view[0].process, getpid());
  assert_int_equal(scene->view[0].system.state, 'R');
  usleep(1);
  ddla_watch_mark(&pen, DDLA_PHASE_COMPUTE, 4);
  ddla_watch_scene_look(scene, true);
  assert_string_equal(scene->view[0].op, "");
  ddla_watch_mark(&pen, DDLA_PHASE_ARRIVED, 3);
  ddla_watch_scene_look(scene, true);
  assert_string_equal(scene->view[0].op, "");
  assert_true(ddla_watch_phase_ns(watch, DDLA_PHASE_COMPUTE) >= 3000000);
  ddla_watch_scene_destroy(scene);
  ddla_watch_destroy(watch);
}

static void the_op_under_way_is_seen(void **state) {
  (void)state;
  check_op_under_way(false);
  check_op_under_way(true);
}

static void a_full_disk_is_told_and_leaves_nothing(void **state) {
  (void)state;
  struct rlimit old, small;
  ddla_watch *watch = NULL;
  ddla_watch_options options = {.directory = folder, .agents = 1, .lanes = 1};
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 8192;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  ddla_status status = ddla_watch_create(&watch, &options);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_int_equal(status, DDLA_DISK_FULL);
  assert_non_null(strstr(ddla_status_message(status), "0.events"));
  assert_int_equal(access(events_path(0), F_OK), -1);
  options.directory = NULL;
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  ddla_watch_destroy(watch);
}

/* Puts bytes at a place of agent 0's file. */
static void damage(off_t at, const void *bytes, size_t count) {
  int file = open(events_path(0), O_RDWR);
  assert_true(file >= 0);
  assert_int_equal(pwrite(file, bytes, count, at), count);
  close(file);
}

static void damaged_files_are_refused(void **state) {
  (void)state;
  ddla_watch *watch = NULL;
  const uint32_t two = 2, huge = 0x7fffffff;
  ddla_watch_destroy(create(1, 1, folder));
  damage(8, &two, sizeof two);
  assert_int_equal(ddla_watch_open(&watch, folder), DDLA_INVALID);
  ddla_watch_destroy(create(1, 1, folder));
  damage(12, &huge, sizeof huge); /* lanes */
  assert_int_equal(ddla_watch_open(&watch, folder), DDLA_CORRUPT);
  ddla_watch_destroy(create(1, 1, folder));
  assert_int_equal(truncate(events_path(0), 4096), 0);
  assert_int_equal(ddla_watch_open(&watch, folder), DDLA_CORRUPT);
  assert_int_equal(truncate(events_path(0), 0), 0);
  assert_int_equal(ddla_watch_open(&watch, folder), DDLA_CORRUPT);
  unlink(events_path(0));
  assert_int_equal(ddla_watch_open(&watch, folder), DDLA_INVALID);
}

/* Two processes, each with a file of its own, and an agent whose file is not here. */
static void each_process_makes_its_own_file(void **state) {
  (void)state;
  ddla_watch *written[2] = {0}, *read = NULL;
  ddla_watch_scene *scene = NULL;
  for (int i = 0; i < 3; i++) unlink(events_path(i));
  for (int i = 1; i >= 0; i--) {
    const ddla_watch_options options = {.directory = folder,
                                        .first = i,
                                        .agents = 1,
                                        .all = 3,
                                        .lanes = 1,
                                        .launcher = getppid(),
                                        .ring_events = 16};
    assert_int_equal(ddla_watch_create(&written[i], &options), DDLA_OK);
  }
  ddla_watch_begin_agent(written[1], 1);
  ddla_watch_lane pen = ddla_watch_lane_open(written[1], 1, 0);
  ddla_watch_mark(&pen, DDLA_PHASE_COMPUTE, 5);
  ddla_watch_end_agent(written[1], 1, DDLA_WATCH_FAILED, 4);
  assert_int_equal(ddla_watch_open(&read, folder), DDLA_OK);
  assert_int_equal(ddla_watch_scene_create(&scene, read), DDLA_OK);
  ddla_watch_scene_look(scene, true);
  assert_int_equal(scene->workers, 3);
  assert_int_equal(read->agent[1]->agent, 1);
  assert_int_equal(scene->view[1].now.detail, 5);
  assert_int_equal(scene->view[1].process, getpid());
  assert_int_equal(scene->view[1].ended, DDLA_WATCH_FAILED);
  assert_int_equal(atomic_load(&read->agent[1]->launcher), getppid());
  assert_false(scene->view[1].missing || scene->view[1].elsewhere);
  assert_int_equal(scene->view[0].ended, DDLA_WATCH_RUNS);
  assert_true(scene->view[2].missing);
  ddla_watch_scene_destroy(scene);
  ddla_watch_destroy(read);
  for (int i = 0; i < 2; i++) ddla_watch_destroy(written[i]);
}

/* Another machine's clock began an hour before ours; its process numbers mean nothing here. */
static void another_machine_s_time_is_told_by_ours(void **state) {
  (void)state;
  const int64_t hour_ns = INT64_C(3600000000000);
  ddla_watch *written = create(2, 1, folder), *read = NULL;
  ddla_watch_scene *scene = NULL;
  ddla_watch_seen seen = {0};
  for (int i = 0; i < 2; i++) ddla_watch_begin_agent(written, i);
  ddla_watch_lane pen = ddla_watch_lane_open(written, 1, 0);
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  ddla_watch_mark_at(&pen, DDLA_PHASE_COMPUTE, 5, now_ns + hour_ns);
  written->agent[1]->opened_ns += hour_ns;
  written->agent[1]->host[0] ^= 1;
  assert_int_equal(ddla_watch_open(&read, folder), DDLA_OK);
  assert_int_equal(ddla_watch_scene_create(&scene, read), DDLA_OK);
  ddla_watch_scene_look(scene, true);
  assert_true(scene->here);
  assert_false(scene->view[0].elsewhere);
  assert_true(scene->view[1].elsewhere);
  assert_int_equal(scene->view[0].system.state, 'R');
  assert_int_equal(scene->view[1].system.state, 0);
  assert_true(ddla_watch_read(&seen, read, 1, 0, 1));
  assert_true(llabs(seen.time_ns - now_ns) < INT64_C(1000000000));
  ddla_watch_scene_destroy(scene);
  ddla_watch_destroy(read);
  ddla_watch_destroy(written);
}

static void without_a_recorder_nothing_happens(void **state) {
  (void)state;
  ddla_watch_lane pen = ddla_watch_lane_open(NULL, 0, 0);
  ddla_watch_mark(&pen, DDLA_PHASE_DATA, 1);
  ddla_watch_mark(NULL, DDLA_PHASE_DATA, 1);
  ddla_watch_op(&pen, 1);
  ddla_watch_op(NULL, 1);
  ddla_watch_end_agent(NULL, 0, DDLA_WATCH_DONE, 0);
  assert_int_equal(ddla_watch_name(&pen, "relu"), 0);
}

static void the_first_end_is_kept(void **state) {
  (void)state;
  ddla_watch *watch = create(2, 1, NULL);
  ddla_watch_end_agent(watch, 1, DDLA_WATCH_KILLED, 9);
  ddla_watch_end_agent(watch, 1, DDLA_WATCH_LEFT, 3);
  assert_int_equal(atomic_load(&watch->agent[1]->ended), (uint64_t)DDLA_WATCH_KILLED << 32 | 9);
  assert_int_equal(atomic_load(&watch->agent[0]->ended), 0);
  ddla_watch_destroy(watch);
}

/* Every agent notes its own count anew; whoever reads has the sum of all that have a file. */
static void staleness_is_that_of_all_agents(void **state) {
  (void)state;
  ddla_watch *written = create(3, 2, folder), *read = NULL;
  ddla_staleness found[2] = {{.contributions = 0}};
  const int64_t stale[] = {0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 400},
                class[DDLA_STALENESS_CLASSES] = {1, 1, 1, 2, 2, 2, 2};
  assert_int_equal(ddla_watch_open(&read, folder), DDLA_OK);
  assert_int_equal(ddla_watch_staleness_of(read).contributions, 0);
  for (int i = 0; i < 11; i++) {
    const ddla_watch_lane pen = ddla_watch_lane_open(written, 1 + i % 2, i % 2);
    ddla_staleness_count(&found[i % 2], stale[i], 3);
    ddla_watch_note_staleness(&pen, &found[i % 2]);
  }
  const ddla_staleness all = ddla_watch_staleness_of(read);
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) assert_int_equal(all.count[i], 3 * class[i]);
  assert_int_equal(all.contributions, 33);
  assert_int_equal(all.most, 400);
  assert_true(ddla_staleness_mean(&all) == 465.0 / 11);
  assert_string_equal(ddla_staleness_words(3), "3-4");
  assert_int_equal(atomic_load(&read->agent[2]->stalest), 17);
  ddla_watch_note_staleness(&(ddla_watch_lane){0}, &all); /* nobody watches */
  ddla_watch_note_staleness(NULL, &all);
  ddla_watch_destroy(read);
  ddla_watch_destroy(written);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_come_back_and_old_ones_go),
      cmocka_unit_test(no_event_is_torn),
      cmocka_unit_test(names_are_kept_once),
      cmocka_unit_test(the_op_under_way_is_seen),
      cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
      cmocka_unit_test(damaged_files_are_refused),
      cmocka_unit_test(each_process_makes_its_own_file),
      cmocka_unit_test(another_machine_s_time_is_told_by_ours),
      cmocka_unit_test(without_a_recorder_nothing_happens),
      cmocka_unit_test(the_first_end_is_kept),
      cmocka_unit_test(staleness_is_that_of_all_agents),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
