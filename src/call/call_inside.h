/*
 * call/call_inside.h - what the files of a call share; nobody else's door.
 *
 * call.c is the conversation and its media; call_hold.c hold and resume; call_redirect.c what a 3xx means;
 * call_transfer.c what else is said inside its dialog: REFER, NOTIFY, MESSAGE.
 */
#ifndef CALL_CALL_INSIDE_H
#define CALL_CALL_INSIDE_H

#include "call/call.h"
#include "call/leg.h"
#include "call/offer_answer.h"
#include "call/transfer.h"

#define CALL_ASK_N 8

enum media_state { MEDIA_STATE_NONE, MEDIA_STATE_OPENING, MEDIA_STATE_OPEN, MEDIA_STATE_CLOSING, MEDIA_STATE_CLOSED };

/* Where a redirected call may still go (RFC 3261 8.1.3.4). */
#define CALL_MOVES_MAX  5 /* tries in all: nobody is sent in circles for long */
#define CALL_PLACES_MAX 8 /* addresses of one redirection that are kept */

struct call_moves {
	unsigned tried;
	char places[CALL_PLACES_MAX][CALL_TARGET_N]; /* the best first */
	size_t place_n;
	bool wanted; /* the next place is to be routed */
};

struct call {
	struct leg leg;
	struct offer_answer talk;
	struct call_birth birth;
	enum call_state state;
	enum media_state media;
	bool connected;              /* something has been agreed and told to the media service */
	bool hold, held, asked_hold; /* what we want, what we have said */
	bool their_hold;
	bool routed;        /* `plan` is good */
	bool late;          /* the INVITE came without an offer */
	bool told;          /* `answer` stands in an 18x that arrives for certain: it is not said again */
	bool answer_wanted; /* as soon as that has arrived */
	struct buf offer;   /* theirs, until it is answered */
	struct buf answer;  /* ours, to be said again in the 2xx */
	struct {
		struct leg_plan plan;
		char uri[CALL_TARGET_N], to[CALL_TARGET_N], from[CALL_NAME_N], display[CALL_NAME_N],
			contact[CALL_TARGET_N], name[256], lines[CALL_LINES_N];
	} plan;
	struct call_facts facts;
	struct call_event events[CALL_EVENT_N];
	size_t event_n;
	struct media_ask *asks[CALL_ASK_N];
	size_t ask_n;
	usec ring_until, close_until, leg_until;
	usec gone_until; /* the far side has closed its media: its BYE should come by then */
	bool leg_over;
	struct call_moves moves;
	struct transfer transfer;
	char text[ABILITY_TEXT_MAX + 1]; /* of the MESSAGEs that wait in `events`, each with its NUL */
	size_t text_n;
};

/* ---- call.c ---- */

struct call_event *call_say(struct call *, enum call_event_kind);
/* Its dialog is over (once), and its media with it. */
void call_end(struct call *, enum call_cause, int status, bool by_us, str reason, usec now);

/* ---- call_hold.c ---- */

/* Offers anew what we wish now; then whether that is still to be done; and the same for the session timer. */
void call_hold_send(struct call *, usec now);
void call_hold_settle(struct call *, usec now);
void call_hold_refresh(struct call *, usec now);

/* ---- call_redirect.c ---- */

/* LEG_MOVED; and the next place has been routed, into the plan. */
void call_redirect_moved(struct call *, const struct leg_event *, usec now);
void call_redirect_follow(struct call *, usec now);

/* ---- call_transfer.c ---- */

/* LEG_REQUEST and LEG_REPLY. */
void call_transfer_asked(struct call *, const struct leg_event *, usec now);
void call_transfer_replied(struct call *, const struct leg_event *, usec now);
/* The subscriptions that REFERs make end by themselves, too. */
void call_transfer_tick(struct call *, usec now);
usec call_transfer_due(const struct call *);

#endif
