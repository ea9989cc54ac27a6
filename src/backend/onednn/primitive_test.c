/* Lanes are threads that run oneDNN side by side: none of them may start threads of OpenMP, and
 * packed weights are shared between them. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/pack.h"
#include "backend/trial.h"

enum { LANES = 3, RUNS = 20 };

static ddla_op_call linear_call(void) {
  ddla_op_call call = {.op = ddla_op_find("linear"), .input_count = 2, .present = {true, true}};
  call.input[0].shape = DDLA_SHAPE(64, 200);
  call.input[1].shape = DDLA_SHAPE(150, 200);
  return call;
}

static ddla_op_call conv_call(void) {
  ddla_op_call call = {.op = ddla_op_find("conv2d"), .input_count = 2, .present = {true, true}};
  call.input[0].shape = DDLA_SHAPE(8, 20, 20, 3);
  call.input[1].shape = DDLA_SHAPE(30, 3, 3, 3);
  return call;
}

typedef struct lane {
  pthread_t thread;
  pthread_barrier_t *meet;
  ddla_pack_cache *packs;
  ddla_trial linear, conv;
  ddla_status status;
} lane;

static ddla_status run_step(lane *l, uint64_t version) {
  l->linear.call.parameter_version = l->conv.call.parameter_version = version;
  DDLA_TRY(ddla_trial_forward(&l->linear));
  DDLA_TRY(ddla_trial_backward(&l->linear));
  DDLA_TRY(ddla_trial_forward(&l->conv));
  return ddla_trial_backward(&l->conv);
}

/* A step ends for all lanes before parameters change. */
static void *lane_main(void *argument) {
  lane *l = argument;
  pthread_barrier_wait(l->meet); /* all have started */
  pthread_barrier_wait(l->meet); /* threads are counted */
  for (uint64_t version = 1; version <= RUNS; version++) {
    if (l->status == DDLA_OK) l->status = run_step(l, version);
    pthread_barrier_wait(l->meet);
  }
  pthread_barrier_wait(l->meet); /* all have run */
  pthread_barrier_wait(l->meet); /* threads are counted */
  return NULL;
}

static int count_threads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  for (const struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks))
    count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

static void open_trial(ddla_trial *trial, const char *kernel, ddla_op_call call,
                       ddla_pack_cache *packs) {
  const ddla_trial_options options = {.kernel = kernel, .seed = 3, .packs = packs};
  assert_int_equal(ddla_trial_open(trial, &call, &options), DDLA_OK);
  assert_string_equal(trial->kernel->name, kernel);
}

static void same(const ddla_tensor *a, const ddla_tensor *b) {
  assert_memory_equal(a->data, b->data,
                      (size_t)ddla_shape_count(&a->shape) * ddla_dtype_bytes(a->dtype));
}

static void lanes_start_no_threads_and_agree(void **state) {
  (void)state;
  static lane lanes[LANES];
  pthread_barrier_t meet;
  ddla_pack_cache *packs[2] = {NULL, NULL}; /* parameter numbers are those of one graph: one op */
  pthread_barrier_init(&meet, NULL, LANES + 1);
  for (int i = 0; i < 2; i++) assert_int_equal(ddla_pack_cache_create(&packs[i]), DDLA_OK);
  for (int i = 0; i < LANES; i++) {
    lanes[i].meet = &meet;
    open_trial(&lanes[i].linear, "onednn_linear", linear_call(), packs[0]);
    open_trial(&lanes[i].conv, "onednn_conv2d", conv_call(), packs[1]);
    assert_int_equal(pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]), 0);
  }
  pthread_barrier_wait(&meet);
  const int before = count_threads(); /* with those that a sanitizer starts beside the first lane */
  for (int step = 0; step < RUNS + 2; step++) pthread_barrier_wait(&meet);
  const int during = count_threads();
  pthread_barrier_wait(&meet);
  for (int i = 0; i < LANES; i++) pthread_join(lanes[i].thread, NULL);
  assert_int_equal(during, before);
  for (int i = 0; i < LANES; i++) {
    assert_int_equal(lanes[i].status, DDLA_OK);
    same(&lanes[i].linear.call.output[0], &lanes[0].linear.call.output[0]);
    same(&lanes[i].linear.call.input_grad[1], &lanes[0].linear.call.input_grad[1]);
    same(&lanes[i].conv.call.output[0], &lanes[0].conv.call.output[0]);
    same(&lanes[i].conv.call.input_grad[0], &lanes[0].conv.call.input_grad[0]);
    same(&lanes[i].conv.call.input_grad[1], &lanes[0].conv.call.input_grad[1]);
  }
  for (int i = 0; i < LANES; i++) {
    ddla_trial_close(&lanes[i].linear);
    ddla_trial_close(&lanes[i].conv);
  }
  for (int i = 0; i < 2; i++) ddla_pack_cache_destroy(packs[i]);
  pthread_barrier_destroy(&meet);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lanes_start_no_threads_and_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
