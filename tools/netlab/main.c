/* ddla_netlab VERB ...: what the script `netlab` cannot do: keep a lab alive, be its switch,
 * measure it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netlab.h"

bool netlab_number(double *out, const char *word, double least, double most) {
  char *end = NULL;
  double value = strtod(word, &end);
  if (end == word || *end != '\0' || !(value >= least && value <= most)) return false;
  *out = value;
  return true;
}

int netlab_failed(const char *what) {
  int reason = errno;
  bool barred = reason == EPERM || reason == EACCES || reason == ENOSYS || reason == ENOENT ||
                reason == ENODEV || reason == ENOSPC || reason == EINVAL;
  fprintf(stderr, "%sddla_netlab: %s: %s\n", barred ? "skipped: " : "", what, strerror(reason));
  return barred ? NETLAB_SKIP : 1;
}

int64_t netlab_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "hold") == 0) return netlab_hold(count - 2, words + 2);
  if (count > 1 && strcmp(words[1], "serve") == 0) return netlab_serve(count - 2, words + 2);
  if (count > 1 && strcmp(words[1], "measure") == 0) return netlab_measure(count - 2, words + 2);
  fprintf(stderr, "ddla_netlab: this is a part of tools/netlab/netlab; call that\n");
  return 2;
}
