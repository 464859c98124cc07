/*
 * call/leg.h - the SIP side of one call: one INVITE and the dialog that grows from it.
 *
 * RFC 3261 13, 14, 15 and 9 for a user agent, without knowing what the bodies mean.
 * Requests and responses go straight into the SIP stack; what comes back is said as one
 * leg_event per input. Inside: digest challenges, forked 18x (the latest early
 * dialog counts) and 2xx (the first wins, others are acknowledged and hung up,
 * 13.2.2.4), CANCEL crossing a 2xx, BYE held back until the ACK (15.), glare (14.1:
 * RETRY says when to try again), Session-ID (RFC 7989) on every message, PRACK (RFC 3262),
 * session timers (RFC 4028) with refreshes by UPDATE, and what a user agent refuses (call/ability.h).
 *
 * Memory: the owner embeds it; leg_free. Thread: its owner's.
 */
#ifndef CALL_LEG_H
#define CALL_LEG_H

#include "call/ability.h"
#include "call/account.h"
#include "call/call.h"
#include "call/reliable.h"
#include "call/session_timer.h"
#include "sip/dialog.h"
#include "sip/stack.h"

/* What all legs of an agent share; outlives them. */
struct leg_house {
	struct sip_stack *stack;
	struct rng *rng;
	const struct log *log;
	struct account *account; /* NULL: challenges end the call */
	str software;            /* User-Agent and Server; may be empty */
	struct ability ability;
	uint32_t session_expires; /* seconds that we ask for; 0: session timers are left to the others */
};

/* Everything the first INVITE needs. Copied. */
struct leg_plan {
	str uri;               /* Request-URI */
	str to;                /* URI of To; empty: `uri` */
	str from;              /* our address of record, a URI */
	str display;           /* of From; may be empty */
	str contact;           /* our Contact, a URI */
	uint32_t max_forwards; /* 0: 70 */
	str lines;             /* further header lines (Replaces, Referred-By), each with its CRLF */
	struct sip_target target;
};

enum leg_event_kind {
	LEG_PROGRESS = 1, /* 18x: `status`; `body`; `fork`: of another branch than the one before */
	LEG_ACCEPTED,     /* 2xx to our INVITE, acknowledged; `body` */
	LEG_ACKED,        /* the ACK of our 2xx (first or later INVITE); `body`: a late offer's answer */
	LEG_OFFER,        /* a re-INVITE or UPDATE: leg_agree or leg_refuse; `body` empty: it wants our offer */
	LEG_PRACKED,      /* our reliable 18x has arrived; `body`: an answer, or a new offer: leg_agree or leg_refuse */
	LEG_MOVED,        /* 300, 301, 302: `msg` says where to; leg_redirect, or hang up */
	LEG_REFRESH,      /* the session timer wants a re-INVITE (the far side knows no UPDATE) */
	LEG_DIGIT,        /* `digit` by INFO */
	LEG_REQUEST,      /* REFER, NOTIFY, SUBSCRIBE or MESSAGE: `msg`, `server`; leg_respond now */
	LEG_REPLY,        /* a final answer to leg_ask: `ask`, `status` (408: silence, 503: unreachable) */
	LEG_AGREED,       /* our re-INVITE: 2xx, acknowledged; `body` */
	LEG_REFUSED,      /* our re-INVITE: `status` 300..699; nothing has changed */
	LEG_RETRY,        /* glare has passed: leg_reinvite again if it is still wanted */
	LEG_ENDED,        /* the end: `cause`, `status`, `by_us`, `reason` */
};

struct leg_event {
	enum leg_event_kind kind;
	int status;
	str body; /* SDP; empty: none. Valid until the next call of the leg or its stack */
	bool fork, by_us;
	enum call_cause cause;
	str reason;
	char digit;
	struct sip_msg *msg; /* as long as body */
	handle server, ask;
};

enum leg_state {
	LEG_IDLE,
	LEG_CALLING,    /* INVITE out */
	LEG_REDIRECTED, /* it was told to go elsewhere */
	LEG_INVITED,    /* INVITE in */
	LEG_ANSWERED,   /* 2xx sent, no ACK yet */
	LEG_UP,
	LEG_ENDING, /* BYE or CANCEL out */
	LEG_OVER,
};

#define LEG_FORKS 8 /* early dialogs kept at once; of more, the oldest goes */
#define LEG_ASKS  4 /* requests of leg_ask at once */

/* A branch of our INVITE, with the number of its last reliable 18x. */
struct leg_fork {
	struct sip_dialog *dialog;
	uint32_t rseq;
};

/* A request of ours inside the dialog that is no INVITE and no BYE. */
struct leg_ask {
	handle client;        /* of its transaction; 0: this place is free */
	handle self;          /* what leg_ask returned: stays when it is sent again */
	struct sip_msg *sent; /* to be repeated with credentials */
	unsigned tries, answered;
};

/* RFC 3261 13.3.1.3: why a description is not acceptable here. */
#define LEG_INCOMPATIBLE "Warning: 305 tandem \"No codec or protection in common\""

struct leg {
	const struct leg_house *house; /* private but for state, call_id, session, rang */
	enum leg_state state;
	uint64_t cookie;
	struct sip_target target; /* where our requests go unless the dialog names another address */
	char target_name[256];
	char contact[CALL_TARGET_N];
	char tag[12];
	char call_id[CALL_ID_N];
	struct call_session session;
	struct sip_msg *invite;    /* the first INVITE: ours as sent, or theirs */
	struct sip_dialog *dialog; /* one of the forks' */
	struct leg_fork forks[LEG_FORKS];
	size_t fork_n;
	struct leg_ask asks[LEG_ASKS];
	struct reliable reliable;
	struct session_timer timer;
	/* of their INVITE: an UPDATE may come before its answer */
	struct session_timer_wish wish;

	struct buf next_body; /* of an 18x that waits for the PRACK of the one before */
	int next_status;      /* 0: none */
	int said_status;      /* of the last 18x, and when it is said again */
	usec say_at;
	bool far_updates;      /* the far side takes UPDATE */
	handle client, server; /* of the first INVITE */
	handle re_client, re_server, bye_client;
	uint32_t cseq;           /* of our INVITE in the air */
	struct sip_msg *request; /* a request of ours inside the dialog that may have to be repeated with credentials */
	uint8_t re_method;       /* of re_server: INVITE, UPDATE, PRACK */
	unsigned answered;       /* what of the account the request in the air carried */
	unsigned tries;
	bool rang, cancelled, bye_wanted;
	enum call_cause why; /* of our own hanging up */
	usec retry_at;
};

void leg_init(struct leg *, const struct leg_house *, uint64_t cookie);
void leg_free(struct leg *);

/* Sends the INVITE with this offer. ERR_LIMIT: a text is too long; ERR_UNREACHABLE: the stack has no way. */
MUST_CHECK enum err leg_invite(struct leg *, const struct leg_plan *, const struct call_session *, str body, usec now);
/* Takes an INVITE that came in (a REQUEST event without To tag). `target`: where our own requests of this
 * dialog go (see struct leg). ERR_SYNTAX: no dialog can be made of it; nothing was answered. */
MUST_CHECK enum err leg_take(struct leg *, const struct sip_event *, const struct sip_target *, str contact, usec now);
/* What it wants that we refuse (RFC 4028 9.): 0, or 422 and the lines for leg_reject. */
int leg_judge(struct leg *, struct sip_msg *invite, struct buf *lines);
/* REDIRECTED: the INVITE once more, to `uri` (8.1.3.4). */
MUST_CHECK enum err leg_redirect(struct leg *, str uri, const struct sip_target *, usec now);
/* INVITED: 18x, 2xx, 3xx..6xx. `body` may be empty. `lines` further header lines, CRLF between. ERR_STATE.
 * An 18x goes out reliably where the caller insists, or where it has a body and the caller can. */
MUST_CHECK enum err leg_progress(struct leg *, int status, str body, usec now);
/* Will an 18x with this body be acknowledged, so that its description need not be said again? */
bool leg_is_reliable(const struct leg *, bool with_body);
/* A description of ours waits for its PRACK: leg_accept must wait for it, too (RFC 3262 5.). */
bool leg_must_wait(const struct leg *);
MUST_CHECK enum err leg_accept(struct leg *, str body, usec now);
MUST_CHECK enum err leg_reject(struct leg *, int status, str lines, usec now);
/* Ends it: CANCEL, BYE (at once or after the ACK), or a final refusal. ENDED follows, now (true, *out) or later. */
bool leg_hang_up(struct leg *, enum call_cause, struct leg_event *out, usec now);
/* A new offer inside the dialog. ERR_STATE: not UP, or another INVITE runs either way. */
MUST_CHECK enum err leg_reinvite(struct leg *, str body, usec now);
/* Answers LEG_OFFER, or LEG_PRACKED with a body: 200 with `body`; or a refusal. */
MUST_CHECK enum err leg_agree(struct leg *, str body, usec now);
void leg_refuse(struct leg *, int status, usec now);

/* Asks something inside the dialog: REFER, NOTIFY, INFO, MESSAGE. `lines` and `type` as in struct sip_request;
 * LEG_REPLY bears what it returns. 0: not now (no confirmed dialog, LEG_ASKS are out), or no way. */
handle leg_ask(struct leg *, str method, str lines, str type, str body, usec now);
/* Answers LEG_REQUEST; `request` NULL: a REFER that was kept. `lines` further header lines, each with its CRLF. */
void leg_respond(struct leg *, handle server, struct sip_msg *request, int status, str lines, usec now);

/* Is this request inside our dialog? */
bool leg_owns(const struct leg *, struct sip_msg *request);
/* An event with our cookie, or a REQUEST that leg_owns. true: *out is news. */
bool leg_recv(struct leg *, const struct sip_event *, struct leg_event *out, usec now);
bool leg_tick(struct leg *, struct leg_event *out, usec now);
usec leg_due(const struct leg *);

#endif
