/* ddla train: runs a job. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hosts.h"
#include "agent/join.h"
#include "agent/launch.h"
#include "agent/lookout.h"
#include "agent/meeting.h"
#include "agent/reading.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/train_facts.h"
#include "cli/train_share.h"
#include "cli/words.h"
#include "train/feed/owned.h"
#include "train/run/recording.h"
#include "train/save/save.h"
#include "train/seating.h"
#include "train/segments.h"
#include "train/trainer.h"
#include "watch/reader.h"

typedef struct train_call {
  ddla_job *job;
  char directory[DDLA_PATH_BYTES]; /* the run directory, where nothing names one */
  ddla_join *join;                 /* null: agents are started here */
  ddla_training_meeting meeting;   /* of those that MPI has started; where meets */
  bool meets;
  ddla_training *training;
  ddla_trainer_options options;
  char isa[DDLA_TRAIN_ISA_BYTES]; /* what is said of the instruction set; may be "" */
  size_t shared_bytes;            /* of a host */
  ddla_host_links links;          /* of played hosts */
  ddla_failure no_events;         /* why events are not kept in files; code DDLA_OK: they are */
  ddla_failure no_watch;          /* why those of other agents cannot be read */
  ddla_watch *all; /* files of all agents that MPI has started, for the first one; may be null */
} train_call;

/* A signal handler reaches nothing else. */
static _Atomic bool stop_asked;

static void on_stop(int number) {
  (void)number;
  atomic_store(&stop_asked, true);
}

/* A line of an agent's log: seconds of the machine's monotonic clock (one for all agents), level,
 * text. */
static void write_log(ddla_log_level level, const char *line, void *argument) {
  static const char *const words[] = {"warning", "info", "debug"};
  FILE *file = argument;
  double seconds = (double)ddla_clock_now_ns(ddla_clock_monotonic()) * 1e-9;
  fprintf(file, "%.3f %s: %s\n", seconds, words[level], line);
  fflush(file);
}

/* Whose events nobody will find. An agent without the run directory has no log either: the first
 * one says it for all. */
static void log_events(const train_call *call) {
  if (call->no_events.code != DDLA_OK)
    ddla_log_line(DDLA_LOG_WARN, "%s; events are kept in memory only", call->no_events.text);
  if (call->no_watch.code != DDLA_OK)
    ddla_log_line(DDLA_LOG_WARN, "%s; nobody watches for hangs", call->no_watch.text);
  for (int a = 0; call->all && a < call->all->agents; a++)
    if (ddla_watch_is_missing(call->all, a))
      ddla_log_line(DDLA_LOG_WARN,
                    "agent %d has no events in %s (does its host reach it?): in memory only", a,
                    call->options.directory);
}

/* Opens agents/RANK.log in the run directory. Agents that are threads of one process have no log of
 * their own. */
static ddla_status open_log(FILE **out, const train_call *call, const ddla_transport *transport) {
  char name[32], path[DDLA_PATH_BYTES];
  const ddla_cluster *cluster = &call->training->cluster;
  const int agent = cluster->first[cluster->host] + ddla_transport_rank(transport);
  const char *directory = call->options.directory;
  snprintf(name, sizeof name, "agents/%d.log", agent);
  FILE *file = fopen(ddla_run_path(path, directory, name), "a");
  *out = NULL;
  if (!file && cluster->host > 0) return DDLA_OK; /* the directory is another host's */
  if (!file) return ddla_file_fail(errno, "cannot write", path);
  ddla_log_set_sink(write_log, file);
  ddla_log_line(DDLA_LOG_INFO, "agent %d of %d, process %d, transport %s", agent,
                ddla_cluster_agents(cluster), (int)getpid(), ddla_transport_name(transport));
  log_events(call);
  *out = file;
  return DDLA_OK;
}

static ddla_status run_logged(const train_call *call, ddla_transport *transport) {
  FILE *log = NULL;
  if (strcmp(call->training->job->parallel.agents_as, "threads") == 0)
    return ddla_trainer_run(call->training, transport, &call->options);
  DDLA_TRY(open_log(&log, call, transport));
  ddla_status status = ddla_trainer_run(call->training, transport, &call->options);
  ddla_log_line(DDLA_LOG_INFO, "ends: %s",
                status == DDLA_OK ? "done" : ddla_status_message(status));
  ddla_log_set_sink(NULL, NULL);
  if (log) fclose(log);
  return status;
}

static bool agents_share_process(const ddla_training *training) {
  return ddla_cluster_here(&training->cluster) == 1 ||
         strcmp(training->job->parallel.agents_as, "threads") == 0;
}

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const train_call *call = argument;
  struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
  sigset_t stops;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL); /* which MPI's launchers pass on and do not act upon */
  /* The launcher of processes kills them at a second Ctrl-C; where there is none, the system does.
   */
  if (agents_share_process(call->training)) action.sa_flags |= SA_RESETHAND;
  sigaction(SIGINT, &action, NULL);
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &stops, NULL);
  return run_logged(call, transport);
}

static void where(void *argument, char *text, size_t bytes) {
  const train_call *call = argument;
  snprintf(text, bytes, "step %" PRIu64, atomic_load(&call->training->board->step) + 1);
}

/* runs/NAME for the job file PATH/NAME.yaml. */
static void default_directory(char *out, size_t bytes, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  size_t length = strcspn(name, ".");
  snprintf(out, bytes, "runs/%.*s", (int)length, name);
}

/* joined: MPI's launcher passes the output on, so that this process does not know where it goes. */
static ddla_show choose_show(const ddla_job *job, bool quiet, bool json, bool joined) {
  if (json) return DDLA_SHOW_JSON;
  if (quiet || strcmp(job->output.progress, "none") == 0) return DDLA_SHOW_NONE;
  if (strcmp(job->output.progress, "bar") == 0) return DDLA_SHOW_BAR;
  if (joined || strcmp(job->output.progress, "lines") == 0) return DDLA_SHOW_LINES;
  return isatty(STDOUT_FILENO) ? DDLA_SHOW_BAR : DDLA_SHOW_LINES;
}

/* How agents keep one model, or models, from which step on. */
static void show_sync(const ddla_training *whole) {
  const int count = ddla_segments_count(whole);
  for (int i = 0; i < count; i++) {
    const ddla_training training = ddla_segments_training(whole, i);
    if (count > 1) printf("from step %" PRId64 ": ", training.from_step);
    if (training.strategy->replicated && training.strategy->claims)
      printf("%d replica%s of the model, of which one averages with one other at a time (%s)\n",
             training.cluster.hosts, training.cluster.hosts == 1 ? "" : "s",
             training.strategy->method);
    else if (training.strategy->replicated)
      printf("%d replica%s of the model, which exchange by %s every %" PRId64 " steps\n",
             training.cluster.hosts, training.cluster.hosts == 1 ? "" : "s",
             training.strategy->method, training.job->sync.interval);
    else if (count > 1)
      printf("sync.mode %s, sync.method %s\n", training.strategy->mode, training.strategy->method);
    if (ddla_training_varies(&training))
      puts("agents take what is next as they come to it: another run may have other bits");
  }
}

static void show_plan(const train_call *call, const ddla_training_memory *memory) {
  const ddla_training *training = call->training;
  const ddla_join *join = call->join;
  if (join)
    printf("%d agents on %d host%s, started by %s\n", training->agents, training->cluster.hosts,
           training->cluster.hosts == 1 ? "" : "s", ddla_join_library(join));
  if (join && training->cluster.hosts > 1 && !ddla_join_has_threads(join))
    printf("%s grants calls from one thread only: lanes exchange between their shards, which hides "
           "less\n",
           ddla_join_library(join));
  show_sync(training);
  if (training->fast)
    printf("sums between hosts are made by %s: another run may have other bits\n",
           ddla_join_library(join));
  printf("%s: %" PRId64 " parameters, %" PRId64
         " training samples, %d agent%s with %d lane%s each, %d shards of a "
         "batch of %" PRId64
         "\nmemory: %zu MiB shared, %zu MiB more in each agent, %zu MiB of data; results in %s\n",
         training->job->model.kind, ddla_graph_parameter_total(training->graph.graph),
         ddla_dataset_count(training->train), training->agents, training->agents == 1 ? "" : "s",
         training->lanes, training->lanes == 1 ? "" : "s", training->shards, training->batch,
         (memory->shared_bytes >> 20) + 1, (memory->agent_bytes >> 20) + 1,
         (memory->data_bytes >> 20) + 1, call->options.directory);
  if (call->isa[0]) puts(call->isa);
  printf("binding: %s%s (parallel.bind: %s)\n", training->binding->bound ? "" : "none, ",
         training->binding->words, training->job->parallel.bind);
  printf("loader: %s (data.ahead: %s)\n", training->ahead.words, training->job->data.ahead);
}

static ddla_status print_file(const char *directory, const char *name) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  DDLA_TRY(ddla_file_read(&text, &bytes, ddla_run_path(path, directory, name), (size_t)64 << 20));
  fwrite(text, 1, bytes, stdout);
  ddla_free(text);
  return DDLA_OK;
}

/* A finished run is left as it is. */
static ddla_status find_finished(bool *out, const train_call *call) {
  int64_t steps = -1;
  DDLA_TRY(ddla_train_finished(&steps, call->training, call->options.directory));
  *out = steps >= 0;
  if (steps >= 0 && call->options.show == DDLA_SHOW_JSON)
    return print_file(call->options.directory, "report.json");
  if (steps >= 0 && call->options.show != DDLA_SHOW_NONE)
    printf("%s is already finished: %" PRId64
           " steps; raise train.epochs or train.steps to go on\n",
           call->options.directory, steps);
  return DDLA_OK;
}

/* A run that cannot keep events goes on without; that is said once. */
static ddla_status open_events(train_call *call) {
  const ddla_failure *failure = &call->no_events;
  const int joined = call->join ? ddla_join_agent(call->join) : -1;
  bool quiet = call->options.show == DDLA_SHOW_NONE || call->options.show == DDLA_SHOW_JSON;
  DDLA_TRY(ddla_recording_create(&call->options.watch, &call->no_events, call->training,
                                 call->options.directory, joined));
  if (failure->code != DDLA_OK && !quiet)
    fprintf(stderr, "ddla: warning: %s; goes on without events in the run directory\n",
            failure->text);
  return DDLA_OK;
}

/* The launcher of the first host watches the agents of all. */
static ddla_status launch_agents(train_call *call) {
  const ddla_training *training = call->training;
  const ddla_watcher_options hang = ddla_recording_hang(training, call->options.directory, stderr);
  const bool watches = training->cluster.host == 0 && hang.least_seconds > 0;
  const ddla_launch_options launch = {.agents = ddla_cluster_here(&training->cluster),
                                      .first = training->cluster.first[training->cluster.host],
                                      .shared_bytes = call->shared_bytes,
                                      .threads =
                                          strcmp(training->job->parallel.agents_as, "threads") == 0,
                                      .where = where,
                                      .watch = call->options.watch,
                                      .hang = watches ? &hang : NULL};
  return ddla_launch(&launch, agent_main, call);
}

static ddla_status open_played(ddla_transport **link, ddla_local_region *region, int host) {
  const ddla_local_setup setup = {.region = region, .rank = host, .adopted = true};
  return ddla_transport_open(link, "local", &setup);
}

static ddla_status open_played_link(ddla_transport **link, ddla_cluster *cluster, void *argument) {
  const train_call *call = argument;
  return open_played(link, call->links.exchange, cluster->host);
}

static ddla_status open_played_share(ddla_transport **link, void *argument) {
  const train_call *call = argument;
  return open_played(link, call->links.share, call->training->cluster.host);
}

/* One of the hosts that this machine plays: all but the first are silent. */
static ddla_status be_host(int host, const ddla_host_links *links, void *argument) {
  train_call *call = argument;
  call->training->cluster.host = host;
  ddla_owned_keep(call->training);
  call->links = *links;
  call->options.hosts = (ddla_trainer_hosts){
      .open = open_played_link, .open_share = open_played_share, .argument = call};
  if (host > 0) call->options.show = DDLA_SHOW_NONE;
  return launch_agents(call);
}

static ddla_status run_all(train_call *call) {
  const ddla_cluster *cluster = &call->training->cluster;
  DDLA_TRY(open_events(call)); /* those of all hosts, which are forked from here */
  const ddla_hosts_options hosts = {.cluster = cluster,
                                    .starts = ddla_segments_count(call->training),
                                    .main = be_host,
                                    .where = where,
                                    .argument = call};
  return cluster->hosts > 1 ? ddla_hosts_play(&hosts) : launch_agents(call);
}

/* Samples that the run does without; said even where nothing else is. */
static void warn_left_out(const ddla_training *training) {
  const struct {
    const char *key;
    const ddla_dataset *set;
  } rows[] = {{"data.train", training->whole},
              {"data.validation", training->validation},
              {"data.test", training->test}};
  for (int i = 0; i < 3; i++) {
    int64_t blocks = 0;
    const bool is_view = rows[i].set == training->validation && !training->job->data.validation[0];
    if (!rows[i].set || is_view) continue;
    const int64_t samples = ddla_dataset_left_out(&blocks, rows[i].set);
    if (samples > 0)
      fprintf(stderr,
              "ddla: warning: %s: %" PRId64 " samples are left out, which lie in %" PRId64
              " damaged block%s (data.on_error: skip)\n",
              rows[i].key, samples, blocks, blocks == 1 ? "" : "s");
  }
}

/* Makes the run directory ready, unless its run is finished. */
static ddla_status prepare_directory(bool *finished, train_call *call) {
  ddla_training *training = call->training;
  ddla_training_memory memory = {0};
  const char *directory = call->options.directory;
  ddla_show show = call->options.show;
  *finished = false;
  if (call->options.resume) DDLA_TRY(find_finished(finished, call));
  if (*finished) return DDLA_OK;
  warn_left_out(training);
  DDLA_TRY(ddla_training_estimate(&memory, training));
  DDLA_TRY(ddla_run_prepare(training, directory, call->options.resume));
  if (show == DDLA_SHOW_BAR || show == DDLA_SHOW_LINES) show_plan(call, &memory);
  call->shared_bytes = memory.region_bytes;
  return DDLA_OK;
}

/* What is said when all agents have ended; status: how. */
static ddla_status conclude(const train_call *call, ddla_status status) {
  const ddla_training *training = call->training;
  const char *directory = call->options.directory;
  ddla_show show = call->options.show;
  if (status != DDLA_OK && show == DDLA_SHOW_BAR) fputc('\n', stdout);
  if (status == DDLA_PEER_LOST)
    return ddla_status_prefix(
        status,
        "training stopped (go on from the last checkpoint with --resume --out %s): ", directory);
  DDLA_TRY(status);
  if (show != DDLA_SHOW_NONE)
    DDLA_TRY(print_file(directory, show == DDLA_SHOW_JSON ? "report.json" : "report.txt"));
  if (atomic_load(&training->board->interrupted))
    return DDLA_FAIL(INTERRUPTED,
                     "stopped after step %" PRIu64
                     " with a checkpoint; go on with --resume --out %s",
                     atomic_load(&training->board->step), directory);
  return DDLA_OK;
}

/* What the command line says. */
typedef struct train_given {
  ddla_words words;
  const char *agents, *out, *transport;
  bool resume, quiet, json;
  int64_t start_ns;
} train_given;

static ddla_status set_agents(ddla_job *job, const train_given *given,
                              const ddla_cluster *cluster) {
  char assignment[64];
  if (given->agents) {
    snprintf(assignment, sizeof assignment, "parallel.agents=%s", given->agents);
    DDLA_TRY(ddla_job_set(job, assignment));
  }
  if (!cluster) return DDLA_OK;
  const int agents = ddla_cluster_agents(cluster);
  if (given->agents && job->parallel.agents != agents)
    return DDLA_FAIL(INVALID,
                     "-n %s, but MPI has started %d processes, which are the agents; leave -n out, "
                     "or have the launcher start as many",
                     given->agents, agents);
  snprintf(assignment, sizeof assignment, "parallel.agents=%d", agents);
  return ddla_job_set(job, assignment);
}

/* cluster: null, or who was started by MPI. */
static ddla_status read_job(train_call *call, const train_given *given,
                            const ddla_cluster *cluster) {
  DDLA_TRY(ddla_words_job(&call->job, &given->words, given->words.other[0]));
  DDLA_TRY(set_agents(call->job, given, cluster));
  default_directory(call->directory, sizeof call->directory, given->words.other[0]);
  const char *dir = call->job->output.dir;
  call->options.directory = given->out ? given->out : dir[0] ? dir : call->directory;
  call->options.resume = given->resume;
  call->options.stop = &stop_asked;
  call->options.terminal = stdout;
  call->options.show = choose_show(call->job, given->quiet, given->json, cluster != NULL);
  return DDLA_OK;
}

static ddla_status prepare(train_call *call, const train_given *given,
                           const ddla_cluster *cluster) {
  ddla_reading *reading = NULL;
  const ddla_training_own own = {.meeting = call->meets ? &call->meeting : NULL};
  DDLA_TRY(
      ddla_reading_start(&reading, call->job->data.train, call->job->output.hang_seconds, stderr));
  ddla_status status =
      ddla_training_prepare(&call->training, call->job, &own, cluster, given->start_ns);
  ddla_reading_stop(reading); /* while nothing comes, somebody says so */
  return status;
}

static void finish(train_call *call) {
  ddla_watch_destroy(call->options.watch);
  ddla_watch_destroy(call->all);
  ddla_training_destroy(call->training);
  ddla_job_destroy(call->job);
}

/* All agents are started here. */
static ddla_status train_here(train_call *call, const train_given *given) {
  bool finished = false;
  DDLA_TRY(read_job(call, given, NULL));
  DDLA_TRY(prepare(call, given, NULL));
  DDLA_TRY(ddla_train_agree_isa(call->isa, call->training, NULL));
  DDLA_TRY(prepare_directory(&finished, call));
  return finished ? DDLA_OK : conclude(call, run_all(call));
}

/* Each agent makes its own file in the directory, which is ready now; when all are there, the first
 * one opens them to watch. Where it has none itself, or cannot read them, nobody watches. */
static ddla_status open_joined_events(train_call *call) {
  ddla_status status = open_events(call);
  DDLA_TRY(ddla_join_agree(call->join, status, &(ddla_join_fact){0}));
  if (ddla_join_agent(call->join) != 0 || !call->options.watch || call->no_events.code != DDLA_OK)
    return DDLA_OK;
  status = ddla_watch_open(&call->all, call->options.directory);
  if (status != DDLA_OK) ddla_status_take(&call->no_watch, status);
  return DDLA_OK;
}

/* Agents of one machine share out its processors. */
static ddla_status seat_joined(train_call *call) {
  const ddla_cluster *cluster = ddla_join_cluster(call->join);
  const int agent = ddla_join_agent(call->join);
  ddla_seat_card mine, *all = NULL;
  ddla_seat_card_of(&mine, cluster->hosts > 1 && agent == cluster->first[cluster->host]);
  DDLA_TRY(DDLA_NEW(all, ddla_cluster_agents(cluster)));
  ddla_status status =
      ddla_join_gather(call->join, all, &mine, sizeof mine, "say which processors they may use");
  if (status == DDLA_OK) status = ddla_seating_among(call->training, all, agent);
  ddla_free(all);
  return ddla_join_agree(call->join, status, &(ddla_join_fact){0});
}

/* What the first agent finds in the directory. */
typedef struct joined_start {
  bool finished;
  int64_t step; /* that the run goes on from */
} joined_start;

/* The first agent makes the directory ready; the others wait for it. */
static ddla_status prepare_joined(bool *finished, train_call *call, ddla_status prepared) {
  const bool first = ddla_join_agent(call->join) == 0;
  ddla_join_fact facts[DDLA_JOIN_FACTS] = {{0}};
  ddla_training_memory memory = {0};
  if (prepared == DDLA_OK) prepared = ddla_train_facts(facts, call->training);
  DDLA_TRY(ddla_join_agree(call->join, prepared, facts));
  DDLA_TRY(ddla_train_agree_isa(call->isa, call->training, call->join));
  DDLA_TRY(seat_joined(call));
  if (!first) call->options.show = DDLA_SHOW_NONE;
  ddla_status status =
      first ? prepare_directory(finished, call) : ddla_training_estimate(&memory, call->training);
  if (!first) call->shared_bytes = memory.region_bytes;
  DDLA_TRY(ddla_join_agree(call->join, status, &(ddla_join_fact){0}));
  joined_start start = {*finished, call->training->resume_step};
  DDLA_TRY(ddla_join_tell(call->join, &start, sizeof start));
  *finished = start.finished;
  call->training->resume_step = start.step;
  return *finished ? DDLA_OK : open_joined_events(call);
}

static void look(void *watcher) { ddla_watcher_look(watcher); }

/* Trains, while a thread of the first agent looks out for hangs of all: no launcher of ours does.
 */
static ddla_status run_joined(train_call *call) {
  const ddla_watcher_options hang =
      ddla_recording_hang(call->training, call->options.directory, stderr);
  ddla_watcher *watcher = NULL;
  ddla_lookout *lookout = NULL;
  ddla_status status = DDLA_OK;
  if (call->all && hang.least_seconds > 0) {
    DDLA_TRY(ddla_watcher_create(&watcher, call->all, &hang));
    DDLA_TRY_CLEAN(status, ddla_lookout_start(&lookout, look, watcher));
  }
  status = ddla_join_run(call->join, call->shared_bytes, agent_main, call);
cleanup:
  ddla_lookout_stop(lookout);
  if (status == DDLA_OK) ddla_watcher_finish(watcher);
  ddla_watcher_destroy(watcher);
  return status;
}

/* Whether every process is to have a model of its own. A job that cannot be read is refused later,
 * when all are there to hear it. */
static bool has_replicas(const train_given *given) {
  ddla_job *job = NULL;
  if (ddla_words_job(&job, &given->words, given->words.other[0]) != DDLA_OK) return false;
  const bool replicas = ddla_training_has_replicas(job);
  ddla_job_destroy(job);
  return replicas;
}

/* Whoever asked is told before a process ends: from then on Open MPI's launcher may kill the
 * others. All agents end with one status; of several at once MPICH's launcher loses one now and
 * then. */
static _Noreturn void end_stopped(const train_call *call, ddla_status status) {
  fflush(stdout);
  if (status != DDLA_OK) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
  (void)ddla_join_end(call->join); /* the run is as it should be, however MPI ends */
  fflush(NULL);
  _exit(ddla_status_exit(DDLA_INTERRUPTED));
}

static bool is_stopped(const train_call *call) {
  return call->training && atomic_load(&call->training->board->interrupted);
}

/* This process is one agent of those that MPI has started. The first one speaks for all. */
static ddla_status train_joined(train_call *call, const train_given *given) {
  bool finished = false, apart = false;
  DDLA_TRY(ddla_join_start(&call->join, has_replicas(given), DDLA_TRAIN_START_MS));
  ddla_status status = read_job(call, given, ddla_join_cluster(call->join));
  status = ddla_join_meeting(&call->meeting, &call->meets, call->join, status, call->job);
  apart = status != DDLA_OK; /* all know it */
  if (status == DDLA_OK)
    status = ddla_train_share(&apart, call->job, call->join, call->options.show);
  if (status == DDLA_OK) status = prepare(call, given, ddla_join_cluster(call->join));
  if (!apart) status = prepare_joined(&finished, call, status);
  if (status == DDLA_OK && !finished) {
    ddla_join_limit(call->join, (int64_t)(call->job->parallel.timeout * 1000));
    if (ddla_join_cluster(call->join)->hosts > 1)
      call->options.hosts = (ddla_trainer_hosts){.open = ddla_join_open_link,
                                                 .open_share = ddla_join_open_share,
                                                 .argument = call->join,
                                                 .threadless = !ddla_join_has_threads(call->join)};
    status = run_joined(call);
    if (ddla_join_speaks(call->join)) status = conclude(call, status);
  }
  if (status != DDLA_OK && status != DDLA_INTERRUPTED) {
    if (ddla_join_speaks(call->join)) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
    ddla_join_leave(call->join, status);
  }
  if (is_stopped(call)) end_stopped(call, status);
  return ddla_join_end(call->join);
}

static ddla_status choose_transport(bool *joined, const char *transport) {
  *joined = false;
  if (transport && strcmp(transport, "local") == 0) return DDLA_OK;
  DDLA_TRY(ddla_join_wanted(joined));
  if (!transport || strcmp(transport, "auto") == 0) return DDLA_OK;
  if (strcmp(transport, "mpi") != 0)
    return DDLA_FAIL(INVALID, "--transport %s: there are auto, local and mpi", transport);
  *joined = true;
  return DDLA_OK;
}

static ddla_status train(int argc, char **argv, int64_t start_ns) {
  train_given given = {.start_ns = start_ns};
  train_call call = {0};
  bool joined = false;
  const ddla_words_option options[] = {
      {"--agents", "-n", &given.agents, NULL},       {"--out", "-o", &given.out, NULL},
      {"--transport", NULL, &given.transport, NULL}, {"--resume", NULL, NULL, &given.resume},
      {"--quiet", "-q", NULL, &given.quiet},         {"--json", NULL, NULL, &given.json},
  };
  DDLA_TRY(ddla_words_read(&given.words, argc, argv, options, sizeof options / sizeof options[0]));
  if (given.words.other_count != 1)
    return DDLA_FAIL(INVALID,
                     "ddla train takes one job file, not %d; `ddla train --help` says more",
                     given.words.other_count);
  DDLA_TRY(choose_transport(&joined, given.transport));
  ddla_status status = joined ? train_joined(&call, &given) : train_here(&call, &given);
  finish(&call);
  return status;
}

const ddla_command ddla_command_train = {
    .name = "train",
    .arguments = "JOB.yaml [-n AGENTS] [--set KEY=VALUE]... [--out DIR] [--resume]",
    .summary = "trains a model as a job file says",
    .help =
        "  -n, --agents N     agents (processes) that train together; also parallel.agents\n"
        "  --set KEY=VALUE    sets a key of the job, for example train.batch=256; may be repeated\n"
        "  --transport NAME   local: start the agents here; mpi: be one of those that an MPI "
        "launcher\n"
        "                     started; auto: look who started this process [auto]\n"
        "  -o, --out DIR      run directory; else output.dir, else runs/ and the job file's name\n"
        "  --resume           goes on from the run directory's newest checkpoint\n"
        "  -q, --quiet        prints nothing but errors\n"
        "  --json             prints report.json at the end and nothing else\n",
    .run = train};
