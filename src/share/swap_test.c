#include "share/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <string.h>

#include "base/xxh3.h"

enum { MOST = 4096 };

static int part_of(const ddla_swap *swap, int64_t place) {
  int part = 0;
  while (place >= ddla_swap_first(swap, part + 1)) part++;
  return part;
}

/* Every exchange is a permutation in which each part gives and gets what it should, and nothing
 * comes back to whom it came from. */
static void check(const ddla_swap *swap, int epochs) {
  static int64_t before[MOST], after[MOST], again[MOST];
  int64_t wanted[DDLA_PARTS_MAX];
  const int64_t all = ddla_swap_first(swap, swap->parts);
  assert_int_equal(ddla_swap_at(before, swap, 0), DDLA_OK);
  ddla_swap_gives(wanted, swap);
  for (int e = 0; e < epochs; e++) {
    int64_t gave[DDLA_PARTS_MAX] = {0};
    char seen[MOST] = {0};
    static int64_t place_of[MOST];
    for (int64_t i = 0; i < all; i++) place_of[before[i]] = i;
    memcpy(after, before, sizeof before);
    assert_int_equal(ddla_swap_step(after, swap, e), DDLA_OK);
    for (int64_t i = 0; i < all; i++) {
      assert_int_equal(seen[after[i]]++, 0);
      if (after[i] == before[i]) continue;
      assert_int_not_equal(part_of(swap, place_of[after[i]]), part_of(swap, i));
      gave[part_of(swap, place_of[after[i]])]++;
    }
    assert_memory_equal(gave, wanted, (size_t)swap->parts * sizeof *gave);
    assert_int_equal(ddla_swap_at(again, swap, e + 1), DDLA_OK);
    assert_memory_equal(again, after, (size_t)all * sizeof *after);
    memcpy(before, after, sizeof before);
  }
}

static void each_gives_a_fraction_to_others(void **state) {
  (void)state;
  check(&(ddla_swap){.parts = 4, .count = {100, 100, 100, 100}, .fraction = 0.3, .seed = 1}, 5);
  check(&(ddla_swap){.parts = 3, .count = {270, 108, 162}, .fraction = 0.5, .seed = 2}, 5);
  check(&(ddla_swap){.parts = 3, .count = {700, 300, 400}, .fraction = 1, .seed = 3}, 3);
  check(&(ddla_swap){.parts = 8, .count = {9, 1, 30, 2, 5, 1, 1, 4}, .fraction = 0.4, .seed = 4},
        9);
  check(&(ddla_swap){.parts = 2, .count = {50, 50}, .fraction = 0.02, .seed = 5}, 5);
}

/* Who is larger than all others together gives as many as they do; who is alone gives none. */
static void the_largest_gives_what_others_take(void **state) {
  (void)state;
  const ddla_swap large = {.parts = 3, .count = {900, 30, 20}, .fraction = 0.5, .seed = 1};
  int64_t gives[DDLA_PARTS_MAX];
  ddla_swap_gives(gives, &large);
  assert_int_equal(gives[0], 25);
  check(&large, 5);
  check(&(ddla_swap){.parts = 1, .count = {10}, .fraction = 1, .seed = 1}, 2);
  check(&(ddla_swap){.parts = 3, .count = {10, 10, 10}, .fraction = 0, .seed = 1}, 2);
}

/* From each part to each other one, about as many. */
static void samples_go_everywhere(void **state) {
  (void)state;
  const ddla_swap swap = {.parts = 4, .count = {1000, 1000, 1000, 1000}, .fraction = 1, .seed = 9};
  static int64_t held[MOST];
  int went[4][4] = {{0}};
  assert_int_equal(ddla_swap_at(held, &swap, 1), DDLA_OK);
  for (int64_t i = 0; i < 4000; i++) went[held[i] / 1000][i / 1000]++;
  for (int a = 0; a < 4; a++)
    for (int b = 0; b < 4; b++)
      if (a == b) assert_int_equal(went[a][b], 0);
      else assert_in_range(went[a][b], 150, 600);
}

/* Fixed for ever: a run that goes on must find the samples where they were. */
static void exchanges_are_the_ones_they_were(void **state) {
  (void)state;
  const ddla_swap swap = {.parts = 3, .count = {270, 108, 162}, .fraction = 0.5, .seed = 2};
  static int64_t held[MOST];
  assert_int_equal(ddla_swap_at(held, &swap, 7), DDLA_OK);
  assert_int_equal(ddla_xxh3_of(held, 540 * sizeof *held), UINT64_C(0xbfdca918bfe356f0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_gives_a_fraction_to_others),
      cmocka_unit_test(the_largest_gives_what_others_take),
      cmocka_unit_test(samples_go_everywhere),
      cmocka_unit_test(exchanges_are_the_ones_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
