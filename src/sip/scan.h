/*
 * sip/scan.h - classes of characters, and the small steps every parser here takes.
 *
 * RFC 3261 section 25.1. One table of bits for all grammars, so a step is one load and
 * one test a byte. Cursors are `const char *at` with `end` behind the last byte. Only the
 * parsers of this folder include it.
 */
#ifndef SIP_SCAN_H
#define SIP_SCAN_H

#include "base/str.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum sip_scan_class {
	SIP_SCAN_TOKEN = 1,    /* token */
	SIP_SCAN_USER = 2,     /* user, without the escapes; '#' too, which phones send as it is */
	SIP_SCAN_PARAM = 4,    /* paramchar of a URI parameter, without the escapes */
	SIP_SCAN_HOST = 8,     /* hostname and IPv4; '_' too, which networks use */
	SIP_SCAN_HEADERS = 16, /* headers of a URI: hnv-unreserved, unreserved, '=' and '&' */
	SIP_SCAN_VALUE = 32,   /* unquoted value of a header parameter: token, host, IPv6; generously */
	SIP_SCAN_BLANK = 64,   /* SP and HTAB, and the CR LF of a folded line */
	SIP_SCAN_URI = 128,    /* any character of an absolute URI, '%' included */
};

extern const uint8_t sip_scan_table[256];

static inline bool sip_scan_is(char c, unsigned classes)
{
	return sip_scan_table[(unsigned char)c] & classes;
}

/* Behind the run of characters of these classes that begins here. */
static inline const char *sip_scan_run(const char *at, const char *end, unsigned classes)
{
	const uint8_t *t = sip_scan_table;

	/* four at a step: one branch instead of four */
	while (end - at >= 4 &&
	       (t[(uint8_t)at[0]] & t[(uint8_t)at[1]] & t[(uint8_t)at[2]] & t[(uint8_t)at[3]] & classes))
		at += 4;
	while (at < end && sip_scan_is(*at, classes))
		at++;
	return at;
}

static inline const char *sip_scan_blank(const char *at, const char *end)
{
	if (at < end && (unsigned char)*at > ' ') /* nearly always there is none */
		return at;
	while (at < end && sip_scan_is(*at, SIP_SCAN_BLANK))
		at++;
	return at;
}

/* The first `c` that is near, without a call; `end` where there is none. */
static inline const char *sip_scan_find(const char *at, const char *end, char c)
{
#if defined(__SSE2__)
	const __m128i wanted = _mm_set1_epi8(c);

	for (; end - at >= 16; at += 16) {
		int hits =
			_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), wanted));

		if (hits)
			return at + __builtin_ctz((unsigned)hits);
	}
#endif
	while (at < end && *at != c)
		at++;
	return at;
}

static inline bool sip_scan_is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* The same with escapes ("%41") among the characters; stops at a '%' that is none. */
static inline const char *sip_scan_escaped(const char *at, const char *end, unsigned classes)
{
	for (;;) {
		at = sip_scan_run(at, end, classes);
		if (end - at < 3 || *at != '%' || !sip_scan_is_hex(at[1]) || !sip_scan_is_hex(at[2]))
			return at;
		at += 3;
	}
}

/* Behind the closing quote of the quoted string whose opening quote is at `at`; NULL: it is not closed. */
const char *sip_scan_quoted(const char *at, const char *end);

/* Behind "[...]" that holds an IPv6 address; NULL: it does not. */
const char *sip_scan_ipv6(const char *at, const char *end);

/* Behind 1..5 digits of at most 65535; NULL. */
static inline const char *sip_scan_port(const char *at, const char *end, uint16_t *port)
{
	const char *start = at;
	uint32_t value = 0;

	while (at < end && *at >= '0' && *at <= '9' && at - start < 5)
		value = value * 10 + (uint32_t)(*at++ - '0');
	if (at == start || value > 65535 || (at < end && *at >= '0' && *at <= '9'))
		return NULL;
	*port = (uint16_t)value;
	return at;
}

/* Is s this word, any case? As written here in the first place: a compare of constants, no loop. */
#define SIP_SCAN_WORD(s, word)                                                                                         \
	((s).n == sizeof(word) - 1 && (memcmp((s).p, word, sizeof(word) - 1) == 0 || str_eq_nocase((s), STR(word))))

static inline str sip_scan_span(const char *from, const char *to)
{
	return str_of(from, (size_t)(to - from));
}

/*
 * One parameter of a header value: at a ';' (blanks before it already skipped), takes ";name" or
 * ";name=value" and the blanks behind it. Returns where the next begins; NULL: malformed.
 */
static inline const char *sip_scan_param(const char *at, const char *end, str *name, str *value)
{
	const char *start = sip_scan_blank(at + 1, end);

	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	if (at == start)
		return NULL;
	*name = sip_scan_span(start, at);
	*value = str_of(at, 0);
	at = sip_scan_blank(at, end);
	if (at == end || *at != '=')
		return at;
	start = sip_scan_blank(at + 1, end);
	at = start < end && *start == '"' ? sip_scan_quoted(start, end) : sip_scan_run(start, end, SIP_SCAN_VALUE);
	if (!at || at == start)
		return NULL;
	*value = sip_scan_span(start, at);
	return sip_scan_blank(at, end);
}

#endif
