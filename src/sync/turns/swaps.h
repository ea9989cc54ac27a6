/* What a host does in an asynchronous method in which every host has a model of its own, updates it
 * by itself, and averages it with one random peer at a time.
 *
 * At the end of a turn the host sends its parameters to a peer, range by range (SWAP); the peer's
 * serving thread answers each at once with its own (ANSWER), whatever its workers are at. Of a
 * range both sides then have the same two operands, a of the one that asked and b of the other,
 * and keep d = (b - a) / 2: the one adds it to its parameters, the other subtracts it, each when it
 * is through with the turn under way. The sum over all hosts so stays as it is, but for rounding.
 * What a host answers with are its parameters with all that it keeps already, so that many who ask
 * in one long turn draw it to their mean and not beyond. Two that have asked each other make one
 * swap of it, or they would change places. A host has one swap of its own at a time: a turn that
 * ends while it is under way begins none.
 *
 * At a fence no swap is under way and nothing is kept; the global model is the mean over hosts, in
 * the fixed tree, and every host goes on from its own. Arrays of the strategy: the global model;
 * what a host has sent; what it keeps. Threads: as sync/turns/turns.h. */
#ifndef DDLA_SYNC_TURNS_SWAPS_H
#define DDLA_SYNC_TURNS_SWAPS_H

#include "sync/turns/turns.h"

extern const ddla_turn_method ddla_swaps;

enum { DDLA_SWAPS_GLOBAL, DDLA_SWAPS_GIVEN, DDLA_SWAPS_KEPT, DDLA_SWAPS_ARRAYS };

/* Whom a host swaps with behind its turn of this step, of at least 2 hosts: any other one. */
int ddla_swaps_peer(uint64_t seed, uint64_t step, int host, int hosts);

/* Version `to` of all rows that have two becomes that of `from`: a host counts the versions of its
 * own by its turns, and at a fence they have to be those of the step. */
void ddla_swaps_align(const ddla_state *state, uint64_t from, uint64_t to);

#endif
