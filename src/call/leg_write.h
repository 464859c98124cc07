/*
 * call/leg_write.h - what the files of a leg share; nobody else's door.
 *
 * leg.c is the INVITE and the verbs; leg_ask.c our requests inside the dialog; leg_serve.c theirs; leg_write.c the
 * words: requests and the lines that messages share.
 */
#ifndef CALL_LEG_WRITE_H
#define CALL_LEG_WRITE_H

#include "call/leg.h"

#define LEG_MESSAGE_MAX 16384 /* of ours: headers, and a description of SDP_OFFER_BODY_MAX */
#define LEG_LINES_MAX   4096

/* ---- leg_write.c ---- */

/* RFC 7989: our half is made once; theirs is the `local` of what they send. */
void leg_make_session(struct leg *);
void leg_learn_session(struct leg *, const struct sip_msg *);
/* Session-ID, Allow, Supported and Allow-Events (`invites`), User-Agent or Server (`response`), each with its CRLF. */
void leg_write_lines(const struct leg *, bool invites, bool response, struct buf *lines);
/* sip/edit.h wants CRLFs between the lines only. */
str leg_write_joined(const struct buf *lines);
/* The text of a Reason field (RFC 3326), else the phrase of a response. */
str leg_reason(const struct sip_msg *);
/* The INVITE that begins the call. */
MUST_CHECK enum err leg_write_invite(struct leg *, const struct leg_plan *, str body, struct buf *out);
/* A request inside the dialog; `cseq` 0: the next, else the INVITE's (ACK). `more` lines with CRLF. `type` of the body,
 * empty: a description. */
MUST_CHECK enum err leg_write_inside(struct leg *, str method, uint32_t cseq, str more, str type, str body,
				     struct buf *out);
/* The same request once more, with this CSeq and an answer to the challenge (22.2). NULL: not possible. */
struct sip_msg *leg_write_retry(const struct leg_house *, struct sip_msg *sent, struct sip_msg *response, uint32_t cseq,
				unsigned *tries, unsigned *answered);
struct sip_msg *leg_write_again(struct leg *, struct sip_msg *sent, struct sip_msg *response, uint32_t cseq);
/* The same once more, with this CSeq, for another address (`uri`, empty: the same) and with the session timer as it is
 * wanted now. NULL: no memory. */
struct sip_msg *leg_write_anew(struct leg *, struct sip_msg *sent, str uri, uint32_t cseq);

/* ---- leg.c ---- */

bool leg_finish(struct leg *, struct leg_event *out, enum call_cause, int status, bool by_us);
bool leg_send_bye(struct leg *, struct leg_event *out, usec now);

/* ---- leg_ask.c ---- */

/* Where requests inside the dialog go. */
struct sip_target leg_next_target(const struct leg *);
handle leg_send_text(struct leg *, str text, const struct sip_target *, usec now);
/* A request inside the dialog as a transaction; a copy stays in leg->request for the case that it is challenged. */
handle leg_send_inside(struct leg *, str method, str more, str body, usec now);
/* A BYE that nobody waits for the answer of; leg->request stays what it is. */
void leg_send_farewell(struct leg *, usec now);
/* 13.2.2.4: an ACK for every 2xx; the stack repeats it with every repeat of that 2xx. */
void leg_send_ack(struct leg *, handle client, uint32_t cseq, usec now);
void leg_send_prack(struct leg *, uint32_t rseq, usec now);
/* UPDATE, or LEG_REFRESH where that is not to be had. */
bool leg_refresh(struct leg *, struct leg_event *out, usec now);
/* Answers to them. `status` 0: that of the event's message. */
bool leg_reinvite_answered(struct leg *, const struct sip_event *, struct leg_event *out, usec now);
bool leg_bye_answered(struct leg *, const struct sip_event *, struct leg_event *out, usec now);
/* Of a request of leg_ask's, or a PRACK, or an UPDATE; true: *out is news. */
bool leg_ask_answered(struct leg *, const struct sip_event *, struct leg_event *out, usec now);
void leg_ask_forget(struct leg *);

/* ---- leg_serve.c ---- */

enum leg_reply {
	LEG_REPLY_CONTACT = 1, /* it bears our Contact, Allow and Supported */
	LEG_REPLY_HOLD = 2,    /* a 2xx to an INVITE: repeated until its ACK */
};
MUST_CHECK enum err leg_reply(struct leg *, handle server, struct sip_msg *request, int status, str body, str more,
			      unsigned flags, usec now);
/* The same where a failure changes nothing: the transaction is gone, and its caller with it. */
void leg_answer(struct leg *, handle server, struct sip_msg *request, int status, str more, usec now);
/* A request inside the dialog. */
bool leg_serve(struct leg *, const struct sip_event *, struct leg_event *out, usec now);

#endif
