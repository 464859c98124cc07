/*
 * call/leg_write.h - the words of a leg: its requests and the lines that its messages share.
 *
 * Inside of call/leg.h; nobody else's door.
 */
#ifndef CALL_LEG_WRITE_H
#define CALL_LEG_WRITE_H

#include "call/leg.h"

#define LEG_MESSAGE_MAX 16384 /* of ours: headers, and a description of SDP_OFFER_BODY_MAX */
#define LEG_LINES_MAX   4096
#define LEG_ALLOW       "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"

/* RFC 7989: our half is made once; theirs is the `local` of what they send. */
void leg_make_session(struct leg *);
void leg_learn_session(struct leg *, const struct sip_msg *);
/* Session-ID, Allow (`invites`), User-Agent or Server (`response`), each with its CRLF. */
void leg_write_lines(const struct leg *, bool invites, bool response, struct buf *lines);
/* sip/edit.h wants CRLFs between the lines only. */
str leg_write_joined(const struct buf *lines);
/* Content type of a body; empty for none. */
str leg_write_type(str body);
/* The text of a Reason field (RFC 3326), else the phrase of a response. */
str leg_reason(const struct sip_msg *);

/* The INVITE that begins the call. */
MUST_CHECK enum err leg_write_invite(struct leg *, const struct leg_plan *, str body, struct buf *out);
/* A request inside the dialog; `cseq` 0: the next, else the INVITE's (ACK). `more` lines with CRLF. */
MUST_CHECK enum err leg_write_inside(struct leg *, str method, uint32_t cseq, str body, str more, struct buf *out);
/* The same request once more, with this CSeq and an answer to the challenge (22.2). NULL: not possible. */
struct sip_msg *leg_write_again(struct leg *, struct sip_msg *sent, struct sip_msg *response, uint32_t cseq);

#endif
