#include "train/feed/withheld.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status.h"

enum { PATH_BYTES = 512 };

/* False where there is no place for a file; then the words are lost. */
static bool write_words(char path[PATH_BYTES], const char *words) {
  const char *given = getenv("TMPDIR");
  const int length =
      snprintf(path, PATH_BYTES, "%s/ddla-withheld-XXXXXX", given && given[0] ? given : "/tmp");
  if (length < 0 || length >= PATH_BYTES) return false;
  const int number = mkstemp(path);
  FILE *file = number < 0 ? NULL : fdopen(number, "w");
  if (number >= 0 && !file) close(number);
  if (!file) return false;
  const bool written = fprintf(file, "%s\n", words) > 0;
  return fclose(file) == 0 && written;
}

ddla_status ddla_withheld_told(const ddla_training *training, const char *key, ddla_status status) {
  char path[PATH_BYTES];
  ddla_failure told = {.code = status, .file = __FILE__, .line = __LINE__};
  const bool alone = training->played || training->cluster.hosts == 1;
  if (status == DDLA_OK || alone || !training->job->data.private) return status;
  const bool written = write_words(path, ddla_status_message(status));
  snprintf(told.text, sizeof told.text,
           "%s: the data cannot be used; the reason may not leave the host (data.private), %s%s",
           key, written ? "where it is in " : "and no file could be made there for it",
           written ? path : "");
  return ddla_status_raise(&told);
}
