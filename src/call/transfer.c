#include "call/transfer.h"

static const char hex[] = "0123456789ABCDEF";

/* A value inside a URI's headers (RFC 3261 25.1: hvalue). */
static void escape(str value, struct buf *out)
{
	static const str plain = STR_INIT("-_.!~*'()[]/?:+$");

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (alnum || str_find_char(plain, c) < plain.n) {
			buf_put_char(out, c);
		} else {
			buf_put_char(out, '%');
			buf_put_char(out, hex[(uint8_t)c >> 4]);
			buf_put_char(out, hex[(uint8_t)c & 15]);
		}
	}
}

/* The value of one header in "a=b&c=d"; false: not there. */
static bool header_of(str headers, str name, str *value)
{
	str one, key;

	while (headers.n) {
		str_split(headers, '&', &one, &headers);
		str_split(one, '=', &key, value);
		if (str_eq_nocase(key, name))
			return true;
	}
	return false;
}

/* Unescaped, without what could begin a new line. */
static bool take(str escaped, char *out, size_t cap)
{
	struct buf text;

	buf_init(&text, out, cap - 1);
	sip_uri_unescape(escaped, &text);
	out[text.n] = 0;
	return buf_ok(&text) && !memchr(out, '\r', text.n) && !memchr(out, '\n', text.n) && !memchr(out, 0, text.n);
}

int transfer_read(struct sip_msg *m, struct transfer_target *out)
{
	struct transfer_target target = { 0 };
	struct sip_address to;
	str method, value;

	/* RFC 3515 2.4.2: exactly one */
	if (sip_msg_count(m, SIP_REFER_TO) != 1 || sip_address_parse(sip_msg_value(m, SIP_REFER_TO), &to) != ERR_NONE ||
	    to.star)
		return 400;
	if (to.uri.scheme != SIP_SCHEME_SIP && to.uri.scheme != SIP_SCHEME_SIPS)
		return 416;
	if (sip_uri_param(&to.uri, STR("method"), &method) && !str_eq(method, STR("INVITE")))
		return 603;
	value = to.uri.text;
	if (to.uri.headers.n)
		value = str_head(value, (size_t)(to.uri.headers.p - 1 - value.p));
	if (!str_copy_z(value, target.uri, sizeof(target.uri)))
		return 400;
	if (header_of(to.uri.headers, STR("Replaces"), &value)) {
		struct sip_replaces replaces;

		if (!take(value, target.replaces, sizeof(target.replaces)) ||
		    sip_replaces_parse(str_from(target.replaces), &replaces) != ERR_NONE)
			return 400;
	}
	value = sip_msg_value(m, SIP_REFERRED_BY);
	if (!memchr(value.n ? value.p : "", '\r', value.n)) /* a folded one is not worth carrying */
		(void)str_copy_z(value, target.by, sizeof(target.by));
	*out = target;
	return 0;
}

void transfer_write(str target, str by, str call_id, str to_tag, str from_tag, struct buf *lines)
{
	buf_put(lines, STR("Refer-To: <"));
	buf_put(lines, target);
	if (call_id.n) {
		buf_put(lines, STR("?Replaces="));
		escape(call_id, lines);
		buf_put(lines, STR("%3Bto-tag%3D"));
		escape(to_tag, lines);
		buf_put(lines, STR("%3Bfrom-tag%3D"));
		escape(from_tag, lines);
	}
	buf_put(lines, STR(">\r\nReferred-By: <"));
	buf_put(lines, by);
	buf_put(lines, STR(">\r\n"));
}

int transfer_status(str body)
{
	uint32_t status;
	str version, rest, number;

	if (!str_split(body, ' ', &version, &rest) || !str_eq_nocase(version, STR("SIP/2.0")))
		return 0;
	number = str_head(rest, 3);
	return str_u32(number, 699, &status) && status >= 100 ? (int)status : 0;
}

void transfer_write_status(int status, struct buf *body)
{
	buf_printf(body, "SIP/2.0 %d " STR_FMT "\r\n", status, STR_ARG(sip_status_text(status)));
}

bool transfer_is_event(const struct sip_msg *m, uint32_t *id)
{
	struct sip_token token;
	str text;

	*id = 0;
	if (sip_token_parse(sip_msg_value(m, SIP_EVENT), &token) != ERR_NONE ||
	    !str_eq_nocase(token.type, STR("refer")))
		return false;
	return !sip_param_find(token.params, STR("id"), &text) || str_u32(text, UINT32_MAX, id);
}

bool transfer_is_last(const struct sip_msg *m, uint32_t *seconds)
{
	struct sip_token token;
	str text;

	if (sip_token_parse(sip_msg_value(m, SIP_SUBSCRIPTION_STATE), &token) != ERR_NONE)
		return false;
	if (sip_param_find(token.params, STR("expires"), &text))
		(void)str_u32(text, UINT32_MAX, seconds);
	return str_eq_nocase(token.type, STR("terminated"));
}

bool transfer_is_silent(const struct sip_msg *m)
{
	struct sip_token token;

	return sip_token_parse(sip_msg_value(m, SIP_REFER_SUB), &token) == ERR_NONE &&
	       str_eq_nocase(token.type, STR("false"));
}
