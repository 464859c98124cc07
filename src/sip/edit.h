/*
 * sip/edit.h - messages go out: forwarded with a few edits, answered, or newly made.
 *
 * Forwarding (RFC 3261 16.6, 16.7) does not print a message anew: the spans between
 * the edits are copied as they stand, in one pass. Edits are noted first, in any order,
 * then written. Texts given to an edit are views and must live until the write.
 *
 * A header line that is given as text is "Name: value" without CRLF; several may be
 * given as one text with CRLF between them.
 */
#ifndef SIP_EDIT_H
#define SIP_EDIT_H

#include "sip/msg.h"

#define SIP_EDIT_MAX 32

enum sip_edit_kind {
	SIP_EDIT_START = 1,   /* the start line becomes `text` (without CRLF) */
	SIP_EDIT_URI,         /* the Request-URI becomes `text` */
	SIP_EDIT_PREPEND,     /* `text`, header lines, in front of the first field of `field`, or of all where
				 there is none: a new top Via or Record-Route. Of several, the last noted is on top. */
	SIP_EDIT_ADD,         /* `text`, header lines, behind the last field */
	SIP_EDIT_SET,         /* the first field of `field` becomes "Name: text", further ones go; added where absent */
	SIP_EDIT_REMOVE,      /* all fields of `field` go */
	SIP_EDIT_REMOVE_NAME, /* all fields called `text` (any case) go: for names without a kind */
	SIP_EDIT_REMOVE_ONE,  /* that field of `field` goes whose value `text` is: the very bytes, in the message */
	SIP_EDIT_REMOVE_TOP,  /* the topmost value of `field` goes (the field with its last one); twice: two values */
	SIP_EDIT_REMOVE_LAST, /* the last value of `field` goes (strict-router repair, 16.4) */
	SIP_EDIT_TOP,         /* the topmost value of `field` becomes `text` */
	SIP_EDIT_BODY,        /* the body becomes `text`, Content-Length with it */
};

struct sip_edit {
	uint8_t kind;
	uint8_t field; /* enum sip_kind */
	str text;
};

struct sip_edits {
	struct sip_edit list[SIP_EDIT_MAX];
	size_t n;
	bool full; /* more than SIP_EDIT_MAX were noted: the write fails */
};

static inline void sip_edits_init(struct sip_edits *e)
{
	e->n = 0;
	e->full = false;
}
/* `field` SIP_OTHER and `text` empty where the kind does not use them. */
void sip_edits_note(struct sip_edits *, enum sip_edit_kind, enum sip_kind field, str text);

/*
 * The message with its edits into `out`. The top Via of a stamped request (sip_msg_stamp) gets its
 * received and rport on the way. Content-Length is added where it was absent.
 * ERR_FULL: no room in out; ERR_LIMIT: too many edits.
 */
MUST_CHECK enum err sip_edits_write(const struct sip_msg *, const struct sip_edits *, struct buf *out);

/* A response made from its request (8.2.6). */
struct sip_reply {
	int status;
	str reason;       /* empty: sip_status_text */
	str to_tag;       /* added to To where it has none (8.2.6.2); empty: none (100) */
	str lines;        /* further header lines, CRLF between them; empty: none */
	str content_type; /* empty: no body */
	str body;
};

/*
 * Copies Via (stamped), From, To, Call-ID, CSeq, Timestamp of a 100, and Record-Route for 101..299 of requests
 * that make dialogs (12.1.1). What the request lacks or has malformed is copied as found or left out,
 * so a 400 can be given to nearly anything.
 * ERR_ABSENT: no Via or no way to answer;  ERR_FULL: no room.
 */
MUST_CHECK enum err sip_reply_write(struct sip_msg *request, const struct sip_reply *, struct buf *out);

/* Its lines up to CSeq: what follows (further lines, Content-Length, the empty line) may be written when it is known.
 */
MUST_CHECK enum err sip_reply_write_head(struct sip_msg *request, int status, str reason, str to_tag, struct buf *out);

/* A new request (8.1.1, 12.2.1.1). */
struct sip_request {
	str method;
	str uri;
	str via;           /* value; empty: none yet (sip/stack adds it) */
	const str *routes; /* values, in order */
	size_t route_n;
	uint32_t max_forwards; /* 0: 70 */
	str from, to;          /* values with their tags */
	str call_id;
	uint32_t cseq;
	str contact; /* value; empty: none */
	str lines;   /* further header lines, CRLF between them */
	str content_type;
	str body;
};
MUST_CHECK enum err sip_request_write(const struct sip_request *, struct buf *out);

/* The ACK for a non-2xx final answer (17.1.1.3) or the CANCEL (9.1) of a request that we sent: same
 * Request-URI, top Via, Route, From, Call-ID and CSeq number; `to` is the answer's To value for an ACK,
 * empty (the request's own) for a CANCEL; `lines` as above (Reason of a CANCEL). */
MUST_CHECK enum err sip_request_write_derived(struct sip_msg *sent, enum sip_method, str to, str lines,
					      struct buf *out);

#endif
