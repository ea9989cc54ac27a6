/* What end-to-end scripts need and a bare machine may lack.
 *   tool json FILE [KEY...]           checks that FILE is JSON; prints the value under the keys
 *   tool png DATA INDEX FILE [SCALE]  writes a sample of a test part as a PNG image
 *   tool label DATA INDEX             prints its label
 *   tool trace FILE LANES             checks a trace: in each of so many lanes phases follow each
 *                                     other, and ops lie inside of them; prints the ops' number
 *   tool middle A B C NAME...         checks that these tensors of C are the means of A's and B's
 *   tool slow PROCESS TIMES           lets a process run so many times slower, until it ends
 *   tool added FILE NAME...           prints the magnitudes of the sum of these tensors, added up
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ckpt/safetensors.h"
#include "data/data.h"

static int fail(const char *words) {
  fprintf(stderr, "tool: %s\n", words);
  return 1;
}

static const json_t *step_into(const json_t *value, const char *key) {
  if (json_is_array(value)) return json_array_get(value, (size_t)strtoul(key, NULL, 10));
  return json_object_get(value, key);
}

static int run_json(int count, char **words) {
  json_error_t error;
  json_t *root = json_load_file(words[0], JSON_REJECT_DUPLICATES, &error);
  if (!root) {
    fprintf(stderr, "tool: %s:%d: %s\n", words[0], error.line, error.text);
    return 1;
  }
  const json_t *value = root;
  for (int i = 1; i < count && value; i++) value = step_into(value, words[i]);
  if (!value) return fail("the JSON has no such value");
  if (count > 1 && json_is_string(value)) puts(json_string_value(value));
  else if (count > 1) json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
  if (count > 1 && !json_is_string(value)) putchar('\n');
  json_decref(root);
  return 0;
}

/* Every pixel becomes a square of scale * scale. */
static int write_image(const uint8_t *pixels, ddla_data_shape shape, int scale, const char *path) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (uint32_t)(shape.width * scale),
                     .height = (uint32_t)(shape.height * scale),
                     .format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  uint8_t *large = malloc((size_t)image.width * image.height * (size_t)shape.channels);
  if (!large) return fail("no memory");
  for (int64_t y = 0; y < image.height; y++)
    for (int64_t x = 0; x < image.width; x++)
      memcpy(large + (y * image.width + x) * shape.channels,
             pixels + ((y / scale) * shape.width + x / scale) * shape.channels,
             (size_t)shape.channels);
  int written = png_image_write_to_file(&image, path, 0, large, 0, NULL);
  free(large);
  return written ? 0 : fail(image.message);
}

static int run_data(int count, char **words, bool wants_label) {
  ddla_dataset *set = NULL;
  const ddla_data_source source = {.path = words[0], .part = DDLA_DATA_TEST};
  ddla_status status = ddla_dataset_open(&set, &source);
  if (status != DDLA_OK) return fail(ddla_status_message(status));
  int64_t index = strtol(words[1], NULL, 10);
  int result = 0;
  if (wants_label) puts(ddla_dataset_class_name(set, ddla_dataset_label(set, index)));
  else
    result = write_image(ddla_dataset_features(set, index), ddla_dataset_shape(set),
                         count > 3 ? (int)strtol(words[3], NULL, 10) : 1, words[2]);
  ddla_dataset_close(set);
  return result;
}

/* Bars of one lane, seen in their order: where the newest phase ends, where the newest op does. */
typedef struct lane_seen {
  double phase_end, op_end;
  int phases;
} lane_seen;

enum { TRACE_LANES_MAX = 64 };

/* Times have three digits behind the point, so ends may be off by rounding. */
static const char *check_bar(lane_seen *lane, const json_t *bar, int *ops) {
  double start = json_number_value(json_object_get(bar, "ts"));
  double end = start + json_number_value(json_object_get(bar, "dur"));
  const char *kind = json_string_value(json_object_get(bar, "cat"));
  if (!kind || !json_string_value(json_object_get(bar, "name"))) return "a bar without a name";
  if (end < start) return "a bar ends before it begins";
  bool op = strcmp(kind, "op") == 0;
  if (start < (op ? lane->op_end : lane->phase_end) - 0.01) return "bars of a lane overlap";
  if (op && end > lane->phase_end + 0.01) return "an op reaches out of its phase";
  if (op) lane->op_end = end;
  else lane->phase_end = end;
  *ops += op;
  lane->phases += !op;
  return NULL;
}

static int run_trace(char **words) {
  lane_seen seen[TRACE_LANES_MAX] = {{0}};
  int lanes = (int)strtol(words[1], NULL, 10), found = 0, ops = 0;
  size_t i = 0;
  json_t *root = json_load_file(words[0], JSON_REJECT_DUPLICATES, NULL), *bar = NULL;
  const char *wrong = root ? NULL : "no JSON";
  json_array_foreach(json_object_get(root, "traceEvents"), i, bar) {
    const char *kind = json_string_value(json_object_get(bar, "ph"));
    json_int_t place = 8 * json_integer_value(json_object_get(bar, "pid")) +
                       json_integer_value(json_object_get(bar, "tid"));
    if (wrong || !kind || strcmp(kind, "X") != 0) continue;
    wrong = place >= 0 && place < TRACE_LANES_MAX ? check_bar(&seen[place], bar, &ops) : "a lane";
  }
  json_decref(root);
  for (int k = 0; k < TRACE_LANES_MAX; k++) found += seen[k].phases > 3;
  if (!wrong && found != lanes) wrong = "another number of lanes";
  if (wrong) return fail(wrong);
  printf("%d\n", ops);
  return 0;
}

/* A tensor of F32, for free; null after a message. */
static float *read_tensor(size_t *count, const char *path, const char *name) {
  ddla_safetensors *file = NULL;
  float *values = NULL;
  int index = -1;
  if (ddla_safetensors_open(&file, path, NULL) == DDLA_OK)
    index = ddla_safetensors_find(file, name);
  if (index >= 0 && ddla_safetensors_at(file, index)->dtype == DDLA_F32) {
    size_t bytes = ddla_safetensors_bytes(ddla_safetensors_at(file, index));
    *count = bytes / sizeof *values;
    values = malloc(bytes + 1);
    if (values && ddla_safetensors_read(values, file, index) != DDLA_OK) {
      free(values);
      values = NULL;
    }
  }
  ddla_safetensors_close(file);
  if (!values) fprintf(stderr, "tool: %s has no such tensor as %s\n", path, name);
  return values;
}

/* Equal means of two are exact but for a rounding or two. */
static bool is_middle(const float *a, const float *b, const float *c, size_t count) {
  bool differ = false;
  for (size_t i = 0; i < count; i++) {
    double middle = ((double)a[i] + (double)b[i]) / 2;
    if (fabs((double)c[i] - middle) > 1e-6 * (fabs((double)a[i]) + fabs((double)b[i])))
      return false;
    differ = differ || a[i] != b[i];
  }
  return differ;
}

static int run_middle(int count, char **words) {
  int wrong = 0;
  for (int i = 3; i < count && !wrong; i++) {
    size_t counts[3] = {0};
    float *values[3] = {NULL};
    for (int k = 0; k < 3; k++) values[k] = read_tensor(&counts[k], words[k], words[i]);
    if (!values[0] || !values[1] || !values[2] || counts[0] != counts[1] ||
        counts[0] != counts[2] || !is_middle(values[0], values[1], values[2], counts[0]))
      wrong = fail(words[i]);
    for (int k = 0; k < 3; k++) free(values[k]);
  }
  return wrong;
}

static void rest(long long ns) {
  nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* Its descriptor stays that of this process when the number is another one's. */
static int run_slow(char **words) {
  enum { RUN_NS = 2000000 };
  const long times = strtol(words[1], NULL, 10);
  const int process = (int)syscall(SYS_pidfd_open, (pid_t)strtol(words[0], NULL, 10), 0);
  if (process < 0 || times < 2) return fail("no such process, or not slower");
  while (syscall(SYS_pidfd_send_signal, process, SIGSTOP, NULL, 0) == 0) {
    rest(RUN_NS * (times - 1));
    syscall(SYS_pidfd_send_signal, process, SIGCONT, NULL, 0);
    rest(RUN_NS);
  }
  const bool ended = errno == ESRCH;
  close(process);
  return ended ? 0 : fail(strerror(errno));
}

static int run_added(int count, char **words) {
  size_t elements = 0;
  double *sum = NULL, magnitude = 0;
  for (int i = 1; i < count; i++) {
    size_t found = 0;
    float *values = read_tensor(&found, words[0], words[i]);
    if (!sum) {
      elements = found;
      sum = calloc(elements + 1, sizeof *sum);
    }
    const bool fits = values && sum && found == elements;
    for (size_t k = 0; fits && k < elements; k++) sum[k] += (double)values[k];
    free(values);
    if (!fits) {
      free(sum);
      return fail(words[i]);
    }
  }
  for (size_t k = 0; k < elements; k++) magnitude += fabs(sum[k]);
  free(sum);
  printf("%.9g\n", magnitude);
  return 0;
}

int main(int argc, char **argv) {
  if (argc >= 3 && strcmp(argv[1], "json") == 0) return run_json(argc - 2, argv + 2);
  if (argc >= 5 && strcmp(argv[1], "png") == 0) return run_data(argc - 2, argv + 2, false);
  if (argc == 4 && strcmp(argv[1], "label") == 0) return run_data(argc - 2, argv + 2, true);
  if (argc == 4 && strcmp(argv[1], "trace") == 0) return run_trace(argv + 2);
  if (argc >= 6 && strcmp(argv[1], "middle") == 0) return run_middle(argc - 2, argv + 2);
  if (argc == 4 && strcmp(argv[1], "slow") == 0) return run_slow(argv + 2);
  if (argc >= 4 && strcmp(argv[1], "added") == 0) return run_added(argc - 2, argv + 2);
  return fail("tool json FILE [KEY...] | png DATA INDEX FILE [SCALE] | label DATA INDEX | trace "
              "FILE LANES | middle A B C NAME... | slow PROCESS TIMES | added FILE NAME...");
}
