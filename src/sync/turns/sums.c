#include "sync/turns/sums.h"

/* Of those of the parts that lie in leaves [first, first + leaves). */
static ddla_letter_sums sum_of(const ddla_letter_sums *sums, const ddla_tree_part *part, int count,
                               ddla_tree_part node) {
  while (count > 0 && part->first < node.first) part++, sums++, count--;
  while (count > 0 && part[count - 1].first >= node.first + node.count) count--;
  if (count == 0) return (ddla_letter_sums){.loss = 0};
  if (count == 1) return sums[0];
  const int64_t half = ddla_tree_left(node.count);
  ddla_letter_sums left = sum_of(sums, part, count, (ddla_tree_part){node.first, half});
  const ddla_letter_sums right =
      sum_of(sums, part, count, (ddla_tree_part){node.first + half, node.count - half});
  ddla_sums_add(&left, &right);
  return left;
}

ddla_letter_sums ddla_sums_tree(const ddla_letter_sums *sums, const ddla_tree_part *part, int count,
                                int64_t leaves) {
  return sum_of(sums, part, count, (ddla_tree_part){0, leaves});
}
