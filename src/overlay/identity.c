#include "overlay/identity.h"

#include "crypt/digest.h"

#define CONTEXT STR("tandem/1 certificate")

enum tag { TAG_NETWORK = 1, TAG_NAME, TAG_DEVICE, TAG_SERIAL, TAG_NOT_BEFORE, TAG_NOT_AFTER };

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

enum err overlay_name_parse(str s, struct overlay_name *out)
{
	struct overlay_name name = { .n = (uint8_t)s.n };

	if (s.n < OVERLAY_NAME_MIN || s.n > OVERLAY_NAME_MAX || !is_letter(s.p[0]) || !is_alnum(s.p[s.n - 1]))
		return ERR_SYNTAX;
	for (size_t i = 1; i < s.n; i++) {
		bool mark = s.p[i] == '.' || s.p[i] == '_' || s.p[i] == '-';

		if (!is_alnum(s.p[i]) && !(mark && is_alnum(s.p[i - 1])))
			return ERR_SYNTAX;
	}
	memcpy(name.text, s.p, s.n);
	*out = name;
	return ERR_NONE;
}

enum err overlay_domain_parse(str s, struct overlay_domain *out)
{
	struct overlay_domain domain = { .n = (uint8_t)s.n };
	size_t label_n = 0;

	if (s.n == 0 || s.n > OVERLAY_NETWORK_MAX || !is_alnum(s.p[s.n - 1]))
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool ok = is_alnum(c) || (c == '-' && label_n > 0) || (c == '.' && label_n > 0 && s.p[i - 1] != '-');

		if (!ok || label_n > 63)
			return ERR_SYNTAX;
		label_n = c == '.' ? 0 : label_n + 1;
	}
	memcpy(domain.text, s.p, s.n);
	*out = domain;
	return ERR_NONE;
}

static str fold(str s, char *out, size_t cap)
{
	s = str_head(s, cap);
	for (size_t i = 0; i < s.n; i++)
		out[i] = str_lower(s.p[i]);
	return str_of(out, s.n);
}

enum err overlay_name_of(str user, str host, str network, struct overlay_name *out)
{
	char text[OVERLAY_NAME_MAX + 1]; /* one more than a name may have: longer ones stay too long */

	if (str_eq_nocase(host, network))
		return overlay_name_parse(fold(user, text, sizeof(text)), out);
	if (host.n <= network.n + 1 || host.p[host.n - network.n - 1] != '.' ||
	    !str_eq_nocase(str_skip(host, host.n - network.n), network))
		return ERR_ABSENT;
	return overlay_name_parse(fold(str_head(host, host.n - network.n - 1), text, sizeof(text)), out);
}

void overlay_user_key(str network, str name, uint8_t out[OVERLAY_KEY_N])
{
	char text[16 + OVERLAY_NETWORK_MAX + OVERLAY_NAME_MAX];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	buf_put(&b, STR("tandem/1 user"));
	buf_put_u8(&b, 0);
	buf_put(&b, network);
	buf_put_u8(&b, 0);
	buf_put(&b, name);
	if (digest_once(DIGEST_SHA256, buf_str(&b), out) != ERR_NONE)
		memset(out, 0, OVERLAY_KEY_N); /* no memory: a key nobody has */
}

enum err overlay_server_parse(str s, struct overlay_server *out)
{
	struct overlay_server server = { 0 };
	size_t host_n = s.n;
	uint32_t port;

	while (host_n > 0 && s.p[host_n - 1] != ':')
		host_n--;
	if (host_n < 2 || !str_u32(str_skip(s, host_n), 65535, &port) || port == 0)
		return ERR_SYNTAX;
	str host = str_head(s, host_n - 1);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_of(host.p + 1, host.n - 2);
	else if (str_find_char(host, ':') < host.n)
		return ERR_SYNTAX; /* an IPv6 address without brackets: which part is the port? */
	if (!str_copy_z(host, server.host, sizeof(server.host)))
		return ERR_SYNTAX;
	server.port = (uint16_t)port;
	*out = server;
	return ERR_NONE;
}

str overlay_pin_name(const uint8_t pin[OVERLAY_KEY_N], char text[72])
{
	struct buf b;

	buf_init(&b, text, 72);
	buf_put(&b, STR("sha256:"));
	buf_put_hex(&b, pin, OVERLAY_KEY_N);
	return buf_str(&b);
}

static bool read_field(struct overlay_certificate *c, uint8_t tag, str v)
{
	switch (tag) {
	case TAG_NETWORK:
		return overlay_domain_parse(v, &c->network) == ERR_NONE;
	case TAG_NAME:
		return overlay_name_parse(v, &c->name) == ERR_NONE;
	case TAG_DEVICE:
		return overlay_value_bytes(v, c->device, sizeof(c->device));
	case TAG_SERIAL:
		return overlay_value_u64(v, &c->serial);
	case TAG_NOT_BEFORE:
		return overlay_value_time(v, &c->not_before);
	case TAG_NOT_AFTER:
		return overlay_value_time(v, &c->not_after);
	default:
		return true;
	}
}

enum err overlay_certificate_parse(str s, struct overlay_certificate *out)
{
	struct overlay_certificate c = { 0 };
	struct overlay_fields f;
	uint8_t tag;
	str v;

	if (s.n > OVERLAY_CERTIFICATE_MAX)
		return ERR_LIMIT;
	overlay_fields_start(&f, s);
	while (overlay_fields_next(&f, &tag, &v)) {
		if (tag > TAG_NOT_AFTER && tag != OVERLAY_TAG_SIGNED)
			overlay_fields_unknown(&f, tag);
		else if (overlay_fields_once(&f, tag) && !read_field(&c, tag, v))
			return ERR_SYNTAX;
	}
	if (f.err)
		return f.err;
	for (tag = TAG_NETWORK; tag <= TAG_NOT_AFTER; tag++)
		if (!overlay_fields_had(&f, tag))
			return ERR_SYNTAX;
	c.bytes_n = (uint16_t)s.n;
	memcpy(c.bytes, s.p, s.n);
	*out = c;
	return ERR_NONE;
}

static bool life_is_fair(usec not_before, usec not_after)
{
	usec life = not_after - not_before; /* both are within 0 .. USEC_NEVER */

	return life >= OVERLAY_LIFE_MIN && life <= OVERLAY_LIFE_MAX;
}

enum err overlay_certificate_sign(struct overlay_certificate *c, const struct sign_pair *authority)
{
	struct buf b;

	c->not_before -= c->not_before % USEC_PER_MS;
	c->not_after -= c->not_after % USEC_PER_MS;
	if (!life_is_fair(c->not_before, c->not_after))
		return ERR_LIMIT;
	buf_init(&b, c->bytes, sizeof(c->bytes));
	overlay_put_field(&b, TAG_NETWORK, overlay_domain_str(&c->network));
	overlay_put_field(&b, TAG_NAME, overlay_name_str(&c->name));
	overlay_put_bytes(&b, TAG_DEVICE, c->device, sizeof(c->device));
	overlay_put_u64(&b, TAG_SERIAL, c->serial);
	overlay_put_time(&b, TAG_NOT_BEFORE, c->not_before);
	overlay_put_time(&b, TAG_NOT_AFTER, c->not_after);
	overlay_put_signature(&b, 0, CONTEXT, authority);
	c->bytes_n = buf_ok(&b) ? (uint16_t)b.n : 0;
	return b.err;
}

enum err overlay_certificate_verify(const struct overlay_certificate *c, str network,
				    const uint8_t authority[OVERLAY_KEY_N], usec now)
{
	if (!str_eq(overlay_domain_str(&c->network), network))
		return ERR_REFUSED;
	enum err err = overlay_check_signature(overlay_certificate_str(c), CONTEXT, authority);
	if (err)
		return err == ERR_MEMORY ? err : ERR_FORGED;
	if (!life_is_fair(c->not_before, c->not_after))
		return ERR_FORGED;
	if (now < c->not_before - OVERLAY_CLOCK_SLACK)
		return ERR_STATE;
	if (now > usec_add(c->not_after, OVERLAY_CLOCK_SLACK))
		return ERR_EXPIRED;
	return ERR_NONE;
}
