#include "train/model/inference.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel.h"
#include "base/alloc.h"
#include "base/text.h"
#include "data/batch.h"
#include "task/metrics.h"
#include "train/feed/owned.h"
#include "train/plugins.h"
#include "train/run/run.h"
#include "train/save/save.h"

struct ddla_inference {
  const ddla_job *job;                 /* borrowed */
  const ddla_description *description; /* borrowed */
  ddla_plugins *plugins;
  ddla_task_graph graph;
  ddla_model_values values; /* owned */
  ddla_pack_cache *packs;
  int64_t *counts;  /* merged, of the newest evaluation */
  ddla_lane lane;   /* of predictions */
  int64_t batch;    /* of evaluations and predictions */
  int64_t *indices; /* [batch] */
};

static int64_t elements_of(ddla_data_shape shape) {
  return shape.height * shape.width * shape.channels;
}

static size_t record_bytes(const ddla_description *description) {
  const size_t each = description->type == DDLA_DATA_UINT8    ? sizeof(uint8_t)
                      : description->type == DDLA_DATA_TOKENS ? sizeof(int32_t)
                                                              : sizeof(float);
  return (size_t)elements_of(description->shape) * each;
}

static ddla_status check_builder(const ddla_description *description, const ddla_own_model *own) {
  if (description->own && !own)
    return DDLA_FAIL(INVALID, "this run's model was built by a program of its own (model.json says "
                              "own_model: ddla_train had options->own), so its job does not say "
                              "how; use it in that program, with ddla_predictor_open");
  if (own && !description->own)
    return DDLA_FAIL(INVALID, "this run's model is described by its job; open it without a builder "
                              "of your own");
  return DDLA_OK;
}

static ddla_task_data data_of(const ddla_description *description) {
  return (ddla_task_data){.shape = description->shape,
                          .type = description->type,
                          .classes = description->targets ? 0 : description->classes,
                          .targets = description->targets};
}

static ddla_status build(ddla_inference *made, const ddla_job *job, const ddla_own_model *own,
                         const char *model_path) {
  const ddla_description *description = made->description;
  DDLA_TRY(check_builder(description, own));
  DDLA_TRY(ddla_train_plugins(&made->plugins, job, NULL));
  if (!ddla_job_is_set(job, "task.plugins"))
    DDLA_TRY(ddla_description_check_plugins(description, job, made->plugins));
  const ddla_task *task = ddla_task_find(made->plugins, description->task);
  if (!task)
    return DDLA_FAIL(UNSUPPORTED, "the run's task is %s, which this program does not have",
                     ddla_text_quote(description->task).text);
  DDLA_TRY(ddla_backend_limit(ddla_training_isa(job)));
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(ddla_task_build(&made->graph, &(ddla_task_use){.task = task,
                                                          .job = job,
                                                          .own = own,
                                                          .plugins = made->plugins,
                                                          .data = data_of(description)}));
  if (made->graph.classes != description->classes)
    return DDLA_FAIL(INVALID, "task %s builds a model of %" PRId64 " numbers, the run had %" PRId64,
                     task->name, made->graph.classes, description->classes);
  DDLA_TRY(DDLA_NEW(made->values.parameters, ddla_graph_space(made->graph.graph)));
  DDLA_TRY(DDLA_NEW(made->values.buffers, ddla_graph_buffer_space(made->graph.graph)));
  DDLA_TRY(DDLA_NEW(made->counts, ddla_metrics_count(description->classes)));
  made->batch = ddla_task_evaluation_batch(&made->graph);
  DDLA_TRY(DDLA_NEW(made->indices, made->batch));
  DDLA_TRY(ddla_pack_cache_create(&made->packs));
  made->lane = (ddla_lane){.graph = made->graph.graph,
                           .loss = made->graph.loss,
                           .precision = ddla_precision_of(job->train.precision),
                           .packs = made->packs};
  return ddla_train_load_model(made->values, made->graph.graph, model_path);
}

ddla_status ddla_inference_find(char path[DDLA_PATH_BYTES], char sha256[DDLA_SHA256_TEXT_BYTES],
                                const ddla_description *description, const char *directory) {
  int which = 0;
  for (; which < DDLA_MODEL_LAST; which++) {
    ddla_run_path(path, directory, ddla_description_file((ddla_model_file)which));
    if (description->sha256[which][0] && access(path, F_OK) == 0) break;
  }
  ddla_run_path(path, directory, ddla_description_file((ddla_model_file)which));
  if (access(path, F_OK) != 0)
    return DDLA_FAIL(INVALID,
                     "%s holds no model.safetensors: its run has not ended; go on with it (ddla "
                     "train --resume) or name another file with --model",
                     directory);
  DDLA_TRY(ddla_sha256_of_file(sha256, path));
  const char *noted = description->sha256[which];
  if (!noted[0] || strcmp(noted, sha256) == 0) return DDLA_OK;
  return DDLA_FAIL(
      CORRUPT,
      "%s is not the file that the run wrote (its SHA-256 begins with %.8s, model.json "
      "says %.8s); name it with --model to use it all the same",
      path, sha256, noted);
}

ddla_status ddla_inference_open(ddla_inference **out, const ddla_job *job,
                                const ddla_own_model *own, const ddla_description *description,
                                const char *model_path) {
  ddla_inference *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->job = job;
  made->description = description;
  ddla_status status = build(made, job, own, model_path);
  if (status == DDLA_OK) *out = made;
  else ddla_inference_close(made);
  return status;
}

void ddla_inference_close(ddla_inference *inference) {
  if (!inference) return;
  ddla_lane_fini(&inference->lane);
  ddla_pack_cache_destroy(inference->packs);
  if (inference->graph.graph) ddla_task_graph_fini(&inference->graph);
  ddla_free(inference->values.parameters);
  ddla_free(inference->values.buffers);
  ddla_free(inference->counts);
  ddla_free(inference->indices);
  ddla_plugins_destroy(inference->plugins); /* last: the graph's rows are in it */
  ddla_free(inference);
}

/* What to open for a part, and the job's key that names it. */
static ddla_status find_part(ddla_data_source *source, const char **key,
                             const ddla_inference *inference, ddla_data_part part) {
  const ddla_job *job = inference->job;
  const ddla_plugins *plugins = inference->plugins;
  static const char *const keys[] = {[DDLA_DATA_TRAIN] = "data.train",
                                     [DDLA_DATA_VALIDATION] = "data.validation",
                                     [DDLA_DATA_TEST] = "data.test"};
  const char *path = part == DDLA_DATA_TEST ? job->data.test : job->data.validation;
  *key = keys[part];
  *source =
      ddla_training_source(job, plugins, part == DDLA_DATA_TRAIN ? job->data.train : path, part);
  if (source->path[0]) return DDLA_OK;
  *source = ddla_training_source(job, plugins, job->data.train, part);
  if (part == DDLA_DATA_TEST && ddla_dataset_has_part(source)) return DDLA_OK;
  *source = ddla_training_source(job, plugins, job->data.train, DDLA_DATA_TRAIN);
  if (part == DDLA_DATA_VALIDATION && job->data.validation_fraction > 0) return DDLA_OK;
  return DDLA_FAIL(
      INVALID,
      "the job has no %s samples; name some with --set %s=PATH, or choose another part "
      "with --data",
      *key + strlen("data."), *key);
}

static ddla_status check_shape(const ddla_job *job, const ddla_dataset *set,
                               const ddla_description *description, const char *key) {
  static const char *const words[] = {
      [DDLA_DATA_UINT8] = "bytes", [DDLA_DATA_FLOAT32] = "floats", [DDLA_DATA_TOKENS] = "tokens"};
  ddla_data_shape x = ddla_dataset_shape(set), y = description->shape;
  if (x.height != y.height || x.width != y.width || x.channels != y.channels ||
      ddla_dataset_type(set) != description->type)
    return ddla_job_refuse(job, key,
                           "has samples of %" PRId64 " x %" PRId64 " x %" PRId64
                           " %s, the model takes %" PRId64 " x %" PRId64 " x %" PRId64 " %s",
                           x.height, x.width, x.channels, words[ddla_dataset_type(set)], y.height,
                           y.width, y.channels, words[description->type]);
  if (ddla_dataset_labelled(set)) return DDLA_OK;
  return ddla_job_refuse(job, key, "has samples without labels; ddla predict works without them");
}

ddla_status ddla_inference_data(ddla_dataset **out, ddla_dataset **whole,
                                const ddla_inference *inference, ddla_data_part part) {
  const ddla_job *job = inference->job;
  const ddla_description *description = inference->description;
  ddla_data_source source = {0};
  const char *key = NULL;
  ddla_dataset *set = NULL, *views[2] = {NULL, NULL};
  DDLA_TRY(find_part(&source, &key, inference, part));
  if (ddla_owned_is_path(source.path))
    return ddla_job_refuse(job, key,
                           "names a file of each host; name the one that is meant "
                           "(--set %s=PATH)",
                           key);
  if (description->name_count > 0) {
    source.class_names = (const char *const *)description->class_names;
    source.class_count = description->name_count;
  }
  DDLA_TRY(ddla_dataset_open(&set, &source));
  ddla_status status = DDLA_OK;
  bool cut =
      part != DDLA_DATA_TEST && !job->data.validation[0] && job->data.validation_fraction > 0;
  DDLA_TRY_CLEAN(status, check_shape(job, set, description, key));
  if (!cut) {
    *out = set;
    *whole = NULL;
    return DDLA_OK;
  }
  DDLA_TRY_CLEAN(status,
                 ddla_dataset_split(&views[0], &views[1], set, job->data.validation_fraction,
                                    (uint64_t)job->train.seed));
  bool wants_train = part == DDLA_DATA_TRAIN;
  ddla_dataset_close(views[wants_train ? 1 : 0]);
  *out = views[wants_train ? 0 : 1];
  *whole = set;
  return DDLA_OK;
cleanup:
  ddla_dataset_close(set);
  return status;
}

/* One thread of an evaluation. */
typedef struct evaluation_lane {
  ddla_inference *inference;
  const ddla_dataset *set;
  int64_t first, stride; /* batches */
  int64_t *counts;
  double *losses; /* [batches, columns], of all lanes */
  pthread_t thread;
  bool started;
  ddla_failure failure; /* code DDLA_OK: went well */
} evaluation_lane;

static ddla_status run_lane(evaluation_lane *work) {
  const ddla_inference *inference = work->inference;
  const ddla_description *description = inference->description;
  ddla_lane lane = {.graph = inference->graph.graph,
                    .loss = inference->graph.loss,
                    .precision = inference->lane.precision,
                    .packs = inference->packs};
  int64_t *indices = NULL;
  DDLA_TRY(DDLA_NEW(indices, inference->batch));
  const ddla_forward forward = {.lane = &lane,
                                .graph = &inference->graph,
                                .values = inference->values,
                                .version = 1,
                                .mean = description->mean,
                                .deviation = description->deviation,
                                .indices = indices};
  const int64_t batches = ddla_forward_batches(&inference->graph, work->set);
  ddla_status status = DDLA_OK;
  for (int64_t b = work->first; b < batches && status == DDLA_OK; b += work->stride)
    status = ddla_forward_evaluate(work->counts,
                                   work->losses + b * ddla_forward_columns(inference->graph.task),
                                   &forward, work->set, b);
  ddla_lane_fini(&lane);
  ddla_free(indices);
  return status;
}

static void *lane_main(void *argument) {
  evaluation_lane *work = argument;
  ddla_status status = run_lane(work);
  if (status != DDLA_OK) ddla_status_take(&work->failure, status);
  return NULL;
}

/* Lanes whose thread does not start are run by the caller. */
static ddla_status run_lanes(evaluation_lane *work, int lanes) {
  for (int i = 1; i < lanes; i++)
    work[i].started = pthread_create(&work[i].thread, NULL, lane_main, &work[i]) == 0;
  for (int i = 0; i < lanes; i++)
    if (!work[i].started) lane_main(&work[i]);
  for (int i = 1; i < lanes; i++)
    if (work[i].started) pthread_join(work[i].thread, NULL);
  for (int i = 0; i < lanes; i++)
    if (work[i].failure.code != DDLA_OK) return ddla_status_raise(&work[i].failure);
  return DDLA_OK;
}

static void merge(ddla_evaluation *out, ddla_inference *inference, const evaluation_lane *work,
                  int lanes, const double *losses) {
  const int64_t classes = inference->graph.classes;
  memset(inference->counts, 0, (size_t)ddla_metrics_count(classes) * sizeof *inference->counts);
  for (int i = 0; i < lanes; i++) ddla_metrics_merge(inference->counts, work[i].counts, classes);
  ddla_forward_conclude(out, &inference->graph, work->set, losses, inference->counts);
}

ddla_status ddla_inference_evaluate(ddla_evaluation *out, ddla_inference *inference,
                                    const ddla_dataset *set, int lanes) {
  const int64_t batches = ddla_forward_batches(&inference->graph, set);
  int64_t metrics = ddla_metrics_count(inference->graph.classes);
  evaluation_lane *work = NULL;
  int64_t *counts = NULL;
  double *losses = NULL;
  ddla_status status = DDLA_OK;
  if (lanes > batches) lanes = (int)batches;
  DDLA_TRY_CLEAN(status, DDLA_NEW(work, lanes));
  DDLA_TRY_CLEAN(status, DDLA_NEW(counts, lanes * metrics));
  DDLA_TRY_CLEAN(status, DDLA_NEW(losses, batches * ddla_forward_columns(inference->graph.task)));
  for (int i = 0; i < lanes; i++)
    work[i] = (evaluation_lane){.inference = inference,
                                .set = set,
                                .first = i,
                                .stride = lanes,
                                .counts = counts + i * metrics,
                                .losses = losses};
  DDLA_TRY_CLEAN(status, run_lanes(work, lanes));
  merge(out, inference, work, lanes, losses);
cleanup:
  ddla_free(work);
  ddla_free(counts);
  ddla_free(losses);
  return status;
}

static void softmax(double *out, const float *logits, int64_t classes) {
  double most = -INFINITY, sum = 0;
  for (int64_t c = 0; c < classes; c++) most = fmax(most, (double)logits[c]);
  for (int64_t c = 0; c < classes; c++) sum += out[c] = exp((double)logits[c] - most);
  for (int64_t c = 0; c < classes; c++) out[c] /= sum;
}

/* At most a batch of records. */
static ddla_status predict_batch(double *probability, const ddla_forward *forward,
                                 const ddla_description *description, const uint8_t *records,
                                 int64_t count) {
  const ddla_augment plain = {.mean = description->mean, .deviation = description->deviation};
  int64_t elements = elements_of(description->shape);
  void *place = NULL;
  const float *logits = NULL;
  DDLA_TRY(ddla_forward_place(&place, forward, count));
  for (int64_t i = 0; i < count; i++)
    ddla_augment_fill((float *)place + i * elements,
                      records + (size_t)i * record_bytes(description), description->type,
                      description->shape, &plain);
  DDLA_TRY(ddla_forward_run(&logits, forward, count));
  if (description->targets) {
    for (int64_t i = 0; i < count * description->classes; i++) probability[i] = (double)logits[i];
    return DDLA_OK;
  }
  for (int64_t i = 0; i < count; i++)
    softmax(probability + i * description->classes, logits + i * description->classes,
            description->classes);
  return DDLA_OK;
}

ddla_status ddla_inference_predict(double *probability, ddla_inference *inference,
                                   const void *records, int64_t count) {
  const ddla_description *description = inference->description;
  size_t bytes = record_bytes(description);
  const ddla_forward forward = {.lane = &inference->lane,
                                .graph = &inference->graph,
                                .values = inference->values,
                                .version = 1,
                                .mean = description->mean,
                                .deviation = description->deviation,
                                .indices = inference->indices};
  for (int64_t first = 0; first < count; first += inference->batch) {
    int64_t some = count - first < inference->batch ? count - first : inference->batch;
    DDLA_TRY(predict_batch(probability + first * description->classes, &forward, description,
                           (const uint8_t *)records + (size_t)first * bytes, some));
  }
  return DDLA_OK;
}

const ddla_task *ddla_inference_task(const ddla_inference *inference) {
  return inference->graph.task;
}

const ddla_plugins *ddla_inference_plugins(const ddla_inference *inference) {
  return inference->plugins;
}

int64_t ddla_inference_classes(const ddla_inference *inference) { return inference->graph.classes; }

/* A text shorter than a sample stands at its beginning; what is behind it is not seen by the places
 * before. */
ddla_status ddla_inference_next(const float **logits, ddla_inference *inference,
                                const int32_t *tokens, int64_t count) {
  const int64_t window = inference->graph.rows, seen = count < window ? count : window;
  const ddla_forward forward = {.lane = &inference->lane,
                                .graph = &inference->graph,
                                .values = inference->values,
                                .version = 1,
                                .indices = inference->indices};
  void *place = NULL;
  const float *found = NULL;
  DDLA_TRY(ddla_forward_place(&place, &forward, 1));
  memset(place, 0, (size_t)window * sizeof *tokens);
  memcpy(place, tokens + count - seen, (size_t)seen * sizeof *tokens);
  DDLA_TRY(ddla_forward_run(&found, &forward, 1));
  *logits = found + (seen - 1) * inference->graph.classes;
  return DDLA_OK;
}
