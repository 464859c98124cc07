/*
 * call/offer_answer.h - what a call says in its SDP, and what came of it.
 *
 * Between a call and sdp/offer.h: turns what the person wishes (codecs, protection, ICE)
 * and what the media service has opened into our descriptions, and keeps the offer
 * of an INVITE as it was sent, so that each branch of a forked INVITE can answer it
 * (RFC 3264 with RFC 3261 13.2.1).
 *
 * Memory: the owner embeds it; offer_answer_wipe forgets the keys. Thread: its owner's.
 */
#ifndef CALL_OFFER_ANSWER_H
#define CALL_OFFER_ANSWER_H

#include "call/call.h"

struct offer_answer {
	struct call_media_wish wish; /* private but for result */
	struct sdp_offer_end local;
	struct sdp_offer now, sent;
	struct sdp_offer_result result; /* the last agreed; codec_n 0: nothing yet */
};

void offer_answer_init(struct offer_answer *, const struct call_media_wish *, struct rng *);
void offer_answer_wipe(struct offer_answer *);
/* Looks at a first offer of theirs: what must be opened to answer it (`ice`, `security` of *ask); nothing else
 * will be agreed on in this call. ERR_SYNTAX, ERR_LIMIT (400), ERR_UNSUPPORTED: no codec or protection in
 * common (488). */
MUST_CHECK enum err offer_answer_look(struct offer_answer *, str offer, struct media_ask *ask);
/* The media service has opened this. */
void offer_answer_opened(struct offer_answer *, const struct sdp_offer_end *local);
/* Our offer; `hold`: we do not want to hear them. ERR_STATE: one is out. */
MUST_CHECK enum err offer_answer_make(struct offer_answer *, bool hold, struct buf *out);
/* Their answer. `again`: by another branch than one that had answered. The errors of sdp_offer_take,
 * and ERR_UNSUPPORTED where our stream was refused. */
MUST_CHECK enum err offer_answer_take(struct offer_answer *, str answer, bool again);
/* Our answer to their offer. The errors of sdp_offer_answer. */
MUST_CHECK enum err offer_answer_answer(struct offer_answer *, bool hold, str offer, struct buf *out);
/* Our offer came to nothing; what was agreed before holds. */
void offer_answer_cancel(struct offer_answer *);
/* An offer of ours waits for its answer. */
bool offer_answer_waits(const struct offer_answer *);
/* The SIP status that says this error of look or answer: 400, 488, 491, 500. */
int offer_answer_status(enum err);
/* What is sent, for the record. */
enum codec_id offer_answer_codec(const struct offer_answer *);

#endif
