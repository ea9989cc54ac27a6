#include "train/save/description.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "data/classes.h"
#include "train/run/run.h"

enum { FORMAT = 1, BYTES_MAX = 64 << 20, SIDE_MAX = 1 << 24 };

void ddla_description_fini(ddla_description *description) {
  for (int c = 0; description->class_names && c < description->name_count; c++)
    ddla_free(description->class_names[c]);
  ddla_free(description->class_names);
  ddla_free(description->mean);
  ddla_free(description->deviation);
  ddla_free(description->task);
  for (int i = 0; i < description->plugin_count; i++) ddla_free(description->plugin[i].path);
  *description = (ddla_description){0};
}

static ddla_status copy_floats(float **out, const float *from, int64_t count) {
  if (!from) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(*out, count));
  memcpy(*out, from, (size_t)count * sizeof **out);
  return DDLA_OK;
}

/* What a program brought itself has no file. */
static ddla_status describe_plugins(ddla_description *made, const ddla_plugins *plugins) {
  for (int i = 0; i < plugins->count; i++) {
    const ddla_plugin_file *file = &plugins->file[i];
    ddla_description_plugin *row = &made->plugin[made->plugin_count];
    if (!file->path) continue;
    DDLA_TRY(ddla_alloc_text(&row->path, file->path));
    memcpy(row->sha256, file->sha256, sizeof row->sha256);
    made->plugin_count++;
  }
  return DDLA_OK;
}

static ddla_status describe(ddla_description *made, const ddla_training *training) {
  made->own = training->own.model != NULL;
  made->targets = ddla_dataset_targets(training->whole);
  made->shape = ddla_dataset_shape(training->whole);
  made->type = ddla_dataset_type(training->whole);
  made->classes = training->graph.classes;
  DDLA_TRY(ddla_alloc_text(&made->task, training->task->name));
  DDLA_TRY(describe_plugins(made, training->plugins));
  DDLA_TRY(copy_floats(&made->mean, training->mean, training->channels));
  DDLA_TRY(copy_floats(&made->deviation, training->deviation, training->channels));
  int known = ddla_dataset_classes(training->whole);
  DDLA_TRY(DDLA_NEW(made->class_names, known));
  for (; made->name_count < known; made->name_count++)
    DDLA_TRY(ddla_alloc_text(&made->class_names[made->name_count],
                             ddla_dataset_class_name(training->whole, made->name_count)));
  return DDLA_OK;
}

ddla_status ddla_description_of(ddla_description *out, const ddla_training *training) {
  ddla_description made = {0};
  ddla_status status = describe(&made, training);
  if (status == DDLA_OK) *out = made;
  else ddla_description_fini(&made);
  return status;
}

const char *ddla_description_class(const ddla_description *description, int64_t index, char *text,
                                   size_t bytes) {
  if (index < description->name_count) return description->class_names[index];
  snprintf(text, bytes, "%" PRId64, index);
  return text;
}

static json_t *floats_json(const float *values, int64_t count) {
  if (!values) return json_null();
  json_t *list = json_array();
  for (int64_t i = 0; list && i < count; i++)
    json_array_append_new(list, json_real((double)values[i]));
  return list;
}

static json_t *names_json(const ddla_description *description) {
  json_t *list = json_array();
  for (int c = 0; list && c < description->name_count; c++)
    json_array_append_new(list, json_string(description->class_names[c]));
  return list;
}

static const char *const type_names[] = {
    [DDLA_DATA_UINT8] = "uint8", [DDLA_DATA_FLOAT32] = "float32", [DDLA_DATA_TOKENS] = "tokens"};

static json_t *hashes_json(const ddla_description *description) {
  json_t *hashes = json_object();
  for (int i = DDLA_MODELS - 1; hashes && i >= 0; i--)
    json_object_set_new(hashes, ddla_description_file((ddla_model_file)i),
                        json_string(description->sha256[i]));
  return hashes;
}

static json_t *plugins_json(const ddla_description *description) {
  json_t *list = json_array();
  for (int i = 0; list && i < description->plugin_count; i++)
    json_array_append_new(list, json_pack("{s:s, s:s}", "file", description->plugin[i].path,
                                          "sha256", description->plugin[i].sha256));
  return list;
}

static json_t *description_json(const ddla_description *d) {
  return json_pack("{s:i, s:s, s:b, s:o, s:I, s:[I,I,I], s:s, s:I, s:o, s:o, s:o, s:o}", "format",
                   FORMAT, "task", d->task, "own_model", d->own, "plugins", plugins_json(d),
                   "targets", (json_int_t)d->targets, "shape", (json_int_t)d->shape.height,
                   (json_int_t)d->shape.width, (json_int_t)d->shape.channels, "type",
                   type_names[d->type], "classes", (json_int_t)d->classes, "class_names",
                   names_json(d), "mean", floats_json(d->mean, d->shape.channels), "deviation",
                   floats_json(d->deviation, d->shape.channels), "sha256", hashes_json(d));
}

static bool is_text(const char *bytes) {
  const size_t length = strlen(bytes);
  return ddla_text_utf8_end(bytes, length) == length;
}

static ddla_status check_names(const ddla_description *description) {
  for (int c = 0; c < description->name_count; c++)
    if (!is_text(description->class_names[c]))
      return DDLA_FAIL(INVALID, "the name of class %d is not valid UTF-8", c);
  for (int i = 0; i < description->plugin_count; i++)
    if (!is_text(description->plugin[i].path))
      return DDLA_FAIL(INVALID, "the path of plug-in %d is not valid UTF-8", i);
  return DDLA_OK;
}

ddla_status ddla_description_write(const ddla_description *description, const char *directory) {
  char path[DDLA_PATH_BYTES];
  DDLA_TRY(check_names(description));
  json_t *made = description_json(description);
  /* 9 digits give every float back as it was */
  char *text = made ? json_dumps(made, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(made);
  if (!text) return DDLA_FAIL(NO_MEMORY, "no memory for model.json");
  ddla_status status =
      ddla_file_write(ddla_run_path(path, directory, "model.json"), text, strlen(text));
  free(text); /* made by jansson */
  return status;
}

static ddla_status wrong(const char *path, const char *key, const char *expected) {
  return DDLA_FAIL(CORRUPT, "%s: %s is not %s; was the file changed by hand?", path, key, expected);
}

static bool is_float(const json_t *value, bool positive) {
  float number = (float)json_number_value(value);
  return json_is_number(value) && isfinite(number) && (!positive || number > 0);
}

/* A list of one number for each channel; null: none. */
static ddla_status read_floats(float **out, const json_t *root, const char *key, int64_t count,
                               const char *path) {
  const json_t *list = json_object_get(root, key);
  bool positive = strcmp(key, "deviation") == 0;
  if (json_is_null(list)) return DDLA_OK;
  bool good = (int64_t)json_array_size(list) == count;
  for (size_t i = 0; good && i < (size_t)count; i++)
    good = is_float(json_array_get(list, i), positive);
  if (!good)
    return wrong(path, key,
                 positive ? "a number above 0 for each channel" : "a number for each channel");
  DDLA_TRY(DDLA_NEW(*out, count));
  for (size_t i = 0; i < (size_t)count; i++)
    (*out)[i] = (float)json_number_value(json_array_get(list, i));
  return DDLA_OK;
}

static ddla_status read_moments(ddla_description *made, const json_t *root, const char *path) {
  DDLA_TRY(read_floats(&made->mean, root, "mean", made->shape.channels, path));
  DDLA_TRY(read_floats(&made->deviation, root, "deviation", made->shape.channels, path));
  if (!made->mean != !made->deviation) return wrong(path, "mean", "given where deviation is");
  return DDLA_OK;
}

static ddla_status read_names(ddla_description *made, const json_t *root, const char *path) {
  const json_t *list = json_object_get(root, "class_names");
  size_t count = json_array_size(list);
  if (!json_is_array(list) || count > (size_t)made->classes)
    return wrong(path, "class_names", "a list of at most as many names as there are classes");
  DDLA_TRY(DDLA_NEW(made->class_names, count));
  for (size_t c = 0; c < count; c++) {
    const char *name = json_string_value(json_array_get(list, c));
    if (!name) return wrong(path, "class_names", "a list of names");
    DDLA_TRY(ddla_alloc_text(&made->class_names[c], name));
    made->name_count++;
  }
  return DDLA_OK;
}

static ddla_status read_shape(ddla_description *made, const json_t *root, const char *path) {
  const json_t *list = json_object_get(root, "shape");
  int64_t size[3] = {0};
  for (size_t i = 0; i < 3; i++) {
    size[i] = json_integer_value(json_array_get(list, i));
    if (json_array_size(list) != 3 || size[i] < 1 || size[i] > SIDE_MAX)
      return wrong(path, "shape", "[height, width, channels]");
  }
  made->shape = (ddla_data_shape){.height = size[0], .width = size[1], .channels = size[2]};
  const char *type = json_string_value(json_object_get(root, "type"));
  for (int i = 0; type && i < 3; i++)
    if (strcmp(type, type_names[i]) == 0) {
      made->type = (ddla_data_type)i;
      return DDLA_OK;
    }
  return wrong(path, "type", "\"uint8\", \"float32\" or \"tokens\"");
}

/* A file without a key is one that the run did not write: runs of older programs have no average.
 */
static ddla_status read_sha256(char out[DDLA_SHA256_TEXT_BYTES], const json_t *root,
                               ddla_model_file which, const char *path) {
  const json_t *value =
      json_object_get(json_object_get(root, "sha256"), ddla_description_file(which));
  const char *text = json_string_value(value);
  if (!value && which == DDLA_MODEL_AVERAGE) return DDLA_OK;
  if (!text || (strlen(text) != 0 && strlen(text) != DDLA_SHA256_TEXT_BYTES - 1))
    return wrong(path, "sha256", "a hash of 64 digits for each model file");
  memcpy(out, text, strlen(text) + 1);
  return DDLA_OK;
}

/* Files of older programs have neither plug-ins nor targets. */
static ddla_status read_plugins(ddla_description *made, const json_t *root, const char *path) {
  const json_t *list = json_object_get(root, "plugins"),
               *targets = json_object_get(root, "targets");
  made->targets = json_integer_value(targets);
  if ((targets && !json_is_integer(targets)) || made->targets < 0 || made->targets > SIDE_MAX)
    return wrong(path, "targets", "how many targets a sample has");
  if (list && (!json_is_array(list) || json_array_size(list) > DDLA_PLUGINS_MAX))
    return wrong(path, "plugins", "a list of plug-ins");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    const char *file = json_string_value(json_object_get(item, "file"));
    const char *sha256 = json_string_value(json_object_get(item, "sha256"));
    ddla_description_plugin *row = &made->plugin[made->plugin_count];
    if (!file || !sha256 || strlen(sha256) != DDLA_SHA256_TEXT_BYTES - 1)
      return wrong(path, "plugins", "a list of files with their hashes");
    DDLA_TRY(ddla_alloc_text(&row->path, file));
    memcpy(row->sha256, sha256, DDLA_SHA256_TEXT_BYTES);
    made->plugin_count++;
  }
  return DDLA_OK;
}

static ddla_status read_all(ddla_description *made, const json_t *root, const char *path) {
  const json_t *format = json_object_get(root, "format");
  if (!json_is_integer(format) || json_integer_value(format) < 1)
    return wrong(path, "format", "a version");
  if (json_integer_value(format) > FORMAT)
    return DDLA_FAIL(UNSUPPORTED,
                     "%s has format %lld, this program reads up to %d; use a newer ddla", path,
                     (long long)json_integer_value(format), FORMAT);
  const char *task = json_string_value(json_object_get(root, "task"));
  if (!task) return wrong(path, "task", "the name of a task");
  DDLA_TRY(ddla_alloc_text(&made->task, task));
  if (!json_is_boolean(json_object_get(root, "own_model")))
    return wrong(path, "own_model", "true or false");
  made->own = json_is_true(json_object_get(root, "own_model"));
  made->classes = json_integer_value(json_object_get(root, "classes"));
  if (made->classes < 1 || made->classes > 1000000)
    return wrong(path, "classes", "a number of classes");
  DDLA_TRY(read_plugins(made, root, path));
  DDLA_TRY(read_shape(made, root, path));
  DDLA_TRY(read_names(made, root, path));
  DDLA_TRY(read_moments(made, root, path));
  for (int i = 0; i < DDLA_MODELS; i++)
    DDLA_TRY(read_sha256(made->sha256[i], root, (ddla_model_file)i, path));
  return DDLA_OK;
}

ddla_status ddla_description_read(ddla_description *out, const char *directory) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  json_error_t error;
  ddla_description made = {0};
  ddla_run_path(path, directory, "model.json");
  if (access(path, F_OK) != 0)
    return DDLA_FAIL(INVALID,
                     "%s holds no model.json; expected the directory of a run, made by ddla train",
                     directory);
  DDLA_TRY(ddla_file_read(&text, &bytes, path, BYTES_MAX));
  json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
  ddla_free(text);
  if (!root) return DDLA_FAIL(CORRUPT, "%s:%d:%d: %s", path, error.line, error.column, error.text);
  ddla_status status = read_all(&made, root, path);
  json_decref(root);
  if (status == DDLA_OK) *out = made;
  else ddla_description_fini(&made);
  return status;
}

const char *ddla_description_file(ddla_model_file which) {
  static const char *const names[DDLA_MODELS] = {[DDLA_MODEL_BEST] = "best.safetensors",
                                                 [DDLA_MODEL_AVERAGE] = "average.safetensors",
                                                 [DDLA_MODEL_LAST] = "model.safetensors"};
  return names[which];
}

ddla_status ddla_description_note(const char *directory, ddla_model_file which,
                                  const char *sha256) {
  ddla_description description = {0};
  DDLA_TRY(ddla_description_read(&description, directory));
  memcpy(description.sha256[which], sha256, DDLA_SHA256_TEXT_BYTES);
  ddla_status status = ddla_description_write(&description, directory);
  ddla_description_fini(&description);
  return status;
}

ddla_status ddla_description_check_plugins(const ddla_description *description, const ddla_job *job,
                                           const ddla_plugins *plugins) {
  int count = 0;
  for (int i = 0; i < plugins->count; i++) {
    const ddla_plugin_file *file = &plugins->file[i];
    if (!file->path) continue;
    const ddla_description_plugin *noted = &description->plugin[count++];
    if (count <= description->plugin_count && strcmp(noted->sha256, file->sha256) == 0) continue;
    return ddla_job_refuse(job, "task.plugins",
                           "names %s, which is not what the run was trained with (its SHA-256 "
                           "begins with %.8s, not %.8s); build it again as it was, or train anew",
                           file->path, file->sha256,
                           count <= description->plugin_count ? noted->sha256 : "nothing");
  }
  if (count == description->plugin_count) return DDLA_OK;
  return ddla_job_refuse(job, "task.plugins", "lacks %s, which the run was trained with",
                         description->plugin[count].path);
}
