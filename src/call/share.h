/*
 * call/share.h - several machines under one service share its host.
 *
 * An agent with a road, or an edge with two agents, is one service to its host, yet
 * each machine inside numbers its sockets and streams from 1 on. Here the numbers
 * are kept apart: a want's number gets the machine's place in its upper bits, an
 * event's number loses it and says whose it is. Streams that the host accepted
 * have numbers of the host's; which machine they belong to only its own table knows, so
 * such events (except ACCEPTED itself) are for all, and a machine ignores strangers.
 *
 * Shares nest: the places taken by the outer one are `outer` bits above the inner's.
 * Nothing is kept; these are functions of numbers.
 */
#ifndef CALL_SHARE_H
#define CALL_SHARE_H

#include "base/host.h"

#define SHARE_PLACES 4  /* machines in one share */
#define SHARE_ALL    -1 /* for all of them */

/* Which bits: the agent's share inside an edge's. A machine inside both still has 2^27 numbers. */
enum share_level { SHARE_INNER = 27, SHARE_OUTER = 29 };

/* Marks what machine `place` (0 .. SHARE_PLACES-1) wants. */
void share_want(enum share_level, unsigned place, struct host_want *);
/* Unmarks an event; returns its place or SHARE_ALL. TOLD and ANSWER carry no such number: SHARE_ALL. */
int share_event(enum share_level, struct host_event *);

#endif
