#include "base/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Agents that may use the same processors share them out. A unit is what a lane gets: a core's
 * processors, or one of a list. */
typedef struct group {
  cpu_set_t allowed;
  int seats, exchanges;
  int processors, units;
  short unit[DDLA_PROCESSORS_MAX];  /* of a processor; -1: not allowed */
  short first[DDLA_PROCESSORS_MAX]; /* a processor of a unit */
  bool taken[DDLA_PROCESSORS_MAX];  /* units that have a lane, or an exchange thread */
} group;

typedef struct planner {
  const ddla_binding_case *what;
  ddla_binding *made;
  cpu_set_t list;
  bool listed, domains; /* a list is given; lanes may move within their domain */
} planner;

bool ddla_binding_list(cpu_set_t *out, const char *words) {
  const char *at = words;
  do {
    char *end = NULL;
    if (*at < '0' || *at > '9') return false;
    const long first = strtol(at, &end, 10);
    long last = first;
    if (*end == '-' && end[1] >= '0' && end[1] <= '9') last = strtol(end + 1, &end, 10);
    if (first > last || last >= DDLA_PROCESSORS_MAX) return false;
    for (long p = first; p <= last; p++) CPU_SET((size_t)p, out);
    at = end;
  } while (*at++ == ',');
  return at[-1] == '\0';
}

const char *ddla_binding_text(char *text, size_t bytes, const cpu_set_t *set) {
  size_t used = 0;
  text[0] = '\0';
  for (int p = 0; p < DDLA_PROCESSORS_MAX; p++) {
    if (!CPU_ISSET((size_t)p, set)) continue;
    int last = p;
    while (last + 1 < DDLA_PROCESSORS_MAX && CPU_ISSET((size_t)last + 1, set)) last++;
    if (used + 16 > bytes) {
      snprintf(text + used, bytes - used, "...");
      return text;
    }
    used += (size_t)snprintf(text + used, bytes - used, "%s%d", used ? "," : "", p);
    if (last > p) used += (size_t)snprintf(text + used, bytes - used, "-%d", last);
    p = last;
  }
  return text;
}

/* ---- who shares what ---- */

static void allow(cpu_set_t *out, const planner *p, int seat) {
  *out = p->what->seat[seat].allowed;
  if (p->listed) CPU_AND(out, out, &p->list);
}

static bool is_of(const group *g, const planner *p, int seat) {
  cpu_set_t its;
  allow(&its, p, seat);
  return CPU_EQUAL(&its, &g->allowed);
}

/* Units in the order of cores, which is that of domains; of a list, in the order of numbers. */
static void number_units(group *g, const planner *p) {
  const ddla_topology *t = p->what->topology;
  short unit_of[DDLA_PROCESSORS_MAX]; /* of a core, or of a listed processor */
  for (int i = 0; i < DDLA_PROCESSORS_MAX; i++) g->unit[i] = unit_of[i] = -1;
  for (int i = 0; i < DDLA_PROCESSORS_MAX; i++)
    if (t->there[i] && CPU_ISSET((size_t)i, &g->allowed)) unit_of[p->listed ? i : t->core[i]] = 0;
  for (int key = 0; key < DDLA_PROCESSORS_MAX; key++)
    if (unit_of[key] == 0) unit_of[key] = (short)g->units++;
  for (int i = DDLA_PROCESSORS_MAX - 1; i >= 0; i--) {
    if (!t->there[i] || !CPU_ISSET((size_t)i, &g->allowed)) continue;
    g->unit[i] = unit_of[p->listed ? i : t->core[i]];
    g->first[g->unit[i]] = (short)i;
    g->processors++;
  }
}

/* The agents with the processors of `seat`. */
static group gather(const planner *p, int seat) {
  group g = {0};
  allow(&g.allowed, p, seat);
  for (int s = 0; s < p->what->seats; s++) {
    if (!is_of(&g, p, s)) continue;
    g.seats++;
    g.exchanges += p->what->seat[s].exchanges;
  }
  number_units(&g, p);
  return g;
}

/* Whether an agent before `seat` has the processors of the group. */
static bool is_done(const group *g, const planner *p, int seat) {
  for (int s = 0; s < seat; s++)
    if (is_of(g, p, s)) return true;
  return false;
}

/* ---- whether to bind ---- */

/* Neither the same nor apart. */
static bool overlap(const planner *p) {
  for (int a = 0; a < p->what->seats; a++)
    for (int b = 0; b < a; b++) {
      const cpu_set_t *x = &p->what->seat[a].allowed, *y = &p->what->seat[b].allowed;
      cpu_set_t both;
      CPU_AND(&both, x, y);
      if (CPU_COUNT(&both) > 0 && !CPU_EQUAL(x, y)) return true;
    }
  return false;
}

static bool is_whole_machine(const planner *p, const group *g) {
  for (int i = 0; i < DDLA_PROCESSORS_MAX; i++)
    if (p->what->topology->there[i] && g->unit[i] < 0) return false;
  return true;
}

static const char *plural(int count) { return count == 1 ? "" : "s"; }

/* Why the agents of a group are not bound, into words; false: they are. */
static bool refuses(char *words, size_t bytes, const planner *p, const group *g) {
  const ddla_binding_case *what = p->what;
  const int lanes = g->seats * what->lanes, threads = lanes + g->exchanges;
  words[0] = '\0';
  if (lanes > g->processors)
    snprintf(words, bytes, "%d lanes on %d processor%s", lanes, g->processors,
             plural(g->processors));
  if (words[0] || strcmp(what->how, "auto") != 0) return words[0];
  if (what->quota > 0 && what->quota < g->processors)
    snprintf(words, bytes, "the control group grants the time of %.2f of %d processors",
             what->quota, g->processors);
  else if (threads < g->units)
    snprintf(words, bytes, "%d lane%s %s %d core%s, and others may use the rest", lanes,
             plural(lanes), lanes == 1 ? "does not fill" : "do not fill", g->units,
             plural(g->units));
  else if (what->others > 0 && is_whole_machine(p, g))
    snprintf(words, bytes, "other programs compute here now");
  return words[0];
}

/* ---- who goes where ---- */

static void take_unit(cpu_set_t *out, const planner *p, const group *g, int unit) {
  const ddla_topology *t = p->what->topology;
  CPU_ZERO(out);
  for (int i = 0; i < DDLA_PROCESSORS_MAX; i++) {
    if (g->unit[i] < 0) continue;
    if (p->domains ? t->domain[i] == t->domain[g->first[unit]] : g->unit[i] == unit)
      CPU_SET((size_t)i, out);
  }
}

/* A unit without a lane, in the domain of `near` if there is one; -1: none is free. */
static int spare_unit(const planner *p, const group *g, int near) {
  const ddla_topology *t = p->what->topology;
  int found = -1;
  for (int u = 0; u < g->units; u++) {
    if (g->taken[u]) continue;
    if (t->domain[g->first[u]] == t->domain[near]) return u;
    if (found < 0) found = u;
  }
  return found;
}

/* Lanes are dealt out evenly, neighbours to neighbours. */
static int unit_of_lane(const group *g, int lane, int lanes) {
  return (int)((int64_t)lane * g->units / lanes);
}

static void seat_lanes(const planner *p, group *g) {
  const int per = p->what->lanes, lanes = g->seats * per;
  for (int s = 0, place = 0; s < p->what->seats; s++) {
    if (!is_of(g, p, s)) continue;
    for (int lane = 0; lane < per; lane++, place++) {
      const int unit = unit_of_lane(g, place, lanes);
      g->taken[unit] = true;
      take_unit(&p->made->lane[s * per + lane], p, g, unit);
    }
  }
}

/* After all lanes. Where no unit is free the thread goes where the system likes. */
static void seat_exchanges(const planner *p, group *g) {
  const int per = p->what->lanes, lanes = g->seats * per;
  for (int s = 0, place = 0; s < p->what->seats; s++) {
    if (!is_of(g, p, s)) continue;
    p->made->exchange[s] = g->allowed;
    const int near = g->first[unit_of_lane(g, place, lanes)];
    place += per;
    const int unit = p->what->seat[s].exchanges ? spare_unit(p, g, near) : -1;
    if (unit < 0) continue;
    g->taken[unit] = true;
    take_unit(&p->made->exchange[s], p, g, unit);
  }
}

static void describe(const planner *p) {
  const ddla_binding_case *what = p->what;
  char lanes[64], exchange[64];
  cpu_set_t used, talk;
  bool spare = false;
  CPU_ZERO(&used);
  CPU_ZERO(&talk);
  const int count = what->seats * what->lanes;
  for (int i = 0; i < count; i++) CPU_OR(&used, &used, &p->made->lane[i]);
  for (int s = 0; s < what->seats; s++) {
    if (!what->seat[s].exchanges) continue;
    cpu_set_t both;
    CPU_AND(&both, &p->made->exchange[s], &used);
    spare = spare || CPU_COUNT(&both) == 0;
    CPU_OR(&talk, &talk, &p->made->exchange[s]);
  }
  ddla_binding_text(lanes, sizeof lanes, &used);
  ddla_binding_text(exchange, sizeof exchange, &talk);
  snprintf(p->made->words, sizeof p->made->words, "%d lane%s on processor%s %s%s%s%s", count,
           plural(count), plural(CPU_COUNT(&used)), lanes, p->domains ? " by domain" : "",
           spare ? ", exchange on " : "", spare ? exchange : "");
}

static void let_free(const planner *p) {
  const int per = p->what->lanes;
  for (int s = 0; s < p->what->seats; s++) {
    p->made->exchange[s] = p->what->seat[s].allowed;
    for (int lane = 0; lane < per; lane++) p->made->lane[s * per + lane] = p->made->exchange[s];
  }
}

/* Binds all groups, or none where one refuses. */
static bool bind_groups(const planner *p) {
  ddla_binding *made = p->made;
  for (int turn = 0; turn < 2; turn++) /* ask all, then seat all */
    for (int s = 0; s < p->what->seats; s++) {
      group g = gather(p, s);
      if (is_done(&g, p, s)) continue;
      if (turn == 0 && refuses(made->words, sizeof made->words, p, &g)) return false;
      if (turn == 0) continue;
      seat_lanes(p, &g);
      seat_exchanges(p, &g);
    }
  return true;
}

/* ---- the plan ---- */

static ddla_status check_list(const planner *p) {
  const ddla_binding_case *what = p->what;
  char text[64];
  for (int s = 0; s < what->seats; s++) {
    cpu_set_t both;
    CPU_AND(&both, &p->list, &what->seat[s].allowed);
    if (!CPU_EQUAL(&both, &p->list))
      return DDLA_FAIL(INVALID, "is %s, but this process may use processors %s only", what->how,
                       ddla_binding_text(text, sizeof text, &what->seat[s].allowed));
  }
  if (what->seats * what->lanes > CPU_COUNT(&p->list))
    return DDLA_FAIL(INVALID, "names %d processor%s, but there are %d lanes on this machine",
                     CPU_COUNT(&p->list), plural(CPU_COUNT(&p->list)), what->seats * what->lanes);
  return DDLA_OK;
}

static ddla_status read_how(planner *p) {
  const char *how = p->what->how;
  p->domains = strcmp(how, "numa") == 0;
  if (strcmp(how, "auto") == 0 || strcmp(how, "none") == 0 || strcmp(how, "cores") == 0 ||
      p->domains)
    return DDLA_OK;
  p->listed = ddla_binding_list(&p->list, how);
  if (!p->listed)
    return DDLA_FAIL(INVALID,
                     "is '%s', but it must be auto, none, cores, numa, or processors: "
                     "0-3,8 (numbers up to %d)",
                     how, DDLA_PROCESSORS_MAX - 1);
  return check_list(p);
}

static ddla_status make(planner *p) {
  const ddla_binding_case *what = p->what;
  ddla_binding *made = p->made;
  made->seats = what->seats;
  made->lanes = what->lanes;
  DDLA_TRY(DDLA_NEW(made->lane, (int64_t)what->seats * what->lanes));
  DDLA_TRY(DDLA_NEW(made->exchange, what->seats));
  DDLA_TRY(read_how(p));
  if (strcmp(what->how, "none") == 0) snprintf(made->words, sizeof made->words, "not wanted");
  else if (!what->topology) snprintf(made->words, sizeof made->words, "%s", what->why_unknown);
  else if (!p->listed && overlap(p))
    snprintf(made->words, sizeof made->words, "the launcher gave agents processors that overlap");
  else made->bound = bind_groups(p);
  if (made->bound) describe(p);
  else let_free(p);
  return DDLA_OK;
}

ddla_status ddla_binding_plan(ddla_binding **out, const ddla_binding_case *what) {
  planner p = {.what = what};
  DDLA_TRY(DDLA_NEW(p.made, 1));
  ddla_status status = make(&p);
  if (status == DDLA_OK) *out = p.made;
  else ddla_binding_destroy(p.made);
  return status;
}

void ddla_binding_destroy(ddla_binding *binding) {
  if (!binding) return;
  ddla_free(binding->lane);
  ddla_free(binding->exchange);
  ddla_free(binding);
}

void ddla_binding_enter(const cpu_set_t *set) { (void)sched_setaffinity(0, sizeof *set, set); }
