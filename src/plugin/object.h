/* Shared objects looked at before the dynamic loader maps them: it does not survive a file that is
 * cut short. Threads: pure functions. */
#ifndef DDLA_PLUGIN_OBJECT_H
#define DDLA_PLUGIN_OBJECT_H

#include "base/status.h"

/* Whether the file is an ELF shared object for this machine and holds all that its headers promise.
 * Errors: INVALID in words that go on behind the file's name. */
ddla_status ddla_object_check(const char *path);

#endif
