#include "share/sets/gather.h"

#include "base/alloc.h"
#include "base/file.h"
#include "data/prepared/test_prepared.h"
#include "share/sets/offer.h"
#include "transport/sim.h"

enum { SEEDS = 60, BLOCK = 3000, HOSTS_MAX = 4 };

/* One run of a group. */
typedef struct story {
  int ranks;
  const char *folder;          /* the set: FOLDER/set */
  const char *part[HOSTS_MAX]; /* of each host */
  bool private_data;
  ddla_gather_result results[DDLA_TRANSPORT_RANKS_MAX];
  int64_t sent[DDLA_TRANSPORT_RANKS_MAX];
  ddla_failure failure[DDLA_TRANSPORT_RANKS_MAX];
} story;

static const char *set_of(const story *s) {
  static char path[600];
  snprintf(path, sizeof path, "%s/set", s->folder);
  return path;
}

static ddla_status gather(story *s, ddla_transport *link, ddla_wire *wire, ddla_offer *offer) {
  const int rank = ddla_transport_rank(link);
  char host[16];
  ddla_data_source source[DDLA_PREPARED_PARTS] = {0};
  ddla_gather_call call = {
      .directory = set_of(s), .host = host, .block_bytes = BLOCK, .threadless = true};
  snprintf(host, sizeof host, "h%d", rank);
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    const ddla_data_source part = {.path = s->part[rank], .part = (ddla_data_part)p};
    if (p == 0 || ddla_dataset_has_part(&part)) source[p] = part;
  }
  DDLA_TRY(ddla_offer_open(offer, source, set_of(s), false));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    call.sets[p] = offer->sets[p];
    call.parts[p] = offer->sources[p];
  }
  return ddla_share_gather(&s->results[rank], link, wire, &call);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  const int rank = ddla_transport_rank(link);
  ddla_wire *wire = NULL;
  ddla_offer *offer = NULL;
  ddla_status status = DDLA_NEW(offer, 1);
  if (status == DDLA_OK) status = ddla_wire_create(&wire, link, s->private_data);
  if (status == DDLA_OK) status = gather(s, link, wire, offer);
  ddla_status_take(&s->failure[rank], status);
  s->sent[rank] = ddla_wire_bytes(wire);
  ddla_wire_destroy(wire);
  ddla_offer_close(offer);
  ddla_free(offer);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&s->failure[rank]);
}

static void run(story *s, ddla_sim_result *result, uint64_t seed, int crashes) {
  const ddla_sim_options options = {
      .ranks = s->ranks, .seed = seed, .crashes = crashes, .crash_before = 500};
  memset(s->results, 0, sizeof s->results);
  CHECK_OK(ddla_sim_run(&options, result, rank_main, s));
}

static void run_well(story *s, uint64_t seed) {
  ddla_sim_result result;
  run(s, &result, seed, 0);
  for (int r = 0; r < s->ranks; r++)
    if (result.statuses[r] != DDLA_OK) fail_msg("host %d: %s", r, s->failure[r].text);
}

static void run_refused(story *s, ddla_status code, const char *const *words) {
  ddla_sim_result result;
  run(s, &result, 1, 0);
  for (int r = 0; r < s->ranks; r++) {
    assert_int_equal(result.statuses[r], code);
    for (int i = 0; words[i]; i++)
      if (!strstr(s->failure[r].text, words[i]))
        fail_msg("\"%s\" is not in: %s", words[i], s->failure[r].text);
  }
}

static void remove_folder(const char *path) { nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* Lines of a table: samples first ... end - 1 of a made-up set. */
static const char *rows(const char *name, int first, int end, const char *first_class) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  for (int i = first; i < end; i++)
    fprintf(file, "%d,%d,%d,%s\n", i, i * 7 % 101, i % 13,
            i % 3 == 0   ? first_class
            : i % 3 == 1 ? "b"
                         : "c");
  fclose(file);
  const char *path = write_text(name, text);
  free(text);
  return path;
}

static ddla_dataset *open_plain(const char *path) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = path}));
  return set;
}

static void check_set(const story *s, const char *like) {
  ddla_dataset *made = open_prepared(set_of(s)), *wanted = open_plain(like);
  check_same(made, wanted);
  ddla_dataset_close(made);
  ddla_dataset_close(wanted);
}

static void says(const story *s, const char *words) {
  char path[700], *text = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/manifest.json", set_of(s));
  CHECK_OK(ddla_file_read(&text, &bytes, path, 1 << 20));
  if (!strstr(text, words)) fail_msg("'%s' is not in %s", words, text);
  ddla_free(text);
}

/* Samples that stand twice are in one part and in two; a class is missing on a host. */
static void parts_become_their_union(void **state) {
  (void)state;
  const char *whole = rows("whole.csv", 0, 2000, "a");
  for (int ranks = 1; ranks <= HOSTS_MAX; ranks++) {
    story s = {.ranks = ranks, .folder = make_directory("union")};
    for (int h = 0; h < ranks; h++) {
      char name[32];
      snprintf(name, sizeof name, "part%d.csv", h);
      const int first = 2000 * h / ranks, end = 2000 * (h + 1) / ranks;
      s.part[h] = rows(name, h > 0 ? first - 100 : first, end, "a");
    }
    run_well(&s, (uint64_t)ranks);
    check_set(&s, whole);
    assert_int_equal(s.results[0].samples, 2000);
    assert_int_equal(s.results[0].duplicates, 100 * (ranks - 1));
    for (int h = 0; h < ranks; h++) /* three numbers and a label */
      assert_int_equal(s.sent[h], h > 0 ? (2000 * (h + 1) / ranks - 2000 * h / ranks) * 16 : 0);
    says(&s, ranks > 1 ? "\"duplicates\": 100" : "\"duplicates\": 0");
    remove_folder(s.folder);
  }
}

/* Lists of names differ: they are united in the order of a table that has all. */
static void classes_are_united(void **state) {
  (void)state;
  story s = {.ranks = 2, .folder = make_directory("classes")};
  s.part[0] = write_text("reds.csv", "1,2,red\n3,4,blue\n");
  s.part[1] = write_text("greens.csv", "5,6,green\n7,8,blue\n1,2,red\n");
  run_well(&s, 1);
  check_set(&s, write_text("all.csv", "1,2,red\n3,4,blue\n5,6,green\n7,8,blue\n"));
  says(&s, "\"classes\": 3");
  remove_folder(s.folder);
  /* Numbered ones are as many as the host with most has. */
  s.folder = make_directory("numbers");
  ddla_dataset *few = open_images("few", 2), *many = open_images("many", 30);
  s.part[0] = prepare("few-set", few, &(ddla_prepared_options){0});
  s.part[1] = prepare("many-set", many, &(ddla_prepared_options){.compress = true});
  run_well(&s, 1);
  ddla_dataset *made = open_prepared(set_of(&s));
  assert_int_equal(ddla_dataset_count(made), 30);
  assert_int_equal(ddla_dataset_classes(made), 3);
  check_same(made, many); /* the first two are the same */
  ddla_dataset_close(made);
  ddla_dataset_close(few);
  ddla_dataset_close(many);
  remove_folder(s.folder);
}

/* A set that was made of the same parts is left as it is; of others it is not touched. */
static void what_was_gathered_stays(void **state) {
  (void)state;
  story s = {.ranks = 2, .folder = make_directory("again")};
  s.part[0] = rows("again0.csv", 0, 50, "a");
  s.part[1] = rows("again1.csv", 50, 90, "a");
  run_well(&s, 1);
  assert_false(s.results[0].found);
  run_well(&s, 2);
  assert_true(s.results[0].found && s.results[1].found);
  assert_int_equal(s.sent[1], 0);
  s.part[1] = rows("again2.csv", 50, 91, "a");
  run_refused(&s, DDLA_INVALID,
              (const char *const[]){"on host h0: ", set_of(&s), "is there already", NULL});
  s.part[1] = rows("again1.csv", 50, 90, "a");
  char path[700];
  snprintf(path, sizeof path, "%s/train-features-00000.part", set_of(&s));
  flip(path, 9, 1);
  run_refused(&s, DDLA_CORRUPT, (const char *const[]){path, NULL});
  remove_folder(s.folder);
}

static void move_file(const char *from, const char *to, const char *name) {
  char old[700], new[700];
  snprintf(old, sizeof old, "%s/%s", from, name);
  snprintf(new, sizeof new, "%s/%s", to, name);
  assert_int_equal(rename(old, new), 0);
}

/* A set that is sound in itself is not what was gathered if a part was taken away or exchanged. */
static void a_part_that_was_changed_is_noticed(void **state) {
  (void)state;
  char folder[600];
  story s = {.ranks = 2, .folder = make_directory("changed")}, other = s;
  s.part[0] = rows("changed0.csv", 0, 50, "a");
  s.part[1] = rows("changed1.csv", 50, 90, "a");
  run_well(&s, 1);
  move_file(set_of(&s), s.folder, "train.index");
  run_refused(&s, DDLA_CORRUPT,
              (const char *const[]){"on host h0: ", "its part train is missing", NULL});
  move_file(s.folder, set_of(&s), "train.index");
  run_well(&s, 2);
  assert_true(s.results[0].found);
  snprintf(folder, sizeof folder, "%s/other", s.folder);
  other.folder = folder;
  assert_int_equal(mkdir(folder, 0700), 0);
  other.part[0] = rows("changed2.csv", 0, 50, "a");
  other.part[1] = rows("changed3.csv", 60, 100, "a"); /* as many */
  run_well(&other, 1);
  snprintf(folder, sizeof folder, "%s/other/set", s.folder);
  move_file(folder, set_of(&s), "train.index");
  move_file(folder, set_of(&s), "train-features-00000.part");
  move_file(folder, set_of(&s), "train-labels-00000.part");
  run_refused(&s, DDLA_CORRUPT, (const char *const[]){"its part train has other samples", NULL});
  remove_folder(s.folder);
}

static void parts_that_differ_are_refused(void **state) {
  (void)state;
  story s = {.ranks = 3, .folder = make_directory("differ")};
  s.part[0] = write_text("two.csv", "1,2,red\n");
  s.part[1] = write_text("two-too.csv", "1,3,red\n");
  s.part[2] = write_text("three.csv", "1,2,3,red\n");
  run_refused(&s, DDLA_INVALID,
              (const char *const[]){"host h0 has for train samples of 1 x 1 x 2 float32",
                                    "host h2 has samples of 1 x 1 x 3", NULL});
  s.part[2] = write_text("numbers.jsonl", "{\"label\": 1.5, \"a\": 1, \"b\": 2}\n");
  run_refused(&s, DDLA_INVALID, (const char *const[]){"host h2", "targets of 1 numbers", NULL});
  assert_int_not_equal(access(set_of(&s), F_OK), 0);
  s.part[2] = write_text("two-three.csv", "1,4,red\n");
  s.private_data = true;
  ddla_sim_result result;
  run(&s, &result, 1, 0);
  for (int r = 0; r < 3; r++) assert_int_not_equal(result.statuses[r], DDLA_OK);
  assert_int_equal(s.sent[1] + s.sent[2], 0);
  assert_int_not_equal(access(set_of(&s), F_OK), 0);
  remove_folder(s.folder);
}

static void crashes_leave_no_half_set(void **state) {
  (void)state;
  const char *whole = rows("crash.csv", 0, 3000, "a");
  int crashed = 0, made = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    ddla_sim_result result;
    story s = {.ranks = 2 + (int)(seed % 3), .folder = make_directory("crash")};
    for (int h = 0; h < s.ranks; h++) {
      char name[32];
      snprintf(name, sizeof name, "crash%d.csv", h);
      s.part[h] = rows(name, 3000 * h / s.ranks, 3000 * (h + 1) / s.ranks, "a");
    }
    run(&s, &result, seed, 1);
    for (int r = 0; r < s.ranks; r++) {
      crashed += result.crashed[r];
      if (result.crashed[r] || result.statuses[r] == DDLA_OK) continue;
      if (result.statuses[r] != DDLA_PEER_LOST)
        fail_msg("seed %d, host %d: %s", (int)seed, r, s.failure[r].text);
    }
    if (access(set_of(&s), F_OK) == 0) made++, check_set(&s, whole);
    DIR *folder = opendir(s.folder);
    for (struct dirent *entry; (entry = readdir(folder));)
      if (strstr(entry->d_name, ".tmp-")) fail_msg("%s is left", entry->d_name);
    closedir(folder);
    remove_folder(s.folder);
  }
  assert_true(crashed > SEEDS / 2); /* else the faults test nothing */
  assert_true(made < SEEDS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_become_their_union),
      cmocka_unit_test(classes_are_united),
      cmocka_unit_test(what_was_gathered_stays),
      cmocka_unit_test(parts_that_differ_are_refused),
      cmocka_unit_test(crashes_leave_no_half_set),
      cmocka_unit_test(a_part_that_was_changed_is_noticed),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
