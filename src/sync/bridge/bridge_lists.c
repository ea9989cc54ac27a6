#include "sync/bridge/bridge_lists.h"

#include "base/alloc.h"
#include "sync/bridge/bridge_messages.h"

/* What is under way of a step's lists. */
typedef enum lists_stage { LISTS_NOT_BEGUN, LISTS_COUNTS, LISTS_ROWS, LISTS_VALUES } lists_stage;

struct ddla_bridge_lists {
  const ddla_bridge_options *options;
  const ddla_bridge_layout *layout;
  ddla_bridge_flight flight;
  int *table; /* [table_count] ranges of the state that are kept by row */
  int table_count;
  int64_t *counts; /* [operands][table_count] rows of each list */
  /* The step under way, or the last one. */
  uint64_t number;
  ddla_operand operand[DDLA_TREE_OPERANDS_MAX]; /* of all hosts */
  int count;
  lists_stage stage;
  int at; /* the table under way; table_count: all are here */
};

static int this_host(const ddla_bridge_lists *l) { return l->layout->cluster.host; }

static bool is_own(const ddla_bridge_lists *l, int operand) {
  return l->operand[operand].host == this_host(l);
}

static ddla_rows list_of(const ddla_bridge_lists *l, int operand, int table) {
  return ddla_state_list(l->options->state, l->table[table], l->options->lists, 0,
                         l->operand[operand].copy);
}

static int64_t *counts_of(const ddla_bridge_lists *l, int operand) {
  return l->counts + (int64_t)operand * l->table_count;
}

/* An operand's data go to all others, or come from its host. */
static ddla_status move(ddla_bridge_lists *l, int operand, uint64_t tag, void *data, size_t bytes) {
  if (bytes == 0) return DDLA_OK;
  if (is_own(l, operand))
    return ddla_bridge_send_to_all(&l->flight, &l->layout->cluster, tag, data, bytes);
  return ddla_bridge_recv(&l->flight, l->operand[operand].host, tag, data, bytes);
}

static ddla_status start_counts(ddla_bridge_lists *l) {
  const size_t bytes = (size_t)l->table_count * sizeof *l->counts;
  for (int i = 0; i < l->count; i++) {
    if (l->operand[i].absent) continue;
    for (int t = 0; t < l->table_count; t++)
      if (is_own(l, i)) counts_of(l, i)[t] = *list_of(l, i, t).count;
    DDLA_TRY(
        move(l, i, ddla_bridge_tag(l->number, DDLA_BRIDGE_COUNTS, 0, i), counts_of(l, i), bytes));
  }
  return DDLA_OK;
}

static ddla_status take_counts(const ddla_bridge_lists *l) {
  for (int i = 0; i < l->count; i++) {
    for (int t = 0; t < l->table_count && !l->operand[i].absent; t++) {
      const ddla_rows list = list_of(l, i, t);
      const int64_t count = counts_of(l, i)[t];
      if (count < 0 || count > list.capacity)
        return DDLA_FAIL(INVALID, "host %d lists %lld rows of a table where %lld are the most",
                         l->operand[i].host, (long long)count, (long long)list.capacity);
      *list.count = count;
    }
  }
  return DDLA_OK;
}

static ddla_status start_table(ddla_bridge_lists *l, bool values) {
  const ddla_bridge_message message = values ? DDLA_BRIDGE_VALUES : DDLA_BRIDGE_ROWS;
  for (int i = 0; i < l->count; i++) {
    if (l->operand[i].absent) continue;
    const ddla_rows list = list_of(l, i, l->at);
    const size_t row = values ? (size_t)list.width * sizeof *list.value : sizeof *list.row;
    DDLA_TRY(move(l, i, ddla_bridge_tag(l->number, message, l->at, i),
                  values ? (void *)list.value : (void *)list.row, (size_t)*list.count * row));
  }
  return DDLA_OK;
}

/* What comes after what is over. */
static ddla_status go_on(ddla_bridge_lists *l) {
  if (l->stage == LISTS_NOT_BEGUN) {
    l->stage = LISTS_COUNTS;
    return start_counts(l);
  }
  if (l->stage == LISTS_COUNTS) DDLA_TRY(take_counts(l));
  if (l->stage == LISTS_VALUES && ++l->at == l->table_count) return DDLA_OK;
  l->stage = l->stage == LISTS_ROWS ? LISTS_VALUES : LISTS_ROWS;
  return start_table(l, l->stage == LISTS_VALUES);
}

ddla_status ddla_bridge_lists_advance(ddla_bridge_lists *l, bool *moved) {
  while (!ddla_bridge_lists_over(l)) {
    bool over = false;
    DDLA_TRY(ddla_bridge_look(&l->flight, &over, moved));
    if (!over) return DDLA_OK;
    DDLA_TRY(go_on(l));
    *moved = true;
  }
  return DDLA_OK;
}

bool ddla_bridge_lists_over(const ddla_bridge_lists *l) { return l->at == l->table_count; }

bool ddla_bridge_lists_under_way(const ddla_bridge_lists *l) { return l->flight.open > 0; }

void ddla_bridge_lists_begin(ddla_bridge_lists *l, uint64_t number, int64_t samples) {
  l->number = number;
  l->count = ddla_operands_list_all(l->operand, l->options->operands, 0, samples);
  l->stage = LISTS_NOT_BEGUN;
  l->at = 0;
}

static ddla_status make(ddla_bridge_lists *l, int64_t *sent_bytes) {
  const ddla_state *state = l->options->state;
  DDLA_TRY(DDLA_NEW(l->table, ddla_state_range_count(state) + 1));
  for (int i = 0; i < ddla_state_range_count(state); i++)
    if (ddla_state_range_at(state, i)->touched_max > 0) l->table[l->table_count++] = i;
  l->at = l->table_count;
  DDLA_TRY(DDLA_NEW(l->counts, (int64_t)DDLA_TREE_OPERANDS_MAX * l->table_count + 1));
  l->flight = (ddla_bridge_flight){.link = l->options->link,
                                   .room = DDLA_TREE_OPERANDS_MAX * l->layout->cluster.hosts,
                                   .sent_bytes = sent_bytes};
  return DDLA_NEW(l->flight.request, l->flight.room);
}

ddla_status ddla_bridge_lists_create(ddla_bridge_lists **out, const ddla_bridge_options *options,
                                     int64_t *sent_bytes) {
  ddla_bridge_lists *l = NULL;
  DDLA_TRY(DDLA_NEW(l, 1));
  l->options = options;
  l->layout = options->layout;
  const ddla_status status = make(l, sent_bytes);
  if (status == DDLA_OK) *out = l;
  else ddla_bridge_lists_destroy(l);
  return status;
}

void ddla_bridge_lists_destroy(ddla_bridge_lists *l) {
  if (!l) return;
  ddla_bridge_drop(&l->flight);
  ddla_free(l->flight.request);
  ddla_free(l->counts);
  ddla_free(l->table);
  ddla_free(l);
}
