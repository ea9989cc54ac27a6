#include "coll/tree.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "coll/tree_kernel.h"

/* Elements of one block in bytes: operands' blocks, the temporaries and the result stay in the
 * first-level caches while a plan runs over them. */
enum { BLOCK_BYTES = 2048 };

size_t ddla_coll_type_bytes(ddla_coll_type type) {
  static const size_t bytes[] = {
      [DDLA_COLL_F32] = 4, [DDLA_COLL_F64] = 8, [DDLA_COLL_I64] = 8, [DDLA_COLL_BYTE] = 1};
  return bytes[type];
}

int64_t ddla_tree_left(int64_t count) {
  DDLA_ASSERT(count > 1);
  int64_t left = 1;
  while (left * 2 < count) left *= 2;
  return left;
}

bool ddla_tree_is_subtree(int64_t leaves, ddla_tree_part part) {
  ddla_tree_part at = {0, leaves};
  if (part.count < 1 || part.first < 0 || part.first > leaves - part.count) return false;
  while (at.count > part.count) {
    int64_t left = ddla_tree_left(at.count);
    if (part.first < at.first + left) at.count = left;
    else at = (ddla_tree_part){at.first + left, at.count - left};
  }
  return at.count == part.count && at.first == part.first;
}

typedef struct cutter {
  ddla_tree_part *parts;
  int room, count;
} cutter;

static void cut(cutter *c, ddla_tree_part at, ddla_tree_part whole) {
  int64_t end = at.first + at.count, whole_end = whole.first + whole.count;
  if (end <= whole.first || at.first >= whole_end || c->count < 0) return;
  if (at.first >= whole.first && end <= whole_end) {
    if (c->count == c->room) c->count = -1;
    else c->parts[c->count++] = at;
    return;
  }
  int64_t left = ddla_tree_left(at.count);
  cut(c, (ddla_tree_part){at.first, left}, whole);
  cut(c, (ddla_tree_part){at.first + left, at.count - left}, whole);
}

int ddla_tree_cut(ddla_tree_part *parts, int room, int64_t leaves, ddla_tree_part whole) {
  cutter c = {parts, room, 0};
  if (leaves > 0 && whole.count > 0) cut(&c, (ddla_tree_part){0, leaves}, whole);
  return c.count;
}

/* A sum while it is planned: term < OPERANDS_MAX is an operand, otherwise the sum of two earlier
 * ones. */
enum { ABSENT = -1, SUMS = DDLA_TREE_OPERANDS_MAX };

typedef struct planner {
  const ddla_tree_part *parts;
  const bool *absent;
  int next, count, sum_count;
  int left[DDLA_TREE_OPERANDS_MAX], right[DDLA_TREE_OPERANDS_MAX];
  bool temp_used[DDLA_TREE_TEMPS_MAX];
  bool out_of_order;
  ddla_tree_plan *plan;
} planner;

/* The term for a tree interval: consumes the operands that lie in it, from left to right. */
static int term_of(planner *p, ddla_tree_part at) {
  if (p->next == p->count || p->parts[p->next].first >= at.first + at.count) return ABSENT;
  ddla_tree_part part = p->parts[p->next];
  if (part.first == at.first && part.count == at.count) {
    int operand = p->next++;
    return p->absent && p->absent[operand] ? ABSENT : operand;
  }
  if (at.count == 1) { /* its part begins before this leaf: no subtree, or out of order */
    p->out_of_order = true;
    return ABSENT;
  }
  int64_t half = ddla_tree_left(at.count);
  int left = term_of(p, (ddla_tree_part){at.first, half});
  int right = term_of(p, (ddla_tree_part){at.first + half, at.count - half});
  if (left == ABSENT) return right;
  if (right == ABSENT) return left;
  p->left[p->sum_count] = left;
  p->right[p->sum_count] = right;
  return SUMS + p->sum_count++;
}

/* Replaces every term of a balanced list by its two halves if all are sums; false if one is not. */
static bool widen(const planner *p, int *terms, int *width) {
  for (int i = 0; i < *width; i++)
    if (terms[i] < SUMS) return false;
  for (int i = *width - 1; i >= 0; i--) {
    int sum = terms[i] - SUMS;
    terms[2 * i] = p->left[sum];
    terms[2 * i + 1] = p->right[sum];
  }
  *width *= 2;
  return true;
}

static int take_temp(planner *p) {
  int temp = 0;
  while (temp < DDLA_TREE_TEMPS_MAX && p->temp_used[temp]) temp++;
  DDLA_ASSERT(temp < DDLA_TREE_TEMPS_MAX);
  p->temp_used[temp] = true;
  if (temp >= p->plan->temp_count) p->plan->temp_count = temp + 1;
  return temp;
}

/* Emits what a term needs; the place of its value. Up to three levels of a sum go into one pass. */
static int emit(planner *p, int term) {
  if (term < SUMS) return term;
  int terms[8] = {term}, width = 1;
  while (width < 8 && widen(p, terms, &width)) {
  }
  ddla_tree_add add = {.width = (uint8_t)width};
  for (int i = 0; i < width; i++) add.inputs[i] = (uint8_t)emit(p, terms[i]);
  for (int i = 0; i < width; i++)
    if (add.inputs[i] >= SUMS) p->temp_used[add.inputs[i] - SUMS] = false;
  add.output = (uint8_t)take_temp(p);
  p->plan->adds[p->plan->add_count++] = add;
  return SUMS + add.output;
}

ddla_status ddla_tree_plan_make(ddla_tree_plan *out, int64_t leaves, const ddla_tree_part *parts,
                                const bool *absent, int count) {
  if (count > DDLA_TREE_OPERANDS_MAX)
    return DDLA_FAIL(UNSUPPORTED, "a sum of %d operands; at most %d", count,
                     DDLA_TREE_OPERANDS_MAX);
  for (int i = 0; i < count; i++)
    if (!ddla_tree_is_subtree(leaves, parts[i]))
      return DDLA_FAIL(INVALID,
                       "leaves %" PRId64 " to %" PRId64 " are no subtree of the sum over %" PRId64,
                       parts[i].first, parts[i].first + parts[i].count, leaves);
  ddla_tree_plan made = {.operand_count = count};
  planner p = {.parts = parts, .absent = absent, .count = count, .plan = &made};
  int term = count ? term_of(&p, (ddla_tree_part){0, leaves}) : ABSENT;
  if (p.out_of_order || p.next != count)
    return DDLA_FAIL(INVALID, "the operands of a sum overlap or are out of order");
  if (term >= SUMS) emit(&p, term);
  else if (term != ABSENT)
    made.adds[made.add_count++] = (ddla_tree_add){.width = 1, .inputs = {(uint8_t)term}};
  *out = made;
  return DDLA_OK;
}

typedef struct temporaries {
  _Alignas(64) unsigned char block[DDLA_TREE_TEMPS_MAX][BLOCK_BYTES];
} temporaries;

/* Points a pass at one block. */
static void aim(ddla_tree_pass *pass, const ddla_tree_add *add, const ddla_tree_io *io,
                temporaries *temps, size_t offset) {
  pass->width = add->width;
  for (int i = 0; i < add->width; i++) {
    int input = add->inputs[i];
    pass->inputs[i] = input < SUMS ? (const unsigned char *)io->operands[input] + offset
                                   : temps->block[input - SUMS];
  }
}

static void aim_result(ddla_tree_pass *pass, const ddla_tree_io *io, size_t offset) {
  pass->output_count = io->output_count;
  for (int i = 0; i < io->output_count; i++)
    pass->outputs[i] = (unsigned char *)io->outputs[i] + offset;
}

static void zero(const ddla_tree_io *io, size_t offset, size_t bytes) {
  for (int i = 0; i < io->output_count; i++)
    memset((unsigned char *)io->outputs[i] + offset, 0, bytes);
}

static bool streamable(const ddla_tree_io *io, size_t offset) {
  for (int i = 0; i < io->output_count; i++)
    if (((uintptr_t)io->outputs[i] + offset) % 64) return false;
  return true;
}

/* Several passes per block, through temporaries in the first-level cache. */
static void run_blocks(const ddla_tree_plan *plan, const ddla_tree_io *io, size_t offset,
                       int64_t count, bool stream) {
  temporaries temps;
  ddla_tree_pass pass = {0};
  ddla_tree_kernel *kernel = ddla_tree_kernel_for(io->type);
  size_t size = ddla_coll_type_bytes(io->type);
  int64_t block = BLOCK_BYTES / (int64_t)size;
  for (int64_t done = 0; done < count; done += block) {
    int64_t now = count - done < block ? count - done : block;
    size_t at = offset + (size_t)done * size;
    for (int i = 0; i < plan->add_count; i++) {
      pass.output_count = 1;
      pass.outputs[0] = temps.block[plan->adds[i].output];
      pass.stream = false;
      aim(&pass, &plan->adds[i], io, &temps, at);
      if (i == plan->add_count - 1) {
        aim_result(&pass, io, at);
        pass.stream = stream;
      }
      kernel(&pass, now);
    }
  }
}

void ddla_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first, int64_t count,
                   bool stream) {
  DDLA_ASSERT(io->type != DDLA_COLL_BYTE);
  DDLA_ASSERT(io->output_count >= 1 && io->output_count <= DDLA_TREE_OUTPUTS_MAX);
  size_t size = ddla_coll_type_bytes(io->type), offset = (size_t)first * size;
  stream = stream && streamable(io, offset);
  if (plan->add_count == 0) {
    zero(io, offset, (size_t)count * size);
  } else if (plan->add_count == 1) {
    ddla_tree_pass pass = {.stream = stream};
    aim(&pass, &plan->adds[0], io, NULL, offset);
    aim_result(&pass, io, offset);
    ddla_tree_kernel_for(io->type)(&pass, count);
  } else {
    run_blocks(plan, io, offset, count, stream);
  }
#if defined(__x86_64__)
  if (stream) __builtin_ia32_sfence();
#endif
}

ddla_status ddla_tree_reduce(const ddla_tree_io *io, int64_t leaves, const ddla_tree_part *parts,
                             int operand_count, int64_t elements) {
  bool absent[DDLA_TREE_OPERANDS_MAX] = {0};
  for (int i = 0; i < operand_count && i < DDLA_TREE_OPERANDS_MAX; i++)
    absent[i] = !io->operands[i];
  ddla_tree_plan plan;
  DDLA_TRY(ddla_tree_plan_make(&plan, leaves, parts, absent, operand_count));
  size_t bytes = (size_t)elements * ddla_coll_type_bytes(io->type);
  ddla_tree_run(&plan, io, 0, elements, bytes >= (size_t)4 << 20);
  return DDLA_OK;
}
