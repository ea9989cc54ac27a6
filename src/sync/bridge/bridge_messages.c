#include "sync/bridge/bridge_messages.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* The highest bit keeps these tags apart from those of collectives. */
uint64_t ddla_bridge_tag(uint64_t order, ddla_bridge_message message, int range, int part) {
  return UINT64_C(1) << 63 | (order & 0xffffffff) << 24 | (uint64_t)message << 20 |
         (uint64_t)range << 8 | (uint64_t)part;
}

/* A request that is over has no data. */
static ddla_request *next_of(ddla_bridge_flight *flight) {
  DDLA_ASSERT(flight->count < flight->room);
  flight->open++;
  return &flight->request[flight->count++];
}

ddla_status ddla_bridge_send(ddla_bridge_flight *flight, int host, uint64_t tag, const void *data,
                             size_t bytes) {
  *flight->sent_bytes += (int64_t)bytes;
  return ddla_transport_send(flight->link, next_of(flight), host, tag, data, bytes);
}

ddla_status ddla_bridge_send_to_all(ddla_bridge_flight *flight, const ddla_cluster *cluster,
                                    uint64_t tag, const void *data, size_t bytes) {
  for (int k = 1; k < cluster->hosts; k++)
    DDLA_TRY(ddla_bridge_send(flight, (cluster->host + k) % cluster->hosts, tag, data, bytes));
  return DDLA_OK;
}

ddla_status ddla_bridge_recv(ddla_bridge_flight *flight, int host, uint64_t tag, void *data,
                             size_t bytes) {
  return ddla_transport_recv(flight->link, next_of(flight), host, tag, data, bytes);
}

ddla_status ddla_bridge_add(ddla_bridge_flight *flight, float *data, int64_t count) {
  const int64_t hosts = ddla_transport_ranks(flight->link);
  *flight->sent_bytes += 2 * (int64_t)sizeof *data * count * (hosts - 1) / hosts;
  return ddla_transport_sum(flight->link, next_of(flight), data, count);
}

ddla_status ddla_bridge_look(ddla_bridge_flight *flight, bool *over, bool *moved) {
  for (int i = 0; i < flight->count && flight->open > 0; i++) {
    bool done = false;
    if (!flight->request[i].data) continue;
    DDLA_TRY(ddla_transport_test(flight->link, &flight->request[i], &done));
    if (!done) continue;
    flight->request[i].data = NULL;
    flight->open--;
    *moved = true;
  }
  *over = flight->open == 0;
  if (*over) flight->count = 0;
  return DDLA_OK;
}

void ddla_bridge_drop(ddla_bridge_flight *flight) {
  for (int i = 0; i < flight->count; i++)
    if (flight->request[i].data) ddla_transport_cancel(flight->link, &flight->request[i]);
  flight->count = flight->open = 0;
}

static size_t piece_bytes(const ddla_bridge_piece *piece, int host) {
  return (size_t)(piece->end[host] - piece->first[host]) * piece->stride;
}

/* Of what a host gives: its word, then its pieces. */
static size_t host_bytes(const ddla_bridge_share *share, int host) {
  size_t bytes = sizeof(uint64_t);
  for (int i = 0; i < share->piece_count; i++) bytes += piece_bytes(&share->piece[i], host);
  return (bytes + 7) / 8 * 8;
}

static char *piece_at(const ddla_bridge_piece *piece, int host) {
  return piece->base + (size_t)piece->first[host] * piece->stride;
}

static void pack(const ddla_bridge_share *share, unsigned char *to, int host, uint64_t word) {
  memcpy(to, &word, sizeof word);
  to += sizeof word;
  for (int i = 0; i < share->piece_count; i++) {
    const size_t bytes = piece_bytes(&share->piece[i], host);
    if (bytes > 0) memcpy(to, piece_at(&share->piece[i], host), bytes);
    to += bytes;
  }
}

static void unpack(ddla_bridge_share *share, const unsigned char *from, int host) {
  memcpy(&share->word[host], from, sizeof share->word[host]);
  from += sizeof share->word[host];
  for (int i = 0; i < share->piece_count; i++) {
    const size_t bytes = piece_bytes(&share->piece[i], host);
    if (bytes > 0) memcpy(piece_at(&share->piece[i], host), from, bytes);
    from += bytes;
  }
}

static ddla_status reserve(ddla_bridge_share *share) {
  size_t bytes = 0;
  for (int h = 0; h < share->layout->cluster.hosts; h++) bytes += host_bytes(share, h);
  if (bytes <= share->room) return DDLA_OK;
  ddla_free(share->memory);
  share->memory = NULL;
  share->room = 0;
  DDLA_TRY(DDLA_NEW(share->memory, (int64_t)bytes));
  share->room = bytes;
  return DDLA_OK;
}

ddla_status ddla_bridge_share_start(ddla_bridge_share *share, uint64_t order, uint64_t word) {
  const ddla_cluster *cluster = &share->layout->cluster;
  const uint64_t tag = ddla_bridge_tag(order, DDLA_BRIDGE_SHARE, 0, 0);
  DDLA_TRY(reserve(share));
  unsigned char *own = share->memory, *other = own + host_bytes(share, cluster->host);
  pack(share, own, cluster->host, word);
  share->word[cluster->host] = word;
  for (int h = 0; h < cluster->hosts; h++) {
    if (h == cluster->host) continue;
    DDLA_TRY(ddla_bridge_recv(&share->flight, h, tag, other, host_bytes(share, h)));
    DDLA_TRY(ddla_bridge_send(&share->flight, h, tag, own, host_bytes(share, cluster->host)));
    other += host_bytes(share, h);
  }
  return DDLA_OK;
}

ddla_status ddla_bridge_share_look(ddla_bridge_share *share, bool *over, bool *moved) {
  const ddla_cluster *cluster = &share->layout->cluster;
  DDLA_TRY(ddla_bridge_look(&share->flight, over, moved));
  if (!*over) return DDLA_OK;
  const unsigned char *other = share->memory + host_bytes(share, cluster->host);
  for (int h = 0; h < cluster->hosts; h++) {
    if (h == cluster->host) continue;
    unpack(share, other, h);
    other += host_bytes(share, h);
  }
  return DDLA_OK;
}

void ddla_bridge_share_fini(ddla_bridge_share *share) {
  ddla_bridge_drop(&share->flight);
  ddla_free(share->memory);
  share->memory = NULL;
}
