#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "graph/plan.h"
#include "model/model.h"
#include "task/metrics.h"
#include "task/task.h"

enum { BATCH = 5, CLASSES = 3, FEATURES = 4 };

static ddla_status build(ddla_task_graph *out, const ddla_job *job, ddla_data_shape shape,
                         int64_t classes) {
  return ddla_task_build(out, &(ddla_task_use){.task = ddla_task_find(NULL, "image-classification"),
                                               .job = job,
                                               .data = {.shape = shape, .classes = classes}});
}

static ddla_task_graph graph_of(const char *words, ddla_data_shape shape, int64_t classes) {
  ddla_job *job = NULL;
  ddla_task_graph made = {0};
  assert_int_equal(ddla_job_load_text(&job, words, strlen(words), "job.yaml"), DDLA_OK);
  ddla_status status = build(&made, job, shape, classes);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  ddla_job_destroy(job);
  return made;
}

static void names_its_values(void **state) {
  (void)state;
  ddla_task_graph made = graph_of("model: {dropout: 0.25}", (ddla_data_shape){28, 28, 1}, 10);
  assert_int_equal(made.input, ddla_graph_find(made.graph, "image"));
  assert_int_equal(made.label, ddla_graph_find(made.graph, "label"));
  assert_int_equal(made.key, ddla_graph_find(made.graph, "key"));
  assert_int_equal(made.logits, ddla_graph_find(made.graph, "logits"));
  assert_int_equal(made.loss, ddla_graph_find(made.graph, "loss"));
  assert_int_equal(made.count, ddla_graph_find(made.graph, "count"));
  assert_true(made.key != DDLA_NO_VALUE && made.loss != made.count);
  assert_int_equal(ddla_graph_parameter_total(made.graph), 421642);
  ddla_task_graph_fini(&made);
  ddla_task_graph_fini(&made);
  made = graph_of("train:", (ddla_data_shape){28, 28, 1}, 10);
  assert_int_equal(made.key, DDLA_NO_VALUE);
  ddla_task_graph_fini(&made);
}

/* A plan of the task: its loss is what the metrics find in its logits, and a step against the
 * gradient lowers it. */
static void loss_agrees_with_metrics(void **state) {
  (void)state;
  static float theta[4096], gradients[4096], features[BATCH * FEATURES];
  ddla_task_graph made =
      graph_of("model: {kind: mlp, hidden: [7]}", (ddla_data_shape){1, 1, FEATURES}, CLASSES);
  ddla_plan *plan = NULL;
  const ddla_plan_options options = {.batch = BATCH, .training = true, .loss = made.loss};
  assert_int_equal(ddla_plan_create(&plan, made.graph, &options), DDLA_OK);
  void *arena = ddla_alloc_array(1, ddla_plan_arena_bytes(plan));
  ddla_plan_bind(plan, arena);
  ddla_graph_initialise(made.graph, 1, theta);
  for (int i = 0; i < BATCH * FEATURES; i++) features[i] = (float)(i * 37 % 11) - 5;
  const int32_t labels[BATCH] = {0, 2, 1, 1, 2};
  double before = 0;
  for (int step = 0; step < 2; step++) {
    memcpy(ddla_plan_value(plan, made.input).data, features, sizeof features);
    memcpy(ddla_plan_value(plan, made.label).data, labels, sizeof labels);
    ddla_plan_run run = {.parameters = theta, .gradients = gradients};
    assert_int_equal(ddla_plan_execute(plan, &run), DDLA_OK);
    const double loss = *(const double *)ddla_plan_value(plan, made.loss).data;
    const float *logits = ddla_plan_value(plan, made.logits).data;
    int64_t counts[3 * CLASSES + CLASSES * CLASSES] = {0};
    double found = 0;
    ddla_metrics_add(counts, &found, logits, labels, BATCH, CLASSES);
    assert_true(fabs(found - loss) < 1e-6);
    assert_true(*(const double *)ddla_plan_value(plan, made.count).data == BATCH);
    if (step) assert_true(loss < before);
    before = loss;
    for (int64_t i = 0; i < ddla_graph_space(made.graph); i++) theta[i] -= 0.01f * gradients[i];
  }
  ddla_plan_destroy(plan);
  ddla_free(arena);
  ddla_task_graph_fini(&made);
}

/* A graph of tokens whose labels a transformer-encoder can learn: for each place, or for a sample.
 */
static ddla_task_graph encoder_graph(bool each_place) {
  enum { PLACES = 6, TOKENS = 4 };
  static const char words[] =
      "model: {kind: transformer-encoder, blocks: 1, width: 16, heads: 1, window: 6}";
  const ddla_shape tokens = DDLA_SHAPE(1, PLACES);
  const ddla_shape labels = each_place ? tokens : DDLA_SHAPE(1);
  ddla_job *job = NULL;
  ddla_task_graph made = {.key = DDLA_NO_VALUE, .classes = TOKENS};
  assert_int_equal(ddla_job_load_text(&job, words, strlen(words), "job.yaml"), DDLA_OK);
  assert_int_equal(ddla_graph_create(&made.graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&made.input, made.graph, "tokens", DDLA_I32, &tokens), DDLA_OK);
  assert_int_equal(ddla_graph_input(&made.label, made.graph, "label", DDLA_I32, &labels), DDLA_OK);
  ddla_status status =
      ddla_task_build_classifier(&made, job, &(ddla_model_task){.vocabulary = TOKENS});
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  assert_int_equal(made.rows, each_place ? PLACES : 1);
  ddla_job_destroy(job);
  return made;
}

/* The label of a place is the token two places on (round the end), that of a sample its most
 * frequent token: neither can be told from a place alone. */
static void make_sequences(int32_t *tokens, int32_t *labels, int count, bool each_place) {
  for (int n = 0; n < count; n++)
    for (int k = 0; k < 6; k++) {
      tokens[6 * n + k] = k < 4 ? n % 4 : (n / 4 + k) % 4;
      if (!each_place) labels[n] = n % 4;
    }
  for (int i = 0; each_place && i < 6 * count; i++) labels[i] = tokens[i / 6 * 6 + (i + 2) % 6];
}

static double train_encoder(bool each_place) {
  enum { SAMPLES = 16, STEPS = 150 };
  static float theta[8192], gradients[8192];
  ddla_task_graph made = encoder_graph(each_place);
  ddla_plan *plan = NULL;
  const ddla_plan_options options = {.batch = SAMPLES, .training = true, .loss = made.loss};
  assert_true(ddla_graph_space(made.graph) <= 8192);
  assert_int_equal(ddla_plan_create(&plan, made.graph, &options), DDLA_OK);
  void *arena = ddla_alloc_array(1, ddla_plan_arena_bytes(plan));
  ddla_plan_bind(plan, arena);
  ddla_graph_initialise(made.graph, 1, theta);
  double loss = 0;
  for (int step = 0; step < STEPS; step++) {
    make_sequences(ddla_plan_value(plan, made.input).data, ddla_plan_value(plan, made.label).data,
                   SAMPLES, each_place);
    ddla_plan_run run = {.parameters = theta, .gradients = gradients};
    assert_int_equal(ddla_plan_execute(plan, &run), DDLA_OK);
    loss = *(const double *)ddla_plan_value(plan, made.loss).data / SAMPLES / (double)made.rows;
    for (int64_t i = 0; i < ddla_graph_space(made.graph); i++)
      theta[i] -= 0.5f / SAMPLES / (float)made.rows * gradients[i];
  }
  ddla_plan_destroy(plan);
  ddla_free(arena);
  ddla_task_graph_fini(&made);
  return loss;
}

static void an_encoder_learns_labels_of_places_and_of_samples(void **state) {
  (void)state;
  const double places = train_encoder(true), samples = train_encoder(false);
  if (places > 0.7 || samples > 0.3) fail_msg("losses %g and %g", places, samples);
}

static void evaluation_batches_are_bounded_by_rows(void **state) {
  (void)state;
  assert_int_equal(ddla_task_evaluation_batch(&(ddla_task_graph){.rows = 1}), 64);
  assert_int_equal(ddla_task_evaluation_batch(&(ddla_task_graph){.rows = 128}), 32);
  assert_int_equal(ddla_task_evaluation_batch(&(ddla_task_graph){.rows = 100000}), 1);
}

static void refuses_data_without_classes(void **state) {
  (void)state;
  ddla_job *job = NULL;
  ddla_task_graph made = {.classes = -7};
  assert_int_equal(ddla_job_create(&job), DDLA_OK);
  assert_int_equal(build(&made, job, (ddla_data_shape){8, 8, 1}, 0), DDLA_INVALID);
  assert_int_equal(build(&made, job, (ddla_data_shape){1, 1, 13}, 3), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "mlp"));
  assert_int_equal(made.classes, -7);
  ddla_job_destroy(job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_its_values),
      cmocka_unit_test(loss_agrees_with_metrics),
      cmocka_unit_test(an_encoder_learns_labels_of_places_and_of_samples),
      cmocka_unit_test(evaluation_batches_are_bounded_by_rows),
      cmocka_unit_test(refuses_data_without_classes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
