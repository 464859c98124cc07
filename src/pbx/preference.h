/*
 * pbx/preference.h - what a caller would rather have.
 *
 * RFC 3841: Request-Disposition (how the request should be handled), Accept-Contact and Reject-Contact (which of the
 * phones it should reach), matched against the feature parameters that phones registered with (RFC 3840). A
 * contact that says nothing of its features is not judged by them (7.2.3). Where neither field is there, the method
 * itself is a preference (7.2.2), and the event that is subscribed to: a phone that lists its methods, or its events,
 * without this one is passed by.
 *
 * No state; everything points into the message and the texts given. Thread: any.
 */
#ifndef PBX_PREFERENCE_H
#define PBX_PREFERENCE_H

#include "sip/msg.h"

/* 9.1. Bits; where two exclude one another the first that is said counts. */
enum pbx_wish {
	PBX_WISH_PROXY = 1,
	PBX_WISH_REDIRECT = 2, /* tell me where they are, I go on myself */
	PBX_WISH_CANCEL = 4,
	PBX_WISH_NO_CANCEL = 8, /* let the others ring on when one has answered */
	PBX_WISH_FORK = 16,
	PBX_WISH_NO_FORK = 32, /* to one of them only */
	PBX_WISH_RECURSE = 64,
	PBX_WISH_NO_RECURSE = 128, /* a 3xx is for me */
	PBX_WISH_PARALLEL = 256,
	PBX_WISH_SEQUENTIAL = 512,
	PBX_WISH_QUEUE = 1024,
	PBX_WISH_NO_QUEUE = 2048,
};

unsigned pbx_preference_wishes(const struct sip_msg *);

/* Is there anything by which contacts would have to be judged? Where not, none need be. */
bool pbx_preference_given(const struct sip_msg *);

/* 11.: more than these are not weighed against every contact. */
#define PBX_PREFERENCE_RULES 20
#define PBX_PREFERENCE_BYTES 4000
bool pbx_preference_too_many(const struct sip_msg *);

#define PBX_PREFERENCE_REJECTED (-1)
#define PBX_PREFERENCE_BEST     1000

/* How well a contact with these parameters (RFC 3840: "audio;methods=\"INVITE,BYE\";+sip.ice") fits: 0 .. 1000, or
 * REJECTED. 7.2.4. */
int pbx_preference_score(const struct sip_msg *, str params);
/* May it get this method, and this event package, by what it says itself? Only for requests without preferences of
 * their own (7.2.2). */
bool pbx_preference_speaks(const struct sip_msg *, str params);

#endif
