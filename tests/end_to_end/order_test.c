/* The promise of equal bits is worth something only if another order of sums gives other bits. Here
 * the real strategy trains on real data with eight agents of one shard each, while the linker puts
 * this file's ddla_tree_run (--wrap) in the place of the tree's: summing from left to right, or
 * with two shards swapped, must change the model's SHA-256. A mirrored tree adds the same pairs, so
 * it must not. */
#include <ddla/train.h>

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "coll/tree.h"

enum { SHARDS = 8 };

typedef enum order { FIXED_TREE, MIRRORED, SWAPPED, LEFT_TO_RIGHT } order;

static _Atomic order order_now;
static _Atomic int64_t sums_seen;

void __real_ddla_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first,
                          int64_t count, bool stream);
void __wrap_ddla_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first,
                          int64_t count, bool stream);

static void left_to_right(const ddla_tree_io *io, int64_t first, int64_t count) {
  float *out = io->outputs[0];
  for (int64_t k = first; k < first + count; k++) {
    float sum = 0;
    for (int s = 0; s < SHARDS; s++) sum += ((const float *)io->operands[s])[k];
    out[k] = sum;
  }
}

void __wrap_ddla_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first,
                          int64_t count, bool stream) {
  const void *operands[SHARDS];
  ddla_tree_io other = *io;
  atomic_fetch_add(&sums_seen, 1);
  order now = atomic_load(&order_now);
  if (now == LEFT_TO_RIGHT && plan->operand_count == SHARDS) {
    left_to_right(io, first, count);
    return;
  }
  for (int s = 0; s < SHARDS && s < plan->operand_count; s++) {
    int from = s;
    if (now == MIRRORED) from = plan->operand_count - 1 - s;
    if (now == SWAPPED && (s == 1 || s == 2)) from = 3 - s;
    operands[s] = io->operands[from];
  }
  if (plan->operand_count == SHARDS) other.operands = operands;
  __real_ddla_tree_run(plan, &other, first, count, stream);
}

static ddla_status train(char sha256[65], const char *model, const char *directory) {
  static const char text[] = "train: {batch: 64, steps: 3, optimizer: sgd, learning_rate: 0.1}\n"
                             "parallel: {agents: 8, lanes: 1}\n";
  ddla_job *job = NULL;
  ddla_train_result result = {0};
  ddla_status status = ddla_job_load_text(&job, text, sizeof text - 1, "order");
  if (status == DDLA_OK) status = ddla_job_set(job, model);
  if (status == DDLA_OK) status = ddla_job_set(job, "model.hidden=[32]");
  if (status == DDLA_OK) status = ddla_job_set(job, "output.overwrite=true");
  const ddla_train_options options = {.directory = directory};
  if (status == DDLA_OK) status = ddla_train(&result, job, &options);
  ddla_job_destroy(job);
  if (status == DDLA_OK) memcpy(sha256, result.model_sha256, 65);
  return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static void remove_run(const char *directory) {
  nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void model_of(char sha256[65], const char *model, order how) {
  char directory[] = "/tmp/ddla-order-XXXXXX";
  if (!mkdtemp(directory)) fail_msg("no directory to train in");
  atomic_store(&order_now, how);
  atomic_store(&sums_seen, 0);
  ddla_status status = train(sha256, model, directory);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  remove_run(directory);
  assert_true(atomic_load(&sums_seen) >= 3);
}

static void check_orders(const char *model) {
  char tree[65], again[65], mirrored[65], swapped[65], sequence[65];
  model_of(tree, model, FIXED_TREE);
  model_of(again, model, FIXED_TREE);
  model_of(mirrored, model, MIRRORED);
  model_of(swapped, model, SWAPPED);
  model_of(sequence, model, LEFT_TO_RIGHT);
  assert_string_equal(tree, again);
  assert_string_equal(tree, mirrored);
  assert_string_not_equal(tree, swapped);
  assert_string_not_equal(tree, sequence);
  assert_string_not_equal(swapped, sequence);
}

static void order_shows_in_mlp(void **state) {
  (void)state;
  check_orders("model.kind=mlp");
}

static void order_shows_in_cnn(void **state) {
  (void)state;
  check_orders("model.kind=cnn");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(order_shows_in_mlp),
                                     cmocka_unit_test(order_shows_in_cnn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
