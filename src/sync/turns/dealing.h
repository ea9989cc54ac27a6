/* Which host serves which ranges of the parameter space, by how much each of them gets done: who
 * serves for others has less time to compute, and whoever is slow keeps all others waiting. Pure.
 */
#ifndef DDLA_SYNC_TURNS_DEALING_H
#define DDLA_SYNC_TURNS_DEALING_H

#include <stdbool.h>
#include <stdint.h>

/* Deals ranges anew where a host has more than one range more, or less, than its part of `done`:
 * what each host has got done in the same time, at least 0. Ranges that can stay do, and host 0
 * keeps one at least, since it hands out the work. Who gets done less than half of what hosts do on
 * average serves none: all would wait for it. owner: [ranges], changed in place; done:
 * [hosts], 1 <= hosts <= DDLA_HOSTS_MAX. Returns whether anything changed. */
bool ddla_dealing_change(int16_t *owner, int ranges, const int64_t *done, int hosts);

#endif
