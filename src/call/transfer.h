/*
 * call/transfer.h - the words of a transfer: who shall call whom instead.
 *
 * REFER with Refer-To, Referred-By and Replaces (RFC 3515, 3892, 3891), and the NOTIFYs with a message/sipfrag
 * that say what came of it (RFC 3420, RFC 6665 in the implicit subscription of one call's dialog). What is written and
 * read here is sent and received by call/call_transfer.c.
 *
 * Memory: the owner embeds it and frees nothing. Thread: its owner's.
 */
#ifndef CALL_TRANSFER_H
#define CALL_TRANSFER_H

#include "base/buf.h"
#include "base/slab.h"
#include "sip/msg.h"

#define TRANSFER_URI_N      512
#define TRANSFER_REPLACES_N 512

/* Whom a REFER names. */
struct transfer_target {
	char uri[TRANSFER_URI_N];           /* without headers */
	char replaces[TRANSFER_REPLACES_N]; /* value of Replaces, unescaped; empty: none */
	char by[TRANSFER_URI_N];            /* value of Referred-By; empty: none */
};

struct transfer {
	/* What we have asked for. */
	bool asking;     /* from REFER to the last word */
	handle ask;      /* the REFER in the air */
	bool subscribed; /* 202: NOTIFYs come */
	uint32_t since;  /* CSeq of that REFER, or of its first try */
	usec until;      /* a NOTIFY is to come by then; 0: not yet */
	/* What we were asked for. */
	handle server; /* the REFER that waits for our answer */
	bool serving;  /* 202 was said: NOTIFYs go */
	bool silent;   /* it wants none (RFC 4488) */
	uint32_t id;   /* CSeq of the REFER */
	int told;      /* status of the last NOTIFY */
	handle notify; /* the last one, in the air */
	usec over;     /* when the subscription ends */
	struct transfer_target target;
};

/* Reads a REFER. 0, or what to answer: 400, 416, 603. */
int transfer_read(struct sip_msg *, struct transfer_target *out);
/* Refer-To and Referred-By lines with their CRLFs. With `call_id` not empty: Replaces of that dialog; its tags as its
 * far side, who will read them, names them (to: the far side's own). */
void transfer_write(str target, str by, str call_id, str to_tag, str from_tag, struct buf *lines);
/* Status of a message/sipfrag; 0: it has none. */
int transfer_status(str body);
/* "SIP/2.0 200 OK\r\n". */
void transfer_write_status(int status, struct buf *body);
/* Is this NOTIFY or SUBSCRIBE about a REFER? *id: which, its CSeq; 0: it does not say. */
bool transfer_is_event(const struct sip_msg *, uint32_t *id);
/* Is it over with this NOTIFY? *seconds: else for how long it stands, where it says so. */
bool transfer_is_last(const struct sip_msg *notify, uint32_t *seconds);
/* Refer-Sub: false (RFC 4488), of a REFER or its answer. */
bool transfer_is_silent(const struct sip_msg *);

#endif
