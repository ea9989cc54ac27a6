/* Sets that lie on several hosts, and what hosts tell of them. */
#include "data/united.h"

#include "base/alloc.h"
#include "data/augment.h"
#include "data/card.h"
#include "data/parts.h"
#include "data/test_files.h"

enum { HOSTS = 3, EACH = 40 };

/* Host h has EACH + h rows, with labels from h on. */
static ddla_dataset *open_host(int host) {
  char text[4096] = "a,b,label\n", name[32];
  size_t used = strlen(text);
  ddla_dataset *set = NULL;
  for (int i = 0; i < EACH + host; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d.5,c%d\n", 100 * host + i,
                             i * i % 17, host + i % 3);
  snprintf(name, sizeof name, "host%d.csv", host);
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = write_file(name, text, used)}));
  return set;
}

/* The same rows in one file, in the order of hosts. */
static ddla_dataset *open_all(void) {
  char text[16384] = "a,b,label\n";
  size_t used = strlen(text);
  ddla_dataset *set = NULL;
  for (int h = 0; h < HOSTS; h++)
    for (int i = 0; i < EACH + h; i++)
      used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d.5,c%d\n", 100 * h + i,
                               i * i % 17, h + i % 3);
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = write_file("all.csv", text, used)}));
  return set;
}

typedef struct hosts {
  ddla_dataset *set[HOSTS], *united;
  ddla_card *card[HOSTS];
} hosts;

static void open_hosts(hosts *out, bool everything_here) {
  ddla_data_piece piece[HOSTS];
  const char *names[HOSTS];
  int counts[HOSTS];
  ddla_classes classes = {0};
  for (int h = 0; h < HOSTS; h++) {
    out->set[h] = open_host(h);
    const ddla_dataset *sets[DDLA_CARD_SETS] = {out->set[h]};
    CHECK_OK(ddla_card_make(&out->card[h], sets, true));
    CHECK_OK(ddla_card_check(out->card[h], out->card[h]->bytes));
    names[h] = ddla_card_names(out->card[h]);
    counts[h] = (int)out->card[h]->classes;
    piece[h] = (ddla_data_piece){.set = everything_here || h == 1 ? out->set[h] : NULL,
                                 .count = EACH + h,
                                 .fingerprint = out->card[h]->set[0].fingerprint};
  }
  CHECK_OK(ddla_classes_unite(&classes, names, counts, HOSTS));
  CHECK_OK(ddla_dataset_unite(&out->united, piece, HOSTS, &classes));
  for (int h = 0; h < HOSTS; h++) CHECK_OK(ddla_dataset_match_classes(out->set[h], out->united));
}

static void close_hosts(hosts *at) {
  ddla_dataset_close(at->united);
  for (int h = 0; h < HOSTS; h++) {
    ddla_dataset_close(at->set[h]);
    ddla_free(at->card[h]);
  }
}

static void hosts_together_have_what_one_file_has(void **state) {
  (void)state;
  hosts at = {{NULL}};
  ddla_dataset *all = open_all();
  open_hosts(&at, true);
  const int64_t count = ddla_dataset_count(all);
  assert_int_equal(ddla_dataset_count(at.united), count);
  assert_int_equal(ddla_dataset_classes(at.united), ddla_dataset_classes(all));
  for (int c = 0; c < ddla_dataset_classes(all); c++)
    assert_string_equal(ddla_dataset_class_name(at.united, c), ddla_dataset_class_name(all, c));
  assert_true(ddla_dataset_labelled(at.united));
  for (int64_t i = 0; i < count; i++) {
    float mine[2], theirs[2];
    int32_t label[2];
    assert_int_equal(ddla_dataset_label(at.united, i), ddla_dataset_label(all, i));
    assert_int_equal(ddla_dataset_home(at.united, i), i < EACH ? 0 : i < 2 * EACH + 1 ? 1 : 2);
    ddla_batch_fill(mine, &label[0], at.united, &i, 1, NULL);
    ddla_batch_fill(theirs, &label[1], all, &i, 1, NULL);
    assert_memory_equal(mine, theirs, sizeof mine);
    assert_int_equal(label[0], label[1]);
  }
  close_hosts(&at);
  ddla_dataset_close(all);
}

/* Sums of parts make the whole's mean exactly (whole numbers), and its deviation up to rounding. */
static void moments_are_those_of_all(void **state) {
  (void)state;
  hosts at = {{NULL}};
  ddla_dataset *all = open_all();
  ddla_channel_sums sums[2] = {{0}};
  float mean[2], deviation[2], wanted[2], spread[2];
  open_hosts(&at, true);
  for (int h = 0; h < HOSTS; h++)
    for (int c = 0; c < 2; c++) ddla_channel_sums_add(&sums[c], &ddla_card_sums(at.card[h])[c]);
  ddla_channel_sums_moments(mean, deviation, sums, 2, DDLA_DATA_FLOAT32);
  ddla_dataset_moments(wanted, spread, all);
  for (int c = 0; c < 2; c++) {
    assert_float_equal(mean[c], wanted[c], 1e-6f * wanted[c]);
    assert_float_equal(deviation[c], spread[c], 1e-6f * spread[c]);
  }
  close_hosts(&at);
  ddla_dataset_close(all);
}

static void a_host_has_its_own_piece_alone(void **state) {
  (void)state;
  hosts at = {{NULL}}, whole = {{NULL}};
  open_hosts(&at, false);
  open_hosts(&whole, true);
  const ddla_data_fingerprint here = ddla_dataset_fingerprint(at.united),
                              there = ddla_dataset_fingerprint(whole.united);
  assert_memory_equal(&here, &there, sizeof here); /* what is known, not what lies here */
  int64_t place = 0;
  assert_ptr_equal(ddla_dataset_piece_of(&place, at.united, EACH + 5), at.set[1]);
  assert_int_equal(place, 5);
  ddla_dataset_keep_piece(whole.united, 1);
  assert_ptr_equal(ddla_dataset_piece_here(whole.united), whole.set[1]);
  ddla_parts *parts = NULL;
  const ddla_partition_rule rule = {.parts = HOSTS};
  CHECK_OK(ddla_parts_make(&parts, at.united, ddla_partition_find("files"), &rule, 0));
  for (int h = 0; h < HOSTS; h++) {
    assert_int_equal(parts->own[h], EACH + h);
    assert_int_equal(parts->sample[parts->first[h]], h == 0 ? 0 : h == 1 ? EACH : 2 * EACH + 1);
  }
  ddla_parts_destroy(parts);
  const ddla_partition_rule other = {.parts = 2};
  assert_int_equal(ddla_parts_make(&parts, at.united, ddla_partition_find("files"), &other, 0),
                   DDLA_INVALID);
  close_hosts(&at);
  close_hosts(&whole);
}

static void classes_are_in_the_order_of_readers(void **state) {
  (void)state;
  ddla_classes made = {0};
  const char *const numbers[] = {"10\0002\0", "0\0002\0"};
  CHECK_OK(ddla_classes_unite(&made, numbers, (const int[]){2, 2}, 2));
  assert_int_equal(made.count, 3);
  assert_string_equal(made.names[1], "2");
  assert_string_equal(made.names[2], "10");
  ddla_classes_fini(&made);
  const char *const names[] = {"10\0b\0", "a\0"};
  CHECK_OK(ddla_classes_unite(&made, names, (const int[]){2, 1}, 2));
  assert_string_equal(made.names[0], "10");
  assert_string_equal(made.names[1], "a");
  ddla_classes_fini(&made);
}

static void a_damaged_card_is_refused(void **state) {
  (void)state;
  hosts at = {{NULL}};
  open_hosts(&at, true);
  ddla_card *card = at.card[0];
  assert_int_equal(ddla_card_check(card, card->bytes - 1), DDLA_CORRUPT);
  card->classes++;
  assert_int_equal(ddla_card_check(card, card->bytes), DDLA_CORRUPT);
  card->classes = INT64_MAX;
  assert_int_equal(ddla_card_check(card, card->bytes), DDLA_CORRUPT);
  close_hosts(&at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hosts_together_have_what_one_file_has),
      cmocka_unit_test(moments_are_those_of_all),
      cmocka_unit_test(a_host_has_its_own_piece_alone),
      cmocka_unit_test(classes_are_in_the_order_of_readers),
      cmocka_unit_test(a_damaged_card_is_refused),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
