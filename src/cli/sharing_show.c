#include "cli/sharing_show.h"

#include "base/clock.h"

static const int64_t every_ns = 2000000000;

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

ddla_sharing_show ddla_sharing_show_of(FILE *screen, const char *what) {
  const int64_t now = now_ns();
  return (ddla_sharing_show){.screen = screen, .what = what, .begun_ns = now, .told_ns = now};
}

double ddla_sharing_show_seconds(const ddla_sharing_show *show) {
  return (double)(now_ns() - show->begun_ns) * 1e-9;
}

void ddla_sharing_show_line(void *argument, int64_t bytes, int64_t total) {
  ddla_sharing_show *show = argument;
  const int64_t now = now_ns();
  if (!show->screen || now - show->told_ns < every_ns) return;
  show->told_ns = now;
  fprintf(show->screen, "%s: %.0f of %.0f MB, %.1f MB/s\n", show->what, (double)bytes * 1e-6,
          (double)total * 1e-6, (double)bytes * 1e-6 / ddla_sharing_show_seconds(show));
  fflush(show->screen);
}
