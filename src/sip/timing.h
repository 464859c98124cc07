/*
 * sip/timing.h - the times of RFC 3261 table 4, in one value.
 *
 * T1 estimates a round trip, T2 caps the pace of repeats, T4 is how long a message
 * may stay in the network. Everything else of table 4 follows from them: B, F, H, J,
 * L, M and D are 64 T1, I and K are T4, A, E and G start at T1. Tests and slow
 * links use other values; the machines keep a pointer, so the owner keeps it alive.
 */
#ifndef SIP_TIMING_H
#define SIP_TIMING_H

#include "base/time.h"

struct sip_timing {
	usec t1;     /* RFC 3261 17.1.1.1: 500 ms */
	usec t2;     /* 4 s */
	usec t4;     /* 5 s */
	usec trying; /* 17.2.1: 100 by ourselves when the user of an INVITE has said nothing for this long: 200 ms */
};

#define SIP_TIMING_DEFAULT                                                                                             \
	((struct sip_timing){ .t1 = 500 * USEC_PER_MS,                                                                 \
			      .t2 = 4 * USEC_PER_SEC,                                                                  \
			      .t4 = 5 * USEC_PER_SEC,                                                                  \
			      .trying = 200 * USEC_PER_MS })

/* 64 T1: how long anyone waits for anything (timers B, D, F, H, J, L, M). */
static inline usec sip_timing_patience(const struct sip_timing *t)
{
	return 64 * t->t1;
}

/* When a client's timer E has grown to T2, counted from the request (RFC 4320 4.1): 3.5 s. */
static inline usec sip_timing_settled(const struct sip_timing *t)
{
	usec at = 0;

	for (usec pace = t->t1; pace < t->t2; pace *= 2)
		at += pace;
	return at;
}

#endif
