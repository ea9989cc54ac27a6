/* What checks a prepared set takes little memory for a large one, and little time for much damage.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <zstd.h>

#include "base/alloc.h"
#include "data/prepared/prepared_series.h"
#include "data/prepared/test_prepared.h"

enum { BLOCK = 65536, MIB = 1 << 20 };

/* ThreadSanitizer keeps words for all memory that there ever was. */
#ifdef __SANITIZE_THREAD__
#define KEEPS_WORDS
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KEEPS_WORDS
#endif
#endif

/* A compressed part whose blocks are all alike, zeros, each `bytes` long in its one file: a set of
 * any size costs a few bytes for each. Returns its path. */
static const char *make_zeros(const char *name, int64_t count, int64_t block_bytes) {
  const ddla_data_records records = {
      .type = DDLA_DATA_UINT8, .shape = {1, block_bytes, 1}, .count = count};
  const ddla_prepared_options options = {
      .block_bytes = block_bytes, .part_bytes = INT64_C(1) << 50, .compress = true};
  const ddla_classes none = {0};
  const char *path = make_directory(name);
  uint8_t frame[1024], *zeros = calloc((size_t)block_bytes, 1);
  ddla_prepared_index index = {0};
  ddla_prepared_writer *writer = NULL;
  const size_t bytes = ZSTD_compress(frame, sizeof frame, zeros, (size_t)block_bytes, 3);
  assert_false(ZSTD_isError(bytes));
  free(zeros);
  CHECK_OK(ddla_prepared_plan_records(&index, &records, &none, DDLA_DATA_TRAIN, &options));
  for (int64_t b = 0; b < count; b++) {
    index.blocks[b].bytes = bytes;
    ddla_prepared_block_place(&index, DDLA_PREPARED_FEATURES, b);
  }
  CHECK_OK(ddla_prepared_writer_create(&writer, path, &index));
  for (int64_t b = 0; b < count; b++) CHECK_OK(ddla_prepared_writer_append(writer, frame, bytes));
  CHECK_OK(ddla_prepared_writer_finish(writer));
  ddla_prepared_writer_destroy(writer);
  ddla_prepared_index_fini(&index);
  return path;
}

static void count(const char *words, void *argument) {
  (void)words;
  ++*(int64_t *)argument;
}

#ifndef KEEPS_WORDS

/* Kibibytes that this process has had at most. */
static long most_memory(void) {
  struct rusage used;
  assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
  return used.ru_maxrss;
}

/* In a process of its own: 1 GiB is looked at with 160 MiB. The planned index has no fingerprint of
 * what is in it, so that all of it is gone through until that is found. */
static void memory_is_bounded(void **state) {
  (void)state;
  const char *path = make_zeros("large", 1024, MIB);
  const pid_t child = fork();
  if (child == 0) {
    int64_t told = 0;
    ddla_prepared_verdict verdict = {0};
    const long before = most_memory();
    const ddla_status status = ddla_prepared_verify(&verdict, path, DDLA_DATA_TRAIN, count, &told);
    const bool looked = status == DDLA_OK && verdict.blocks == 1024 && told == 1;
    _exit(looked ? most_memory() - before < 160 * 1024 ? 0 : 1 : 2);
  }
  int how = 0;
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_true(WIFEXITED(how));
  assert_int_equal(WEXITSTATUS(how), 0);
}

#endif

/* Of processor time: what else the machine does is not in it. */
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Every block of so many is damaged; how long it takes to tell them all. */
static double tell_all(const char *name, int64_t blocks) {
  ddla_prepared_verdict verdict = {0};
  char file[64];
  int64_t told = 0;
  const char *path = make_zeros(name, blocks, BLOCK);
  snprintf(file, sizeof file, "%s/train-features-00000.part", name);
  const long bytes = file_bytes(test_path(file)) - DDLA_PREPARED_FOOT_BYTES;
  assert_int_equal(bytes % blocks, 0);
  FILE *part = fopen(test_path(file), "r+b");
  assert_non_null(part);
  for (int64_t b = 0; b < blocks; b++) {
    assert_int_equal(fseek(part, bytes / blocks * b, SEEK_SET), 0);
    assert_int_equal(fputc(0, part), 0); /* a frame begins with 0x28 */
  }
  fclose(part);
  const double began = seconds();
  CHECK_OK(ddla_prepared_verify(&verdict, path, DDLA_DATA_TRAIN, count, &told));
  assert_int_equal(told, blocks);
  assert_int_equal(verdict.damages, blocks);
  return seconds() - began;
}

/* Eight times as many take eight times as long, not 64 times: with room for busy caches. */
static void much_damage_is_told_in_linear_time(void **state) {
  (void)state;
  const double few = tell_all("few", 25000), many = tell_all("many", 200000);
  if (many > 30 * few) fail_msg("25000 blocks: %.3f s, 200000 blocks: %.3f s", few, many);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#ifndef KEEPS_WORDS
      cmocka_unit_test(memory_is_bounded),
#endif
      cmocka_unit_test(much_damage_is_told_in_linear_time),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
