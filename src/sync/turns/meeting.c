#include "sync/turns/meeting.h"

void ddla_meeting_init(ddla_meeting *meeting, ddla_transport *link, const ddla_cluster *cluster,
                       int lanes, int64_t *sent_bytes) {
  meeting->layout = (ddla_bridge_layout){.cluster = *cluster, .lanes = lanes};
  meeting->share.layout = &meeting->layout;
  meeting->share.flight = (ddla_bridge_flight){.link = link,
                                               .request = meeting->share.request,
                                               .room = 2 * DDLA_HOSTS_MAX,
                                               .sent_bytes = sent_bytes};
}

void ddla_meeting_fini(ddla_meeting *meeting) { ddla_bridge_share_fini(&meeting->share); }

static int this_host(const ddla_meeting *meeting) { return meeting->layout.cluster.host; }

static void set_pieces(ddla_meeting *meeting, const ddla_agenda *agenda) {
  meeting->share.piece_count = agenda->part_count;
  for (int i = 0; i < agenda->part_count; i++) {
    ddla_bridge_piece *piece = &meeting->share.piece[i];
    const ddla_sync_part *part = &agenda->part[i];
    piece->base = part->base;
    piece->stride = part->bytes;
    for (int h = 0; h < meeting->layout.cluster.hosts; h++) {
      if (!agenda->by_host)
        ddla_bridge_items(&meeting->layout, h, part->items, &piece->first[h], &piece->end[h]);
      else piece->first[h] = h, piece->end[h] = h + 1;
    }
  }
}

/* Everybody's words say that they have come; one host's part goes straight into its place. */
static ddla_status bring(ddla_meeting *meeting, uint64_t number, const ddla_agenda *agenda) {
  const ddla_sync_part *part = &agenda->part[0];
  const uint64_t tag = ddla_bridge_tag(number, DDLA_BRIDGE_BRING, 0, 0);
  if (agenda->from == 0 || part->bytes == 0) return DDLA_OK;
  if (this_host(meeting) == 0)
    return ddla_bridge_recv(&meeting->share.flight, agenda->from, tag, part->base, part->bytes);
  if (this_host(meeting) == agenda->from)
    return ddla_bridge_send(&meeting->share.flight, 0, tag, part->base, part->bytes);
  return DDLA_OK;
}

ddla_status ddla_meeting_begin(ddla_meeting *meeting, uint64_t number, const ddla_agenda *agenda) {
  if (agenda->brings) meeting->share.piece_count = 0;
  else set_pieces(meeting, agenda);
  DDLA_TRY(ddla_bridge_share_start(&meeting->share, number, agenda->word));
  return agenda->brings ? bring(meeting, number, agenda) : DDLA_OK;
}

ddla_status ddla_meeting_look(ddla_meeting *meeting, bool *over, uint64_t *word, bool *moved) {
  DDLA_TRY(ddla_bridge_share_look(&meeting->share, over, moved));
  if (!*over) return DDLA_OK;
  *word = 0;
  for (int h = 0; h < meeting->layout.cluster.hosts; h++) *word |= meeting->share.word[h];
  return DDLA_OK;
}
