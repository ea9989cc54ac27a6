#include "share/sets/united.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/xxh3.h"

void ddla_united_destroy(ddla_united *united) {
  if (!united) return;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    for (int h = 0; h < united->hosts; h++) ddla_prepared_index_fini(&united->host[h].index[p]);
    ddla_prepared_index_fini(&united->index[p]);
    ddla_classes_fini(&united->classes[p]);
  }
  ddla_free(united);
}

bool ddla_united_has(const ddla_united *united, int host, int part) {
  return united->host[host].index[part].block_count > 0;
}

/* ---- do they go together ---- */

static const char *describe(char text[128], const ddla_data_records *r) {
  const char *type = r->type == DDLA_DATA_UINT8 ? "uint8" : "float32";
  snprintf(text, 128, "samples of %" PRId64 " x %" PRId64 " x %" PRId64 " %s with %s",
           r->shape.height, r->shape.width, r->shape.channels, type,
           r->labelled      ? "labels"
           : r->targets > 0 ? "targets"
                            : "neither labels nor targets");
  if (r->targets > 0)
    snprintf(text + strlen(text), 128 - strlen(text), " of %" PRId64 " numbers", r->targets);
  return text;
}

static ddla_status compare(const ddla_united *united, int part, int first, int host) {
  const ddla_data_records *a = &united->host[first].index[part].records;
  const ddla_data_records *b = &united->host[host].index[part].records;
  char x[128], y[128];
  if (a->type == b->type && a->shape.height == b->shape.height &&
      a->shape.width == b->shape.width && a->shape.channels == b->shape.channels &&
      a->labelled == b->labelled && a->targets == b->targets)
    return DDLA_OK;
  return DDLA_FAIL(INVALID, "the parts do not go together: host %s has for %s %s, host %s has %s",
                   united->host[first].name, ddla_prepared_part_name((ddla_data_part)part),
                   describe(x, a), united->host[host].name, describe(y, b));
}

/* The first host that has the part; -1: none. */
static int first_with(const ddla_united *united, int part) {
  for (int h = 0; h < united->hosts; h++)
    if (ddla_united_has(united, h, part)) return h;
  return -1;
}

static ddla_status agree_on_records(const ddla_united *united, int part) {
  const int first = first_with(united, part);
  for (int h = 0; h < united->hosts; h++) {
    if (!ddla_united_has(united, h, part)) continue;
    if (united->host[h].index[part].records.type == DDLA_DATA_TOKENS)
      return DDLA_FAIL(UNSUPPORTED,
                       "host %s has a text, which is not made of samples; parts of texts are not "
                       "gathered: put them into one file",
                       united->host[h].name);
    DDLA_TRY(compare(united, part, first, h));
  }
  return DDLA_OK;
}

/* ---- classes ---- */

static bool begins_like(const ddla_classes *a, const ddla_classes *b) {
  for (int i = 0; i < a->count && i < b->count; i++)
    if (strcmp(a->names[i], b->names[i]) != 0) return false;
  return true;
}

/* The host with the longest list, where all others begin as it does; -1: they do not. */
static int find_longest(const ddla_united *united, int part) {
  int longest = first_with(united, part);
  for (int h = 0; h < united->hosts; h++)
    if (united->host[h].index[part].classes.count > united->host[longest].index[part].classes.count)
      longest = h;
  for (int h = 0; h < united->hosts; h++)
    if (!begins_like(&united->host[h].index[part].classes,
                     &united->host[longest].index[part].classes))
      return -1;
  return longest;
}

static ddla_status add_names(ddla_classes *out, const ddla_classes *from) {
  for (int i = 0; i < from->count; i++) {
    int32_t number = 0;
    DDLA_TRY(ddla_classes_add(&number, out, from->names[i], strlen(from->names[i])));
  }
  return DDLA_OK;
}

static ddla_status unite_classes(ddla_united *united, int part) {
  ddla_classes *classes = &united->classes[part];
  int32_t *renumber = NULL;
  const int longest = find_longest(united, part);
  if (longest >= 0) return add_names(classes, &united->host[longest].index[part].classes);
  for (int h = 0; h < united->hosts; h++)
    DDLA_TRY(add_names(classes, &united->host[h].index[part].classes));
  DDLA_TRY(DDLA_NEW(renumber, classes->count));
  ddla_status status = ddla_classes_sort(classes, renumber);
  ddla_free(renumber);
  return status;
}

ddla_status ddla_united_agree(ddla_united *united) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    if (first_with(united, p) < 0) continue;
    DDLA_TRY(agree_on_records(united, p));
    DDLA_TRY(unite_classes(united, p));
  }
  return DDLA_OK;
}

void ddla_united_renumber(int32_t *renumber, const ddla_united *united, int host, int part) {
  const ddla_classes *own = &united->host[host].index[part].classes;
  for (int i = 0; i < own->count; i++)
    renumber[i] = ddla_classes_find(&united->classes[part], own->names[i], strlen(own->names[i]));
}

/* ---- samples that stand twice ---- */

static int64_t count_of(const ddla_united *united, int host, int part) {
  return ddla_united_has(united, host, part) ? united->host[host].index[part].records.count : 0;
}

/* Open addressing; a place holds a sample's number over all hosts and 1, 0: it is free. */
typedef struct table {
  uint64_t *place;
  uint64_t mask;
  const ddla_data_sample_hash *const *hash;
  int64_t first[DDLA_TRANSPORT_RANKS_MAX + 1]; /* number of a host's first sample */
} table;

static const ddla_data_sample_hash *hash_of(const table *t, int64_t number) {
  int host = 0;
  while (t->first[host + 1] <= number) host++;
  return &t->hash[host][number - t->first[host]];
}

/* False: one that is alike has been added before. */
static bool add(table *t, const ddla_data_sample_hash *hash, int64_t number) {
  for (uint64_t at = hash->low & t->mask;; at = (at + 1) & t->mask) {
    if (t->place[at] == 0) {
      t->place[at] = (uint64_t)number + 1;
      return true;
    }
    const ddla_data_sample_hash *other = hash_of(t, (int64_t)t->place[at] - 1);
    if (other->low == hash->low && other->high == hash->high) return false;
  }
}

static ddla_status make_table(table *t, const ddla_united *united, int part,
                              const ddla_data_sample_hash *const *hash) {
  uint64_t room = 16;
  *t = (table){.hash = hash};
  for (int h = 0; h < united->hosts; h++) t->first[h + 1] = t->first[h] + count_of(united, h, part);
  while (room < (uint64_t)t->first[united->hosts] * 3 / 2) room *= 2;
  t->mask = room - 1;
  return DDLA_NEW(t->place, room);
}

ddla_status ddla_united_choose(ddla_united *united, int part,
                               const ddla_data_sample_hash *const *hash, uint8_t *const *chosen) {
  table t;
  DDLA_TRY(make_table(&t, united, part, hash));
  for (int h = 0; h < united->hosts; h++) {
    united->host[h].kept[part] = 0;
    for (int64_t i = 0; i < count_of(united, h, part); i++) {
      if (!add(&t, &hash[h][i], t.first[h] + i)) continue;
      chosen[h][i / 8] |= (uint8_t)(1 << i % 8);
      united->host[h].kept[part]++;
    }
  }
  ddla_free(t.place);
  return DDLA_OK;
}

/* ---- the set ---- */

ddla_status ddla_united_plan(ddla_united *united) {
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    const int first = first_with(united, p);
    if (first < 0) continue;
    ddla_data_records records = united->host[first].index[p].records;
    records.count = 0;
    for (int h = 0; h < united->hosts; h++) records.count += united->host[h].kept[p];
    DDLA_TRY(ddla_prepared_plan_records(&united->index[p], &records, &united->classes[p],
                                        (ddla_data_part)p, &(ddla_prepared_options){0}));
  }
  return DDLA_OK;
}

uint64_t ddla_united_origin(const ddla_united *united) {
  uint64_t all[1 + DDLA_TRANSPORT_RANKS_MAX * DDLA_PREPARED_PARTS * 3];
  size_t used = 0;
  all[used++] = (uint64_t)united->hosts;
  for (int h = 0; h < united->hosts; h++)
    for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
      const ddla_prepared_index *index = &united->host[h].index[p];
      all[used++] = index->fingerprint.low;
      all[used++] = index->fingerprint.high;
      all[used++] = (uint64_t)count_of(united, h, p);
    }
  return ddla_xxh3_of(all, used * sizeof *all);
}
