#include "share/sets/talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { TAG_COLLECT = 0x74616c6b, TAG_TELL, TAG_LENGTH, TAG_BLOCK };

typedef struct awaited {
  ddla_transport *link;
  ddla_request *requests;
  int count, done; /* done: the first so many */
  ddla_status status;
} awaited;

static ddla_ready look(void *argument) {
  awaited *a = argument;
  bool moved = false, done = true;
  a->status = ddla_transport_progress(a->link, &moved);
  while (a->done < a->count && done && a->status == DDLA_OK) {
    a->status = ddla_transport_test(a->link, &a->requests[a->done], &done);
    if (done) a->done++;
  }
  /* A message that was given up is less than why. */
  if (a->status == DDLA_PEER_LOST && ddla_transport_check(a->link) != DDLA_OK)
    a->status = ddla_transport_check(a->link);
  if (a->status != DDLA_OK || a->done == a->count) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  const awaited *a = argument;
  snprintf(text, bytes, "a word of host %d about shared data", a->requests[a->done].peer);
}

/* What failed to start is not waited for; buffers are the caller's afterwards. */
static ddla_status finish(ddla_transport *link, ddla_request *requests, int count,
                          ddla_status started) {
  awaited a = {.link = link, .requests = requests, .count = count};
  ddla_failure failure = {0};
  ddla_status status = started;
  if (count == 0) return started;
  if (status == DDLA_OK)
    status = ddla_transport_wait(
        link, &(ddla_waiting){.ready = look, .describe = describe, .argument = &a}, -1);
  if (status == DDLA_OK) status = a.status;
  if (status == DDLA_OK) return DDLA_OK;
  ddla_status_take(&failure, status);
  for (int i = a.done; i < count; i++) ddla_transport_cancel(link, &requests[i]);
  return ddla_status_raise(&failure);
}

static ddla_status send_one(ddla_transport *link, int peer, uint64_t tag, const void *data,
                            size_t bytes) {
  ddla_request request;
  DDLA_TRY(ddla_transport_send(link, &request, peer, tag, data, bytes));
  return finish(link, &request, 1, DDLA_OK);
}

static ddla_status recv_one(ddla_transport *link, int peer, uint64_t tag, void *data,
                            size_t bytes) {
  ddla_request request;
  DDLA_TRY(ddla_transport_recv(link, &request, peer, tag, data, bytes));
  return finish(link, &request, 1, DDLA_OK);
}

ddla_status ddla_talk_collect(ddla_transport *link, void *all, const void *mine, size_t bytes) {
  const int ranks = ddla_transport_ranks(link);
  ddla_request requests[DDLA_TRANSPORT_RANKS_MAX];
  ddla_status status = DDLA_OK;
  int begun = 0;
  if (ddla_transport_rank(link) > 0) return send_one(link, 0, TAG_COLLECT, mine, bytes);
  memcpy(all, mine, bytes);
  for (int i = 1; i < ranks && status == DDLA_OK; i++) {
    status = ddla_transport_recv(link, &requests[begun], i, TAG_COLLECT,
                                 (uint8_t *)all + bytes * (size_t)i, bytes);
    begun += status == DDLA_OK;
  }
  return finish(link, requests, begun, status);
}

ddla_status ddla_talk_tell(ddla_transport *link, void *data, size_t bytes) {
  const int ranks = ddla_transport_ranks(link);
  ddla_request requests[DDLA_TRANSPORT_RANKS_MAX];
  ddla_status status = DDLA_OK;
  int begun = 0;
  if (ddla_transport_rank(link) > 0) return recv_one(link, 0, TAG_TELL, data, bytes);
  for (int i = 1; i < ranks && status == DDLA_OK; i++) {
    status = ddla_transport_send(link, &requests[begun], i, TAG_TELL, data, bytes);
    begun += status == DDLA_OK;
  }
  return finish(link, requests, begun, status);
}

/* No peer makes this host ask for more memory than its words can take. */
static ddla_status check_length(int peer, uint64_t length, size_t most) {
  if (length <= most) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "host %d is about to send %" PRIu64
                   " bytes where there can be %zu at most: it, or a cable, is not sound",
                   peer, length, most);
}

ddla_status ddla_talk_tell_block(ddla_transport *link, uint8_t **data, size_t *bytes, size_t most) {
  const bool first = ddla_transport_rank(link) == 0;
  uint64_t length = first ? *bytes : 0;
  uint8_t *block = first ? *data : NULL;
  DDLA_TRY(ddla_talk_tell(link, &length, sizeof length));
  if (!first) DDLA_TRY(check_length(0, length, most));
  if (!first) DDLA_TRY(DDLA_NEW(block, length));
  ddla_status status = length > 0 ? ddla_talk_tell(link, block, length) : DDLA_OK;
  if (first) return status;
  if (status == DDLA_OK) *data = block, *bytes = length;
  else ddla_free(block);
  return status;
}

ddla_status ddla_talk_send(ddla_transport *link, int peer, const void *data, size_t bytes) {
  const uint64_t length = bytes;
  DDLA_TRY(send_one(link, peer, TAG_LENGTH, &length, sizeof length));
  return length > 0 ? send_one(link, peer, TAG_BLOCK, data, bytes) : DDLA_OK;
}

ddla_status ddla_talk_recv(ddla_transport *link, int peer, uint8_t **data, size_t *bytes,
                           size_t most) {
  uint64_t length = 0;
  uint8_t *block = NULL;
  DDLA_TRY(recv_one(link, peer, TAG_LENGTH, &length, sizeof length));
  DDLA_TRY(check_length(peer, length, most));
  DDLA_TRY(DDLA_NEW(block, length));
  ddla_status status = length > 0 ? recv_one(link, peer, TAG_BLOCK, block, length) : DDLA_OK;
  if (status == DDLA_OK) *data = block, *bytes = length;
  else ddla_free(block);
  return status;
}

/* As it travels. */
typedef struct outcome {
  int32_t code;
  char text[DDLA_STATUS_TEXT_BYTES];
} outcome;

static ddla_status raise(const outcome *found) {
  ddla_failure failure = {.code = (ddla_status)found->code, .file = __FILE__, .line = __LINE__};
  snprintf(failure.text, sizeof failure.text, "%s", found->text);
  return ddla_status_raise(&failure);
}

ddla_status ddla_talk_agree(bool *agreed, ddla_transport *link, ddla_status mine,
                            const char *host) {
  outcome *all = NULL, said = {.code = (int32_t)mine};
  const int ranks = ddla_transport_ranks(link);
  ddla_status status = DDLA_OK;
  if (mine != DDLA_OK)
    snprintf(said.text, sizeof said.text, "on host %s: %.960s", host, ddla_status_message(mine));
  DDLA_TRY(DDLA_NEW(all, ranks));
  DDLA_TRY_CLEAN(status, ddla_talk_collect(link, all, &said, sizeof said));
  for (int i = ranks - 1; i >= 0 && ddla_transport_rank(link) == 0; i--)
    if (all[i].code != DDLA_OK) said = all[i];
  DDLA_TRY_CLEAN(status, ddla_talk_tell(link, &said, sizeof said));
  *agreed = said.code != DDLA_OK;
  if (*agreed) status = raise(&said);
cleanup:
  ddla_free(all);
  return status;
}

ddla_status ddla_talk_end(ddla_transport *link, ddla_status status, bool agreed) {
  ddla_failure failure = {0};
  if (status == DDLA_OK || agreed) return status;
  ddla_status_take(&failure, status);
  ddla_transport_fail(link, &failure);
  return ddla_status_raise(&failure);
}
