/* A residual network with recorded weights gives the recorded logits of PyTorch (resnet.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "task/task.h"
#include "train/save/save.h"

enum { SAMPLES = 64, SIDE = 12, CLASSES = 10, HEADER = 16, BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

static const char *folder;

static const char *path_of(char path[PATH_BYTES], const char *name) {
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
  return path;
}

typedef struct network {
  ddla_task_graph task;
  ddla_model_values values;
  ddla_lane lane;
} network;

static ddla_status open_network(network *out, const char *words, const char *weights) {
  char path[PATH_BYTES];
  ddla_job *job = NULL;
  DDLA_TRY(ddla_job_load_text(&job, words, strlen(words), "job.yaml"));
  ddla_status status = ddla_task_build(
      &out->task, &(ddla_task_use){.task = ddla_task_find(NULL, "image-classification"),
                                   .job = job,
                                   .data = {.shape = {SIDE, SIDE, 1}, .classes = CLASSES}});
  ddla_job_destroy(job);
  DDLA_TRY(status);
  const ddla_graph *graph = out->task.graph;
  DDLA_TRY(DDLA_NEW(out->values.parameters, ddla_graph_space(graph)));
  DDLA_TRY(DDLA_NEW(out->values.buffers, ddla_graph_buffer_space(graph)));
  out->lane = (ddla_lane){.graph = graph, .loss = out->task.loss};
  return ddla_train_start_from(out->values, graph, path_of(path, weights));
}

static void close_network(network *made) {
  ddla_lane_fini(&made->lane);
  ddla_free(made->values.parameters);
  ddla_free(made->values.buffers);
  if (made->task.graph) ddla_task_graph_fini(&made->task);
}

static ddla_status run(const float **logits, network *made) {
  char path[PATH_BYTES], *images = NULL;
  size_t bytes = 0;
  void *input = NULL;
  const ddla_forward forward = {
      .lane = &made->lane, .graph = &made->task, .values = made->values, .version = 1};
  DDLA_TRY(ddla_file_read(&images, &bytes, path_of(path, "train-images-idx3-ubyte"), BYTES_MAX));
  ddla_status status = ddla_forward_place(&input, &forward, SAMPLES);
  float *place = input;
  for (int i = 0; status == DDLA_OK && i < SAMPLES * SIDE * SIDE; i++)
    place[i] = ((float)(unsigned char)images[HEADER + i] / 255 - 0.5F) / 0.25F;
  ddla_free(images);
  DDLA_TRY(status);
  return ddla_forward_run(logits, &forward, SAMPLES);
}

static void logits_are_those_of_pytorch(void **state) {
  (void)state;
  char path[PATH_BYTES];
  const float *logits = NULL;
  network made = {0};
  ddla_status status =
      open_network(&made, "model: {kind: resnet, depth: 8, width: 8}", "weights.safetensors");
  if (status == DDLA_OK) status = run(&logits, &made);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  FILE *file = fopen(path_of(path, "logits.txt"), "r");
  assert_non_null(file);
  double farthest = 0;
  for (int i = 0; i < SAMPLES * CLASSES; i++) {
    double wanted = 0;
    assert_int_equal(fscanf(file, "%lf", &wanted), 1);
    if (!(fabs((double)logits[i] - wanted) <= 1e-4))
      fail_msg("logit %d is %.7g, PyTorch's %.7g", i, (double)logits[i], wanted);
    farthest = fmax(farthest, fabs((double)logits[i] - wanted));
  }
  print_message("largest difference %.3g\n", farthest);
  fclose(file);
  close_network(&made);
}

/* Every name that does not fit is in one message, wrong shapes with both. */
static void files_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const char *const deeper[] = {"layer1.1.conv1.weight", "layer2.1.bn1.running_var"};
  static const char *const wider[] = {"conv1.weight", "[8, 1, 3, 3]", "[9, 1, 3, 3]"};
  network made = {0};
  assert_int_equal(
      open_network(&made, "model: {kind: resnet, depth: 14, width: 8}", "weights.safetensors"),
      DDLA_INVALID);
  for (int i = 0; i < 2; i++)
    if (!strstr(ddla_status_message(DDLA_INVALID), deeper[i]))
      fail_msg("%s is not in: %s", deeper[i], ddla_status_message(DDLA_INVALID));
  close_network(&made);
  made = (network){0};
  assert_int_equal(
      open_network(&made, "model: {kind: resnet, depth: 8, width: 9}", "weights.safetensors"),
      DDLA_INVALID);
  for (int i = 0; i < 3; i++)
    if (!strstr(ddla_status_message(DDLA_INVALID), wider[i]))
      fail_msg("%s is not in: %s", wider[i], ddla_status_message(DDLA_INVALID));
  close_network(&made);
  made = (network){0};
  assert_int_equal(open_network(&made,
                                "model: {kind: layers, layers: [{conv2d: {channels: 8, padding: "
                                "1}}, global_average_pool, {linear: classes}]}",
                                "weights.safetensors"),
                   DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "layer1.weight"));
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "does not have"));
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "bn1.running_mean"));
  assert_null(strstr(ddla_status_message(DDLA_INVALID), "num_batches_tracked"));
  close_network(&made);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logits_are_those_of_pytorch),
      cmocka_unit_test(files_that_do_not_fit_are_refused),
  };
  folder = argc > 1 ? argv[1] : ".";
  return cmocka_run_group_tests(tests, NULL, NULL);
}
