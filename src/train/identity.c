#include "train/identity.h"

#include <stdio.h>
#include <string.h>

#include "backend/cpu.h"
#include "backend/kernel.h"
#include "base/machine.h"
#include "coll/coll.h"

enum { GROUP_BYTES = 2 << 20, PART_BYTES = 160 }; /* of a ddla_coll, by rank; of a difference */

size_t ddla_identity_bytes(int agents) { return (size_t)agents * GROUP_BYTES; }

ddla_status ddla_identity_of(ddla_identity *out, ddla_precision precision,
                             const ddla_plugins *plugins) {
  ddla_identity made = {0};
  char library[DDLA_BACKEND_TEXT_BYTES];
  DDLA_TRY(ddla_probe_run(made.probe, precision));
  snprintf(made.instructions, sizeof made.instructions, "%s", ddla_cpu_name(ddla_cpu()));
  snprintf(made.library, sizeof made.library, "%.31s", ddla_backend_version(library));
  ddla_machine_name(made.processor, sizeof made.processor);
  ddla_plugins_digest(made.plugins, plugins);
  *out = made;
  return DDLA_OK;
}

/* "instruction set avx2, not avx512; " where the two differ, else nothing. */
static const char *difference(char text[PART_BYTES], const char *what, const char *mine,
                              const char *first) {
  text[0] = '\0';
  if (strcmp(mine, first) != 0) snprintf(text, PART_BYTES, "%s %s, not %s; ", what, mine, first);
  return text;
}

static ddla_status compare(int rank, const ddla_identity *mine, const ddla_identity *first) {
  char instructions[PART_BYTES], library[PART_BYTES], processor[PART_BYTES];
  if (strcmp(mine->plugins, first->plugins) != 0)
    return DDLA_FAIL(UNSUPPORTED,
                     "agent %d has other plug-ins than agent 0 (SHA-256 %.8s, not %.8s); every "
                     "machine needs the same files (task.plugins)",
                     rank, mine->plugins[0] ? mine->plugins : "none",
                     first->plugins[0] ? first->plugins : "none");
  if (strcmp(mine->probe, first->probe) == 0) return DDLA_OK;
  difference(instructions, "instruction set", mine->instructions, first->instructions);
  difference(library, "library", mine->library, first->library);
  difference(processor, "processor", mine->processor, first->processor);
  bool known = instructions[0] || library[0] || processor[0];
  return DDLA_FAIL(UNSUPPORTED,
                   "agent %d computes other bits than agent 0 (probe %.8s, not %.8s): %s%s%s%s"
                   "agents must run on machines of one kind with the same libraries; compare "
                   "`ddla doctor` on both",
                   rank, mine->probe, first->probe, instructions, library, processor,
                   known ? ""
                         : "instruction set, library and processor are the same, so one of "
                           "the machines computes unreliably; ");
}

ddla_status ddla_identity_agree(ddla_transport *transport, const ddla_identity *mine) {
  ddla_identity first = *mine;
  ddla_coll *coll = NULL;
  if (ddla_transport_ranks(transport) == 1) return DDLA_OK;
  DDLA_TRY(ddla_coll_create(&coll, transport));
  const ddla_coll_call call = {.type = DDLA_COLL_BYTE, .count = sizeof first, .output = &first};
  ddla_status status = ddla_coll_broadcast(coll, &call);
  ddla_coll_destroy(coll);
  DDLA_TRY(status);
  return compare(ddla_transport_rank(transport), mine, &first);
}
