/*
 * cmd/phone_line.h - the scriptable phone as a service: one agent, one call, then the end.
 *
 * Calls `call` once it is ready, or answers the first call that comes; hangs up `duration`
 * after the answer; then stops. Says what happens as it happens (cmd/phone_say.h).
 *
 * Memory: its owner embeds it. Thread: its service's; the results after the driver has ended.
 */
#ifndef CMD_PHONE_LINE_H
#define CMD_PHONE_LINE_H

#include "cmd/phone_say.h"

struct phone_line {
	/* Set before. */
	struct agent *agent;
	struct phone_say say;
	str call;      /* empty: wait for one */
	str message;   /* is written to `call` instead of calling; may be empty */
	str transfer;  /* the far side is passed on to there, a second after the answer; may be empty */
	usec duration; /* 0: until the far side hangs up */
	bool keeps;    /* the road's state goes to the keeper, as of `state_owner` */
	str state_owner;
	const struct log *log;
	/* The results. */
	enum call_cause cause; /* NONE: there was no call */
	bool answered;
	int sent; /* status of the message; 0: none */
	struct call_facts facts;
	/* private */
	handle current, next; /* next: whom we were passed on to, or who takes the place */
	bool started, was_ready, dialled, over, stopped, stop_said;
	usec hang_up_at, transfer_at;
	void *asks[8];
	size_t ask_n;
};

struct host_service phone_line_service(struct phone_line *);

#endif
