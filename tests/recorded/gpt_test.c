/* A small GPT against PyTorch, by numbers that gpt.py recorded: the logits of given weights, loaded
 * by their names in PyTorch, and the losses of the first 100 steps of AdamW from them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/kernel.h"
#include "base/alloc.h"
#include "ckpt/safetensors.h"
#include "graph/plan.h"
#include "optim/optimizer.h"
#include "task/task.h"
#include "train/save/save.h"

enum { VOCABULARY = 27, WINDOW = 16, BATCH = 6, SHOWN = 2, STEPS = 100, LENGTH = 2000 };

static const char *folder;

/* The made-up text of gpt.py. */
static void make_text(int32_t text[LENGTH]) {
  text[0] = 1, text[1] = 2;
  for (int i = 2; i < LENGTH; i++)
    text[i] = (5 * text[i - 1] + 3 * text[i - 2] + (i * i % 11 == 0)) % VOCABULARY;
}

static void fill_windows(int32_t *tokens, int32_t *next, const int32_t *text, int step, int count) {
  for (int i = 0; i < count; i++) {
    const int32_t *from = text + (step * BATCH + i) * 37 % (LENGTH - WINDOW);
    memcpy(tokens + i * WINDOW, from, WINDOW * sizeof *tokens);
    memcpy(next + i * WINDOW, from + 1, WINDOW * sizeof *next);
  }
}

/* The model, its recorded weights and a plan. */
typedef struct model {
  ddla_job *job;
  ddla_task_graph graph;
  ddla_plan *plan;
  void *arena;
  float *theta;
  int64_t space;
} model;

static void check(ddla_status status) {
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
}

static model open_model(int64_t batch, bool training, const char *kernel) {
  static const char words[] =
      "task: {kind: language-modelling}\n"
      "model: {kind: transformer-decoder, blocks: 2, width: 32, heads: 2, window: 16}\n";
  char path[1024];
  model made = {0};
  check(ddla_backend_start());
  check(ddla_job_load_text(&made.job, words, strlen(words), "job.yaml"));
  check(ddla_task_build(
      &made.graph,
      &(ddla_task_use){
          .task = ddla_task_find(NULL, "language-modelling"),
          .job = made.job,
          .data = {.shape = {WINDOW, 1, 1}, .type = DDLA_DATA_TOKENS, .classes = VOCABULARY}}));
  made.space = ddla_graph_space(made.graph.graph);
  check(DDLA_NEW(made.theta, made.space));
  snprintf(path, sizeof path, "%s/gpt.safetensors", folder);
  check(ddla_train_load_model((ddla_model_values){made.theta, NULL}, made.graph.graph, path));
  const ddla_plan_options options = {
      .batch = batch, .training = training, .loss = made.graph.loss, .kernel = kernel};
  check(ddla_plan_create(&made.plan, made.graph.graph, &options));
  made.arena = ddla_alloc_array(1, ddla_plan_arena_bytes(made.plan));
  ddla_plan_bind(made.plan, made.arena);
  return made;
}

static void close_model(model *made) {
  ddla_plan_destroy(made->plan);
  ddla_free(made->arena);
  ddla_free(made->theta);
  ddla_task_graph_fini(&made->graph);
  ddla_job_destroy(made->job);
}

static void read_expected(float logits[SHOWN * WINDOW * VOCABULARY], float losses[STEPS]) {
  char path[1024];
  ddla_safetensors *file = NULL;
  const ddla_safetensors_array wanted[] = {
      {.name = "logits",
       .dtype = DDLA_F32,
       .shape = DDLA_SHAPE(SHOWN, WINDOW, VOCABULARY),
       .into = logits},
      {.name = "losses", .dtype = DDLA_F32, .shape = DDLA_SHAPE(STEPS), .into = losses}};
  snprintf(path, sizeof path, "%s/gpt_expected.safetensors", folder);
  check(ddla_safetensors_open(&file, path, NULL));
  check(ddla_safetensors_read_all(file, wanted, 2));
  ddla_safetensors_close(file);
}

static void check_logits(const char *kernel) {
  static float expected[SHOWN * WINDOW * VOCABULARY], losses[STEPS];
  int32_t text[LENGTH];
  model made = open_model(SHOWN, false, kernel);
  make_text(text);
  read_expected(expected, losses);
  fill_windows(ddla_plan_value(made.plan, made.graph.input).data,
               ddla_plan_value(made.plan, made.graph.label).data, text, 0, SHOWN);
  check(ddla_plan_execute(made.plan, &(ddla_plan_run){.parameters = made.theta}));
  const float *logits = ddla_plan_value(made.plan, made.graph.logits).data;
  for (int i = 0; i < SHOWN * WINDOW * VOCABULARY; i++)
    if (!(fabsf(logits[i] - expected[i]) <= 1e-4F))
      fail_msg("logit %d is %.7g, PyTorch has %.7g", i, (double)logits[i], (double)expected[i]);
  close_model(&made);
}

static void logits_are_those_of_pytorch(void **state) {
  (void)state;
  check_logits(NULL);
  check_logits("reference");
}

static void update(model *made, float *gradient, float *const moment[2], int64_t step) {
  const ddla_optimizer_options options = ddla_optimizer_defaults();
  const ddla_update next = {.count = made->space,
                            .gradient = gradient,
                            .theta = made->theta,
                            .theta_next = made->theta,
                            .moment = {moment[0], moment[1]},
                            .moment_next = {moment[0], moment[1]},
                            .gradient_scale = 1.0 / (BATCH * WINDOW),
                            .learning_rate = 0.003,
                            .step = step,
                            .options = &options};
  ddla_optimizer_find("adamw")->update(&next);
}

static void losses_are_those_of_pytorch(void **state) {
  (void)state;
  static float logits[SHOWN * WINDOW * VOCABULARY], losses[STEPS];
  int32_t text[LENGTH];
  float *gradient = NULL, *moment[2] = {NULL, NULL};
  model made = open_model(BATCH, true, NULL);
  make_text(text);
  read_expected(logits, losses);
  check(DDLA_NEW(gradient, made.space));
  for (int i = 0; i < 2; i++) check(DDLA_NEW(moment[i], made.space));
  for (int step = 0; step < STEPS; step++) {
    fill_windows(ddla_plan_value(made.plan, made.graph.input).data,
                 ddla_plan_value(made.plan, made.graph.label).data, text, step, BATCH);
    check(ddla_plan_execute(made.plan,
                            &(ddla_plan_run){.parameters = made.theta, .gradients = gradient}));
    const double loss = *(double *)ddla_plan_value(made.plan, made.graph.loss).data;
    if (!(fabs(loss / (BATCH * WINDOW) - (double)losses[step]) <= 1e-3))
      fail_msg("loss of step %d is %.6f, PyTorch has %.6f", step + 1, loss / (BATCH * WINDOW),
               (double)losses[step]);
    update(&made, gradient, moment, step + 1);
  }
  ddla_free(gradient);
  for (int i = 0; i < 2; i++) ddla_free(moment[i]);
  close_model(&made);
}

int main(int count, char **words) {
  if (count != 2) return 2;
  folder = words[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logits_are_those_of_pytorch),
      cmocka_unit_test(losses_are_those_of_pytorch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
