#include "agent/sharing.h"

#include "share/sets/talk.h"

/* Until a source is read. */
enum { PATIENCE_MS = 21600000 };

/* Until samples have come, which may take any time: a year. Who has nothing to do with the link
 * waits so long; those who have notice what stands still, and end with a failure, which ends all.
 */
static const int64_t TRAVEL_MS = 31536000000;

const char *ddla_sharing_host(const ddla_join *join) {
  return join ? ddla_join_host_name(join, ddla_join_agent(join)) : "this machine";
}

static ddla_status open_link(ddla_transport **link, ddla_join *join) {
  ddla_cluster cluster = {0};
  if (!join || ddla_join_cluster(join)->hosts == 1) return ddla_transport_open(link, "self", NULL);
  return ddla_join_open_link(link, &cluster, join);
}

/* *broken: the link has failed, and nothing is left to talk with. That is a failure of this host
 * too, even where its own work had ended well before: the others do not come to agree any more. */
static ddla_status work_on_link(bool *broken, ddla_join *join, bool private_data,
                                ddla_sharing_work *work, void *argument) {
  ddla_transport *link = NULL;
  ddla_wire *wire = NULL;
  ddla_failure failure = {0};
  *broken = true;
  DDLA_TRY(open_link(&link, join));
  ddla_status status = ddla_wire_create(&wire, link, private_data);
  if (status == DDLA_OK) status = work(link, wire, argument);
  else status = ddla_talk_end(link, status, false);
  ddla_status_take(&failure, status);
  const ddla_status after = ddla_transport_check(link);
  *broken = after != DDLA_OK;
  if (status == DDLA_OK && *broken) ddla_status_take(&failure, after);
  ddla_wire_destroy(wire);
  ddla_transport_close(link);
  return failure.code == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
}

ddla_status ddla_sharing_run(ddla_join *join, ddla_status prepared, const ddla_join_fact *facts,
                             bool private_data, ddla_sharing_work *work, void *argument) {
  const ddla_join_fact none = {0};
  bool broken = false;
  ddla_status status = DDLA_OK;
  if (!join) {
    DDLA_TRY(prepared);
    return work_on_link(&broken, NULL, private_data, work, argument);
  }
  const ddla_cluster *cluster = ddla_join_cluster(join);
  ddla_join_patience(join, PATIENCE_MS);
  DDLA_TRY(ddla_join_agree(join, prepared, facts ? facts : &none));
  if (cluster->first[cluster->host] == ddla_join_agent(join))
    status = work_on_link(&broken, join, private_data, work, argument);
  if (broken) return status;
  ddla_join_patience(join, TRAVEL_MS);
  status = ddla_join_agree(join, status, &none);
  ddla_join_patience(join, PATIENCE_MS);
  return status;
}
