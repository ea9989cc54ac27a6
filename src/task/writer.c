/* Reports of tasks as JSON. */
#include <math.h>

#include "task/task.h"

struct ddla_task_writer {
  json_t *root;
  bool failed, is_text_broken;
};

static void put(ddla_task_writer *writer, const char *key, json_t *value) {
  if (json_object_set_new(writer->root, key, value) != 0) writer->failed = true;
}

void ddla_task_write_real(ddla_task_writer *writer, const char *key, double value) {
  put(writer, key, isfinite(value) ? json_real(value) : json_null());
}

void ddla_task_write_whole(ddla_task_writer *writer, const char *key, int64_t value) {
  put(writer, key, json_integer((json_int_t)value));
}

void ddla_task_write_text(ddla_task_writer *writer, const char *key, const char *value) {
  json_t *text = json_string(value);
  if (text) put(writer, key, text);
  else writer->is_text_broken = true;
}

void ddla_task_write_object(ddla_task_writer *writer, json_t *object) {
  if (!object || json_object_update(writer->root, object) != 0) writer->failed = true;
  json_decref(object);
}

ddla_status ddla_task_json(json_t **out, const ddla_task *task, const ddla_task_report *report) {
  ddla_task_writer writer = {.root = json_object()};
  if (!writer.root) return DDLA_FAIL(NO_MEMORY, "no memory for the report");
  ddla_status status = task->report(&writer, report);
  if (status == DDLA_OK && writer.is_text_broken)
    status = DDLA_FAIL(INVALID, "task %s reports text that is not valid UTF-8", task->name);
  if (status == DDLA_OK && writer.failed)
    status = DDLA_FAIL(NO_MEMORY, "no memory for the report of task %s", task->name);
  if (status == DDLA_OK) *out = writer.root;
  else json_decref(writer.root);
  return status;
}
