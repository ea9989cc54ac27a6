/* Log lines for people. The library writes nothing by itself: without a sink, lines are dropped.
 * Threads: ddla_log_line from any thread; the sink must be thread safe; set the sink before
 * starting threads. */
#ifndef DDLA_BASE_LOG_H
#define DDLA_BASE_LOG_H

#include "base/status.h"

typedef enum ddla_log_level { DDLA_LOG_WARN, DDLA_LOG_INFO, DDLA_LOG_DEBUG } ddla_log_level;

typedef void (*ddla_log_sink)(ddla_log_level level, const char *line, void *argument);

/* Sets where lines go; a null sink drops them. */
void ddla_log_set_sink(ddla_log_sink sink, void *argument);

/* One line, without newline. */
void ddla_log_line(ddla_log_level level, const char *format, ...) DDLA_PRINTF(2, 3);

#endif
