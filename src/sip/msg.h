/*
 * sip/msg.h - one SIP message, seen without being copied.
 *
 * RFC 3261 section 7. sip_msg_parse goes over the bytes once and leaves views: the
 * start line, an index of the header fields (name known as enum sip_kind, compact
 * forms and folded lines included), the body. What a field means is worked out when
 * it is first asked for (sip_msg_via, _from, _cseq, ...) and kept in the message's arena.
 *
 * A message that breaks the grammar is not lost: `fault` says what a server must
 * answer, and the accessors give what could be read of Via, From, To, Call-ID and
 * CSeq, so that sip_reply_write() can build the 400.
 *
 * Memory: everything points into the caller's bytes and arena; both must outlive the
 * message, which is itself plain data. sip_msg_new makes one that owns its bytes.
 * Thread: its owner's (the accessors fill caches).
 */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include "base/arena.h"
#include "sip/header.h"
#include "sip/via.h"

#define SIP_MSG_MAX        65535u /* bytes of one message, start line to body */
#define SIP_MSG_HEADER_MAX 200u   /* header fields of one message */
#define SIP_MSG_VALUE_MAX  100u   /* values of one kind that are typed (Via, Route, Contact, ...) */
#define SIP_MSG_ARENA      4096u  /* a first block of this size serves nearly every message without the heap */
#define SIP_MSG_HEAP_MAX   65536u /* a good limit of an arena for one message */

/* One header field; offsets count from sip_msg.text.p. */
struct sip_header {
	uint16_t at;       /* first byte of the name */
	uint16_t name_n;   /* bytes of the name */
	uint16_t value_at; /* first byte of the value, blanks skipped */
	uint16_t value_n;  /* without blanks at its end; folded lines are inside */
	uint16_t end;      /* behind the line's CRLF */
	uint8_t kind;      /* enum sip_kind */
	uint8_t next;      /* 1 + index of the next of that kind; 0: none (SIP_OTHER is chained too) */
};

/* What is wrong, as a server says it. */
struct sip_fault {
	int status;      /* 400, 413, 505; 0: nothing is */
	const char *why; /* a reason phrase: "Bad Request - CSeq is malformed" */
};

struct sip_msg {
	str text; /* the whole message, without what stood before or behind it in the datagram */
	str body;
	bool is_request;
	uint8_t method;  /* enum sip_method: of the request line, or of a response's CSeq (0 until it was typed) */
	uint16_t status; /* response */
	str method_text;
	str uri_text; /* Request-URI, as it stands */
	str reason;
	struct sip_fault fault;
	struct addr source; /* request: where it came from (sip_msg_stamp); family 0: unknown */
	str oc; /* request: what sip_via_stamp tells its sender of our load; the owner's to set; empty: nothing */

	struct arena *arena; /* private, as is all below */
	struct sip_header *headers;
	uint16_t header_n, header_cap;
	uint16_t headers_at, headers_end; /* first header line; the empty line */
	uint8_t first[SIP_KIND_N];        /* 1 + index of the first of each kind; 0: absent */
	uint8_t last[SIP_KIND_N];
	uint32_t asked; /* bits: which of the caches below have been tried */
	uint32_t good;  /* bits: which of them hold a value */
	const struct sip_uri *uri;
	const struct sip_via *via;
	const struct sip_address *from, *to;
	struct sip_cseq cseq;
	uint32_t max_forwards, content_length, expires;
	struct sip_list {
		const struct sip_address *list;
		uint16_t n;
		uint8_t kind; /* 0: this place is free */
		uint8_t err;
	} lists[4];
};

/*
 * A whole message: a datagram, or what sip_frame cut out of a stream. Leading CRLFs are skipped (7.5),
 * bytes behind Content-Length ignored (18.3). `arena` gives all memory.
 * ERR_SYNTAX: malformed; `fault` says how, and what was found may be used for the answer. A
 *             response in that state must be dropped.
 * ERR_LIMIT: too many headers or bytes (fault 513 or 400).   ERR_MEMORY: the arena is full.
 * ERR_ABSENT: nothing in it looks like SIP (keep-alives, garbage): drop it in silence.
 */
MUST_CHECK enum err sip_msg_parse(struct sip_msg *, struct arena *, str bytes);

/*
 * Types everything that a message must have and have right (8.1.1, 16.3 step 1): one each of From, To,
 * Call-ID, CSeq (its method equal to the request's), at least one Via, at most one Max-Forwards,
 * Content-Length, Content-Type, Expires; well-formed Request-URI, Contact, Route, Record-Route.
 * Returns fault.status: 0, or what to answer (drop a response).
 */
int sip_msg_check(struct sip_msg *);

/* Notes where a request came from; from now on copies of its top Via bear received and rport. */
void sip_msg_stamp(struct sip_msg *, const struct addr *source);

/*
 * A message on the heap that owns a copy of `bytes` and an arena of its own, in one block as far as
 * it goes. NULL without memory or where sip_msg_parse fails otherwise than with a fault. Freed in one stroke.
 */
struct sip_msg *sip_msg_new(str bytes);
void sip_msg_free(struct sip_msg *);

/* ---- header fields ---- */

/* How many fields (lines) of that kind; 0: absent. */
unsigned sip_msg_count(const struct sip_msg *, enum sip_kind);
static inline bool sip_msg_has(const struct sip_msg *m, enum sip_kind kind)
{
	return m->first[kind] != 0;
}
/* The first field of that kind; NULL: absent. Then the next of the same kind. */
const struct sip_header *sip_msg_header(const struct sip_msg *, enum sip_kind);
const struct sip_header *sip_msg_header_next(const struct sip_msg *, const struct sip_header *);
str sip_header_name(const struct sip_msg *, const struct sip_header *);
/* May hold folded lines (CRLF and blanks), which count as one space. */
str sip_header_value(const struct sip_msg *, const struct sip_header *);
/* The value of the first field of that kind; empty: absent (or empty). */
str sip_msg_value(const struct sip_msg *, enum sip_kind);
/* The same for a name that has no kind; any case. */
bool sip_msg_find(const struct sip_msg *, str name, str *value);

/* The values of one kind across commas and fields, in order:
 *     for (struct sip_values v = sip_msg_values(m, SIP_ROUTE); sip_values_next(&v, &value);) */
struct sip_values {
	const struct sip_msg *msg;
	const struct sip_header *header;
	str rest;
};
struct sip_values sip_msg_values(const struct sip_msg *, enum sip_kind);
bool sip_values_next(struct sip_values *, str *value);
/* Does any field of that kind name this token (Supported, Require, Allow, ...)? Any case. */
bool sip_msg_lists(const struct sip_msg *, enum sip_kind, str token);

/* ---- typed, worked out once; NULL or false: absent or malformed ---- */

const struct sip_uri *sip_msg_uri(struct sip_msg *); /* the Request-URI */
const struct sip_via *sip_msg_via(struct sip_msg *); /* the topmost */
/* The same where it has been worked out before, else NULL. */
const struct sip_via *sip_msg_via_seen(const struct sip_msg *);
const struct sip_address *sip_msg_from(struct sip_msg *);
const struct sip_address *sip_msg_to(struct sip_msg *);
const struct sip_cseq *sip_msg_cseq(struct sip_msg *);
str sip_msg_call_id(const struct sip_msg *);
/* The same for a log line: `call=` comes first there, and not longer than this. */
static inline str sip_msg_log_id(const struct sip_msg *m)
{
	return str_head(sip_msg_call_id(m), 200);
}
/* 0..255. */
bool sip_msg_max_forwards(struct sip_msg *, uint32_t *out);
bool sip_msg_content_length(struct sip_msg *, uint32_t *out);
/* Too large a value reads as 2^32-1 (RFC 4475 3.1.2.4). */
bool sip_msg_expires(struct sip_msg *, uint32_t *seconds);

/* All values of one kind of name-addr fields, typed, in the arena.
 * ERR_ABSENT: none; ERR_SYNTAX: any is malformed; ERR_LIMIT: more than SIP_MSG_VALUE_MAX; ERR_MEMORY. */
MUST_CHECK enum err sip_msg_addresses(struct sip_msg *, enum sip_kind, const struct sip_address **list, size_t *n);
/* All Via values, the topmost first. The same errors. */
MUST_CHECK enum err sip_msg_vias(struct sip_msg *, const struct sip_via **list, size_t *n);

#endif
