#include "train/seating.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "train/feed/loading.h"
#include "train/segments.h"

void ddla_seat_card_of(ddla_seat_card *out, bool exchanges) {
  ddla_seat_card made = {.seat.exchanges = exchanges, .others = ddla_machine_others()};
  if (!ddla_machine_line(made.machine, sizeof made.machine, "/proc/sys/kernel/random/boot_id"))
    (void)gethostname(made.machine, sizeof made.machine - 1); /* else "", one machine */
  CPU_ZERO(&made.seat.allowed);
  (void)sched_getaffinity(0, sizeof made.seat.allowed, &made.seat.allowed); /* else none */
  *out = made;
}

/* Cores that any of these agents may use; without a topology, processors. */
static int count_cores(const ddla_binding_case *what) {
  bool seen[DDLA_PROCESSORS_MAX] = {false};
  int cores = 0;
  for (int s = 0; s < what->seats; s++)
    for (int i = 0; i < DDLA_PROCESSORS_MAX; i++) {
      const ddla_topology *t = what->topology;
      const int core = t && t->there[i] ? t->core[i] : i;
      if (!CPU_ISSET((size_t)i, &what->seat[s].allowed) || seen[core]) continue;
      seen[core] = true;
      cores++;
    }
  return cores;
}

/* Why loaders would be of no use in any segment; null: they are in one. */
static const char *find_unknown(const ddla_training *training) {
  const char *why = NULL;
  for (int i = 0; i < ddla_segments_count(training); i++) {
    const ddla_training part = ddla_segments_training(training, i);
    why = ddla_loading_unknown(&part);
    if (!why) return NULL;
  }
  return why;
}

/* Whether agents have loaders follows from what their lanes leave of the machine. Programs that
 * compute elsewhere take nothing from agents that may use a part of it. */
static void decide_ahead(ddla_training *training, const ddla_binding_case *what) {
  const bool whole = ddla_machine_processors_affinity() == ddla_machine_processors_all();
  ddla_ahead_case found = {.cores = count_cores(what),
                           .quota = what->quota,
                           .agents = what->seats,
                           .threads = what->seats * what->lanes,
                           .others = whole ? what->others : 0,
                           .bytes = ddla_loading_slot_bytes(training),
                           .why = find_unknown(training)};
  for (int s = 0; s < what->seats; s++) found.threads += what->seat[s].exchanges;
  training->ahead = ddla_ahead_decide(training->ahead_wanted, &found);
}

/* What hwloc cannot tell is no failure: nobody is bound. */
static ddla_status seat(ddla_training *training, const ddla_binding_seat *seats, int count,
                        int others) {
  const ddla_job *job = training->job;
  ddla_topology topology = {0};
  ddla_binding_case what = {.how = job->parallel.bind,
                            .seat = seats,
                            .seats = count,
                            .lanes = training->lanes,
                            .quota = ddla_machine_quota(),
                            .others = others > 0 ? others : 0};
  if (strcmp(what.how, "none") != 0) {
    if (ddla_topology_read(&topology, NULL) == DDLA_OK) what.topology = &topology;
    else what.why_unknown = ddla_status_message(DDLA_UNSUPPORTED);
  }
  decide_ahead(training, &what);
  ddla_status status = ddla_binding_plan(&training->binding, &what);
  if (status != DDLA_INVALID) return status;
  char words[DDLA_STATUS_TEXT_BYTES];
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  return ddla_job_refuse(job, "parallel.bind", "%s", words);
}

ddla_status ddla_seating_here(ddla_training *training) {
  const ddla_cluster *cluster = &training->cluster;
  ddla_binding_seat *seats = NULL;
  ddla_seat_card mine;
  DDLA_TRY(DDLA_NEW(seats, training->agents));
  ddla_seat_card_of(&mine, false);
  for (int a = 0; a < training->agents; a++) seats[a] = mine.seat;
  for (int h = 0; cluster->hosts > 1 && h < cluster->hosts; h++)
    seats[cluster->first[h]].exchanges = true;
  ddla_status status = seat(training, seats, training->agents, mine.others);
  ddla_free(seats);
  return status;
}

ddla_status ddla_seating_among(ddla_training *training, const ddla_seat_card *all, int agent) {
  ddla_binding_seat *seats = NULL;
  int count = 0, others = all[agent].others;
  DDLA_TRY(DDLA_NEW(seats, training->agents));
  for (int a = 0; a < training->agents; a++) {
    if (strcmp(all[a].machine, all[agent].machine) != 0) continue;
    if (all[a].others < others) others = all[a].others;
    if (a == agent) training->first_seat = a - count;
    seats[count++] = all[a].seat;
  }
  ddla_status status = seat(training, seats, count, others - (count - 1));
  ddla_free(seats);
  return status;
}

const cpu_set_t *ddla_seating_lane(const ddla_training *training, int agent, int lane) {
  const ddla_binding *binding = training->binding;
  if (!binding || !binding->bound) return NULL;
  return &binding->lane[(agent - training->first_seat) * binding->lanes + lane];
}

const cpu_set_t *ddla_seating_exchange(const ddla_training *training, int agent) {
  const ddla_binding *binding = training->binding;
  if (!binding || !binding->bound) return NULL;
  return &binding->exchange[agent - training->first_seat];
}
