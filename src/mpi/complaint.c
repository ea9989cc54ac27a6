#include "mpi/complaint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Stands for: the program's name, and that something is missing. */
#define PROGRAM_MISSING "?"

/* Recorded from Open MPI 4.1.4, MPICH 4.0.2 and OpenSSH 9.2 on Debian 12. Before %s of `words` as
 * in fill(). */
typedef enum part { NOTHING, HOST, PROGRAM, PACKAGE } part;

typedef struct row {
  const char *signs[5];
  const char *words;
  part part;
} row;

/* The cause stands before what follows from it. */
static const row rows[] = {
    {{"attempt to run as root"},
     "Open MPI does not start programs for root; be another user, or set OMPI_ALLOW_RUN_AS_ROOT=1 "
     "and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
     NOTHING},
    {{"plm_rsh_agent", "execvp error on file ssh", "execvp error on file /usr/bin/ssh"},
     "the launcher finds no ssh here to reach other hosts with: apt-get install openssh-client",
     NOTHING},
    {{"Could not resolve hostname", "Name or service not known", "Temporary failure in name",
      "unknown host", "gethostbyname"},
     "no host of this name is known here; correct it in the file, or add it to DNS or /etc/hosts",
     NOTHING},
    {{"Host key verification failed"},
     "ssh does not know this host's key; log in once by hand: ssh %s",
     HOST},
    {{"Permission denied (", "Too many authentication failures"},
     "ssh asks for a password; let this user in by key: ssh-copy-id %s",
     HOST},
    {{"Connection refused", "No route to host", "Connection timed out", "Connection closed by",
      "Network is unreachable"},
     "it does not answer to ssh; is it up, and is openssh-server installed? Try: ssh %s true",
     HOST},
    {{"orted: command not found", "orted: not found", "orted: No such file", "prted: command",
      "hydra_pmi_proxy"},
     "the launcher's other half is missing there, or is not in the PATH of ssh: apt-get install %s",
     PACKAGE},
    {{"unable to launch the specified application", "execvp error on file", "command not found",
      PROGRAM_MISSING},
     "there is no program %s; install ddla there at the same place, or name its place with "
     "--program",
     PROGRAM},
    {{"not enough slots"}, "the launcher's own settings withhold this host from it", NOTHING},
};

static void fill(char *out, size_t bytes, const row *r, const ddla_mpi_attempt *attempt) {
  const char *package = strcmp(attempt->library, "openmpi") == 0 ? "openmpi-bin" : "mpich";
  const char *host = attempt->host ? attempt->host : "HOST";
  const char *word = r->part == HOST      ? host
                     : r->part == PROGRAM ? attempt->program
                     : r->part == PACKAGE ? package
                                          : "";
  const char *hole = strstr(r->words, "%s");
  if (!hole) snprintf(out, bytes, "%s", r->words);
  else snprintf(out, bytes, "%.*s%s%s", (int)(hole - r->words), r->words, word, hole + 2);
}

static bool has_sign(const char *said, const char *sign, const ddla_mpi_attempt *attempt) {
  if (strcmp(sign, PROGRAM_MISSING) != 0) return strstr(said, sign) != NULL;
  return strstr(said, attempt->program) &&
         (strstr(said, "No such file or") || strstr(said, "not found"));
}

/* A line as it stands. */
static void copy_line(char *out, size_t bytes, const char *at) {
  const size_t length = strcspn(at, "\r\n");
  snprintf(out, bytes, "%.*s", (int)(length < bytes ? length : bytes - 1), at);
}

/* The first line of ours. */
static const char *own_line(const char *said) {
  static const char sign[] = "ddla: ";
  for (const char *at = said; (at = strstr(at, sign)) != NULL; at++)
    if (at == said || at[-1] == '\n') return at + sizeof sign - 1;
  return NULL;
}

/* The first line that has words. */
static const char *any_line(const char *said) {
  for (const char *at = said; *at; at += strcspn(at, "\n"), at += *at == '\n') {
    const size_t length = strcspn(at, "\n");
    for (size_t i = 0; i + 2 < length; i++)
      if (isalpha((unsigned char)at[i]) && isalpha((unsigned char)at[i + 1])) return at;
  }
  return NULL;
}

bool ddla_mpi_complaint_read(char *out, size_t bytes, const char *said,
                             const ddla_mpi_attempt *attempt) {
  const char *line = own_line(said);
  out[0] = '\0';
  if (line) copy_line(out, bytes, line);
  for (size_t i = 0; !line && i < sizeof rows / sizeof rows[0]; i++)
    for (int s = 0; s < 5 && rows[i].signs[s]; s++)
      if (has_sign(said, rows[i].signs[s], attempt)) {
        fill(out, bytes, &rows[i], attempt);
        return true;
      }
  if (line) return true;
  line = any_line(said);
  if (line) copy_line(out, bytes, line);
  return false;
}
