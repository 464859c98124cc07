/*
 * call/ability.h - what our user agents can do, and the answer to what they cannot.
 *
 * The rules of RFC 3261 8.2.1 to 8.2.3 for every request that comes in, inside a dialog or not: method,
 * scheme, required extensions, body; and the lines that say what we can (Allow, Supported, Accept, ..).
 *
 * Memory: none. Thread: any.
 */
#ifndef CALL_ABILITY_H
#define CALL_ABILITY_H

#include "base/buf.h"
#include "sip/msg.h"

#define ABILITY_SDP_MAX  16384u /* bytes of a description that is looked at */
#define ABILITY_TEXT_MAX 8192u  /* of a MESSAGE */

struct ability {
	bool messages;  /* MESSAGE is taken (RFC 3428) */
	bool transfers; /* REFER and Replaces are followed (RFC 3515, 3891) */
};

/* "Allow: ..", "Supported: ..", each with its CRLF. */
void ability_write_allow(const struct ability *, struct buf *lines);
void ability_write_supported(const struct ability *, struct buf *lines);
/* "Allow-Events: .." where there are any (RFC 6665 4.4.4). */
void ability_write_events(const struct ability *, struct buf *lines);
/* The same as parameters of a Contact (RFC 3840), each with its ';': in REGISTER. Elsewhere only what no header field
 * says (7., 8.). */
void ability_write_features(const struct ability *, bool registers, struct buf *params);
/* All of it, as the answer to OPTIONS (RFC 3261 11.2). */
void ability_write_all(const struct ability *, struct buf *lines);
/* 0: go on; or the refusal, with the lines that it must bear: 400, 405, 406, 413, 415, 416, 420, 489, 501. */
int ability_judge(const struct ability *, struct sip_msg *, struct buf *lines);
/* The description in a message; empty: it has none (a body of another kind was optional, ability_judge says). */
str ability_sdp(struct sip_msg *);
/* Is this the message's body type? "application/sdp". */
bool ability_is_type(const struct sip_msg *, str type, str subtype);

#endif
