/*
 * sip/via.h - one Via value: where a request came past, and where its answers go.
 *
 * RFC 3261 18.2.1, 18.2.2 and 20.42, RFC 3581 (rport), RFC 5118 4.5 (received with or
 * without brackets). Views into the message; nothing is allocated.
 */
#ifndef SIP_VIA_H
#define SIP_VIA_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/host.h"
#include "base/str.h"

#define SIP_VIA_COOKIE "z9hG4bK" /* 8.1.1.7: a branch that starts so is unique */

struct sip_via {
	str text;           /* the whole value, trimmed */
	str transport_text; /* "UDP" */
	str host;           /* sent-by; IPv6 in brackets */
	str branch;         /* empty: none */
	str received;       /* as written; empty: none */
	str maddr;
	str params;        /* behind the first ';', without it */
	uint16_t port;     /* 0: not given */
	uint16_t rport;    /* its value; 0: none */
	uint8_t transport; /* enum transport; 0: one that we do not know */
	uint8_t ttl;
	bool has_rport; /* rport is there, with a value or without */
	bool has_keep;  /* RFC 6223 */
	bool has_oc;    /* RFC 7339 */
	bool has_received;
	bool rport_alone;     /* once, and without a value */
	const char *rport_at; /* its name; NULL: absent */
};

/* One value. ERR_SYNTAX, also for another protocol than SIP/2.0. */
MUST_CHECK enum err sip_via_parse(str value, struct sip_via *out);
/* One value out of several: stops at its comma, or at the end, and returns where; NULL: malformed. */
const char *sip_via_take(const char *at, const char *end, struct sip_via *out);

/* Is the branch an RFC 3261 one, with something behind its cookie (RFC 4475 3.2.1)? */
bool sip_via_is_unique(const struct sip_via *);

/* sent-by port, or the transport's default. */
uint16_t sip_via_port(const struct sip_via *);

/*
 * Writes the value with `received` and `rport` as the server transport must set them for a request
 * that came from `source`: received where the sent-by host is another (18.2.1) or rport was asked
 * for, rport's value where it was asked for (RFC 3581 4.); keep, where it was asked for, says how often to send
 * keep-alives (RFC 6223). What was there under these names is replaced.
 * `oc`, where it is not empty and the sender has shown by that parameter that it understands: how much less it should
 * send (RFC 7339 4.), as parameters, each with its ';'.
 */
void sip_via_stamp(const struct sip_via *, const struct addr *source, str oc, struct buf *out);
/* The same for a request that goes on: what it says of overload was for us alone and is left out (RFC 7339 5.2, 5.6).
 */
void sip_via_pass(const struct sip_via *, const struct addr *source, struct buf *out);
/* The value as it is, with `oc` in place of what it says of overload: for an answer that goes back to its sender. */
void sip_via_tell(const struct sip_via *, str oc, struct buf *out);

/*
 * Where a response goes over UDP (18.2.2, RFC 3581 4.): maddr, else received and rport, else sent-by.
 * Over streams it goes back on its connection first. false: to a name that must be resolved
 * (RFC 3263 5.): *host and *port are set.
 */
bool sip_via_target(const struct sip_via *, struct addr *out, str *host, uint16_t *port);

#endif
