#include "call/ability.h"

#include "call/transfer.h"

static void write_list(const str *words, size_t n, str between, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put(out, between);
		buf_put(out, words[i]);
	}
}

/* SUBSCRIBE is answered where a REFER subscribes (RFC 3515 2.4.4). */
static void write_methods(const struct ability *a, str between, struct buf *out)
{
	static const str all[] = { STR_INIT("INVITE"),  STR_INIT("ACK"),   STR_INIT("BYE"),      STR_INIT("CANCEL"),
				   STR_INIT("OPTIONS"), STR_INIT("PRACK"), STR_INIT("UPDATE"),   STR_INIT("INFO"),
				   STR_INIT("NOTIFY"),  STR_INIT("REFER"), STR_INIT("SUBSCRIBE") };

	write_list(all, a->transfers ? 11 : 9, between, out);
	if (a->messages) {
		buf_put(out, between);
		buf_put(out, STR("MESSAGE"));
	}
}

static void write_extensions(const struct ability *a, str between, struct buf *out)
{
	static const str all[] = { STR_INIT("100rel"), STR_INIT("timer"), STR_INIT("replaces"),
				   STR_INIT("norefersub") };

	write_list(all, a->transfers ? 4 : 2, between, out);
}

void ability_write_allow(const struct ability *a, struct buf *lines)
{
	buf_put(lines, STR("Allow: "));
	write_methods(a, STR(", "), lines);
	buf_put(lines, STR("\r\n"));
}

void ability_write_supported(const struct ability *a, struct buf *lines)
{
	buf_put(lines, STR("Supported: "));
	write_extensions(a, STR(", "), lines);
	buf_put(lines, STR("\r\n"));
}

/* No `events`: a SUBSCRIBE to what we do not know is better refused here, with what we do (489). */
void ability_write_features(const struct ability *a, bool registers, struct buf *params)
{
	buf_put(params, STR(";audio"));
	if (!registers)
		return;
	buf_put(params, STR(";methods=\""));
	write_methods(a, STR(","), params);
	buf_put(params, STR("\";extensions=\""));
	write_extensions(a, STR(","), params);
	buf_put_char(params, '"');
}

void ability_write_events(const struct ability *a, struct buf *lines)
{
	if (a->transfers)
		buf_put(lines, STR("Allow-Events: refer\r\n"));
}

static void write_accept(const struct ability *a, struct buf *lines)
{
	buf_put(lines, STR("Accept: application/sdp, application/dtmf-relay"));
	if (a->transfers)
		buf_put(lines, STR(", message/sipfrag"));
	if (a->messages)
		buf_put(lines, STR(", text/plain"));
	buf_put(lines, STR("\r\n"));
}

void ability_write_all(const struct ability *a, struct buf *lines)
{
	ability_write_allow(a, lines);
	ability_write_supported(a, lines);
	write_accept(a, lines);
	buf_put(lines, STR("Accept-Encoding: identity\r\nAccept-Language: en\r\n"));
	ability_write_events(a, lines);
}

/* ---- 8.2.1 ---- */

static int judge_method(const struct ability *a, const struct sip_msg *m, struct buf *lines)
{
	uint32_t id;

	switch (m->method) {
	case SIP_METHOD_OTHER:
		ability_write_allow(a, lines);
		return 501;
	case SIP_SUBSCRIBE:
		if (!a->transfers)
			break;
		if (transfer_is_event(m, &id))
			return 403; /* RFC 3515 2.4.4: only a REFER begins one */
		ability_write_events(a, lines);
		return 489;
	case SIP_REFER:
		if (!a->transfers)
			break;
		return 0;
	case SIP_MESSAGE:
		if (!a->messages)
			break;
		return 0;
	case SIP_REGISTER:
	case SIP_PUBLISH:
		break;
	default:
		return 0;
	}
	ability_write_allow(a, lines);
	return 405;
}

static int judge_scheme(struct sip_msg *m)
{
	const struct sip_uri *uri = sip_msg_uri(m);

	if (!uri)
		return 400;
	return uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS || uri->scheme == SIP_SCHEME_TEL ? 0
														: 416;
}

/* ---- 8.2.2.3 ---- */

static bool can(const struct ability *a, str tag)
{
	return str_eq_nocase(tag, STR("100rel")) || str_eq_nocase(tag, STR("timer")) ||
	       (a->transfers && (str_eq_nocase(tag, STR("replaces")) || str_eq_nocase(tag, STR("norefersub"))));
}

static int judge_required(const struct ability *a, const struct sip_msg *m, struct buf *lines)
{
	struct sip_values v = sip_msg_values(m, SIP_REQUIRE);
	size_t at = lines->n;
	str tag;

	while (sip_values_next(&v, &tag)) {
		if (!tag.n || can(a, tag))
			continue;
		buf_put(lines, lines->n == at ? STR("Unsupported: ") : STR(", "));
		buf_put(lines, tag);
	}
	if (lines->n == at)
		return 0;
	buf_put(lines, STR("\r\n"));
	return 420;
}

/* RFC 3891 3.: one, in an INVITE, and nothing that contradicts it (Join: RFC 3911 4.). */
static int judge_replaces(const struct ability *a, const struct sip_msg *m)
{
	if (!a->transfers || !sip_msg_has(m, SIP_REPLACES))
		return 0;
	return m->method != SIP_INVITE || sip_msg_count(m, SIP_REPLACES) != 1 || sip_msg_has(m, SIP_JOIN) ? 400 : 0;
}

/* ---- 8.2.3 ---- */

bool ability_is_type(const struct sip_msg *m, str type, str subtype)
{
	struct sip_token token;

	return sip_token_parse(sip_msg_value(m, SIP_CONTENT_TYPE), &token) == ERR_NONE &&
	       str_eq_nocase(token.type, type) && str_eq_nocase(token.subtype, subtype);
}

static bool is_optional(const struct sip_msg *m)
{
	struct sip_token token;
	str handling;

	return sip_token_parse(sip_msg_value(m, SIP_CONTENT_DISPOSITION), &token) == ERR_NONE &&
	       sip_param_find(token.params, STR("handling"), &handling) && str_eq_nocase(handling, STR("optional"));
}

str ability_sdp(struct sip_msg *m)
{
	return m->body.n && ability_is_type(m, STR("application"), STR("sdp")) ? m->body : STR_NONE;
}

static int refuse_type(str accept, struct buf *lines)
{
	buf_put(lines, accept);
	return 415;
}

static int judge_body(const struct sip_msg *m, struct buf *lines)
{
	str encoding = sip_msg_value(m, SIP_CONTENT_ENCODING);

	if (!m->body.n || is_optional(m))
		return 0;
	if (encoding.n && !str_eq_nocase(encoding, STR("identity")))
		return refuse_type(STR("Accept-Encoding: identity\r\n"), lines);
	switch (m->method) {
	case SIP_INVITE:
	case SIP_UPDATE:
	case SIP_PRACK:
		if (!ability_is_type(m, STR("application"), STR("sdp")))
			return refuse_type(STR("Accept: application/sdp\r\n"), lines);
		return m->body.n > ABILITY_SDP_MAX ? 413 : 0;
	case SIP_MESSAGE:
		if (!ability_is_type(m, STR("text"), STR("plain")))
			return refuse_type(STR("Accept: text/plain\r\n"), lines);
		return m->body.n > ABILITY_TEXT_MAX ? 413 : 0;
	default:
		return 0;
	}
}

/* May we answer with a description (20.1)? */
static bool accepts_sdp(const struct sip_msg *m)
{
	struct sip_values v = sip_msg_values(m, SIP_ACCEPT);
	struct sip_token token;
	str range;

	if (!sip_msg_has(m, SIP_ACCEPT))
		return true;
	while (sip_values_next(&v, &range)) {
		if (sip_token_parse(range, &token) != ERR_NONE)
			continue;
		if (str_eq(token.type, STR("*")) ||
		    (str_eq_nocase(token.type, STR("application")) &&
		     (str_eq(token.subtype, STR("*")) || str_eq_nocase(token.subtype, STR("sdp")))))
			return true;
	}
	return false;
}

int ability_judge(const struct ability *a, struct sip_msg *m, struct buf *lines)
{
	int status = judge_method(a, m, lines);

	if (!status)
		status = judge_scheme(m);
	if (!status && m->method != SIP_ACK && m->method != SIP_CANCEL)
		status = judge_required(a, m, lines);
	if (!status && m->method != SIP_ACK && m->method != SIP_CANCEL)
		status = judge_replaces(a, m);
	if (!status)
		status = judge_body(m, lines);
	if (!status && m->method == SIP_INVITE && !accepts_sdp(m))
		status = 406;
	return status;
}
