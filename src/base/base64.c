#include "base/base64.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write(str s, const char *letters, bool pad, struct buf *b)
{
	const uint8_t *p = (const uint8_t *)s.p;

	for (size_t i = 0; i < s.n; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
		char four[4] = { letters[bits >> 18], letters[bits >> 12 & 63], letters[bits >> 6 & 63],
				 letters[bits & 63] };

		for (size_t k = n + 1; k < 4; k++)
			four[k] = '=';
		buf_put_bytes(b, four, pad ? 4 : n + 1);
	}
}

void base64_write(str s, struct buf *b)
{
	write(s, plain, true, b);
}

void base64url_write(str s, struct buf *b)
{
	write(s, url, false, b);
}

static int value_of(char c, const char *letters)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == letters[62] ? 62 : c == letters[63] ? 63 : -1;
}

/* Letters without padding; the bits beyond the last whole byte must be zero (3.5). */
static enum err parse(str s, const char *letters, struct buf *b)
{
	if (s.n % 4 == 1)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (value_of(s.p[i], letters) < 0)
			return ERR_SYNTAX;
	unsigned spare = s.n % 4 == 2 ? 4 : s.n % 4 == 3 ? 2 : 0;
	if (spare && value_of(s.p[s.n - 1], letters) & ((1 << spare) - 1))
		return ERR_SYNTAX;
	size_t n = s.n / 4 * 3 + (s.n % 4 ? s.n % 4 - 1 : 0);
	uint8_t *out = buf_room(b, n);
	if (!out)
		return b->err;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < s.n; i++) {
		bits = bits << 6 | (uint32_t)value_of(s.p[i], letters);
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	b->n += n;
	return ERR_NONE;
}

enum err base64url_parse(str s, struct buf *b)
{
	return parse(s, url, b);
}

enum err base64_parse(str s, struct buf *b)
{
	size_t pad = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("=")) ? 1 : 0;

	if (pad && s.n % 4 != 0)
		return ERR_SYNTAX;
	return parse(str_head(s, s.n - pad), plain, b);
}

enum err base64url_parse_n(str s, void *out, size_t n)
{
	struct buf b;

	if (s.n != BASE64URL_N(n))
		return ERR_SYNTAX;
	buf_init(&b, out, n);
	return base64url_parse(s, &b);
}
