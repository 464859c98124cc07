/*
 * sdp/offer.h - offer and answer for one audio stream (RFC 3264).
 *
 * Remembers what was said on both sides of one dialog, writes our offers and answers
 * and says what both sides agreed on. It neither sends nor receives; who called whom,
 * in which message a description travels (INVITE, late in the 200, UPDATE, PRACK) is
 * the caller's business: there is only make -> take, or answer.
 *
 *     first offer ours:     sdp_offer_make()  ... sdp_offer_take(answer)
 *     first offer theirs:   sdp_offer_answer(offer)
 *     hold, resume, codecs: the same again with a changed `local`
 *     our offer refused:    sdp_offer_cancel(): what was agreed before still holds
 *
 * Other m-lines than the first acceptable audio are refused with port 0 and kept in
 * place in every later description (RFC 3264 6, 8). A codec is only ever chosen out of
 * what both sides named; no codec (or no keying) in common is ERR_UNSUPPORTED, which
 * is 488 in SIP. Every result is a plain value without pointers: it may be told to
 * another thread.
 *
 * Keys: SDES keys are made by the caller (sdp_offer_local.sdes_key) and travel in the
 * text; a security that the caller did not allow is never agreed on. Best effort
 * (local allows PLAIN and a secure one): our offer is RTP/AVP with a=crypto or
 * a=fingerprint in it, as phones do; an answer that ignores them is plain RTP.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef SDP_OFFER_H
#define SDP_OFFER_H

#include "base/rng.h"
#include "sdp/sdes.h"
#include "sdp/sdp.h"

#define SDP_OFFER_CODEC_MAX     8
#define SDP_OFFER_CANDIDATE_MAX 24
#define SDP_OFFER_LINE_MAX      SDP_MEDIA_MAX
#define SDP_OFFER_BODY_MAX      8192 /* room that a written description may need */

/* How media is keyed; a set of bits in `local`, one bit in a result. */
enum sdp_security {
	SDP_PLAIN = 1, /* RTP in clear */
	SDP_SDES = 2,  /* SRTP, keys in the description: only as safe as the signalling */
	SDP_DTLS = 4   /* DTLS-SRTP */
};

struct sdp_offer_codec {
	char name[16]; /* "opus", "PCMA"; as in rtpmap, ended with NUL */
	uint32_t rate_hz;
	uint8_t channels;
	uint8_t payload_type;     /* local: the number we would like, 0..127; result: `pt_send` and `pt_recv` */
	char fmtp[96];            /* ours; in a result the other side's */
	uint8_t pt_send, pt_recv; /* results only: what they, and we, want to receive it as */
};

struct sdp_offer_candidate {
	char foundation[33];
	uint16_t component;
	uint32_t priority;
	struct addr addr;
	enum sdp_candidate_kind kind;
	struct addr related;
};

struct sdp_offer_print {
	char hash[12]; /* "sha-256"; empty: none */
	uint8_t digest[SDP_DIGEST_MAX];
	uint8_t n;
};

/* One end of the media path: ours in `local`, theirs in a result. */
struct sdp_offer_end {
	struct addr rtp;  /* where it receives; ours: the default candidate */
	struct addr rtcp; /* where it receives RTCP; the same as rtp with rtcp_mux; family 0 in ours: rtp's port + 1 */
	bool rtcp_mux;
	char ufrag[257], pwd[257]; /* empty: no ICE */
	bool ice_lite;
	bool end_of_candidates;
	struct sdp_offer_candidate candidates[SDP_OFFER_CANDIDATE_MAX];
	size_t candidate_n;
	struct sdp_offer_print print;
	enum sdp_suite suite;
	uint8_t sdes_key[SDP_SDES_KEY_MAX];
	uint8_t sdes_key_n;
};

/* What our side has and wants now. */
struct sdp_offer_local {
	struct sdp_offer_codec codecs[SDP_OFFER_CODEC_MAX]; /* the best first; without telephone-event */
	size_t codec_n;
	bool dtmf;         /* offer and accept telephone-event (RFC 4733) */
	unsigned security; /* bits of enum sdp_security; the safest that both have is taken */
	/* Our offer with SDP_PLAIN among the bits: true, RTP/AVP with optional keys; false, the safest only. */
	bool best_effort;
	enum sdp_direction direction; /* SDP_SENDONLY: we hold them */
	uint16_t ptime_ms;            /* 0: 20 */
	/* ours: address, ICE, fingerprint; sdes_key is our own sending key and `suite` the one
	 * that we do. In an answer only the parts that the agreed security needs are written. */
	struct sdp_offer_end end;
};

/* What both agreed on. */
struct sdp_offer_result {
	bool refused; /* the answer gave our stream port 0: no media, the rest is empty */
	enum sdp_security security;
	/* codecs[0] is what we send; all of them may come in */
	struct sdp_offer_codec codecs[SDP_OFFER_CODEC_MAX];
	size_t codec_n;
	bool dtmf;
	struct sdp_offer_codec dtmf_codec; /* rate and payload types of telephone-event */
	enum sdp_direction direction;      /* ours: do we send, do we receive */
	bool remote_hold;                  /* the other side put us on hold (sendonly, inactive, or 0.0.0.0) */
	uint16_t ptime_ms;                 /* of what we send */
	bool ice;                          /* both sides speak ICE */
	bool ice_restart;                  /* the other side's ufrag or pwd has changed */
	bool we_are_controlling; /* ICE: we made the offer of this exchange and are not lite, RFC 8445 6.1.1 */
	bool dtls_client;        /* our role where security is SDP_DTLS (RFC 5763 5) */
	struct sdp_offer_end remote;
	uint8_t local_sdes_key[SDP_SDES_KEY_MAX]; /* what we send with, for remote.suite */
	uint8_t local_sdes_key_n;
};

enum sdp_offer_state { SDP_OFFER_NONE = 0, SDP_OFFER_SENT, SDP_OFFER_AGREED };

struct sdp_offer {
	enum sdp_offer_state state; /* readable */
	/* private */
	bool agreed_before;
	uint64_t session_id, version;
	struct sdp_offer_local local;   /* of the offer that is out */
	struct sdp_offer_result result; /* the last agreed */
	size_t audio_at;                /* m-line that is our stream */
	size_t line_n;
	struct {
		char kind[16], proto[24], format[24], mid[24];
	} lines[SDP_OFFER_LINE_MAX]; /* every m-line of the session, for refusing in place */
	bool bundle;
	enum sdp_setup setup; /* our role once settled */
	uint64_t written;     /* hash of what we wrote last: the version rises only when that changes (RFC 3264 8) */
};

/* A fresh dialog; session id from `rng`. */
void sdp_offer_init(struct sdp_offer *, struct rng *);
/* Writes our offer. ERR_STATE while one is out. Over-long: out->err. */
MUST_CHECK enum err sdp_offer_make(struct sdp_offer *, const struct sdp_offer_local *, struct buf *out);
/* Takes the answer to it. ERR_STATE: no offer is out; ERR_SYNTAX, ERR_LIMIT; ERR_UNSUPPORTED: the
 * answer chose what we did not offer (the offer then still counts as out: cancel, and end the call). */
MUST_CHECK enum err sdp_offer_take(struct sdp_offer *, str answer, struct sdp_offer_result *out);
/* Answers their offer. ERR_STATE: ours is out (glare: 491); ERR_SYNTAX, ERR_LIMIT (400);
 * ERR_UNSUPPORTED: nothing in common (488); what was agreed before then still holds. */
MUST_CHECK enum err sdp_offer_answer(struct sdp_offer *, const struct sdp_offer_local *, str offer, struct buf *out,
				     struct sdp_offer_result *result);
/* Looks at an offer without answering: which securities, ICE and codecs it could be answered with
 * (so that the right kind of path is opened first). The same errors as sdp_offer_answer. */
struct sdp_offer_sight {
	unsigned security; /* bits the other side offers */
	bool ice;
	struct sdp_offer_codec codecs[SDP_OFFER_CODEC_MAX];
	size_t codec_n;
};
MUST_CHECK enum err sdp_offer_look(str offer, struct sdp_offer_sight *out);
/* Our offer was refused or will never be answered. */
void sdp_offer_cancel(struct sdp_offer *);
/* Wipes the keys. */
void sdp_offer_wipe(struct sdp_offer *);

#endif
