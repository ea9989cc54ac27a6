/* Makes a lane of a run hang, or two at once, from outside:
 *   hang_inject KIND RUN AGENT.LANE[+AGENT.LANE] WHERE STEP SEED
 * waits until RUN has done STEP steps and the lanes come to WHERE, makes them hang as KIND says,
 * and prints a line "at MILLISECONDS phase NUMBER process PID" for each. Then each line of standard
 * input sets the next one free, and its end all. tests/hang/designed.txt says what KIND and WHERE
 * mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "symbol.h"
#include "tracee.h"
#include "watch/format.h"

/* A function at whose first instruction a lane in `phase` can be caught; phase 0: any. Then it goes
 * on for up to `steps` instructions, as far as it stays in the phase. */
typedef struct place {
  const char *name, *symbol;
  uint64_t phase;
  int steps;
} place;

static const place places[] = {{"first", "ddla_batch_fill", DDLA_PHASE_DATA, 0},
                               {"step", NULL, 0, 0},
                               {"data", "ddla_batch_fill", DDLA_PHASE_DATA, 0},
                               {"op", "ddla_plan_execute", DDLA_PHASE_COMPUTE, 4000},
                               {"update", "ddla_updates_run", DDLA_PHASE_UPDATE, 0},
                               {"eval", "ddla_plan_execute", DDLA_PHASE_EVALUATE, 4000},
                               {"checkpoint", "ddla_safetensors_write", DDLA_PHASE_CHECKPOINT, 0},
                               {"model", "ddla_safetensors_write", DDLA_PHASE_MODEL, 0},
                               {"wait", "ddla_transport_word_wait", DDLA_PHASE_WAIT, 0},
                               {"barrier", "ddla_sync_barrier", 0, 0},
                               {"final", "ddla_sync_final", 0, 0},
                               {0}};

typedef struct victim {
  const char *kind, *run;
  const place *place;
  int agent, lane, seed;
  uint64_t step;
  const ddla_watch_head *head;
  const ddla_watch_lane_head *lane_head;
  const ddla_watch_event *ring;
  uint64_t address; /* of the place's function */
  tracee tracee;
  bool led_away;
  int64_t at_ms; /* when it began to hang; 0: now */
} victim;

enum { PATIENCE_MS = 60000 };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

_Noreturn static void give_up(const victim *it, const char *why) {
  fprintf(stderr, "hang_inject: %s agent %d lane %d: %s\n", it->kind, it->agent, it->lane, why);
  exit(1);
}

static const void *map(const char *run, int agent) {
  char path[512];
  struct stat about;
  snprintf(path, sizeof path, "%s/agents/%d.events", run, agent);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  const void *data = MAP_FAILED;
  if (fstat(file, &about) == 0 && about.st_size > DDLA_WATCH_HEAD_BYTES)
    data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return data == MAP_FAILED ? NULL : data;
}

/* Waits for the files of events, the lane's thread, and the step. */
static void await(victim *it) {
  const ddla_watch_head *first = NULL;
  int64_t end = now_ms() + PATIENCE_MS;
  for (; now_ms() < end; pause_ms(1)) {
    if (!first) first = map(it->run, 0);
    if (!it->head) it->head = map(it->run, it->agent);
    if (!first || !it->head || atomic_load(&it->head->process) == 0) continue;
    const char *block =
        (const char *)it->head + DDLA_WATCH_HEAD_BYTES + (uint64_t)it->lane * it->head->lane_bytes;
    it->lane_head = (const ddla_watch_lane_head *)block;
    it->ring = (const ddla_watch_event *)(block + sizeof *it->lane_head +
                                          DDLA_WATCH_OPS_MAX * DDLA_WATCH_OP_BYTES);
    if (atomic_load(&it->lane_head->thread) && atomic_load(&first->step) >= it->step) return;
  }
  give_up(it, "the run does not come to the step");
}

static uint64_t phase_now(const victim *it) {
  uint64_t count = atomic_load(&it->lane_head->count);
  if (count == 0) return 0;
  return atomic_load(&it->ring[(count - 1) % it->head->ring_events].what) >> 56;
}

/* A few instructions further; another number at each attempt, so that one stays in the phase. */
static void wander(victim *it, int attempt) {
  if (it->place->steps == 0) return;
  int count =
      400 + (int)((unsigned)(it->seed + attempt) * 2654435761u % (unsigned)it->place->steps);
  if (!tracee_forget(&it->tracee)) give_up(it, "ptrace");
  for (int i = 0; i < count && phase_now(it) == it->place->phase; i += 20)
    if (!tracee_step(&it->tracee, 20)) give_up(it, "it ended while it was led");
}

/* Leads a lane that is held to its place, where it is held again. False: it has not come there in
 * so many ms, and is held where it is. */
static bool lead(victim *it, int ms) {
  int64_t end = now_ms() + ms;
  for (int attempt = 0; now_ms() < end; attempt++) {
    if (!tracee_run_to_within(&it->tracee, it->address, (int)(end - now_ms()) + 1)) break;
    if (it->place->phase && phase_now(it) != it->place->phase) continue;
    wander(it, attempt);
    if (!it->place->phase || phase_now(it) == it->place->phase) break;
  }
  if (!tracee_forget(&it->tracee)) give_up(it, "it ended before it came there");
  return now_ms() < end;
}

static void seize(victim *it) {
  pid_t process = (pid_t)atomic_load(&it->head->process);
  pid_t thread = (pid_t)atomic_load(&it->lane_head->thread);
  if (!it->address) it->address = symbol_find(process, it->place->symbol);
  if (!it->address) give_up(it, "the program has no such function");
  if (!tracee_seize(&it->tracee, process, thread) || !tracee_interrupt(&it->tracee))
    give_up(it, "it cannot be traced");
}

/* All at once. One that waits for another that is held does not come to its place: then both are
 * let go and caught again. */
static void catch_all(victim *it, int count) {
  enum { OTHERS_MS = 200, TRIES = 100 };
  for (int tries = 0; tries < TRIES; tries++) {
    int led = 0;
    for (int i = 0; i < count; i++) seize(&it[i]);
    while (led < count && lead(&it[led], count > 1 ? OTHERS_MS : PATIENCE_MS)) led++;
    if (led == count) return;
    for (int i = 0; i < count; i++)
      if (!tracee_let_go(&it[i].tracee)) give_up(it, "it ended before it came there");
    pause_ms(1 + tries % 7);
  }
  give_up(it, "it does not come there");
}

/* Returns at once from a meeting; of the words that gradients are final, from all of a step. */
static bool skip(victim *it) {
  bool all = strcmp(it->place->name, "final") == 0;
  if (!tracee_skip_call(&it->tracee)) return false;
  it->at_ms = now_ms();
  /* The last of a step's words comes just before the exchange, in which the lane then stays. */
  while (all && tracee_run_to_within(&it->tracee, it->address, 1000))
    if (!tracee_skip_call(&it->tracee)) return false;
  return tracee_forget(&it->tracee) && tracee_let_go(&it->tracee);
}

static bool hang(victim *it) {
  pid_t process = (pid_t)atomic_load(&it->head->process);
  bool caught = it->place->symbol != NULL;
  if (strcmp(it->kind, "skip") == 0) return skip(it);
  if (strcmp(it->kind, "stop") == 0 || strcmp(it->kind, "reap") == 0) {
    bool stop = it->kind[0] == 's';
    if (!stop && kill((pid_t)atomic_load(&it->head->launcher), SIGSTOP) != 0) return false;
    if (kill(process, stop ? SIGSTOP : SIGKILL) != 0) return false;
    return !caught || (stop ? tracee_let_go(&it->tracee) : tracee_mourn(&it->tracee));
  }
  if (strcmp(it->kind, "held") ==
      0) { /* its tracer does not wait for its end, so nobody else can */
    bool main_thread = caught && it->tracee.thread == process;
    if (!main_thread && !tracee_hold(process)) return false;
    return kill(process, SIGKILL) == 0;
  }
  it->led_away = true;
  return tracee_lead_away(&it->tracee, strcmp(it->kind, "spin") == 0   ? DETOUR_SPIN
                                       : strcmp(it->kind, "disk") == 0 ? DETOUR_DISK
                                                                       : DETOUR_SLEEP);
}

static void set_free(victim *it) {
  if (strcmp(it->kind, "stop") == 0) kill((pid_t)atomic_load(&it->head->process), SIGCONT);
  if (strcmp(it->kind, "reap") == 0) kill((pid_t)atomic_load(&it->head->launcher), SIGCONT);
  if (it->led_away && !tracee_lead_back(&it->tracee)) give_up(it, "it cannot be led back");
}

static const place *find_place(const char *name) {
  const place *found = places;
  while (found->name && strcmp(found->name, name) != 0) found++;
  return found->name ? found : NULL;
}

static void print(const victim *it) {
  printf("at %" PRId64 " phase %" PRIu64 " process %u\n", it->at_ms ? it->at_ms : now_ms(),
         phase_now(it), atomic_load(&it->head->process));
  fflush(stdout);
}

/* "1.0+2.0". Returns how many there are. */
static int parse_lanes(victim it[2], const char *text) {
  int count = 0;
  for (const char *at = text; at && count < 2; count++) {
    const char *plus = strchr(at, '+'), *dot = strchr(at, '.');
    it[count] = it[0];
    it[count].agent = (int)strtol(at, NULL, 10);
    it[count].lane = dot ? (int)strtol(dot + 1, NULL, 10) : 0;
    at = plus ? plus + 1 : NULL;
  }
  return count;
}

int main(int argc, char **word) {
  char answer[16];
  if (argc != 7) return 2;
  victim it[2] = {{.kind = word[1],
                   .run = word[2],
                   .place = find_place(word[4]),
                   .step = strtoull(word[5], NULL, 10),
                   .seed = (int)strtol(word[6], NULL, 10)}};
  if (!it->place) give_up(it, "there is no such place");
  int count = parse_lanes(it, word[3]), freed = 0;
  for (int i = 0; i < count; i++) await(&it[i]);
  if (it->place->symbol) catch_all(it, count);
  for (int i = 0; i < count; i++)
    if (!hang(&it[i])) give_up(&it[i], strerror(errno));
  for (int i = 0; i < count; i++) print(&it[i]);
  while (fgets(answer, sizeof answer, stdin) && freed < count) set_free(&it[freed++]);
  while (freed < count) set_free(&it[freed++]);
  return 0;
}
