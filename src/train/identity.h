/* What an agent computes with, and whether a group can promise equal bits: every agent runs the
 * probe, and agent 0's answer must be everybody's. Agents of one machine always agree; a group over
 * several hosts may not. Threads: the agent's main thread. */
#ifndef DDLA_TRAIN_IDENTITY_H
#define DDLA_TRAIN_IDENTITY_H

#include "plugin/plugin.h"
#include "train/probe.h"
#include "transport/transport.h"

/* Plain value without pointers: it is sent as it is. */
typedef struct ddla_identity {
  char probe[DDLA_XXH128_TEXT_BYTES]; /* of ddla_probe_run: what has to be equal */
  char instructions[16]; /* "avx512_bf16"; this and what follows explains a difference */
  char library[32];      /* "oneDNN 2.6.3" */
  char processor[64];
  char plugins[DDLA_SHA256_TEXT_BYTES]; /* of ddla_plugins_digest; has to be equal too */
} ddla_identity;

/* Of this process, with these plug-ins (may be null), on this processor, computing at `precision`;
 * runs the probe. After ddla_backend_start. Errors: those of the probe. */
ddla_status ddla_identity_of(ddla_identity *out, ddla_precision precision,
                             const ddla_plugins *plugins);

/* Collective. Broadcasts agent 0's identity, which every agent compares with its own. Takes memory
 * from the transport: ddla_identity_bytes for all agents together. Errors: UNSUPPORTED on each
 * agent that differs, naming it and what differs; PEER_LOST, NO_MEMORY. */
ddla_status ddla_identity_agree(ddla_transport *transport, const ddla_identity *mine);

/* Address space; few pages of it are touched. */
size_t ddla_identity_bytes(int agents);

#endif
