#include "sip/scan.h"

#include "base/addr.h"

#define T SIP_SCAN_TOKEN
#define U SIP_SCAN_USER
#define P SIP_SCAN_PARAM
#define H SIP_SCAN_HOST
#define Q SIP_SCAN_HEADERS
#define V SIP_SCAN_VALUE
#define B SIP_SCAN_BLANK
#define A SIP_SCAN_URI

#define ALNUM (T | U | P | H | Q | V | A)
#define TEN(c)                                                                                                         \
	[(c)] = ALNUM, [(c) + 1] = ALNUM, [(c) + 2] = ALNUM, [(c) + 3] = ALNUM, [(c) + 4] = ALNUM, [(c) + 5] = ALNUM,  \
	[(c) + 6] = ALNUM, [(c) + 7] = ALNUM, [(c) + 8] = ALNUM, [(c) + 9] = ALNUM
#define HIGH16(c)                                                                                                      \
	[(c)] = V, [(c) + 1] = V, [(c) + 2] = V, [(c) + 3] = V, [(c) + 4] = V, [(c) + 5] = V, [(c) + 6] = V,           \
	[(c) + 7] = V, [(c) + 8] = V, [(c) + 9] = V, [(c) + 10] = V, [(c) + 11] = V, [(c) + 12] = V, [(c) + 13] = V,   \
	[(c) + 14] = V, [(c) + 15] = V

/* mark = - _ . ! ~ * ' ( ) belongs to every part of a URI but the host. */
const uint8_t sip_scan_table[256] = {
	TEN('0'),
	TEN('A'),
	TEN('K'),
	['U'] = ALNUM,
	['V'] = ALNUM,
	['W'] = ALNUM,
	['X'] = ALNUM,
	['Y'] = ALNUM,
	['Z'] = ALNUM,
	TEN('a'),
	TEN('k'),
	['u'] = ALNUM,
	['v'] = ALNUM,
	['w'] = ALNUM,
	['x'] = ALNUM,
	['y'] = ALNUM,
	['z'] = ALNUM,
	['-'] = T | U | P | H | Q | V | A,
	['_'] = T | U | P | H | Q | V | A,
	['.'] = T | U | P | H | Q | V | A,
	['!'] = T | U | P | Q | V | A,
	['~'] = T | U | P | Q | V | A,
	['*'] = T | U | P | Q | V | A,
	['\''] = T | U | P | Q | V | A,
	['('] = U | P | Q | V | A,
	[')'] = U | P | Q | V | A,
	['%'] = T | V | A,
	['+'] = T | U | P | Q | V | A,
	['`'] = T | V,
	['&'] = U | P | Q | V | A,
	['='] = U | Q | A,
	['$'] = U | P | Q | V | A,
	[','] = U | A,
	[';'] = U | A,
	['?'] = U | Q | V | A,
	['/'] = U | P | Q | V | A,
	['#'] = U | V | A,
	['['] = P | Q | V | A,
	[']'] = P | Q | V | A,
	[':'] = P | Q | V | A,
	['@'] = V | A,
	['^'] = V,
	['{'] = V,
	['|'] = V,
	['}'] = V,
	[' '] = B,
	['\t'] = B,
	['\r'] = B,
	['\n'] = B,
	HIGH16(0x80),
	HIGH16(0x90),
	HIGH16(0xa0),
	HIGH16(0xb0),
	HIGH16(0xc0),
	HIGH16(0xd0),
	HIGH16(0xe0),
	HIGH16(0xf0),
};

const char *sip_scan_quoted(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at++;
	}
	return NULL;
}

const char *sip_scan_ipv6(const char *at, const char *end)
{
	const char *close = memchr(at, ']', (size_t)(end - at));
	struct addr ignored;

	if (!close || addr_parse_ip(sip_scan_span(at + 1, close), &ignored) || !memchr(at, ':', (size_t)(close - at)))
		return NULL;
	return close + 1;
}
