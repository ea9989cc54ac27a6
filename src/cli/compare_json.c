/* A comparison as JSON, for programs. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "cli/compare_parts.h"
#include "cli/json.h"

static void put_real(json_t *object, const char *key, double value) {
  json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static void put_text(json_t *object, const char *key, const char *text) {
  json_object_set_new(object, key, text ? ddla_json_text(text) : json_null());
}

static json_t *network_json(const ddla_compare_call *call) {
  json_t *made = json_object();
  if (!call->has_network) return json_decref(made), json_null();
  put_real(made, "rate_mbit", call->network.rate_mbit);
  put_real(made, "delay_ms", call->network.delay_ms);
  put_real(made, "loss_percent", call->network.loss_percent);
  return made;
}

static json_t *reached_json(const ddla_reached *reached) {
  json_t *made = json_object();
  put_real(made, "loss", reached->loss);
  put_real(made, "metric", reached->metric);
  return made;
}

static json_t *keys_json(const ddla_entry *entry) {
  json_t *made = json_array();
  for (int i = 0; i < entry->set_count; i++)
    json_array_append_new(made, ddla_json_text(entry->set[i]));
  return made;
}

static void put_figures(json_t *method, const ddla_compare_figures *f) {
  const struct {
    const char *key;
    double value;
  } rows[] = {{"train_seconds", f->seconds},
              {"samples", f->samples},
              {"steps", f->steps},
              {"samples_per_second", f->samples_per_second},
              {"waited_share", f->waited},
              {"lanes_waiting_share", f->lanes_waiting},
              {"agent_bytes", f->agent_bytes},
              {"sample_bytes", f->sample_bytes},
              {"staleness", f->staleness},
              {"compute_seconds", f->compute},
              {"test_metric", f->test}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    put_real(method, rows[i].key, rows[i].value);
}

static json_t *points_json(const ddla_curve *curve) {
  json_t *made = json_array();
  for (int i = 0; i < curve->count; i++) {
    json_t *point = json_object();
    put_real(point, "seconds", curve->seconds[i]);
    put_real(point, "samples", curve->samples[i]);
    put_real(point, "bytes", curve->bytes[i]);
    put_real(point, "loss", curve->loss[i]);
    put_real(point, "metric", curve->metric[i]);
    json_array_append_new(made, point);
  }
  return made;
}

static json_t *method_json(const ddla_compare_run *run, const ddla_contender *c) {
  static const char *const states[] = {"open", "done", "refused", "failed"};
  json_t *made = json_object();
  put_text(made, "name", run->entry->name);
  put_text(made, "mode", run->entry->strategy->mode);
  put_text(made, "method", run->entry->strategy->method);
  json_object_set_new(made, "keys", keys_json(run->entry));
  put_text(made, "directory", run->directory);
  put_text(made, "status", states[run->state]);
  put_text(made, "reason", run->reason[0] ? run->reason : NULL);
  if (run->state != DDLA_COMPARE_DONE) return made;
  put_figures(made, &run->figures);
  json_object_set_new(made, "end", reached_json(&c->end));
  json_object_set_new(made, "equal_time", reached_json(&c->then));
  json_object_set_new(made, "equal_samples", reached_json(&c->there));
  put_real(made, "target_seconds", c->seconds_to);
  put_real(made, "target_bytes", c->bytes_to);
  json_object_set_new(made, "stands", json_boolean(c->stands));
  json_object_set_new(made, "doubtful", json_boolean(c->doubtful));
  json_object_set_new(made, "points", points_json(&c->curve));
  return made;
}

static json_t *whole_json(const ddla_compare_call *call) {
  const ddla_choice *choice = &call->choice;
  json_t *made = json_object(), *methods = json_array();
  json_object_set_new(made, "format", json_integer(1));
  put_text(made, "job", call->job_path);
  json_object_set_new(made, "agents", json_integer(call->agents));
  json_object_set_new(made, "network", network_json(call));
  put_text(made, "metric", call->rule.metric);
  json_object_set_new(made, "rises", json_boolean(call->rule.rises));
  put_real(made, "margin", call->rule.margin);
  put_real(made, "equal_seconds", choice->seconds);
  put_real(made, "equal_samples", choice->samples);
  put_real(made, "target", choice->target);
  put_real(made, "noise", choice->noise);
  put_text(made, "recommended", choice->chosen < 0 ? NULL : call->contender[choice->chosen].name);
  json_object_set_new(made, "close", json_integer(choice->close));
  for (int i = 0; i < call->entries.count; i++)
    json_array_append_new(methods, method_json(&call->run[i], &call->contender[i]));
  json_object_set_new(made, "methods", methods);
  return made;
}

ddla_status ddla_compare_json(char **out, const ddla_compare_call *call) {
  json_t *whole = whole_json(call);
  char *text = whole ? json_dumps(whole, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(whole);
  if (!text) return DDLA_FAIL(NO_MEMORY, "no memory for compare.json");
  *out = text;
  return DDLA_OK;
}
