#include "share/tiers/board.h"

#include <stddef.h>

#include "base/clock.h"

enum { LINE = 64 };

static size_t rounded(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static size_t rows_bytes(const ddla_board_sizes *s) {
  return rounded((size_t)s->ask_rows * (size_t)s->slips * sizeof(int64_t));
}

static size_t answer_bytes(const ddla_board_sizes *s) {
  return rounded((size_t)s->ask_rows * s->sample_bytes);
}

size_t ddla_board_bytes(const ddla_board_sizes *s) {
  return rounded(sizeof(ddla_board_head)) + (size_t)s->ahead * sizeof(ddla_board_slot) +
         (size_t)s->slips * sizeof(ddla_board_slip) + rows_bytes(s) +
         (size_t)s->slips * answer_bytes(s) + (size_t)s->ahead * rounded(s->step_bytes);
}

ddla_board ddla_board_open(const ddla_board_sizes *s, ddla_transport *local, void *memory) {
  char *at = memory;
  ddla_board board = {.sizes = *s, .local = local, .head = memory};
  board.slot = (ddla_board_slot *)(void *)(at += rounded(sizeof *board.head));
  board.slip = (ddla_board_slip *)(void *)(at += (size_t)s->ahead * sizeof *board.slot);
  board.rows = (int64_t *)(void *)(at += (size_t)s->slips * sizeof *board.slip);
  board.answer = (unsigned char *)(at += rows_bytes(s));
  board.steps = (unsigned char *)(at + (size_t)s->slips * answer_bytes(s));
  return board;
}

void ddla_board_count(ddla_board *board, size_t member, int tier, int64_t more) {
  atomic_fetch_add_explicit(&board->head->counts[member / sizeof(int64_t) + (size_t)tier], more,
                            memory_order_relaxed);
}

void ddla_board_set(ddla_board *board, size_t member, int64_t value) {
  atomic_store_explicit(&board->head->counts[member / sizeof(int64_t)], value,
                        memory_order_relaxed);
}

unsigned char *ddla_board_step(const ddla_board *board, int64_t index) {
  return board->steps + (size_t)index * rounded(board->sizes.step_bytes);
}

unsigned char *ddla_board_answer(const ddla_board *board, int number) {
  return board->answer + (size_t)number * answer_bytes(&board->sizes);
}

ddla_tier_counts ddla_board_counts(const ddla_board *board) {
  ddla_tier_counts made = {0};
  int64_t *to = (int64_t *)(void *)&made;
  for (size_t i = 0; i < sizeof made / sizeof *to; i++)
    to[i] = atomic_load_explicit(&board->head->counts[i], memory_order_relaxed);
  return made;
}

static void record(const ddla_board_asker *who, int tier, int64_t time_ns) {
  if (who && who->pen)
    ddla_watch_mark_at(who->pen, DDLA_PHASE_SUPPLY, ddla_watch_supply_pack((ddla_tier)tier, 0),
                       time_ns);
}

/* Waits for a word, and notes for how long and for which tier. That is known when it has answered:
 * until then it may be the farthest. */
static ddla_status wait_for(ddla_board *board, const ddla_word *word, uint64_t value,
                            const _Atomic int64_t *tier, const ddla_board_asker *who) {
  if (atomic_load(word) >= value) {
    ddla_board_count(board, offsetof(ddla_tier_counts, ready), 0, 1);
    if (who && who->waits) ddla_data_waits_hit(who->waits, (ddla_tier)atomic_load(tier));
    return DDLA_OK;
  }
  const ddla_clock *clock = ddla_clock_monotonic();
  const int64_t start_ns = ddla_clock_now_ns(clock);
  record(who, DDLA_TIER_ORIGIN, start_ns);
  DDLA_TRY(ddla_transport_word_wait(board->local, word, value, -1));
  const int farthest = (int)atomic_load(tier);
  const int64_t end_ns = ddla_clock_now_ns(clock), ns = end_ns - start_ns;
  if (farthest != DDLA_TIER_ORIGIN) record(who, farthest, start_ns);
  if (who && who->pen) ddla_watch_mark_at(who->pen, who->phase, who->detail, end_ns);
  ddla_board_count(board, offsetof(ddla_tier_counts, waits), farthest, 1);
  ddla_board_count(board, offsetof(ddla_tier_counts, waited_ns), farthest, ns);
  if (who && who->waits) ddla_data_waits_wait(who->waits, (ddla_tier)farthest, ns);
  return DDLA_OK;
}

static void ring(ddla_board *board) {
  atomic_fetch_add(&board->head->events, 1);
  ddla_transport_word_wake(board->local, &board->head->events);
}

void ddla_board_enter(ddla_board *board, int64_t step) {
  uint64_t before = atomic_load(&board->head->now);
  while (before < (uint64_t)step)
    if (atomic_compare_exchange_weak(&board->head->now, &before, (uint64_t)step)) {
      ring(board);
      return;
    }
}

ddla_status ddla_board_foreseen(const void **out, ddla_board *board, int64_t step,
                                const ddla_board_asker *who) {
  const int64_t index = step % board->sizes.ahead;
  const ddla_board_slot *slot = &board->slot[index];
  DDLA_TRY(wait_for(board, &slot->filled, (uint64_t)step + 1, &slot->tier, who));
  *out = ddla_board_step(board, index);
  return DDLA_OK;
}

int64_t *ddla_board_rows(const ddla_board *board, int number) {
  return board->rows + number * board->sizes.ask_rows;
}

ddla_status ddla_board_ask(const void **out, ddla_board *board, int number, int set, int64_t count,
                           const ddla_board_asker *who) {
  ddla_board_slip *slip = &board->slip[number];
  const uint64_t question = atomic_load(&slip->asked) + 1;
  slip->set = set;
  slip->count = count;
  atomic_store(&slip->asked, question);
  ring(board);
  DDLA_TRY(wait_for(board, &slip->answered, question, &slip->tier, who));
  *out = ddla_board_answer(board, number);
  return DDLA_OK;
}
