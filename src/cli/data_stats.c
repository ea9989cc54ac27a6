/* ddla data stats: what the samples of a data set are like, and which stand twice. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/data_kinds.h"
#include "cli/json.h"
#include "data/census.h"

enum { ROWS_SHOWN = 20 };

static json_t *channels_json(const ddla_census *census) {
  json_t *made = json_array();
  for (int64_t c = 0; c < census->channels; c++)
    json_array_append_new(made, json_pack("{s:o, s:o, s:o, s:o}", "mean",
                                          ddla_json_number((double)census->mean[c]), "deviation",
                                          ddla_json_number((double)census->deviation[c]), "least",
                                          ddla_json_number(census->least[c]), "most",
                                          ddla_json_number(census->most[c])));
  return made;
}

static json_t *part_json(const ddla_dataset *set, ddla_data_part part, const ddla_census *census) {
  json_t *classes = json_array();
  for (int c = 0; c < census->classes; c++)
    json_array_append_new(classes, json_pack("{s:o, s:I}", "name",
                                             ddla_json_text(ddla_dataset_class_name(set, c)),
                                             "count", (json_int_t)census->class_counts[c]));
  return json_pack(
      "{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "part", ddla_prepared_part_name(part), "count",
      (json_int_t)ddla_data_info_count(set), "channels", channels_json(census), "classes", classes,
      "entropy_bits", census->classes > 0 ? json_real(census->entropy_bits) : json_null(),
      "repeated", census->compared ? json_integer((json_int_t)census->repeated) : json_null(),
      "contradicting",
      census->compared ? json_integer((json_int_t)census->contradicting) : json_null());
}

static void print_channels(const ddla_census *census) {
  if (census->channels > 0) printf("  channel       mean  deviation      least    largest\n");
  for (int64_t c = 0; c < census->channels && c < ROWS_SHOWN; c++)
    printf("  %7" PRId64 " %10.5g %10.5g %10.5g %10.5g\n", c, (double)census->mean[c],
           (double)census->deviation[c], census->least[c], census->most[c]);
  if (census->channels > ROWS_SHOWN)
    printf("  ... and %" PRId64 " more (--json lists all)\n", census->channels - ROWS_SHOWN);
}

static void print_classes(const ddla_dataset *set, const ddla_census *census) {
  const double count = (double)ddla_data_info_count(set);
  for (int c = 0; c < census->classes && c < ROWS_SHOWN; c++)
    printf("  %-12s %10" PRId64 "  %5.2f %%\n", ddla_dataset_class_name(set, c),
           census->class_counts[c], 100.0 * (double)census->class_counts[c] / count);
  if (census->classes > ROWS_SHOWN)
    printf("  ... and %d more (--json lists all)\n", census->classes - ROWS_SHOWN);
  if (census->classes > 0)
    printf("  entropy of the %s: %.4f bits\n", census->compared ? "classes" : "tokens",
           census->entropy_bits);
}

static void print_part(const ddla_dataset *set, ddla_data_part part, const ddla_census *census) {
  printf("%s: %" PRId64 " %s\n", ddla_prepared_part_name(part), ddla_data_info_count(set),
         census->compared ? "samples" : "tokens");
  print_channels(census);
  print_classes(set, census);
  if (census->compared)
    printf("  %" PRId64 " samples repeat an earlier one, %" PRId64 " of them with another label\n",
           census->repeated, census->contradicting);
}

static ddla_status tell_part(json_t *parts, const ddla_data_call *call, ddla_data_part part) {
  const ddla_dataset *set = call->sets[part];
  ddla_census census = {0};
  DDLA_TRY(ddla_census_of(&census, set));
  if (call->json) json_array_append_new(parts, part_json(set, part, &census));
  else print_part(set, part, &census);
  ddla_census_fini(&census);
  return DDLA_OK;
}

/* Samples of a part that another, earlier one has too: what was to be set aside is known then. */
static ddla_status tell_shared(json_t *all, const ddla_data_call *call, int later, int earlier) {
  const char *part = ddla_prepared_part_name((ddla_data_part)later);
  const char *with = ddla_prepared_part_name((ddla_data_part)earlier);
  int64_t shared = 0;
  DDLA_TRY(ddla_census_shared(&shared, call->sets[later], call->sets[earlier]));
  if (call->json)
    json_array_append_new(all, json_pack("{s:s, s:s, s:I}", "part", part, "with", with, "samples",
                                         (json_int_t)shared));
  else printf("%" PRId64 " samples of %s are in %s too\n", shared, part, with);
  return DDLA_OK;
}

static ddla_status tell_all(json_t *parts, json_t *shared, const ddla_data_call *call) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (call->sets[p]) DDLA_TRY(tell_part(parts, call, (ddla_data_part)p));
  for (int later = 1; later < DDLA_PREPARED_PARTS; later++)
    for (int earlier = 0; earlier < later; earlier++)
      if (call->sets[later] && call->sets[earlier] &&
          ddla_dataset_type(call->sets[later]) != DDLA_DATA_TOKENS)
        DDLA_TRY(tell_shared(shared, call, later, earlier));
  return DDLA_OK;
}

static ddla_status tell(const ddla_data_call *call) {
  json_t *parts = call->json ? json_array() : NULL, *shared = call->json ? json_array() : NULL;
  ddla_status status = tell_all(parts, shared, call);
  if (status == DDLA_OK && call->json)
    return ddla_json_print(json_pack("{s:o, s:o, s:o}", "path", ddla_json_text(call->path), "parts",
                                     parts, "shared", shared));
  json_decref(parts);
  json_decref(shared);
  return status;
}

ddla_status ddla_data_stats(int argc, char **argv) {
  ddla_data_call call = {0};
  ddla_status status = ddla_data_call_read(&call, argc, argv, NULL, 0);
  if (status == DDLA_OK) status = ddla_data_call_open(&call);
  if (status == DDLA_OK) status = tell(&call);
  ddla_data_call_fini(&call);
  return status;
}
