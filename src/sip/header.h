/*
 * sip/header.h - the names of header fields and the shapes of their values.
 *
 * RFC 3261 section 20 and 25.1 and its family. A parser here takes one value (what
 * stands between two commas, or the whole field) and gives views into it; nothing
 * is allocated. sip/msg.h knows where the values are. Via is in sip/via.h, challenges
 * and credentials in sip/auth.h.
 */
#ifndef SIP_HEADER_H
#define SIP_HEADER_H

#include "sip/uri.h"

/* Known header fields. The order is alphabetic and means nothing. */
enum sip_kind {
	SIP_OTHER = 0, /* a name that is not in this list */
	SIP_ACCEPT,
	SIP_ACCEPT_CONTACT,
	SIP_ACCEPT_ENCODING,
	SIP_ACCEPT_LANGUAGE,
	SIP_ALERT_INFO,
	SIP_ALLOW,
	SIP_ALLOW_EVENTS,
	SIP_AUTHENTICATION_INFO,
	SIP_AUTHORIZATION,
	SIP_CALL_ID,
	SIP_CALL_INFO,
	SIP_CONTACT,
	SIP_CONTENT_DISPOSITION,
	SIP_CONTENT_ENCODING,
	SIP_CONTENT_LANGUAGE,
	SIP_CONTENT_LENGTH,
	SIP_CONTENT_TYPE,
	SIP_CSEQ,
	SIP_DATE,
	SIP_DIVERSION,
	SIP_ERROR_INFO,
	SIP_EVENT,
	SIP_EXPIRES,
	SIP_FLOW_TIMER,
	SIP_FROM,
	SIP_HISTORY_INFO,
	SIP_IDENTITY,
	SIP_IN_REPLY_TO,
	SIP_JOIN,
	SIP_MAX_FORWARDS,
	SIP_MIME_VERSION,
	SIP_MIN_EXPIRES,
	SIP_MIN_SE,
	SIP_ORGANIZATION,
	SIP_P_ASSERTED_IDENTITY,
	SIP_P_PREFERRED_IDENTITY,
	SIP_PATH,
	SIP_PRIORITY,
	SIP_PRIVACY,
	SIP_PROXY_AUTHENTICATE,
	SIP_PROXY_AUTHORIZATION,
	SIP_PROXY_REQUIRE,
	SIP_RACK,
	SIP_REASON,
	SIP_RECORD_ROUTE,
	SIP_REFER_SUB,
	SIP_REFER_TO,
	SIP_REFERRED_BY,
	SIP_REJECT_CONTACT,
	SIP_REPLACES,
	SIP_REPLY_TO,
	SIP_REQUEST_DISPOSITION,
	SIP_REQUIRE,
	SIP_RETRY_AFTER,
	SIP_ROUTE,
	SIP_RSEQ,
	SIP_SERVER,
	SIP_SERVICE_ROUTE,
	SIP_SESSION_EXPIRES,
	SIP_SESSION_ID,
	SIP_ETAG,
	SIP_IF_MATCH,
	SIP_SUBJECT,
	SIP_SUBSCRIPTION_STATE,
	SIP_SUPPORTED,
	SIP_TIMESTAMP,
	SIP_TO,
	SIP_UNSUPPORTED,
	SIP_USER_AGENT,
	SIP_VIA,
	SIP_WARNING,
	SIP_WWW_AUTHENTICATE,
	SIP_KIND_N,
};

/* The full name, "Call-ID"; empty for SIP_OTHER. */
str sip_kind_name(enum sip_kind);
/* By full or compact name, any case; SIP_OTHER where we do not know it. */
enum sip_kind sip_kind_find(str name);
/* The same for p[n] that stands in bytes readable up to `end`: spares the parser a copy. */
enum sip_kind sip_kind_find_in(const char *p, size_t n, const char *end);

enum sip_method {
	SIP_METHOD_OTHER = 0, /* an extension method: its text says which */
	SIP_INVITE,
	SIP_ACK,
	SIP_BYE,
	SIP_CANCEL,
	SIP_REGISTER,
	SIP_OPTIONS,
	SIP_PRACK,
	SIP_SUBSCRIBE,
	SIP_NOTIFY,
	SIP_PUBLISH,
	SIP_INFO,
	SIP_REFER,
	SIP_MESSAGE,
	SIP_UPDATE,
	SIP_METHOD_N,
};

str sip_method_name(enum sip_method);
/* Methods are case-sensitive (7.1): "invite" is SIP_METHOD_OTHER. */
enum sip_method sip_method_find(str name);

/* "Moved Temporarily" for 302, and so on; the class's name ("Client Error") for others of 100..699. */
str sip_status_text(int status);

/* From, To, Contact, Route, Record-Route, Path, Refer-To, P-Asserted-Identity, ...:
 * name-addr or addr-spec, with parameters. */
struct sip_address {
	str text;    /* the whole value, trimmed */
	str display; /* as written: quotes and escapes in place; empty: none */
	struct sip_uri uri;
	str params; /* behind the first ';' after the URI, without it */
	str tag;    /* of From and To; empty: none */
	bool star;  /* Contact: * ; nothing else is set then */
};

/* Without angle brackets all parameters are the header's, and the URI may hold no ',', ';' or '?'
 * (20.10, 20.20, 20.34, 20.39). ERR_SYNTAX. */
MUST_CHECK enum err sip_address_parse(str value, struct sip_address *out);
/* One value out of several: stops at its comma, or at the end, and returns where; NULL: malformed. */
const char *sip_address_take(const char *at, const char *end, struct sip_address *out);
/* The same; where the URI is that of `like` (NULL: nothing known), byte for byte, it is not parsed again. */
const char *sip_address_take_like(const char *at, const char *end, const struct sip_address *like,
				  struct sip_address *out);
/* The display name without quotes and escapes. */
void sip_address_display(const struct sip_address *, struct buf *out);
/* expires=N of a Contact; false: absent or malformed (10.2.1.1 then takes the Expires header). */
bool sip_address_expires(const struct sip_address *, uint32_t *seconds);
/* q=0.000..1.000 as 0..1000; 1000 where absent (RFC 3261 20.10), ERR_SYNTAX left to 0. */
unsigned sip_address_q(const struct sip_address *);

struct sip_cseq {
	uint32_t number; /* < 2^31 */
	enum sip_method method;
	str method_text;
};
MUST_CHECK enum err sip_cseq_parse(str value, struct sip_cseq *out);

/* RAck: response number, CSeq number and method (RFC 3262 7.2). */
struct sip_rack {
	uint32_t response;
	struct sip_cseq cseq;
};
MUST_CHECK enum err sip_rack_parse(str value, struct sip_rack *out);

/* Seconds with a comment and parameters behind: Retry-After, Expires, Min-Expires, Session-Expires.
 * ERR_LIMIT above 2^32-1: well formed, too large. */
MUST_CHECK enum err sip_seconds_parse(str value, uint32_t *seconds, str *params);

/* "application/sdp;charset=utf-8"; also "token;params" of Event, Subscription-State,
 * Content-Disposition, Accept's elements and Reason ("SIP;cause=200;text=\"...\""): subtype empty then. */
struct sip_token {
	str type, subtype; /* as written; compare without case */
	str params;
};
MUST_CHECK enum err sip_token_parse(str value, struct sip_token *out);

/* Reason: SIP;cause=486;text="Busy" (RFC 3326). */
struct sip_reason {
	str protocol;
	uint32_t cause; /* 0: none given */
	str text;       /* without its quotes, escapes in place */
};
MUST_CHECK enum err sip_reason_parse(str value, struct sip_reason *out);

/* Replaces: call-id;to-tag=..;from-tag=..[;early-only] (RFC 3891 6.1); Join has the same form. */
struct sip_replaces {
	str call_id, to_tag, from_tag;
	bool early_only;
};
MUST_CHECK enum err sip_replaces_parse(str value, struct sip_replaces *out);

/* Session-ID: 32 hex digits;remote=32 hex digits (RFC 7989 5.). remote empty where absent. */
struct sip_session_id {
	str local, remote;
};
MUST_CHECK enum err sip_session_id_parse(str value, struct sip_session_id *out);

/*
 * The next element of a comma-separated value, trimmed, eaten from *rest; commas inside quotes and
 * angle brackets do not count. false at the end. Empty elements come out as empty strs (of a list
 * that must not have them, that is a syntax error of the asker's).
 */
bool sip_list_next(str *rest, str *element);
/* Does an option list (Supported, Require, Allow, ...) name this token? Any case. */
bool sip_list_has(str value, str token);

/* A quoted string without quotes and escapes; anything else as it is. */
void sip_unquote(str quoted, struct buf *out);
/* Writes text as a quoted string. */
void sip_quote(str text, struct buf *out);

#endif
