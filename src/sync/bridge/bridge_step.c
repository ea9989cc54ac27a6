#include "sync/bridge/bridge_step.h"

#include <string.h>

#include "base/alloc.h"
#include "sync/bridge/bridge_gather.h"
#include "sync/bridge/bridge_lists.h"
#include "sync/bridge/bridge_messages.h"

typedef enum range_state {
  RANGE_COMPUTED, /* or not yet: its gradients are not final */
  RANGE_GATHERED, /* the owner waits for the others' partial sums */
  RANGE_SUMMED,   /* with a division: the owner's workers make something of the sum */
  RANGE_GIVEN,    /* the owner gives the sum, or what was made of it, to all */
  RANGE_TAKEN,    /* the others wait for that */
  RANGE_DONE
} range_state;

typedef struct range {
  range_state state;
  bool here; /* its sum */
  int64_t begin, count;
  int owner;
  ddla_bridge_flight flight;
} range;

/* A partial sum of this host over a subtree of its shards. */
typedef struct own_part {
  ddla_tree_plan plan; /* over `operand` */
  const float *operand[DDLA_TREE_OPERANDS_MAX];
  float *sum;          /* [space], or null until it is needed */
  const float *direct; /* the one operand that it is, or null */
  bool absent;
} own_part;

struct ddla_bridge_step {
  const ddla_bridge_options *options;
  const ddla_bridge_layout *layout;
  range range[DDLA_BRIDGE_RANGES_MAX];
  own_part own[DDLA_TREE_OPERANDS_MAX]; /* parts of this host */
  float *received;                      /* [other hosts' parts][range_elements of each own range] */
  int64_t received_room;
  ddla_bridge_gather *gather; /* with a division */
  ddla_bridge_lists *lists;   /* where gradients are kept by row */
  /* The step under way, or the last one. */
  uint64_t number; /* of its order */
  ddla_bridge_order order;
  bool absent[DDLA_TREE_OPERANDS_MAX]; /* parts of all hosts that are of no samples */
  int computed, here;   /* ranges from the top down whose gradients are final; that are there */
  int summed;           /* own ones of these */
  float *given;         /* [space]: what owners give to all */
  ddla_tree_plan total; /* the sum over all hosts' parts */
  int64_t first_ns, computed_ns;
};

static int64_t now_ns(const ddla_bridge_step *b) {
  return ddla_clock_now_ns(ddla_transport_clock(b->options->link));
}

static const ddla_bridge_host *this_host(const ddla_bridge_step *b) {
  return &b->layout->host[b->layout->cluster.host];
}

/* ---- memory ---- */

static int own_ranges(const ddla_bridge_step *b) { return ddla_bridge_own_ranges(b->layout); }

static bool is_divided(const ddla_bridge_step *b) { return b->options->division.waits != NULL; }

static int other_parts(const ddla_bridge_step *b) {
  return b->layout->part_count - this_host(b)->part_count;
}

/* Room for what is under way of one range: the owner's receives are over before it sends. */
static int flight_room(const ddla_bridge_step *b) {
  int most = other_parts(b) > b->layout->cluster.hosts ? other_parts(b) : b->layout->cluster.hosts;
  return most > this_host(b)->part_count + 1 ? most : this_host(b)->part_count + 1;
}

/* Room for what is under way and what is received with the hosts' shares of shards as they are now.
 * Nothing is under way. */
static ddla_status make_room(ddla_bridge_step *b) {
  const int64_t received = (int64_t)other_parts(b) * own_ranges(b) * b->layout->range_elements + 1;
  for (int r = 0; r < b->layout->ranges; r++) {
    ddla_bridge_flight *flight = &b->range[r].flight;
    if (flight->room >= flight_room(b)) continue;
    ddla_free(flight->request);
    flight->request = NULL;
    flight->room = 0;
    DDLA_TRY(DDLA_NEW(flight->request, flight_room(b)));
    flight->room = flight_room(b);
  }
  if (b->received_room >= received) return DDLA_OK;
  ddla_free(b->received);
  b->received = NULL;
  b->received_room = 0;
  DDLA_TRY(DDLA_NEW(b->received, received));
  b->received_room = received;
  return DDLA_OK;
}

static ddla_status make_ranges(ddla_bridge_step *b, int64_t *sent_bytes) {
  for (int r = 0; r < b->layout->ranges; r++) {
    range *made = &b->range[r];
    ddla_bridge_range(b->layout, r, &made->begin, &made->count);
    made->owner = ddla_bridge_owner(b->layout, r);
    made->flight = (ddla_bridge_flight){.link = b->options->link, .sent_bytes = sent_bytes};
  }
  return make_room(b);
}

/* Where part `part` (of all hosts', not of this one) of an own range arrives. */
static float *received_at(const ddla_bridge_step *b, int index, int part) {
  const ddla_bridge_host *here = this_host(b);
  const int64_t number = part < here->first_part ? part : part - here->part_count;
  const int64_t place = number * own_ranges(b) + index / b->layout->cluster.hosts;
  return b->received + place * b->layout->range_elements;
}

/* ---- a step ---- */

/* Which parts are of no samples: the same on all hosts. */
static void find_absent(ddla_bridge_step *b) {
  const int64_t samples = b->order.samples, shards = b->layout->shards;
  for (int p = 0; p < b->layout->part_count; p++) {
    const ddla_tree_part *part = &b->layout->part[p];
    b->absent[p] = samples * part->first / shards == samples * (part->first + part->count) / shards;
  }
}

/* What one of this host's partial sums is the sum of. */
static ddla_status plan_part(ddla_bridge_step *b, int index, const ddla_operand *operand,
                             int count) {
  const ddla_bridge_host *here = this_host(b);
  const ddla_tree_part *whole = &b->layout->part[here->first_part + index];
  own_part *own = &b->own[index];
  ddla_tree_part parts[DDLA_TREE_OPERANDS_MAX];
  bool absent[DDLA_TREE_OPERANDS_MAX];
  int taken = 0, present = 0;
  for (int i = 0; i < count; i++) {
    if (operand[i].part.first < whole->first ||
        operand[i].part.first >= whole->first + whole->count)
      continue;
    parts[taken] = (ddla_tree_part){operand[i].part.first - whole->first, operand[i].part.count};
    absent[taken] = operand[i].absent;
    own->operand[taken++] = operand[i].data;
    if (!operand[i].absent) own->direct = operand[i].data, present++;
  }
  own->absent = b->absent[here->first_part + index];
  if (present != 1) own->direct = NULL;
  if (own->absent || own->direct) return DDLA_OK;
  if (!own->sum) DDLA_TRY(DDLA_NEW(own->sum, b->layout->space));
  return ddla_tree_plan_make(&own->plan, whole->count, parts, absent, taken);
}

/* Ready for the other hosts' parts of an own range. */
static ddla_status expect(ddla_bridge_step *b, int index) {
  range *r = &b->range[index];
  for (int h = 0; h < b->layout->cluster.hosts; h++) {
    const ddla_bridge_host *host = &b->layout->host[h];
    for (int p = 0; p < host->part_count && h != b->layout->cluster.host; p++) {
      const int part = host->first_part + p;
      if (b->absent[part]) continue;
      DDLA_TRY(ddla_bridge_recv(&r->flight, h,
                                ddla_bridge_tag(b->number, DDLA_BRIDGE_PARTIAL, index, p),
                                received_at(b, index, part), (size_t)r->count * sizeof(float)));
    }
  }
  return DDLA_OK;
}

/* When a step begins: what others compute first need not wait for this host's word. */
static ddla_status expect_all(ddla_bridge_step *b) {
  for (int k = 0; k < own_ranges(b) && !b->options->fast; k++)
    DDLA_TRY(expect(b, ddla_bridge_own(b->layout, k)));
  return DDLA_OK;
}

ddla_status ddla_bridge_step_begin(ddla_bridge_step *b, uint64_t number,
                                   const ddla_bridge_order *order) {
  b->number = number;
  b->order = *order;
  DDLA_TRY(make_room(b));
  find_absent(b);
  DDLA_TRY(ddla_tree_plan_make(&b->total, b->layout->shards, b->layout->part, b->absent,
                               b->layout->part_count));
  for (int r = 0; r < b->layout->ranges; r++) {
    b->range[r].state = RANGE_COMPUTED;
    b->range[r].here = false;
  }
  b->computed = b->here = b->summed = 0;
  b->given = b->options->reduced;
  if (is_divided(b)) {
    b->given = b->options->division.parameters(b->options->calls.argument, order->step);
    ddla_bridge_gather_begin(b->gather, number, order->step);
  }
  if (b->lists) ddla_bridge_lists_begin(b->lists, number, order->samples);
  b->first_ns = b->computed_ns = 0;
  return expect_all(b);
}

/* This host's partial sum of a range; null: absent. */
static const float *own_sum(ddla_bridge_step *b, int index, const range *r) {
  own_part *own = &b->own[index];
  if (own->absent) return NULL;
  if (own->direct) return own->direct + r->begin;
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {own->sum};
  for (int i = 0; i < own->plan.operand_count; i++) operands[i] = own->operand[i];
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&own->plan, &io, r->begin, r->count, false);
  return own->sum + r->begin;
}

static void add_own(ddla_bridge_step *b, int index) {
  range *r = &b->range[index];
  for (int p = 0; p < this_host(b)->part_count; p++) own_sum(b, p, r);
  r->state = RANGE_GATHERED;
}

static ddla_status hand_over(ddla_bridge_step *b, int index) {
  range *r = &b->range[index];
  const size_t bytes = (size_t)r->count * sizeof(float);
  DDLA_TRY(ddla_bridge_recv(&r->flight, r->owner,
                            ddla_bridge_tag(b->number, DDLA_BRIDGE_SUM, index, 0),
                            b->given + r->begin, bytes));
  for (int p = 0; p < this_host(b)->part_count; p++) {
    const float *sum = own_sum(b, p, r);
    if (!sum) continue;
    DDLA_TRY(ddla_bridge_send(&r->flight, r->owner,
                              ddla_bridge_tag(b->number, DDLA_BRIDGE_PARTIAL, index, p), sum,
                              bytes));
  }
  r->state = RANGE_TAKEN;
  return DDLA_OK;
}

/* What this host has of a range goes where its sum will be, and the link adds it up. A host without
 * samples adds nothing. */
static ddla_status let_link_add(ddla_bridge_step *b, int index) {
  range *r = &b->range[index];
  float *to = b->options->reduced + r->begin;
  bool first = true;
  for (int p = 0; p < this_host(b)->part_count; p++) {
    const float *sum = own_sum(b, p, r);
    if (!sum) continue;
    if (first) memcpy(to, sum, (size_t)r->count * sizeof *to);
    for (int64_t k = 0; !first && k < r->count; k++) to[k] += sum[k];
    first = false;
  }
  if (first) memset(to, 0, (size_t)r->count * sizeof *to);
  r->state = RANGE_TAKEN;
  return ddla_bridge_add(&r->flight, to, r->count);
}

/* The owner's sum over all hosts' parts. */
static void sum_range(ddla_bridge_step *b, int index) {
  const range *r = &b->range[index];
  const ddla_bridge_host *here = this_host(b);
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {b->options->reduced + r->begin};
  for (int p = 0; p < b->layout->part_count; p++) {
    const int own = p - here->first_part;
    const bool mine = own >= 0 && own < here->part_count;
    operands[p] = NULL;
    if (b->absent[p]) continue;
    if (!mine) operands[p] = received_at(b, index, p);
    else operands[p] = (b->own[own].direct ? b->own[own].direct : b->own[own].sum) + r->begin;
  }
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&b->total, &io, 0, r->count, false);
}

/* To the next host first, so that not all hosts send to the same one at a time. */
static ddla_status give(ddla_bridge_step *b, int index) {
  range *r = &b->range[index];
  DDLA_TRY(ddla_bridge_send_to_all(&r->flight, &b->layout->cluster,
                                   ddla_bridge_tag(b->number, DDLA_BRIDGE_SUM, index, 0),
                                   b->given + r->begin, (size_t)r->count * sizeof(float)));
  r->state = RANGE_GIVEN;
  return DDLA_OK;
}

/* What the host's workers have to make before an own range can be given. */
static bool waits_for_made(ddla_service_word *out, const ddla_bridge_step *b, int index) {
  const ddla_bridge_division *division = &b->options->division;
  return division->waits(out, b->options->calls.argument, b->order.step, division->array_count,
                         index / b->layout->cluster.hosts);
}

/* What this host's partial sums are the sums of; known when the workers report something final. */
static ddla_status plan_parts(ddla_bridge_step *b) {
  ddla_operand operand[DDLA_TREE_OPERANDS_MAX];
  const int count =
      ddla_operands_list(operand, b->options->operands, b->order.step - 1, b->order.samples);
  for (int i = 0; i < this_host(b)->part_count; i++) DDLA_TRY(plan_part(b, i, operand, count));
  return DDLA_OK;
}

static ddla_status start_range(ddla_bridge_step *b, int index) {
  if (b->options->fast) return let_link_add(b, index);
  if (b->range[index].owner != b->layout->cluster.host) return hand_over(b, index);
  add_own(b, index);
  return DDLA_OK;
}

/* Ranges leave as the host's workers report them final, from the top down; of as many as there are
 * hosts, that are final at once, the next host's first. */
static ddla_status start_ranges(ddla_bridge_step *b, bool *moved) {
  const ddla_bridge_calls *calls = &b->options->calls;
  const int hosts = b->layout->cluster.hosts;
  ddla_service_word wanted;
  int end = b->computed;
  while (end < b->layout->ranges &&
         !calls->waits(&wanted, calls->argument, b->order.step, b->range[end].begin))
    end++;
  if (end == b->computed) return DDLA_OK;
  if (b->first_ns == 0) b->first_ns = now_ns(b);
  if (b->computed == 0) DDLA_TRY(plan_parts(b));
  for (int from = b->computed; from < end; from += hosts) {
    const int count = end - from < hosts ? end - from : hosts;
    const int first = b->options->fast ? 0 : b->layout->cluster.host + 1 + hosts - from % hosts;
    for (int k = 0; k < count; k++) DDLA_TRY(start_range(b, from + (first + k) % count));
  }
  b->computed = end;
  *moved = true;
  if (end == b->layout->ranges) b->computed_ns = now_ns(b);
  return DDLA_OK;
}

static ddla_status advance_range(ddla_bridge_step *b, int index, bool *moved) {
  range *r = &b->range[index];
  ddla_service_word wanted;
  bool over = false;
  if (r->state == RANGE_COMPUTED || r->state == RANGE_DONE) return DDLA_OK;
  if (r->state == RANGE_SUMMED && waits_for_made(&wanted, b, index)) return DDLA_OK;
  DDLA_TRY(ddla_bridge_look(&r->flight, &over, moved));
  if (!over) return DDLA_OK;
  *moved = true;
  if (r->state == RANGE_SUMMED) return give(b, index);
  r->here = true;
  if (r->state != RANGE_GATHERED) {
    r->state = RANGE_DONE;
    return DDLA_OK;
  }
  sum_range(b, index);
  r->state = RANGE_SUMMED;
  return is_divided(b) ? DDLA_OK : give(b, index);
}

/* Arrays are made of the sums of all own ranges; and what is received at a time is bounded. */
static ddla_status advance_arrays(ddla_bridge_step *b, bool *moved) {
  while (b->summed < own_ranges(b) && b->range[ddla_bridge_own(b->layout, b->summed)].here)
    b->summed++;
  if (b->summed < own_ranges(b) || b->computed < b->layout->ranges) return DDLA_OK;
  return ddla_bridge_gather_advance(b->gather, moved);
}

ddla_status ddla_bridge_step_advance(ddla_bridge_step *b, bool *moved) {
  DDLA_TRY(start_ranges(b, moved));
  for (int r = 0; r < b->computed; r++) DDLA_TRY(advance_range(b, r, moved));
  while (b->here < b->computed && b->range[b->here].here) b->here++;
  if (is_divided(b)) DDLA_TRY(advance_arrays(b, moved));
  /* after all ranges, so that what is received at a time is bounded */
  if (b->lists && b->here == b->layout->ranges) return ddla_bridge_lists_advance(b->lists, moved);
  return DDLA_OK;
}

int ddla_bridge_step_here(const ddla_bridge_step *b) {
  if (is_divided(b)) return b->summed + ddla_bridge_gather_here(b->gather);
  return b->here + (b->lists && ddla_bridge_lists_over(b->lists));
}

bool ddla_bridge_step_over(const ddla_bridge_step *b) {
  const int arrays = b->options->division.array_count;
  if (b->lists && !ddla_bridge_lists_over(b->lists)) return false;
  if (is_divided(b) && ddla_bridge_gather_here(b->gather) < arrays) return false;
  for (int r = 0; r < b->layout->ranges; r++)
    if (b->range[r].state != RANGE_DONE) return false;
  return true;
}

bool ddla_bridge_step_under_way(const ddla_bridge_step *b) {
  if (b->lists && ddla_bridge_lists_under_way(b->lists)) return true;
  for (int r = 0; r < b->computed; r++)
    if (b->range[r].flight.open > 0) return true;
  return is_divided(b) && ddla_bridge_gather_under_way(b->gather);
}

bool ddla_bridge_step_waits(ddla_service_word *out, const ddla_bridge_step *b) {
  const ddla_bridge_calls *calls = &b->options->calls;
  if (b->computed < b->layout->ranges)
    return calls->waits(out, calls->argument, b->order.step, b->range[b->computed].begin);
  if (!is_divided(b)) return false;
  if (ddla_bridge_gather_waits(out, b->gather)) return true;
  for (int r = 0; r < b->computed; r++)
    if (b->range[r].state == RANGE_SUMMED) return waits_for_made(out, b, r);
  return false;
}

const char *ddla_bridge_step_wants(const ddla_bridge_step *b) {
  bool gathers = b->here < b->computed && b->range[b->here].state == RANGE_GATHERED;
  if (gathers) return "the other hosts' gradients";
  if (b->lists && b->here == b->layout->ranges) return "the other hosts' rows of tables";
  return is_divided(b) ? "the other hosts' parameters" : "the sum of gradients";
}

void ddla_bridge_step_times(const ddla_bridge_step *b, int64_t *first_ns, int64_t *computed_ns) {
  *first_ns = b->first_ns;
  *computed_ns = b->computed_ns;
}

ddla_status ddla_bridge_step_create(ddla_bridge_step **out, const ddla_bridge_options *options,
                                    int64_t *sent_bytes) {
  ddla_bridge_step *b = NULL;
  DDLA_TRY(DDLA_NEW(b, 1));
  b->options = options;
  b->layout = options->layout;
  ddla_status status = make_ranges(b, sent_bytes);
  if (status == DDLA_OK && is_divided(b))
    status = ddla_bridge_gather_create(&b->gather, options, sent_bytes);
  if (status == DDLA_OK && options->lists[0] >= 0)
    status = ddla_bridge_lists_create(&b->lists, options, sent_bytes);
  if (status == DDLA_OK) *out = b;
  else ddla_bridge_step_destroy(b);
  return status;
}

void ddla_bridge_step_destroy(ddla_bridge_step *b) {
  if (!b) return;
  for (int r = 0; r < b->layout->ranges; r++) {
    ddla_bridge_drop(&b->range[r].flight);
    ddla_free(b->range[r].flight.request);
  }
  for (int i = 0; i < DDLA_TREE_OPERANDS_MAX; i++) ddla_free(b->own[i].sum);
  ddla_bridge_gather_destroy(b->gather);
  ddla_bridge_lists_destroy(b->lists);
  ddla_free(b->received);
  ddla_free(b);
}
