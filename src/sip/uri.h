/*
 * sip/uri.h - a SIP, SIPS or tel URI, taken apart and compared.
 *
 * RFC 3261 19.1 (sip, sips), RFC 3966 (tel); any other scheme is kept as text. All
 * parts are views into the bytes that were parsed, escapes still in place; nothing
 * is allocated. A strange but well-formed URI is no error: whether a scheme is
 * served is the asker's decision (416).
 */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/host.h"
#include "base/str.h"

enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };

struct sip_uri {
	str text;    /* the whole URI */
	str user;    /* before the '@' and ':', escaped; tel: the number; other schemes: all behind the colon */
	str host;    /* name, IPv4, or IPv6 with its brackets; empty for tel and others */
	str params;  /* behind the first ';' of the hostport, without it: "transport=tcp;lr" */
	str headers; /* behind the '?', without it */
	str password;
	uint16_t port; /* 0: not given */
	uint8_t scheme;
	bool has_user; /* there was an '@' (an empty user is malformed, so user.n > 0 then) */
};

/* The whole text must be one URI. ERR_SYNTAX. */
MUST_CHECK enum err sip_uri_parse(str text, struct sip_uri *out);
/* The same for parsers that throw *out away where it is false: what it holds then means nothing. */
MUST_CHECK bool sip_uri_scan(str text, struct sip_uri *out);

/* A URI parameter by name (any case). *value (may be NULL) is empty for a flag such as "lr". */
bool sip_uri_param(const struct sip_uri *, str name, str *value);
/* transport=..., and what follows from the scheme where it is absent (sips: TLS, else UDP). false:
 * a transport that we do not know. */
bool sip_uri_transport(const struct sip_uri *, enum transport *out);
/* The port, or the default of the scheme and transport: sip_transport_port(). */
uint16_t sip_uri_port(const struct sip_uri *);
/* The host as an address with sip_uri_port(); false: it is a name. */
bool sip_uri_addr(const struct sip_uri *, struct addr *out);

/* Equal by RFC 3261 19.1.4; other schemes: the same bytes but for the scheme's case. Not transitive. */
bool sip_uri_eq(const struct sip_uri *, const struct sip_uri *);

/* The canonical key of an address of record (10.3 step 5): "user@host" with escapes undone, the host
 * in lower case, no password, port, parameters or headers; "host" without a user; tel: "+1201..." with
 * visual separators dropped. Equal keys are one address of record. */
void sip_uri_key(const struct sip_uri *, struct buf *out);
/* user part with its escapes undone. */
void sip_uri_unescape(str escaped, struct buf *out);
/* Writes text as a user part, escaping what RFC 3261 25.1 does not allow there. */
void sip_uri_escape_user(str text, struct buf *out);

/*
 * A list of parameters "a=1;b;c=\"x y\"" as it stands behind a URI or a header value: the next one
 * into *name and *value, eaten from *rest; false at the end. Values keep their quotes.
 * The text must have passed a parser of this folder (malformed text just ends early).
 */
bool sip_param_next(str *rest, str *name, str *value);
/* The first of that name, any case; *value may be NULL. */
bool sip_param_find(str params, str name, str *value);

#endif
