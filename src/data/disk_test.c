#include "data/disk.h"

#include <dirent.h>

#include "data/test_files.h"

static int count_files(void) {
  DIR *folder = opendir(test_folder);
  int found = 0;
  assert_non_null(folder);
  while (readdir(folder)) found++;
  closedir(folder);
  return found - 2; /* . and .. */
}

/* Pages of a file that has no name, so that nothing is left however the process ends. */
static void pages_of_a_file(void **state) {
  (void)state;
  enum { BYTES = 3000000 };
  ddla_data_disk disk = ddla_data_disk_in(test_folder);
  assert_true(disk.least_bytes > BYTES);
  disk.least_bytes = 1;
  const ddla_data_memory memory = ddla_data_disk_memory(&disk);
  ddla_data_block block = {0};
  CHECK_OK(ddla_data_block_make(&block, BYTES, &memory));
  assert_int_equal(count_files(), 0);
  memset(block.data, 7, BYTES);
  char line[512];
  bool found = false;
  FILE *maps = fopen("/proc/self/maps", "r");
  assert_non_null(maps);
  while (fgets(line, sizeof line, maps))
    found |= strtoul(line, NULL, 16) == (uintptr_t)block.data && strstr(line, test_folder);
  fclose(maps);
  assert_true(found);
  assert_int_equal(block.data[BYTES - 1], 7);
  ddla_data_block_release(&block);
  assert_int_equal(disk.reason, 0);
}

static void small_blocks_have_none(void **state) {
  (void)state;
  ddla_data_disk disk = {.directory = "/no/such/place", .least_bytes = 1 << 20};
  const ddla_data_memory memory = ddla_data_disk_memory(&disk);
  ddla_data_block block = {0};
  CHECK_OK(ddla_data_block_make(&block, 1000, &memory));
  block.data[999] = 1;
  ddla_data_block_release(&block);
  ddla_status status = ddla_data_block_make(&block, 1 << 20, &memory);
  assert_int_equal(status, DDLA_NO_MEMORY);
  CHECK_FAILURE(ddla_data_disk_explain(&disk, status), INVALID, "/no/such/place",
                "No such file or directory");
}

/* A source larger than the machine's memory is no reason to refuse it. */
static void more_than_memory(void **state) {
  (void)state;
  const size_t huge = (size_t)1 << 46;
  ddla_data_disk disk = ddla_data_disk_in(test_folder);
  const ddla_data_memory memory = ddla_data_disk_memory(&disk);
  ddla_data_block block = {0};
  CHECK_FAILURE(ddla_data_block_make(&block, huge, NULL), NO_MEMORY, "do not fit this machine");
  ddla_status status = ddla_data_block_make(&block, huge, &memory);
  assert_int_equal(status, DDLA_NO_MEMORY);
  status = ddla_data_disk_explain(&disk, status);
  if (status != DDLA_DISK_FULL) fail_msg("%s", ddla_status_message(status));
  assert_int_equal(count_files(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pages_of_a_file),
                                     cmocka_unit_test(small_blocks_have_none),
                                     cmocka_unit_test(more_than_memory)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
