#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "watch/diagnosis.h"

enum { AGENTS = 4 };

static const int64_t second = 1000000000;

/* Four agents of one lane; all wait for agent 2's gradients in step 9 since a second ago. */
static ddla_watch_scene *four_waiting(void) {
  ddla_watch *watch = NULL;
  ddla_watch_scene *scene = NULL;
  const ddla_watch_options options = {
      .agents = AGENTS, .lanes = 1, .source = "/data/set", .shards = 8};
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  assert_int_equal(ddla_watch_scene_create(&scene, watch), DDLA_OK);
  scene->now_ns = 100 * second;
  scene->processors = 2;
  scene->looks = 2;
  for (int w = 0; w < AGENTS; w++)
    scene->view[w] =
        (ddla_watch_view){.agent = w,
                          .worker = w,
                          .process = 1000 + w,
                          .thread = 1000 + w,
                          .now = {.number = 5,
                                  .time_ns = 99 * second,
                                  .phase = DDLA_PHASE_WAIT,
                                  .step = 9,
                                  .detail = ddla_watch_wait_pack(DDLA_WAIT_FINAL, 2, 4)},
                          .system = {.state = 'S'}};
  return scene;
}

static void end(ddla_watch_scene *scene) {
  ddla_watch *watch = NULL;
  memcpy(&watch, &scene->watch, sizeof watch);
  ddla_watch_scene_destroy(scene);
  ddla_watch_destroy(watch);
}

/* Blames, checks whom and as what, and that the words say all of `words` (separated by |). */
static void expect(ddla_watch_scene *scene, int agent, ddla_verdict verdict, const char *words) {
  char text[512], word[128];
  int worker = -2;
  assert_int_equal(ddla_watch_blame(&worker, scene), verdict);
  assert_int_equal(worker, agent);
  ddla_watch_cause(text, sizeof text, scene, worker, verdict);
  for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|') {
    snprintf(word, sizeof word, "%.*s", (int)strcspn(at, "|"), at);
    if (!strstr(text, word)) fail_msg("'%s' does not say '%s'", text, word);
  }
  end(scene);
}

static ddla_watch_scene *computing(char state, double processor, bool moved) {
  ddla_watch_scene *scene = four_waiting();
  ddla_watch_view *late = &scene->view[2];
  late->now.phase = DDLA_PHASE_COMPUTE;
  late->now.detail = 5;
  late->op_since_ns = 86 * second;
  snprintf(late->op, sizeof late->op, "conv2d forward");
  late->system.state = state;
  late->processor = processor;
  late->moved = moved;
  return scene;
}

static void a_loop_is_told_from_a_loaded_machine(void **state) {
  (void)state;
  expect(computing('R', 0.99, false), 2, DDLA_VERDICT_COMPUTES,
         "agent 2 (process 1002)|computes shard 5: conv2d forward for 14.0 s|endless loop");
  expect(computing('R', 0.99, true), 2, DDLA_VERDICT_MOVES, "goes on and is only slow");
  ddla_watch_scene *loaded = computing('R', 0.05, false); /* of a first step: nothing is usual */
  loaded->load = (ddla_process_load){.minute = 3.5, .ready = 9};
  expect(loaded, 2, DDLA_VERDICT_LOADED, "machine is loaded: load 9.0 on 2 processors|5 % of one");
  ddla_watch_scene *enough = computing('R', 0.2, false); /* 14 s of it are 2.8 s */
  enough->load = (ddla_process_load){.minute = 3.5, .ready = 9};
  enough->view[2].usual_ns = 2 * second;
  expect(enough, 2, DDLA_VERDICT_COMPUTES, "endless loop");
  ddla_watch_scene *heavy = computing('R', 0.2, false);
  heavy->load = (ddla_process_load){.minute = 3.5, .ready = 9};
  heavy->view[2].usual_ns = 3 * second;
  expect(heavy, 2, DDLA_VERDICT_LOADED, "machine is loaded");
  /* little of a processor on an idle machine, for example because of a quota, is no load */
  expect(computing('R', 0.2, false), 2, DDLA_VERDICT_COMPUTES, "slow machine");
}

static void a_sleeping_op_blocks(void **state) {
  (void)state;
  expect(computing('S', 0, false), 2, DDLA_VERDICT_SLEEPS, "conv2d|for 14.0 s|blocks");
  expect(computing('D', 0, false), 2, DDLA_VERDICT_READS, "waits for the disk");
}

static void a_stopped_agent_is_named_whatever_it_was_at(void **state) {
  (void)state;
  ddla_watch_scene *scene = computing('R', 0.9, false);
  scene->view[1].system.state = 'T';
  expect(scene, 1, DDLA_VERDICT_STOPPED, "agent 1 (process 1001) is stopped|kill -CONT 1001");
}

static void data_that_do_not_come_are_told(void **state) {
  (void)state;
  ddla_watch_scene *scene = four_waiting();
  scene->view[3].now = (ddla_watch_seen){
      .number = 9, .time_ns = 90 * second, .phase = DDLA_PHASE_DATA, .step = 9, .detail = 7};
  expect(scene, 3, DDLA_VERDICT_READS, "reads data of shard 7 for 10.0 s|blocks: /data/set");
  scene = four_waiting();
  scene->view[3].now = (ddla_watch_seen){
      .number = 9, .time_ns = 90 * second, .phase = DDLA_PHASE_DATA, .step = 9, .detail = 7};
  scene->view[3].system.state = 'D';
  expect(scene, 3, DDLA_VERDICT_READS, "shard 7 for 10.0 s and waits for the disk|: /data/set");
}

/* Lane 0 of agent 3 waits for its loader, which is at `phase`. */
static ddla_watch_scene *waiting_for_loader(ddla_phase phase, uint64_t detail, char state) {
  ddla_watch *watch = NULL;
  ddla_watch_scene *scene = NULL, *four = four_waiting();
  const ddla_watch_options options = {
      .agents = AGENTS, .lanes = 1, .source = "/data/set", .shards = 8, .loaders = true};
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  assert_int_equal(ddla_watch_scene_create(&scene, watch), DDLA_OK);
  scene->now_ns = four->now_ns;
  scene->processors = four->processors;
  scene->looks = four->looks;
  memcpy(scene->view, four->view, AGENTS * sizeof *scene->view);
  end(four);
  scene->view[3].now.phase = DDLA_PHASE_SUPPLY;
  scene->view[3].now.detail = ddla_watch_supply_pack(DDLA_TIER_LOADER, 6);
  ddla_watch_view *loader = &scene->view[AGENTS + 3];
  loader->process = 1003;
  loader->now = (ddla_watch_seen){
      .number = 9, .time_ns = 90 * second, .phase = phase, .step = 9, .detail = detail};
  loader->system.state = state;
  return scene;
}

static void a_loader_is_named_by_who_waits_for_it(void **state) {
  (void)state;
  expect(waiting_for_loader(DDLA_PHASE_DATA, 7, 'S'), 3, DDLA_VERDICT_READS,
         "agent 3 (process 1003) loader reads data of shard 7 for 10.0 s|blocks: /data/set");
  expect(waiting_for_loader(DDLA_PHASE_DATA, 7, 'D'), 3, DDLA_VERDICT_READS,
         "loader reads data of shard 7|waits for the disk");
  expect(waiting_for_loader(DDLA_PHASE_DATA, 7, 'R'), 3, DDLA_VERDICT_COMPUTES,
         "loader reads data of shard 7 for 10.0 s: endless loop");
  expect(waiting_for_loader(DDLA_PHASE_WAIT,
                            ddla_watch_wait_pack(DDLA_WAIT_ROOM, DDLA_WATCH_ALL, 3), 'S'),
         3, DDLA_VERDICT_SLEEPS, "loader waits for lanes to take samples|something in it blocks");
  /* a lane that waits for another tier is at it itself */
  ddla_watch_scene *scene = waiting_for_loader(DDLA_PHASE_WAIT, 0, 'S');
  scene->view[3].now.detail = ddla_watch_supply_pack(DDLA_TIER_PEER, 6);
  expect(scene, 3, DDLA_VERDICT_READS,
         "agent 3 (process 1003) waits for data of shard 6 from a peer for 1.0 s|blocks");
}

static void the_dead_are_told_from_the_gone(void **state) {
  (void)state;
  ddla_watch_scene *scene = computing('Z', 0, false);
  scene->view[2].system.exit_code = SIGKILL;
  scene->view[2].launcher.state = 'T';
  expect(scene, 2, DDLA_VERDICT_DEAD, "has died of signal 9|not yet reaped|launcher is stopped");
  scene = computing(0, 0, false);
  expect(scene, 2, DDLA_VERDICT_GONE, "is gone|with its launcher");
  scene = computing(0, 0, false);
  scene->view[2].ended = DDLA_WATCH_KILLED;
  scene->view[2].end_number = SIGSEGV;
  expect(scene, 2, DDLA_VERDICT_GONE, "killed by signal 11 (Segmentation fault)");
  scene = four_waiting();
  scene->view[0].ended = DDLA_WATCH_DONE;
  expect(scene, 0, DDLA_VERDICT_ENDED, "agent 0|is done");
}

/* Agent `odd` waits elsewhere than the others. */
static ddla_watch_scene *apart(int odd, uint64_t step, ddla_watch_word word) {
  ddla_watch_scene *scene = four_waiting();
  for (int w = 0; w < AGENTS; w++)
    scene->view[w].now.detail = ddla_watch_wait_pack(DDLA_WAIT_MET, DDLA_WATCH_ALL, 3);
  scene->view[odd].now.step = step;
  scene->view[odd].now.detail = ddla_watch_wait_pack(word, 0, 4);
  return scene;
}

static void who_skips_is_told_from_who_does_more(void **state) {
  (void)state;
  expect(apart(1, 10, DDLA_WAIT_FINAL), 1, DDLA_VERDICT_SKIPPED,
         "agent 1|waits for gradients of agent 0 in step 10|barrier in step 9|skipped");
  expect(apart(3, 9, DDLA_WAIT_FINAL), 3, DDLA_VERDICT_SKIPPED, "agent 3|do not call");
  ddla_watch_scene *pair = apart(0, 10, DDLA_WAIT_FINAL);
  pair->workers = 2; /* one ahead, one behind: the one ahead has skipped */
  expect(pair, 0, DDLA_VERDICT_SKIPPED, "agent 0 has skipped");
  expect(four_waiting(), 2, DDLA_VERDICT_SKIPPED, /* all for agent 2, also itself */
         "agent 2|waits for gradients of agent 2|never said|agent 2 has skipped");
  ddla_watch_scene *all = four_waiting();
  for (int w = 0; w < AGENTS; w++)
    all->view[w].now.detail = ddla_watch_wait_pack(DDLA_WAIT_STEP, DDLA_WATCH_ALL, 9);
  expect(all, -1, DDLA_VERDICT_WAITS, "all wait for each other");
  ddla_watch_scene *busy = apart(1, 10, DDLA_WAIT_FINAL);
  busy->view[3].moved = true; /* not the same waits as in the look before */
  expect(busy, -1, DDLA_VERDICT_MOVES, "the run goes on");
}

static void other_hosts_are_not_skipped(void **state) {
  (void)state;
  ddla_watch_scene *scene = four_waiting();
  for (int w = 0; w < AGENTS; w++)
    scene->view[w].now.detail =
        ddla_watch_wait_pack(w == 1 ? DDLA_WAIT_HOSTS : DDLA_WAIT_STEP, DDLA_WATCH_ALL, 9);
  expect(scene, 1, DDLA_VERDICT_WAITS, "agent 1|waits for the other hosts, for 1.0 s|there");
}

/* Agents 2 and 3 are another machine's: their processes are unknown here. */
static ddla_watch_scene *two_elsewhere(void) {
  ddla_watch_scene *scene = four_waiting();
  for (int w = 0; w < AGENTS; w++)
    scene->view[w].now.detail = ddla_watch_wait_pack(DDLA_WAIT_HOSTS, DDLA_WATCH_ALL, 9);
  for (int w = 2; w < AGENTS; w++) {
    scene->view[w].elsewhere = true;
    scene->view[w].system.state = 0;
    snprintf(scene->watch->agent[w]->host, sizeof scene->watch->agent[w]->host, "second");
  }
  return scene;
}

static void agents_elsewhere_are_known_by_their_events(void **state) {
  (void)state;
  expect(two_elsewhere(), 0, DDLA_VERDICT_WAITS,
         "agent 0 (process 1000) waits for the other hosts");
  ddla_watch_scene *late = two_elsewhere();
  late->view[3].now.phase = DDLA_PHASE_COMPUTE;
  late->view[3].now.detail = 5;
  expect(late, 3, DDLA_VERDICT_AWAY,
         "agent 3 (process 1003 on second) computes shard 5|for 1.0 s|`ddla why` there");
  ddla_watch_scene *slow = two_elsewhere();
  slow->view[3].now.phase = DDLA_PHASE_COMPUTE;
  slow->view[3].moved = true;
  assert_true(ddla_watch_any_alive(slow));
  expect(slow, 3, DDLA_VERDICT_MOVES, "agent 3 (process 1003 on second) goes on");
  ddla_watch_scene *here = two_elsewhere(); /* what is known here says more */
  here->view[3].now.phase = here->view[1].now.phase = DDLA_PHASE_COMPUTE;
  here->view[1].system.state = 'T';
  expect(here, 1, DDLA_VERDICT_STOPPED, "agent 1 (process 1001) is stopped");
}

static void who_has_no_file_is_not_blamed(void **state) {
  (void)state;
  char doing[64];
  ddla_watch_scene *scene = four_waiting();
  scene->view[0].missing = scene->view[0].elsewhere = true;
  scene->view[0].now = (ddla_watch_seen){0};
  scene->view[0].process = 0;
  assert_string_equal(ddla_watch_doing(doing, sizeof doing, &scene->view[0], 1),
                      "records elsewhere");
  for (int w = 1; w < AGENTS; w++)
    scene->view[w].now.detail = ddla_watch_wait_pack(DDLA_WAIT_STEP, DDLA_WATCH_ALL, 9);
  expect(scene, -1, DDLA_VERDICT_WAITS, "all wait for each other");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_is_told_from_a_loaded_machine),
      cmocka_unit_test(a_sleeping_op_blocks),
      cmocka_unit_test(a_stopped_agent_is_named_whatever_it_was_at),
      cmocka_unit_test(data_that_do_not_come_are_told),
      cmocka_unit_test(a_loader_is_named_by_who_waits_for_it),
      cmocka_unit_test(the_dead_are_told_from_the_gone),
      cmocka_unit_test(who_skips_is_told_from_who_does_more),
      cmocka_unit_test(other_hosts_are_not_skipped),
      cmocka_unit_test(agents_elsewhere_are_known_by_their_events),
      cmocka_unit_test(who_has_no_file_is_not_blamed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
