#include "train/run/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "train/run/run.h"

struct ddla_audit {
  int file;
  char path[DDLA_PATH_BYTES];
  char *text; /* rows to be written */
  size_t used, room;
};

static const char *path_of(char *path, const char *directory, int agent) {
  snprintf(path, DDLA_PATH_BYTES, "%s/agents/%d.audit", directory, agent);
  return path;
}

/* The agent whose file has this name; -1: nobody's. */
static int64_t agent_of(const char *name) {
  char text[16] = "";
  int64_t number = -1;
  const char *dot = strchr(name, '.');
  if (!dot || strcmp(dot, ".audit") != 0 || (size_t)(dot - name) >= sizeof text) return -1;
  memcpy(text, name, (size_t)(dot - name));
  return ddla_text_to_int(&number, text) ? number : -1;
}

ddla_status ddla_audit_trim(const char *directory, int agent, int agents, int64_t step) {
  char path[DDLA_PATH_BYTES], folder[DDLA_PATH_BYTES];
  ddla_status status = ddla_run_trim_rows(path_of(path, directory, agent), step);
  if (agent > 0 || status != DDLA_OK) return status;
  DIR *open = opendir(ddla_run_path(folder, directory, "agents"));
  if (!open) return ddla_file_fail(errno, "cannot read", folder);
  for (struct dirent *entry; status == DDLA_OK && (entry = readdir(open));) {
    const int64_t other = agent_of(entry->d_name);
    if (other >= agents) status = ddla_run_trim_rows(path_of(path, directory, (int)other), step);
  }
  closedir(open);
  return status;
}

ddla_status ddla_audit_open(ddla_audit **out, const char *directory, int agent) {
  ddla_audit *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->file =
      open(path_of(made->path, directory, agent), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (made->file < 0) {
    ddla_status status = ddla_file_fail(errno, "cannot write", made->path);
    ddla_free(made);
    return status;
  }
  *out = made;
  return DDLA_OK;
}

void ddla_audit_close(ddla_audit *audit) {
  if (!audit) return;
  close(audit->file);
  ddla_free(audit->text);
  ddla_free(audit);
}

static ddla_status make_room(ddla_audit *audit, size_t bytes) {
  if (audit->room - audit->used >= bytes) return DDLA_OK;
  const size_t room = 2 * (audit->used + bytes);
  char *text = NULL;
  DDLA_TRY(DDLA_NEW(text, room));
  if (audit->used) memcpy(text, audit->text, audit->used);
  ddla_free(audit->text);
  audit->text = text;
  audit->room = room;
  return DDLA_OK;
}

ddla_status ddla_audit_add(ddla_audit *audit, const ddla_audit_row *row) {
  enum { HEAD_BYTES = 128, NUMBER_BYTES = 24 };
  DDLA_TRY(make_room(audit, HEAD_BYTES + (size_t)row->count * NUMBER_BYTES));
  char *at = audit->text + audit->used, *end = audit->text + audit->room;
  at += snprintf(at, (size_t)(end - at),
                 "{\"step\": %" PRId64 ", \"epoch\": %" PRId64 ", \"shard\": %" PRId64
                 ", \"samples\": [",
                 row->step, row->epoch, row->shard);
  for (int64_t i = 0; i < row->count; i++)
    at += snprintf(at, (size_t)(end - at), "%s%" PRId64, i ? ", " : "", row->samples[i]);
  at += snprintf(at, (size_t)(end - at), "]}\n");
  audit->used = (size_t)(at - audit->text);
  return DDLA_OK;
}

ddla_status ddla_audit_write(ddla_audit *audit) {
  for (size_t done = 0; done < audit->used;) {
    const ssize_t wrote = write(audit->file, audit->text + done, audit->used - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ddla_file_fail(errno, "cannot write", audit->path);
    done += (size_t)wrote;
  }
  audit->used = 0;
  return DDLA_OK;
}
