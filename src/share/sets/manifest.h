/* manifest.json of a gathered set: who gave what. docs/concepts/sharing-data.md describes it.
 * Threads: pure functions on files. */
#ifndef DDLA_SHARE_SETS_MANIFEST_H
#define DDLA_SHARE_SETS_MANIFEST_H

#include "share/sets/united.h"

/* Writes DIRECTORY/manifest.json; united: with all hashes. Errors: those of files; NO_MEMORY. */
ddla_status ddla_manifest_write(const char *directory, const ddla_united *united);

/* Whether the directory holds what was gathered from these parts: what its manifest says. */
bool ddla_manifest_is_of(const char *directory, const ddla_united *united);

/* Whether the parts that were found in such a directory are those that its manifest tells of, all
 * that the hosts' parts make among them. found: empty where there is none. Errors: CORRUPT saying
 * what differs. */
ddla_status ddla_manifest_check(const char *directory, const ddla_united *united,
                                const ddla_prepared_index found[DDLA_PREPARED_PARTS]);

#endif
