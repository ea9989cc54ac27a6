#include "codec/loops.h"

#define DDLA_CODEC_LOOPS(folder, name) extern const ddla_codec_loops ddla_codec_loops_##name;
#include "codec/loops_list.h"
#undef DDLA_CODEC_LOOPS

static const ddla_codec_loops *const rows[] = {
#define DDLA_CODEC_LOOPS(folder, name) &ddla_codec_loops_##name,
#include "codec/loops_list.h"
#undef DDLA_CODEC_LOOPS
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const ddla_codec_loops *ddla_codec_loops_at(int index) {
  return index >= 0 && index < ROW_COUNT ? rows[index] : NULL;
}

const ddla_codec_loops *ddla_codec_loops_best(void) {
  int best = 0;
  while (!rows[best]->present()) best++; /* the last one always is */
  return rows[best];
}
