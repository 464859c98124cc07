#include "base/addr.h"

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct addr){ .family = 4, .port = port, .ip = { a, b, c, d } };
}

static bool take_v4(str *rest, uint8_t out[4])
{
	if (!rest->n)
		return false;
	const char *at = rest->p, *end = at + rest->n, *start;
	for (int i = 0; i < 4; i++) {
		unsigned part = 0;

		if (i && (at == end || *at++ != '.'))
			return false;
		for (start = at; at < end && *at >= '0' && *at <= '9'; at++) {
			part = part * 10 + (unsigned)(*at - '0');
			if (part > 255)
				return false;
		}
		if (at == start)
			return false;
		out[i] = (uint8_t)part;
	}
	*rest = str_of(at, (size_t)(end - at));
	return true;
}

static bool take_hex16(str *rest, uint16_t *out)
{
	unsigned value = 0;
	size_t n = 0;

	for (; n < rest->n && n < 4; n++) {
		char c = str_lower(rest->p[n]);

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (unsigned)(c - 'a' + 10);
		else
			break;
	}
	if (n == 0)
		return false;
	*rest = str_skip(*rest, n);
	*out = (uint16_t)value;
	return true;
}

static bool parse_v6(str s, uint8_t out[16])
{
	uint8_t ip[16] = { 0 };
	size_t n = 0, gap = 17; /* gap: where :: stood */

	if (str_take(&s, STR("::")))
		gap = 0;
	while (s.n) {
		str before = s;
		uint16_t group;

		if (n > 14)
			return false;
		if (!take_hex16(&s, &group))
			return false;
		if (s.n && s.p[0] == '.') { /* ends in dotted IPv4 */
			if (n > 12 || !take_v4(&before, ip + n) || before.n)
				return false;
			n += 4;
			s = before;
			break;
		}
		ip[n++] = (uint8_t)(group >> 8);
		ip[n++] = (uint8_t)group;
		if (!s.n)
			break;
		if (str_take(&s, STR("::"))) {
			if (gap <= 16)
				return false;
			gap = n;
		} else if (!str_take_char(&s, ':') || !s.n) {
			return false;
		}
	}
	if (gap > 16 ? n != 16 : n > 14)
		return false;
	if (gap <= 16) {
		memmove(ip + gap + (16 - n), ip + gap, n - gap);
		memset(ip + gap, 0, 16 - n);
	}
	memcpy(out, ip, 16);
	return true;
}

enum err addr_parse_ip(str s, struct addr *out)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct addr a = { .family = 4 };
	str v4 = s;

	if (take_v4(&v4, a.ip) && v4.n == 0) {
		*out = a;
		return ERR_NONE;
	}
	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_of(s.p + 1, s.n - 2);
	a = (struct addr){ .family = 6 };
	if (!parse_v6(s, a.ip))
		return ERR_SYNTAX;
	if (memcmp(a.ip, mapped, 12) == 0)
		a = addr_v4(a.ip[12], a.ip[13], a.ip[14], a.ip[15], 0);
	*out = a;
	return ERR_NONE;
}

enum err addr_parse(str s, uint16_t default_port, struct addr *out)
{
	size_t host_n = s.n && s.p[0] == '[' ? str_find_char(s, ']') + 1 : str_find_char(s, ':');
	str host = str_head(s, host_n), port = str_skip(s, host_n);
	struct addr a;
	uint32_t number = default_port;

	if (s.n && s.p[0] != '[' && str_find_char(str_skip(port, 1), ':') + 1 < port.n) {
		host = s; /* more than one colon and no brackets: a bare IPv6 address */
		port = STR_NONE;
	}
	if (port.n && (!str_take_char(&port, ':') || !str_u32(port, 65535, &number)))
		return ERR_SYNTAX;
	if (addr_parse_ip(host, &a) != ERR_NONE)
		return ERR_SYNTAX;
	a.port = (uint16_t)number;
	*out = a;
	return ERR_NONE;
}

static void write_v4(const uint8_t ip[4], struct buf *b)
{
	char text[16], *at = text;

	for (int i = 0; i < 4; i++) {
		unsigned n = ip[i];

		if (n > 99)
			*at++ = (char)('0' + n / 100);
		if (n > 9)
			*at++ = (char)('0' + n / 10 % 10);
		*at++ = (char)('0' + n % 10);
		*at++ = '.';
	}
	buf_put_bytes(b, text, (size_t)(at - 1 - text));
}

static void write_v6(const uint8_t *ip, struct buf *b)
{
	int best = -1, best_n = 1; /* RFC 5952 4.2: the longest run of two or more zero groups */

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !ip[2 * (i + n)] && !ip[2 * (i + n) + 1])
			n++;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
		i += n;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			buf_put(b, STR("::"));
			i += best_n - 1;
			continue;
		}
		if (i && i != best + best_n)
			buf_put_char(b, ':');
		buf_printf(b, "%x", ip[2 * i] << 8 | ip[2 * i + 1]);
	}
}

void addr_write_ip(const struct addr *a, bool brackets, struct buf *b)
{
	if (a->family != 6) {
		write_v4(a->ip, b);
		return;
	}
	if (brackets)
		buf_put_char(b, '[');
	write_v6(a->ip, b);
	if (brackets)
		buf_put_char(b, ']');
}

void addr_write(const struct addr *a, struct buf *b)
{
	addr_write_ip(a, true, b);
	buf_put_char(b, ':');
	buf_put_u64(b, a->port);
}

const char *addr_text(const struct addr *a, char *text)
{
	struct buf b;

	buf_init(&b, text, ADDR_TEXT_MAX - 1);
	if (addr_is_set(a))
		addr_write(a, &b);
	else
		buf_put(&b, STR("none"));
	text[b.n] = '\0';
	return text;
}

bool addr_eq_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_eq_ip(a, b);
}

uint64_t addr_hash(const struct addr *a, const uint64_t key[2])
{
	char bytes[19];

	if (a->family == 4) { /* one step of the hash */
		bytes[0] = 4;
		memcpy(bytes + 1, &a->port, 2);
		memcpy(bytes + 3, a->ip, 4);
		return str_hash(str_of(bytes, 7), key);
	}
	bytes[0] = (char)a->family;
	bytes[1] = (char)(a->port >> 8);
	bytes[2] = (char)a->port;
	memcpy(bytes + 3, a->ip, 16);
	return str_hash(str_of(bytes, sizeof(bytes)), key);
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, 16) == 0;
}

bool addr_in(const struct addr *a, const struct addr *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (a->family != net->family || bits > (a->family == 4 ? 32u : 128u))
		return false;
	if (memcmp(a->ip, net->ip, whole) != 0)
		return false;
	return rest == 0 || (a->ip[whole] ^ net->ip[whole]) >> (8 - rest) == 0;
}

enum err addr_parse_net(str text, struct addr *net, unsigned *bits)
{
	str ip, length;
	bool cut = str_split(text, '/', &ip, &length);
	uint32_t number = 0;
	struct addr a;

	if (addr_parse_ip(ip, &a))
		return ERR_SYNTAX;
	uint32_t most = a.family == 4 ? 32 : 128;
	if (cut && !str_u32(length, most, &number))
		return ERR_SYNTAX;
	*net = a;
	*bits = cut ? number : most;
	return ERR_NONE;
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct addr one = { .family = 6, .ip = { [15] = 1 } };

	return a->family == 4 ? a->ip[0] == 127 : addr_eq_ip(a, &one);
}

bool addr_is_multicast(const struct addr *a)
{
	if (a->family == 6)
		return a->ip[0] == 0xff;
	return (a->ip[0] & 0xf0) == 0xe0 || (a->ip[0] == 255 && a->ip[1] == 255 && a->ip[2] == 255 && a->ip[3] == 255);
}

bool addr_is_link_local(const struct addr *a)
{
	if (a->family == 6)
		return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
	return a->ip[0] == 169 && a->ip[1] == 254;
}

bool addr_is_private(const struct addr *a)
{
	if (a->family == 6)
		return (a->ip[0] & 0xfe) == 0xfc;
	return a->ip[0] == 10 || (a->ip[0] == 172 && (a->ip[1] & 0xf0) == 16) || (a->ip[0] == 192 && a->ip[1] == 168) ||
	       (a->ip[0] == 100 && (a->ip[1] & 0xc0) == 64);
}
