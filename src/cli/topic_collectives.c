/* The collectives, for `ddla info collectives`. */
#include "cli/topics.h"
#include "coll/coll.h"

json_t *ddla_topic_collectives(const ddla_plugins *plugins) {
  (void)plugins;
  static const char *const help[] = {[DDLA_COLL_BARRIER] = "nobody leaves before all have come",
                                     [DDLA_COLL_BROADCAST] = "everybody gets the root's data",
                                     [DDLA_COLL_GATHER] = "the root gets everybody's slice",
                                     [DDLA_COLL_ALL_GATHER] = "everybody gets everybody's slice",
                                     [DDLA_COLL_REDUCE_SCATTER] =
                                         "everybody gets a slice of the sum",
                                     [DDLA_COLL_ALL_REDUCE] = "everybody gets the sum"};
  json_t *rows = json_array();
  for (int i = 0; ddla_coll_row_at(i); i++)
    json_array_append_new(rows, json_pack("{s:s, s:s}", "name", ddla_coll_row_at(i)->name, "help",
                                          help[ddla_coll_row_at(i)->kind]));
  return rows;
}
