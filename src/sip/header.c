#include "sip/header.h"

#include "sip/scan.h"

#include <endian.h>

struct name {
	str text;
	char low[24]; /* lower case, padded */
};

static const struct name kinds[SIP_KIND_N] = {
	[SIP_ACCEPT] = { STR_INIT("Accept"), "accept" },
	[SIP_ACCEPT_CONTACT] = { STR_INIT("Accept-Contact"), "accept-contact" },
	[SIP_ACCEPT_ENCODING] = { STR_INIT("Accept-Encoding"), "accept-encoding" },
	[SIP_ACCEPT_LANGUAGE] = { STR_INIT("Accept-Language"), "accept-language" },
	[SIP_ALERT_INFO] = { STR_INIT("Alert-Info"), "alert-info" },
	[SIP_ALLOW] = { STR_INIT("Allow"), "allow" },
	[SIP_ALLOW_EVENTS] = { STR_INIT("Allow-Events"), "allow-events" },
	[SIP_AUTHENTICATION_INFO] = { STR_INIT("Authentication-Info"), "authentication-info" },
	[SIP_AUTHORIZATION] = { STR_INIT("Authorization"), "authorization" },
	[SIP_CALL_ID] = { STR_INIT("Call-ID"), "call-id" },
	[SIP_CALL_INFO] = { STR_INIT("Call-Info"), "call-info" },
	[SIP_CONTACT] = { STR_INIT("Contact"), "contact" },
	[SIP_CONTENT_DISPOSITION] = { STR_INIT("Content-Disposition"), "content-disposition" },
	[SIP_CONTENT_ENCODING] = { STR_INIT("Content-Encoding"), "content-encoding" },
	[SIP_CONTENT_LANGUAGE] = { STR_INIT("Content-Language"), "content-language" },
	[SIP_CONTENT_LENGTH] = { STR_INIT("Content-Length"), "content-length" },
	[SIP_CONTENT_TYPE] = { STR_INIT("Content-Type"), "content-type" },
	[SIP_CSEQ] = { STR_INIT("CSeq"), "cseq" },
	[SIP_DATE] = { STR_INIT("Date"), "date" },
	[SIP_DIVERSION] = { STR_INIT("Diversion"), "diversion" },
	[SIP_ERROR_INFO] = { STR_INIT("Error-Info"), "error-info" },
	[SIP_EVENT] = { STR_INIT("Event"), "event" },
	[SIP_EXPIRES] = { STR_INIT("Expires"), "expires" },
	[SIP_FLOW_TIMER] = { STR_INIT("Flow-Timer"), "flow-timer" },
	[SIP_FROM] = { STR_INIT("From"), "from" },
	[SIP_HISTORY_INFO] = { STR_INIT("History-Info"), "history-info" },
	[SIP_IDENTITY] = { STR_INIT("Identity"), "identity" },
	[SIP_IN_REPLY_TO] = { STR_INIT("In-Reply-To"), "in-reply-to" },
	[SIP_JOIN] = { STR_INIT("Join"), "join" },
	[SIP_MAX_FORWARDS] = { STR_INIT("Max-Forwards"), "max-forwards" },
	[SIP_MIME_VERSION] = { STR_INIT("MIME-Version"), "mime-version" },
	[SIP_MIN_EXPIRES] = { STR_INIT("Min-Expires"), "min-expires" },
	[SIP_MIN_SE] = { STR_INIT("Min-SE"), "min-se" },
	[SIP_ORGANIZATION] = { STR_INIT("Organization"), "organization" },
	[SIP_P_ASSERTED_IDENTITY] = { STR_INIT("P-Asserted-Identity"), "p-asserted-identity" },
	[SIP_P_PREFERRED_IDENTITY] = { STR_INIT("P-Preferred-Identity"), "p-preferred-identity" },
	[SIP_PATH] = { STR_INIT("Path"), "path" },
	[SIP_PRIORITY] = { STR_INIT("Priority"), "priority" },
	[SIP_PRIVACY] = { STR_INIT("Privacy"), "privacy" },
	[SIP_PROXY_AUTHENTICATE] = { STR_INIT("Proxy-Authenticate"), "proxy-authenticate" },
	[SIP_PROXY_AUTHORIZATION] = { STR_INIT("Proxy-Authorization"), "proxy-authorization" },
	[SIP_PROXY_REQUIRE] = { STR_INIT("Proxy-Require"), "proxy-require" },
	[SIP_RACK] = { STR_INIT("RAck"), "rack" },
	[SIP_REASON] = { STR_INIT("Reason"), "reason" },
	[SIP_RECORD_ROUTE] = { STR_INIT("Record-Route"), "record-route" },
	[SIP_REFER_SUB] = { STR_INIT("Refer-Sub"), "refer-sub" },
	[SIP_REFER_TO] = { STR_INIT("Refer-To"), "refer-to" },
	[SIP_REFERRED_BY] = { STR_INIT("Referred-By"), "referred-by" },
	[SIP_REJECT_CONTACT] = { STR_INIT("Reject-Contact"), "reject-contact" },
	[SIP_REPLACES] = { STR_INIT("Replaces"), "replaces" },
	[SIP_REPLY_TO] = { STR_INIT("Reply-To"), "reply-to" },
	[SIP_REQUEST_DISPOSITION] = { STR_INIT("Request-Disposition"), "request-disposition" },
	[SIP_REQUIRE] = { STR_INIT("Require"), "require" },
	[SIP_RETRY_AFTER] = { STR_INIT("Retry-After"), "retry-after" },
	[SIP_ROUTE] = { STR_INIT("Route"), "route" },
	[SIP_RSEQ] = { STR_INIT("RSeq"), "rseq" },
	[SIP_SERVER] = { STR_INIT("Server"), "server" },
	[SIP_SERVICE_ROUTE] = { STR_INIT("Service-Route"), "service-route" },
	[SIP_SESSION_EXPIRES] = { STR_INIT("Session-Expires"), "session-expires" },
	[SIP_SESSION_ID] = { STR_INIT("Session-ID"), "session-id" },
	[SIP_ETAG] = { STR_INIT("SIP-ETag"), "sip-etag" },
	[SIP_IF_MATCH] = { STR_INIT("SIP-If-Match"), "sip-if-match" },
	[SIP_SUBJECT] = { STR_INIT("Subject"), "subject" },
	[SIP_SUBSCRIPTION_STATE] = { STR_INIT("Subscription-State"), "subscription-state" },
	[SIP_SUPPORTED] = { STR_INIT("Supported"), "supported" },
	[SIP_TIMESTAMP] = { STR_INIT("Timestamp"), "timestamp" },
	[SIP_TO] = { STR_INIT("To"), "to" },
	[SIP_UNSUPPORTED] = { STR_INIT("Unsupported"), "unsupported" },
	[SIP_USER_AGENT] = { STR_INIT("User-Agent"), "user-agent" },
	[SIP_VIA] = { STR_INIT("Via"), "via" },
	[SIP_WARNING] = { STR_INIT("Warning"), "warning" },
	[SIP_WWW_AUTHENTICATE] = { STR_INIT("WWW-Authenticate"), "www-authenticate" },
};

/* By slot_of(): no two known names share a slot. header_test.c proves that every name is found. */
static const uint8_t slots[256] = {
	[0] = SIP_PRIVACY,
	[3] = SIP_ACCEPT_LANGUAGE,
	[8] = SIP_USER_AGENT,
	[11] = SIP_IDENTITY,
	[12] = SIP_TO,
	[20] = SIP_IN_REPLY_TO,
	[25] = SIP_CONTENT_LANGUAGE,
	[28] = SIP_ACCEPT_CONTACT,
	[30] = SIP_AUTHENTICATION_INFO,
	[34] = SIP_PROXY_REQUIRE,
	[41] = SIP_TIMESTAMP,
	[43] = SIP_MIME_VERSION,
	[44] = SIP_ACCEPT_ENCODING,
	[46] = SIP_MIN_EXPIRES,
	[56] = SIP_UNSUPPORTED,
	[57] = SIP_IF_MATCH,
	[60] = SIP_ERROR_INFO,
	[61] = SIP_JOIN,
	[62] = SIP_REPLACES,
	[65] = SIP_AUTHORIZATION,
	[69] = SIP_ALERT_INFO,
	[75] = SIP_SUBJECT,
	[78] = SIP_ORGANIZATION,
	[88] = SIP_RACK,
	[89] = SIP_EXPIRES,
	[94] = SIP_HISTORY_INFO,
	[96] = SIP_ROUTE,
	[98] = SIP_DIVERSION,
	[103] = SIP_VIA,
	[104] = SIP_ALLOW,
	[105] = SIP_CONTENT_LENGTH,
	[112] = SIP_P_PREFERRED_IDENTITY,
	[113] = SIP_WARNING,
	[114] = SIP_PROXY_AUTHORIZATION,
	[120] = SIP_MAX_FORWARDS,
	[123] = SIP_REFER_SUB,
	[125] = SIP_REASON,
	[128] = SIP_RSEQ,
	[133] = SIP_SESSION_EXPIRES,
	[134] = SIP_RECORD_ROUTE,
	[138] = SIP_SERVER,
	[140] = SIP_FROM,
	[143] = SIP_REQUEST_DISPOSITION,
	[145] = SIP_SERVICE_ROUTE,
	[149] = SIP_CALL_ID,
	[154] = SIP_CALL_INFO,
	[158] = SIP_REFERRED_BY,
	[161] = SIP_REQUIRE,
	[169] = SIP_ALLOW_EVENTS,
	[170] = SIP_CSEQ,
	[175] = SIP_CONTENT_ENCODING,
	[176] = SIP_RETRY_AFTER,
	[181] = SIP_SUPPORTED,
	[185] = SIP_REJECT_CONTACT,
	[186] = SIP_ETAG,
	[187] = SIP_MIN_SE,
	[192] = SIP_DATE,
	[196] = SIP_ACCEPT,
	[199] = SIP_PROXY_AUTHENTICATE,
	[207] = SIP_SUBSCRIPTION_STATE,
	[209] = SIP_EVENT,
	[212] = SIP_CONTACT,
	[213] = SIP_REPLY_TO,
	[214] = SIP_CONTENT_DISPOSITION,
	[218] = SIP_P_ASSERTED_IDENTITY,
	[219] = SIP_WWW_AUTHENTICATE,
	[232] = SIP_REFER_TO,
	[233] = SIP_PRIORITY,
	[234] = SIP_PATH,
	[235] = SIP_FLOW_TIMER,
	[245] = SIP_SESSION_ID,
	[247] = SIP_CONTENT_TYPE,
};

static const uint8_t compact[26] = {
	['a' - 'a'] = SIP_ACCEPT_CONTACT,
	['b' - 'a'] = SIP_REFERRED_BY,
	['c' - 'a'] = SIP_CONTENT_TYPE,
	['d' - 'a'] = SIP_REQUEST_DISPOSITION,
	['e' - 'a'] = SIP_CONTENT_ENCODING,
	['f' - 'a'] = SIP_FROM,
	['i' - 'a'] = SIP_CALL_ID,
	['j' - 'a'] = SIP_REJECT_CONTACT,
	['k' - 'a'] = SIP_SUPPORTED,
	['l' - 'a'] = SIP_CONTENT_LENGTH,
	['m' - 'a'] = SIP_CONTACT,
	['o' - 'a'] = SIP_EVENT,
	['r' - 'a'] = SIP_REFER_TO,
	['s' - 'a'] = SIP_SUBJECT,
	['t' - 'a'] = SIP_TO,
	['u' - 'a'] = SIP_ALLOW_EVENTS,
	['v' - 'a'] = SIP_VIA,
	['x' - 'a'] = SIP_SESSION_EXPIRES,
	['y' - 'a'] = SIP_IDENTITY,
};

static uint64_t load8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, 8);
	return le64toh(word);
}

/* Of the first eight letters in lower case, the length and the last letter. */
static unsigned slot_of(uint64_t head, size_t n, char last)
{
	uint64_t word = head + n * 0x9e3779b97f4a7c15u + (((unsigned char)last | 32u) * 0xff51afd7ed558ccdu);

	return (unsigned)(word * 0xb8fbbc5f233a28ebu >> 56);
}

/*
 * Eight letters at a time. Setting bit 5 folds letters and leaves '-' and digits as they are; the only other byte that
 * it could confuse with them is CR for '-', which a field name cannot hold. Needs 8 readable bytes at p, 1 < n <= 20.
 */
static inline __attribute__((always_inline)) enum sip_kind find_kind(const char *p, size_t n)
{
	const uint64_t fold = 0x2020202020202020u;
	uint64_t head = load8(p) | fold, differ;

	if (n < 8)
		head &= ((uint64_t)1 << 8 * n) - 1;
	enum sip_kind kind = (enum sip_kind)slots[slot_of(head, n, p[n - 1])];
	const struct name *name = &kinds[kind];
	differ = (head ^ load8(name->low)) | (name->text.n ^ n);
	if (n > 8 && !differ) {
		differ |= (load8(p + n - 8) | fold) ^ load8(name->low + n - 8);
		if (n > 16)
			differ |= (load8(p + 8) | fold) ^ load8(name->low + 8);
	}
	return differ ? SIP_OTHER : kind;
}

enum sip_kind sip_kind_find_in(const char *p, size_t n, const char *end)
{
	char copy[24] = { 0 };

	if (n == 1) {
		unsigned letter = ((unsigned char)p[0] | 32u) - 'a';

		return letter < 26 ? (enum sip_kind)compact[letter] : SIP_OTHER;
	}
	if (n == 0 || n > 20)
		return SIP_OTHER;
	if (end - p >= 8)
		return find_kind(p, n);
	memcpy(copy, p, n);
	return find_kind(copy, n);
}

enum sip_kind sip_kind_find(str name)
{
	return name.n ? sip_kind_find_in(name.p, name.n, name.p + name.n) : SIP_OTHER;
}

str sip_kind_name(enum sip_kind kind)
{
	return kind < SIP_KIND_N ? kinds[kind].text : STR_NONE;
}

static const str methods[SIP_METHOD_N] = {
	[SIP_INVITE] = STR_INIT("INVITE"),     [SIP_ACK] = STR_INIT("ACK"),
	[SIP_BYE] = STR_INIT("BYE"),           [SIP_CANCEL] = STR_INIT("CANCEL"),
	[SIP_REGISTER] = STR_INIT("REGISTER"), [SIP_OPTIONS] = STR_INIT("OPTIONS"),
	[SIP_PRACK] = STR_INIT("PRACK"),       [SIP_SUBSCRIBE] = STR_INIT("SUBSCRIBE"),
	[SIP_NOTIFY] = STR_INIT("NOTIFY"),     [SIP_PUBLISH] = STR_INIT("PUBLISH"),
	[SIP_INFO] = STR_INIT("INFO"),         [SIP_REFER] = STR_INIT("REFER"),
	[SIP_MESSAGE] = STR_INIT("MESSAGE"),   [SIP_UPDATE] = STR_INIT("UPDATE"),
};

str sip_method_name(enum sip_method method)
{
	return method < SIP_METHOD_N ? methods[method] : STR_NONE;
}

enum sip_method sip_method_find(str name)
{
	for (enum sip_method m = SIP_INVITE; m < SIP_METHOD_N; m++)
		if (methods[m].n == name.n && methods[m].p[0] == name.p[0] && memcmp(methods[m].p, name.p, name.n) == 0)
			return m;
	return SIP_METHOD_OTHER;
}

str sip_status_text(int status)
{
	static const struct {
		int status;
		str text;
	} list[] = {
		{ 100, STR_INIT("Trying") },
		{ 180, STR_INIT("Ringing") },
		{ 181, STR_INIT("Call Is Being Forwarded") },
		{ 182, STR_INIT("Queued") },
		{ 183, STR_INIT("Session Progress") },
		{ 199, STR_INIT("Early Dialog Terminated") },
		{ 200, STR_INIT("OK") },
		{ 202, STR_INIT("Accepted") },
		{ 204, STR_INIT("No Notification") },
		{ 300, STR_INIT("Multiple Choices") },
		{ 301, STR_INIT("Moved Permanently") },
		{ 302, STR_INIT("Moved Temporarily") },
		{ 305, STR_INIT("Use Proxy") },
		{ 380, STR_INIT("Alternative Service") },
		{ 400, STR_INIT("Bad Request") },
		{ 401, STR_INIT("Unauthorized") },
		{ 402, STR_INIT("Payment Required") },
		{ 403, STR_INIT("Forbidden") },
		{ 404, STR_INIT("Not Found") },
		{ 405, STR_INIT("Method Not Allowed") },
		{ 406, STR_INIT("Not Acceptable") },
		{ 407, STR_INIT("Proxy Authentication Required") },
		{ 408, STR_INIT("Request Timeout") },
		{ 410, STR_INIT("Gone") },
		{ 412, STR_INIT("Conditional Request Failed") },
		{ 413, STR_INIT("Request Entity Too Large") },
		{ 414, STR_INIT("Request-URI Too Long") },
		{ 415, STR_INIT("Unsupported Media Type") },
		{ 416, STR_INIT("Unsupported URI Scheme") },
		{ 420, STR_INIT("Bad Extension") },
		{ 421, STR_INIT("Extension Required") },
		{ 422, STR_INIT("Session Interval Too Small") },
		{ 423, STR_INIT("Interval Too Brief") },
		{ 430, STR_INIT("Flow Failed") },
		{ 433, STR_INIT("Anonymity Disallowed") },
		{ 439, STR_INIT("First Hop Lacks Outbound Support") },
		{ 440, STR_INIT("Max-Breadth Exceeded") },
		{ 469, STR_INIT("Bad Info Package") },
		{ 480, STR_INIT("Temporarily Unavailable") },
		{ 481, STR_INIT("Call/Transaction Does Not Exist") },
		{ 482, STR_INIT("Loop Detected") },
		{ 483, STR_INIT("Too Many Hops") },
		{ 484, STR_INIT("Address Incomplete") },
		{ 485, STR_INIT("Ambiguous") },
		{ 486, STR_INIT("Busy Here") },
		{ 487, STR_INIT("Request Terminated") },
		{ 488, STR_INIT("Not Acceptable Here") },
		{ 489, STR_INIT("Bad Event") },
		{ 491, STR_INIT("Request Pending") },
		{ 493, STR_INIT("Undecipherable") },
		{ 494, STR_INIT("Security Agreement Required") },
		{ 500, STR_INIT("Server Internal Error") },
		{ 501, STR_INIT("Not Implemented") },
		{ 502, STR_INIT("Bad Gateway") },
		{ 503, STR_INIT("Service Unavailable") },
		{ 504, STR_INIT("Server Time-out") },
		{ 505, STR_INIT("Version Not Supported") },
		{ 513, STR_INIT("Message Too Large") },
		{ 580, STR_INIT("Precondition Failure") },
		{ 600, STR_INIT("Busy Everywhere") },
		{ 603, STR_INIT("Decline") },
		{ 604, STR_INIT("Does Not Exist Anywhere") },
		{ 606, STR_INIT("Not Acceptable") },
		{ 607, STR_INIT("Unwanted") },
		{ 608, STR_INIT("Rejected") },
	};
	static const str classes[] = { STR_INIT("Trying"),       STR_INIT("OK"),           STR_INIT("Redirection"),
				       STR_INIT("Client Error"), STR_INIT("Server Error"), STR_INIT("Global Failure") };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i].status == status)
			return list[i].text;
	return status >= 100 && status < 700 ? classes[status / 100 - 1] : STR_NONE;
}

/* What stands in front of '<', or the URI of an addr-spec; sets the display name. Returns the '<', or the
 * first character of the URI; NULL: neither. */
static const char *take_display(const char *at, const char *end, str *display)
{
	const char *start = at;

	if (at < end && *at == '<')
		return at;
	if (at < end && *at == '"') {
		at = sip_scan_quoted(at, end);
		if (!at)
			return NULL;
		*display = sip_scan_span(start, at);
		at = sip_scan_blank(at, end);
		return at < end && *at == '<' ? at : NULL;
	}
	/* *(token LWS); UTF-8 without quotes is what phones send, and harmless */
	while (at < end && (sip_scan_is(*at, SIP_SCAN_TOKEN | SIP_SCAN_BLANK) || (*at & 0x80)))
		at++;
	if (at == end || *at != '<')
		return start;
	*display = str_trim(sip_scan_span(start, at));
	return at;
}

static bool is_spec_char(char c)
{
	return c != ';' && c != ',' && c != '?' && !sip_scan_is(c, SIP_SCAN_BLANK);
}

static str moved(str s, const char *from, const char *to)
{
	return s.p ? str_of(to + (s.p - from), s.n) : s;
}

/* Of `like`, written once more at `at`. */
static void copy_uri(const struct sip_uri *like, const char *at, struct sip_uri *out)
{
	const char *from = like->text.p;

	*out = *like;
	out->text = moved(like->text, from, at);
	out->user = moved(like->user, from, at);
	out->host = moved(like->host, from, at);
	out->params = moved(like->params, from, at);
	out->headers = moved(like->headers, from, at);
	out->password = moved(like->password, from, at);
}

static bool take_uri(str text, const struct sip_address *like, struct sip_uri *out)
{
	if (!like || !text.n || !str_eq(text, like->uri.text))
		return sip_uri_scan(text, out);
	copy_uri(&like->uri, text.p, out);
	return true;
}

const char *sip_address_take(const char *at, const char *end, struct sip_address *out)
{
	return sip_address_take_like(at, end, NULL, out);
}

const char *sip_address_take_like(const char *at, const char *end, const struct sip_address *like,
				  struct sip_address *out)
{
	const char *start = at = sip_scan_blank(at, end), *params = NULL, *stop;
	str name, value;

	out->display = out->params = out->tag = STR_NONE;
	out->star = false;
	if (at < end && *at == '*') {
		stop = sip_scan_blank(at + 1, end);
		if (stop == end || *stop == ',') {
			*out = (struct sip_address){ .text = str_of(at, 1), .star = true };
			return stop;
		}
	}
	at = take_display(at, end, &out->display);
	if (!at || at == end)
		return NULL;
	if (*at == '<') {
		stop = memchr(at, '>', (size_t)(end - at));
		if (!stop || !take_uri(sip_scan_span(at + 1, stop), like, &out->uri))
			return NULL;
		at = stop + 1;
	} else {
		for (stop = at; stop < end && is_spec_char(*stop);)
			stop++;
		if (!sip_uri_scan(sip_scan_span(at, stop), &out->uri))
			return NULL;
		at = stop;
	}
	stop = at;
	at = sip_scan_blank(at, end);
	while (at < end && *at == ';') {
		params = params ? params : at + 1;
		at = sip_scan_param(at, end, &name, &value);
		if (!at)
			return NULL;
		stop = value.n ? value.p + value.n : name.p + name.n;
		if (name.n == 3 && (name.p[0] | 32) == 't' && (name.p[1] | 32) == 'a' && (name.p[2] | 32) == 'g')
			out->tag = value;
	}
	if (at < end && *at != ',')
		return NULL;
	out->text = sip_scan_span(start, stop);
	if (params)
		out->params = sip_scan_span(params, stop);
	return at;
}

enum err sip_address_parse(str value, struct sip_address *out)
{
	struct sip_address address;

	if (value.n == 0 || sip_address_take(value.p, value.p + value.n, &address) != value.p + value.n)
		return ERR_SYNTAX;
	*out = address;
	return ERR_NONE;
}

void sip_address_display(const struct sip_address *a, struct buf *out)
{
	sip_unquote(a->display, out);
}

bool sip_address_expires(const struct sip_address *a, uint32_t *seconds)
{
	str value;

	return sip_param_find(a->params, STR("expires"), &value) && str_u32(value, UINT32_MAX, seconds);
}

unsigned sip_address_q(const struct sip_address *a)
{
	unsigned q, scale = 100;
	str value;

	if (!sip_param_find(a->params, STR("q"), &value))
		return 1000;
	if (value.n == 0 || value.n > 5 || value.p[0] < '0' || value.p[0] > '1')
		return 0;
	q = (unsigned)(value.p[0] - '0') * 1000;
	for (size_t i = 2; i < value.n; i++, scale /= 10) {
		if (value.p[1] != '.' || value.p[i] < '0' || value.p[i] > '9')
			return 0;
		q += (unsigned)(value.p[i] - '0') * scale;
	}
	return q <= 1000 ? q : 0;
}

enum err sip_cseq_parse(str value, struct sip_cseq *out)
{
	const char *end, *at, *start;
	uint64_t number = 0;
	struct sip_cseq cseq;

	if (!value.n)
		return ERR_SYNTAX;
	end = value.p + value.n;
	at = start = sip_scan_blank(value.p, end);
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		if ((number = number * 10 + (uint64_t)(*at - '0')) > INT32_MAX) /* 8.1.1.5: less than 2^31 */
			return ERR_SYNTAX;
	if (at == start || at == end || !sip_scan_is(*at, SIP_SCAN_BLANK))
		return ERR_SYNTAX;
	start = sip_scan_blank(at, end);
	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	if (at == start || sip_scan_blank(at, end) != end)
		return ERR_SYNTAX;
	cseq.number = (uint32_t)number;
	cseq.method_text = sip_scan_span(start, at);
	cseq.method = sip_method_find(cseq.method_text);
	*out = cseq;
	return ERR_NONE;
}

enum err sip_rack_parse(str value, struct sip_rack *out)
{
	struct sip_rack rack;

	if (!str_take_u32(&value, UINT32_MAX, &rack.response) || sip_cseq_parse(value, &rack.cseq))
		return ERR_SYNTAX;
	/* "1" and "2 INVITE" must be apart: the number of sip_cseq_parse would have eaten a second digit. */
	if (value.n == 0 || !sip_scan_is(value.p[0], SIP_SCAN_BLANK))
		return ERR_SYNTAX;
	*out = rack;
	return ERR_NONE;
}

enum err sip_seconds_parse(str value, uint32_t *seconds, str *params)
{
	const char *end, *at, *start;
	uint64_t number = 0;

	if (!value.n)
		return ERR_SYNTAX;
	end = value.p + value.n;
	at = start = sip_scan_blank(value.p, end);
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		number = number > UINT32_MAX ? number : number * 10 + (uint64_t)(*at - '0');
	if (at == start)
		return ERR_SYNTAX;
	at = sip_scan_blank(at, end);
	if (at < end && *at == '(') { /* Retry-After: 120 (I'm in a meeting) */
		at = memchr(at, ')', (size_t)(end - at));
		if (!at)
			return ERR_SYNTAX;
		at = sip_scan_blank(at + 1, end);
	}
	if (at < end && *at != ';')
		return ERR_SYNTAX;
	if (number > UINT32_MAX)
		return ERR_LIMIT;
	*seconds = (uint32_t)number;
	if (params)
		*params = at < end ? sip_scan_span(at + 1, end) : STR_NONE;
	return ERR_NONE;
}

enum err sip_token_parse(str value, struct sip_token *out)
{
	const char *end, *start, *at, *params;
	struct sip_token token = { 0 };
	str n, v;

	if (!value.n)
		return ERR_SYNTAX;
	end = value.p + value.n;
	start = sip_scan_blank(value.p, end);
	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	token.type = sip_scan_span(start, at);
	if (at == start)
		return ERR_SYNTAX;
	at = sip_scan_blank(at, end);
	if (at < end && *at == '/') {
		start = sip_scan_blank(at + 1, end);
		at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
		if (at == start)
			return ERR_SYNTAX;
		token.subtype = sip_scan_span(start, at);
		at = sip_scan_blank(at, end);
	}
	params = at;
	while (at < end && *at == ';')
		if (!(at = sip_scan_param(at, end, &n, &v)))
			return ERR_SYNTAX;
	if (at != end)
		return ERR_SYNTAX;
	if (params < end)
		token.params = sip_scan_span(params + 1, end);
	*out = token;
	return ERR_NONE;
}

static str bare(str quoted)
{
	return quoted.n >= 2 && quoted.p[0] == '"' ? str_of(quoted.p + 1, quoted.n - 2) : quoted;
}

enum err sip_reason_parse(str value, struct sip_reason *out)
{
	struct sip_reason reason = { 0 };
	struct sip_token token;
	str cause;

	if (sip_token_parse(value, &token) || token.subtype.n)
		return ERR_SYNTAX;
	reason.protocol = token.type;
	if (sip_param_find(token.params, STR("cause"), &cause) && !str_u32(cause, UINT32_MAX, &reason.cause))
		return ERR_SYNTAX;
	if (sip_param_find(token.params, STR("text"), &reason.text))
		reason.text = bare(reason.text);
	*out = reason;
	return ERR_NONE;
}

enum err sip_replaces_parse(str value, struct sip_replaces *out)
{
	struct sip_replaces replaces = { 0 };
	str params;

	value = str_trim(value);
	str_split(value, ';', &replaces.call_id, &params);
	replaces.call_id = str_trim(replaces.call_id);
	if (replaces.call_id.n == 0 || !sip_param_find(params, STR("to-tag"), &replaces.to_tag) ||
	    !sip_param_find(params, STR("from-tag"), &replaces.from_tag) || replaces.to_tag.n == 0 ||
	    replaces.from_tag.n == 0)
		return ERR_SYNTAX;
	replaces.early_only = sip_param_find(params, STR("early-only"), NULL);
	*out = replaces;
	return ERR_NONE;
}

static bool is_session_uuid(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_scan_is_hex(s.p[i]))
			return false;
	return s.n == 32;
}

enum err sip_session_id_parse(str value, struct sip_session_id *out)
{
	struct sip_session_id id = { 0 };
	str params;

	value = str_trim(value);
	str_split(value, ';', &id.local, &params);
	id.local = str_trim(id.local);
	if (!is_session_uuid(id.local))
		return ERR_SYNTAX;
	if (sip_param_find(params, STR("remote"), &id.remote) && !is_session_uuid(id.remote))
		return ERR_SYNTAX;
	*out = id;
	return ERR_NONE;
}

bool sip_list_next(str *rest, str *element)
{
	const char *at = rest->p, *end;
	bool in_angle = false;

	if (!rest->p)
		return false;
	end = at + rest->n;
	if (!memchr(at, ',', rest->n)) { /* nearly always: one value a line */
		*element = str_trim(*rest);
		*rest = STR_NONE;
		return true;
	}
	for (; at < end && (in_angle || *at != ','); at++) {
		if (*at == '"' && !in_angle) {
			const char *close = sip_scan_quoted(at, end);

			at = close ? close - 1 : end - 1;
		} else if (*at == '<') {
			in_angle = true;
		} else if (*at == '>') {
			in_angle = false;
		}
	}
	*element = str_trim(sip_scan_span(rest->p, at));
	*rest = at < end ? sip_scan_span(at + 1, end) : STR_NONE;
	return true;
}

bool sip_list_has(str value, str token)
{
	str element;

	while (sip_list_next(&value, &element))
		if (str_eq_nocase(element, token))
			return true;
	return false;
}

void sip_unquote(str quoted, struct buf *out)
{
	str s = bare(quoted);

	if (s.p == quoted.p) {
		buf_put(out, quoted);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		buf_put_char(out, s.p[i]);
	}
}

void sip_quote(str text, struct buf *out)
{
	buf_put_char(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r' || text.p[i] == '\n')
			continue; /* a quoted string cannot hold them (25.1), and nothing may break out of its line */
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_put_char(out, '\\');
		buf_put_char(out, text.p[i]);
	}
	buf_put_char(out, '"');
}
