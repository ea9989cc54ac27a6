#include "sync/outer_ranges.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/tree.h"
#include "sync/bridge_messages.h"

enum {
  RANGE_BYTES = 1 << 20,     /* long enough for a network's rate */
  SMALLEST_BYTES = 32 * 1024 /* below, a message's latency is more than its bytes */
};

typedef enum range_state {
  RANGE_ANNOUNCED, /* with a codec the owner waits for the lengths of contributions */
  RANGE_GATHERED,  /* the owner waits for contributions */
  RANGE_GIVEN,     /* the owner gives the mean to all */
  RANGE_PROMISED,  /* with a codec the others wait for the length of the mean */
  RANGE_TAKEN,     /* the others wait for the mean */
  RANGE_DONE
} range_state;

typedef struct range {
  range_state state;
  int64_t begin, count;
  int owner; /* place among the members */
  ddla_bridge_flight flight;
  /* With a codec: this host's message, of its contribution or of the mean, and those of others. */
  uint8_t *out, *in; /* in: one message behind another, by place but for this host's */
  uint64_t out_bytes, in_bytes[DDLA_HOSTS_MAX];
} range;

struct ddla_outer_ranges {
  const ddla_outer_options *options;
  range range[DDLA_OUTER_RANGES_MAX];
  float *received;                          /* contributions of the others to own ranges */
  uint8_t *messages;                        /* with a codec */
  uint64_t *scratch;                        /* of the codec */
  int64_t room, message_room, scratch_room; /* floats, bytes, bytes of them */
  /* The mean under way, or the last one. */
  int count, members, place; /* ranges; members; this host's place among them */
  int member[DDLA_HOSTS_MAX];
  uint64_t tag;
  int64_t elements; /* of a range */
  size_t bound;     /* bytes of the longest message */
  ddla_tree_plan plan;
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* As many ranges as members at least, where they are long enough for it; every member as many. */
int ddla_outer_cut(int64_t *elements, int64_t whole, int members, int64_t range_bytes) {
  const int64_t block = DDLA_STATE_BLOCK, bytes = whole * (int64_t)sizeof(float);
  int64_t count = range_bytes > 0 ? (bytes + range_bytes - 1) / range_bytes : bytes / RANGE_BYTES;
  count = larger(count, smaller(members, bytes / SMALLEST_BYTES));
  count = larger(1, smaller(count, DDLA_OUTER_RANGES_MAX));
  if (count > members) count -= count % members;
  *elements = ((whole + count - 1) / count + block - 1) / block * block;
  return (int)((whole + *elements - 1) / *elements);
}

static size_t bound_of(const ddla_outer_options *options, int64_t elements) {
  if (!options->codec) return 0;
  return (ddla_codec_bound(options->codec, elements, &options->codec_options) + 7) / 8 * 8;
}

/* Room for the mean that is about to begin; there is enough from the first one of its kind on. */
static ddla_status reserve(ddla_outer_ranges *ranges) {
  const ddla_outer_options *options = ranges->options;
  const int64_t own = (ranges->count + ranges->members - 1) / ranges->members;
  const int64_t floats = (ranges->members - 1) * own * ranges->elements;
  const int64_t bytes = (2 * ranges->count + own * (ranges->members - 1)) * (int64_t)ranges->bound;
  const int64_t scratch =
      options->codec
          ? (int64_t)ddla_codec_scratch(options->codec, ranges->elements, &options->codec_options)
          : 0;
  if (floats > ranges->room) {
    ddla_free(ranges->received);
    ranges->received = NULL;
    DDLA_TRY(DDLA_NEW(ranges->received, floats));
    ranges->room = floats;
  }
  if (bytes > ranges->message_room) {
    ddla_free(ranges->messages);
    ranges->messages = NULL;
    DDLA_TRY(DDLA_NEW(ranges->messages, bytes));
    ranges->message_room = bytes;
  }
  if (scratch <= ranges->scratch_room) return DDLA_OK;
  ddla_free(ranges->scratch);
  ranges->scratch = NULL;
  DDLA_TRY(DDLA_NEW(ranges->scratch, (scratch + 7) / 8));
  ranges->scratch_room = scratch;
  return DDLA_OK;
}

static ddla_status make_room(ddla_outer_ranges *ranges) {
  const int hosts = ranges->options->cluster->hosts;
  for (int r = 0; r < DDLA_OUTER_RANGES_MAX; r++)
    DDLA_TRY(DDLA_NEW(ranges->range[r].flight.request, 2 * hosts + 2));
  return DDLA_OK;
}

ddla_status ddla_outer_ranges_create(ddla_outer_ranges **out, const ddla_outer_options *options,
                                     int64_t *sent_bytes) {
  ddla_outer_ranges *ranges = NULL;
  DDLA_TRY(DDLA_NEW(ranges, 1));
  ranges->options = options;
  for (int r = 0; r < DDLA_OUTER_RANGES_MAX; r++)
    ranges->range[r].flight = (ddla_bridge_flight){
        .link = options->link, .room = 2 * options->cluster->hosts + 2, .sent_bytes = sent_bytes};
  ddla_status status = make_room(ranges);
  if (status == DDLA_OK) *out = ranges;
  else ddla_outer_ranges_destroy(ranges);
  return status;
}

void ddla_outer_ranges_destroy(ddla_outer_ranges *ranges) {
  if (!ranges) return;
  for (int r = 0; r < DDLA_OUTER_RANGES_MAX; r++) {
    if (ranges->range[r].flight.request) ddla_bridge_drop(&ranges->range[r].flight);
    ddla_free(ranges->range[r].flight.request);
  }
  ddla_free(ranges->received);
  ddla_free(ranges->messages);
  ddla_free(ranges->scratch);
  ddla_free(ranges);
}

/* A member's place among the others. */
static int64_t other_of(const ddla_outer_ranges *ranges, int place) {
  return place < ranges->place ? place : place - 1;
}

/* Where the contribution of the member in a place to an own range arrives, or is decoded to. */
static float *received_at(const ddla_outer_ranges *ranges, int index, int place) {
  const int64_t own = (ranges->count - ranges->place + ranges->members - 1) / ranges->members;
  return ranges->received +
         (other_of(ranges, place) * own + index / ranges->members) * ranges->elements;
}

static uint64_t tag_of(const ddla_outer_ranges *ranges, ddla_bridge_message message, int index,
                       int part) {
  return ddla_bridge_tag(ranges->tag, message, index, part);
}

/* ---- with a codec: a length, then a message so long ---- */

static ddla_status encode(ddla_outer_ranges *ranges, range *r, const float *values,
                          float *residual) {
  const ddla_outer_options *options = ranges->options;
  size_t bytes = 0;
  const ddla_codec_source source = {.values = values,
                                    .count = r->count,
                                    .options = &options->codec_options,
                                    .residual = residual ? residual + r->begin : NULL,
                                    .scratch = ranges->scratch};
  DDLA_TRY(ddla_codec_encode(&bytes, r->out, options->codec, &source));
  r->out_bytes = bytes;
  return DDLA_OK;
}

static ddla_status send_message(ddla_outer_ranges *ranges, int index, int host,
                                ddla_bridge_message message) {
  range *r = &ranges->range[index];
  DDLA_TRY(ddla_bridge_send(&r->flight, host, tag_of(ranges, message, index, 1), &r->out_bytes,
                            sizeof r->out_bytes));
  return ddla_bridge_send(&r->flight, host, tag_of(ranges, message, index, 0), r->out,
                          (size_t)r->out_bytes);
}

static ddla_status recv_length(ddla_outer_ranges *ranges, int index, int place,
                               ddla_bridge_message message) {
  range *r = &ranges->range[index];
  return ddla_bridge_recv(&r->flight, ranges->member[place], tag_of(ranges, message, index, 1),
                          &r->in_bytes[place], sizeof r->in_bytes[place]);
}

/* The message of a member; a range that is not this host's gets one alone. */
static uint8_t *message_at(const ddla_outer_ranges *ranges, const range *r, int place) {
  return r->owner == ranges->place ? r->in + (size_t)other_of(ranges, place) * ranges->bound
                                   : r->in;
}

static ddla_status recv_message(ddla_outer_ranges *ranges, int index, int place,
                                ddla_bridge_message message) {
  range *r = &ranges->range[index];
  if (r->in_bytes[place] > ranges->bound)
    return DDLA_FAIL(CORRUPT, "host %d announces a message of %llu bytes; at most %zu can come",
                     ranges->member[place], (unsigned long long)r->in_bytes[place], ranges->bound);
  return ddla_bridge_recv(&r->flight, ranges->member[place], tag_of(ranges, message, index, 0),
                          message_at(ranges, r, place), (size_t)r->in_bytes[place]);
}

static ddla_status decode(const ddla_outer_ranges *ranges, const range *r, int place, float *to) {
  ddla_status status = ddla_codec_decode_bytes(to, r->count, message_at(ranges, r, place),
                                               (size_t)r->in_bytes[place]);
  if (status == DDLA_OK) return DDLA_OK;
  return ddla_status_prefix(status, "a message of host %d: ", ranges->member[place]);
}

/* ---- without ---- */

static ddla_status gather(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const bool coded = ranges->options->codec != NULL;
  r->state = coded ? RANGE_ANNOUNCED : RANGE_GATHERED;
  for (int m = 0; m < ranges->members; m++) {
    if (m == ranges->place) continue;
    if (coded) DDLA_TRY(recv_length(ranges, index, m, DDLA_BRIDGE_PARTIAL));
    else
      DDLA_TRY(ddla_bridge_recv(&r->flight, ranges->member[m],
                                tag_of(ranges, DDLA_BRIDGE_PARTIAL, index, 0),
                                received_at(ranges, index, m), (size_t)r->count * sizeof(float)));
  }
  return DDLA_OK;
}

static ddla_status hand_over(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  const size_t bytes = (size_t)r->count * sizeof(float);
  const int owner = ranges->member[r->owner];
  if (options->codec) {
    r->state = RANGE_PROMISED;
    DDLA_TRY(recv_length(ranges, index, r->owner, DDLA_BRIDGE_SUM));
    DDLA_TRY(encode(ranges, r, options->sent + r->begin, options->residual));
    return send_message(ranges, index, owner, DDLA_BRIDGE_PARTIAL);
  }
  r->state = RANGE_TAKEN;
  DDLA_TRY(ddla_bridge_recv(&r->flight, owner, tag_of(ranges, DDLA_BRIDGE_SUM, index, 0),
                            options->mean + r->begin, bytes));
  return ddla_bridge_send(&r->flight, owner, tag_of(ranges, DDLA_BRIDGE_PARTIAL, index, 0),
                          options->sent + r->begin, bytes);
}

static void find_members(ddla_outer_ranges *ranges, const ddla_outer_order *order) {
  const ddla_cluster *cluster = ranges->options->cluster;
  ranges->members = order->member_count > 0 ? order->member_count : cluster->hosts;
  ranges->place = -1;
  for (int m = 0; m < ranges->members; m++) {
    ranges->member[m] = order->member_count > 0 ? order->member[m] : m;
    if (ranges->member[m] == cluster->host) ranges->place = m;
  }
  DDLA_ASSERT(ranges->place >= 0);
}

static ddla_status plan_sum(ddla_outer_ranges *ranges) {
  ddla_tree_part part[DDLA_HOSTS_MAX];
  for (int m = 0; m < ranges->members; m++) part[m] = (ddla_tree_part){m, 1};
  return ddla_tree_plan_make(&ranges->plan, ranges->members, part, NULL, ranges->members);
}

/* Room for a range's messages. */
static void place_messages(const ddla_outer_ranges *ranges, range *r, uint8_t **at) {
  const size_t in = r->owner == ranges->place ? (size_t)ranges->members - 1 : 1;
  r->out = *at;
  r->in = *at + ranges->bound;
  *at += (1 + in) * ranges->bound;
}

ddla_status ddla_outer_ranges_begin(ddla_outer_ranges *ranges, uint64_t number,
                                    const ddla_outer_order *order) {
  const int64_t whole = order->end - order->begin;
  ranges->count = 0;
  if (whole == 0) return DDLA_OK;
  find_members(ranges, order);
  DDLA_TRY(plan_sum(ranges));
  /* Numbers of orders and tags of their givers do not meet. */
  ranges->tag =
      order->member_count > 0 ? order->tag | UINT64_C(1) << 31 : number & ((UINT64_C(1) << 31) - 1);
  ranges->count =
      ddla_outer_cut(&ranges->elements, whole, ranges->members, ranges->options->range_bytes);
  ranges->bound = bound_of(ranges->options, ranges->elements);
  DDLA_TRY(reserve(ranges));
  uint8_t *messages = ranges->messages;
  for (int i = 0; i < ranges->count; i++) {
    range *r = &ranges->range[i];
    r->begin = order->begin + i * ranges->elements;
    r->count = smaller(ranges->elements, order->end - r->begin);
    r->owner = i % ranges->members;
    place_messages(ranges, r, &messages);
    DDLA_ASSERT(messages <= ranges->messages + ranges->message_room);
    DDLA_TRY(r->owner == ranges->place ? gather(ranges, i) : hand_over(ranges, i));
  }
  return DDLA_OK;
}

/* The owner's mean, in the fixed tree over the members. own: this host's contribution. */
static void take_mean(const ddla_outer_ranges *ranges, int index, const float *own) {
  const range *r = &ranges->range[index];
  float *mean = ranges->options->mean + r->begin;
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {mean};
  for (int m = 0; m < ranges->members; m++)
    operands[m] = m == ranges->place ? own : received_at(ranges, index, m);
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&ranges->plan, &io, 0, r->count, false);
  const float members = (float)ranges->members;
  for (int64_t i = 0; i < r->count; i++) mean[i] /= members;
}

static ddla_status announce(ddla_outer_ranges *ranges, int index) {
  ranges->range[index].state = RANGE_GATHERED;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place) DDLA_TRY(recv_message(ranges, index, m, DDLA_BRIDGE_PARTIAL));
  return DDLA_OK;
}

/* All contributions, this host's too, are what their messages say; and so is the mean. */
static ddla_status give_coded(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  float *mean = options->mean + r->begin;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place) DDLA_TRY(decode(ranges, r, m, received_at(ranges, index, m)));
  DDLA_TRY(encode(ranges, r, options->sent + r->begin, options->residual));
  DDLA_TRY(ddla_codec_decode_bytes(mean, r->count, r->out, (size_t)r->out_bytes));
  take_mean(ranges, index, mean);
  DDLA_TRY(encode(ranges, r, mean, options->answer_residual));
  DDLA_TRY(ddla_codec_decode_bytes(mean, r->count, r->out, (size_t)r->out_bytes));
  r->state = RANGE_GIVEN;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place)
      DDLA_TRY(send_message(ranges, index, ranges->member[m], DDLA_BRIDGE_SUM));
  return DDLA_OK;
}

static ddla_status give(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  if (ranges->options->codec) return give_coded(ranges, index);
  take_mean(ranges, index, ranges->options->sent + r->begin);
  r->state = RANGE_GIVEN;
  for (int m = 0; m < ranges->members; m++) {
    if (m == ranges->place) continue;
    DDLA_TRY(ddla_bridge_send(&r->flight, ranges->member[m],
                              tag_of(ranges, DDLA_BRIDGE_SUM, index, 0),
                              ranges->options->mean + r->begin, (size_t)r->count * sizeof(float)));
  }
  return DDLA_OK;
}

static ddla_status take(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  if (ranges->options->codec)
    DDLA_TRY(decode(ranges, r, r->owner, ranges->options->mean + r->begin));
  r->state = RANGE_DONE;
  return DDLA_OK;
}

/* What was waited for is there. */
static ddla_status go_on(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  switch (r->state) {
  case RANGE_ANNOUNCED: return announce(ranges, index);
  case RANGE_GATHERED: return give(ranges, index);
  case RANGE_PROMISED:
    r->state = RANGE_TAKEN;
    return recv_message(ranges, index, r->owner, DDLA_BRIDGE_SUM);
  case RANGE_TAKEN: return take(ranges, index);
  case RANGE_GIVEN:
  case RANGE_DONE: break;
  }
  r->state = RANGE_DONE;
  return DDLA_OK;
}

static ddla_status advance_range(ddla_outer_ranges *ranges, int index, bool *moved) {
  range *r = &ranges->range[index];
  bool over = false;
  if (r->state == RANGE_DONE) return DDLA_OK;
  DDLA_TRY(ddla_bridge_look(&r->flight, &over, moved));
  if (!over) return DDLA_OK;
  *moved = true;
  return go_on(ranges, index);
}

bool ddla_outer_owns(const ddla_outer_options *options, int64_t begin, int64_t end,
                     int64_t element) {
  int64_t elements = 0;
  const int hosts = options->cluster->hosts;
  (void)ddla_outer_cut(&elements, end - begin, hosts, options->range_bytes);
  return (element - begin) / elements % hosts == options->cluster->host;
}

ddla_status ddla_outer_ranges_advance(ddla_outer_ranges *ranges, bool *moved) {
  for (int r = 0; r < ranges->count; r++) DDLA_TRY(advance_range(ranges, r, moved));
  return DDLA_OK;
}

bool ddla_outer_ranges_over(const ddla_outer_ranges *ranges) {
  for (int r = 0; r < ranges->count; r++)
    if (ranges->range[r].state != RANGE_DONE) return false;
  return true;
}
