#include "sync/replica/outer_ranges.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/tree.h"
#include "optim/finite.h"
#include "sync/bridge/bridge_messages.h"
#include "sync/turns/given.h"

enum {
  RANGE_BYTES = 1 << 20,      /* long enough for a network's rate */
  SMALLEST_BYTES = 32 * 1024, /* below, a message's latency is more than its bytes */
  LENGTH_BYTES = 8
};

typedef enum range_state {
  RANGE_GATHERED, /* the owner waits for contributions */
  RANGE_GIVEN,    /* the owner gives the mean to all */
  RANGE_TAKEN,    /* the others wait for the mean */
  RANGE_DONE
} range_state;

typedef struct range {
  range_state state;
  int64_t begin, count;
  int owner; /* place among the members */
  ddla_bridge_flight flight;
  /* With a codec: this host's letter, of its contribution or of the mean, and those of others. */
  uint8_t *out, *in; /* in: one letter behind another, by place but for this host's */
} range;

struct ddla_outer_ranges {
  const ddla_outer_options *options;
  range range[DDLA_OUTER_RANGES_MAX];
  float *received;                         /* contributions of the others to own ranges */
  uint8_t *letters;                        /* with a codec */
  uint64_t *scratch;                       /* of the codec */
  int64_t room, letter_room, scratch_room; /* floats, bytes, bytes of them */
  /* The mean under way, or the last one. */
  int count, members, place; /* ranges; members; this host's place among them */
  int member[DDLA_HOSTS_MAX];
  uint64_t tag;
  int64_t step;     /* of the order */
  int64_t elements; /* of a range */
  size_t letter;    /* bytes of the longest letter */
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

/* With a codec a letter travels: a message's length, the message, and zeros up to the longest that
 * there can be. All letters of a range are equally long, so that receivers stand ready before a
 * message is made. Lengths that are sent ahead cost an exchange four latencies more, and zeros a
 * sparse codec a twentieth of its bytes; others have messages of one length. */
static size_t letter_bytes(const ddla_outer_options *options, int64_t elements) {
  if (!options->codec) return 0;
  const size_t bound = ddla_codec_bound(options->codec, elements, &options->codec_options);
  return LENGTH_BYTES + (bound + 7) / 8 * 8;
}

/* Room for the mean that is about to begin; there is enough from the first one of its kind on. */
static ddla_status reserve(ddla_outer_ranges *ranges) {
  const ddla_outer_options *options = ranges->options;
  const int64_t own = (ranges->count + ranges->members - 1) / ranges->members;
  const int64_t floats = (ranges->members - 1) * own * ranges->elements;
  const int64_t bytes = (2 * ranges->count + own * (ranges->members - 1)) * (int64_t)ranges->letter;
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
  if (bytes > ranges->letter_room) {
    ddla_free(ranges->letters);
    ranges->letters = NULL;
    DDLA_TRY(DDLA_NEW(ranges->letters, bytes));
    ranges->letter_room = bytes;
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
  ddla_free(ranges->letters);
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

static uint64_t tag_of(const ddla_outer_ranges *ranges, ddla_bridge_message message, int index) {
  return ddla_bridge_tag(ranges->tag, message, index, 0);
}

/* What a member gives, or makes. */
static ddla_given given_by(const ddla_outer_ranges *ranges, ddla_given_kind kind, int place) {
  return (ddla_given){kind, ranges->member[place], ranges->step};
}

/* ---- letters ---- */

/* A codec need not have a zero (sign has none), and what lies between tensors stays zero. */
static ddla_status encode(ddla_outer_ranges *ranges, range *r, ddla_given_kind kind,
                          const float *values) {
  const ddla_outer_options *options = ranges->options;
  const size_t letter = letter_bytes(options, r->count);
  const ddla_given given = given_by(ranges, kind, ranges->place);
  float *residual = kind == DDLA_GIVEN_MEAN ? options->answer_residual : options->residual;
  size_t bytes = 0;
  const ddla_codec_source source = {.values = values,
                                    .count = r->count,
                                    .options = &options->codec_options,
                                    .residual = residual ? residual + r->begin : NULL,
                                    .scratch = ranges->scratch};
  DDLA_TRY(ddla_given_coded(
      &given, ddla_codec_encode(&bytes, r->out + LENGTH_BYTES, options->codec, &source)));
  if (residual) ddla_state_clear_gaps(options->state, source.residual, r->begin, r->count);
  const uint64_t length = bytes;
  memcpy(r->out, &length, sizeof length);
  memset(r->out + LENGTH_BYTES + bytes, 0, letter - LENGTH_BYTES - bytes);
  return DDLA_OK;
}

static ddla_status read_letter(float *to, const ddla_outer_ranges *ranges, const range *r,
                               const uint8_t *letter) {
  const size_t room = letter_bytes(ranges->options, r->count) - LENGTH_BYTES;
  uint64_t length = 0;
  memcpy(&length, letter, sizeof length);
  if (length > room)
    return DDLA_FAIL(CORRUPT, "a message of %llu bytes is announced; at most %zu can come",
                     (unsigned long long)length, room);
  DDLA_TRY(ddla_codec_decode_bytes(to, r->count, letter + LENGTH_BYTES, (size_t)length));
  ddla_state_clear_gaps(ranges->options->state, to, r->begin, r->count);
  return DDLA_OK;
}

/* The letter of a member; a range that is not this host's gets one alone. */
static uint8_t *letter_at(const ddla_outer_ranges *ranges, const range *r, int place) {
  return r->owner == ranges->place ? r->in + (size_t)other_of(ranges, place) * ranges->letter
                                   : r->in;
}

static ddla_status decode(const ddla_outer_ranges *ranges, const range *r, int place, float *to) {
  ddla_status status = read_letter(to, ranges, r, letter_at(ranges, r, place));
  if (status == DDLA_OK) return DDLA_OK;
  return ddla_status_prefix(status, "a message of host %d: ", ranges->member[place]);
}

/* ---- what travels: numbers, or letters ---- */

static ddla_status send_range(ddla_outer_ranges *ranges, int index, int host,
                              ddla_bridge_message message, const float *numbers) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  const uint64_t tag = tag_of(ranges, message, index);
  return options->codec
             ? ddla_bridge_send(&r->flight, host, tag, r->out, letter_bytes(options, r->count))
             : ddla_bridge_send(&r->flight, host, tag, numbers, (size_t)r->count * sizeof *numbers);
}

static ddla_status recv_range(ddla_outer_ranges *ranges, int index, int place,
                              ddla_bridge_message message, float *numbers) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  const int host = ranges->member[place];
  const uint64_t tag = tag_of(ranges, message, index);
  return options->codec
             ? ddla_bridge_recv(&r->flight, host, tag, letter_at(ranges, r, place),
                                letter_bytes(options, r->count))
             : ddla_bridge_recv(&r->flight, host, tag, numbers, (size_t)r->count * sizeof *numbers);
}

static ddla_status gather(ddla_outer_ranges *ranges, int index) {
  ranges->range[index].state = RANGE_GATHERED;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place)
      DDLA_TRY(recv_range(ranges, index, m, DDLA_BRIDGE_PARTIAL, received_at(ranges, index, m)));
  return DDLA_OK;
}

static ddla_status hand_over(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  const float *sent = options->sent + r->begin;
  r->state = RANGE_TAKEN;
  DDLA_TRY(recv_range(ranges, index, r->owner, DDLA_BRIDGE_SUM, options->mean + r->begin));
  if (options->codec) DDLA_TRY(encode(ranges, r, DDLA_GIVEN_MODEL, sent));
  return send_range(ranges, index, ranges->member[r->owner], DDLA_BRIDGE_PARTIAL, sent);
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

/* Room for a range's letters. */
static void place_letters(const ddla_outer_ranges *ranges, range *r, uint8_t **at) {
  const size_t in = r->owner == ranges->place ? (size_t)ranges->members - 1 : 1;
  r->out = *at;
  r->in = *at + ranges->letter;
  *at += (1 + in) * ranges->letter;
}

ddla_status ddla_outer_ranges_begin(ddla_outer_ranges *ranges, uint64_t number,
                                    const ddla_outer_order *order) {
  const int64_t whole = order->end - order->begin;
  ranges->count = 0;
  ranges->step = order->step;
  if (whole == 0) return DDLA_OK;
  find_members(ranges, order);
  DDLA_TRY(plan_sum(ranges));
  /* Numbers of orders and tags of their givers do not meet. */
  ranges->tag =
      order->member_count > 0 ? order->tag | UINT64_C(1) << 31 : number & ((UINT64_C(1) << 31) - 1);
  ranges->count =
      ddla_outer_cut(&ranges->elements, whole, ranges->members, ranges->options->range_bytes);
  ranges->letter = letter_bytes(ranges->options, ranges->elements);
  DDLA_TRY(reserve(ranges));
  uint8_t *letters = ranges->letters;
  for (int i = 0; i < ranges->count; i++) {
    range *r = &ranges->range[i];
    r->begin = order->begin + i * ranges->elements;
    r->count = smaller(ranges->elements, order->end - r->begin);
    r->owner = i % ranges->members;
    place_letters(ranges, r, &letters);
    DDLA_ASSERT(letters <= ranges->letters + ranges->letter_room);
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

/* A number that is none in a contribution is none in the mean: so all are looked at at once, and
 * then, where there is one, each. A sum may be too large by itself. */
static ddla_status check_mean(const ddla_outer_ranges *ranges, int index) {
  const range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  const ddla_given mean = given_by(ranges, DDLA_GIVEN_MEAN, ranges->place);
  if (ddla_finite_bad(options->mean + r->begin, r->count, DDLA_ISA_BEST) == 0) return DDLA_OK;
  for (int m = 0; m < ranges->members; m++) {
    const ddla_given given = given_by(ranges, DDLA_GIVEN_MODEL, m);
    DDLA_TRY(ddla_given_check(
        &given, m == ranges->place ? options->sent + r->begin : received_at(ranges, index, m),
        r->count));
  }
  return ddla_given_check(&mean, options->mean + r->begin, r->count);
}

/* All contributions, this host's too, are what their messages say; and so is the mean. */
static ddla_status take_coded_mean(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  float *mean = options->mean + r->begin;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place) DDLA_TRY(decode(ranges, r, m, received_at(ranges, index, m)));
  DDLA_TRY(encode(ranges, r, DDLA_GIVEN_MODEL, options->sent + r->begin));
  DDLA_TRY(read_letter(mean, ranges, r, r->out));
  take_mean(ranges, index, mean);
  DDLA_TRY(encode(ranges, r, DDLA_GIVEN_MEAN, mean));
  return read_letter(mean, ranges, r, r->out);
}

static ddla_status give(ddla_outer_ranges *ranges, int index) {
  range *r = &ranges->range[index];
  const ddla_outer_options *options = ranges->options;
  if (options->codec) DDLA_TRY(take_coded_mean(ranges, index));
  else {
    take_mean(ranges, index, options->sent + r->begin);
    DDLA_TRY(check_mean(ranges, index));
  }
  r->state = RANGE_GIVEN;
  for (int m = 0; m < ranges->members; m++)
    if (m != ranges->place)
      DDLA_TRY(
          send_range(ranges, index, ranges->member[m], DDLA_BRIDGE_SUM, options->mean + r->begin));
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
  case RANGE_GATHERED: return give(ranges, index);
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
