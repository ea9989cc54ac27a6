/* What `ddla info TOPIC` lists: the rows of the tables that things are added to.
 * Threads: one thread. */
#ifndef DDLA_CLI_TOPICS_H
#define DDLA_CLI_TOPICS_H

#include <jansson.h>

#include "plugin/plugin.h"

/* One topic. rows gives (also the rows of plugins, which may be null) an array of objects, each
 * with "name" and "help" and perhaps more; the caller owns it; null without memory. */
typedef struct ddla_topic {
  const char *name, *help;
  json_t *(*rows)(const ddla_plugins *plugins);
} ddla_topic;

/* Topics by position, null behind the last. Borrowed for ever. */
const ddla_topic *ddla_topic_at(int index);

/* Rows of one topic, for the table. */
json_t *ddla_topic_collectives(const ddla_plugins *plugins);

#endif
