/*
 * base/str.h - a look at bytes that someone else keeps.
 *
 * A str is pointer and length, passed by value. It owns nothing and need not end
 * in NUL; {NULL, 0} is the empty str. The str_take_* family eats from the front
 * of *rest: on success *rest has moved on and *out is set, on failure neither has.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *p;
	size_t n;
} str;

#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)                                                                                              \
	{                                                                                                              \
		"" literal, sizeof(literal) - 1                                                                        \
	} /* for static tables */
#define STR_NONE   ((str){ NULL, 0 })
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline str str_of(const char *p, size_t n)
{
	return (str){ p, n };
}

/* A NUL-terminated text; NULL gives the empty str. */
static inline str str_from(const char *z)
{
	return (str){ z, z ? strlen(z) : 0 };
}

static inline bool str_eq(str a, str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case folded; other bytes compare as they are. */
bool str_eq_nocase(str a, str b);

/* <0, 0, >0 as memcmp, the shorter first. */
int str_compare(str a, str b);

bool str_starts(str s, str prefix);
bool str_starts_nocase(str s, str prefix);
bool str_ends(str s, str suffix);

/* Index of the first c, or s.n where there is none. */
size_t str_find_char(str s, char c);
/* Index of the first `needle`, or s.n. An empty needle is found at 0. */
size_t str_find(str s, str needle);

/* From byte `at` on; and the first `n` bytes. Both clamp to the str. */
static inline str str_skip(str s, size_t at)
{
	return at >= s.n ? (str){ s.p ? s.p + s.n : NULL, 0 } : (str){ s.p + at, s.n - at };
}
static inline str str_head(str s, size_t n)
{
	return (str){ s.p, n < s.n ? n : s.n };
}

/* Without SP, HTAB, CR and LF at both ends. */
str str_trim(str s);

/* Up to the first c into *head, the part behind it into *tail. false, with
 * *head = s and *tail empty, where there is no c. */
bool str_split(str s, char c, str *head, str *tail);

bool str_take_char(str *rest, char c);
bool str_take(str *rest, str literal);
/* At least one SP or HTAB. */
bool str_take_space(str *rest);
/* A token of RFC 3261 section 25.1, at least one character. */
bool str_take_token(str *rest, str *out);
/* Decimal digits, at least one, value at most `max`. */
bool str_take_u32(str *rest, uint32_t max, uint32_t *out);
bool str_take_u64(str *rest, uint64_t max, uint64_t *out);

/* The whole str as a decimal number of at most `max`. */
bool str_u32(str s, uint32_t max, uint32_t *out);
bool str_u64(str s, uint64_t max, uint64_t *out);

/* 64-bit keyed hash (SipHash-1-3): safe in tables that strangers fill. `nocase` folds ASCII. */
uint64_t str_hash(str s, const uint64_t key[2]);
uint64_t str_hash_nocase(str s, const uint64_t key[2]);

/* Copies at most cap - 1 bytes and ends them with NUL. false where it had to cut. cap > 0. */
bool str_copy_z(str s, char *out, size_t cap);

/* true where c is a token character of RFC 3261 section 25.1. */
bool str_is_token_char(unsigned char c);

static inline char str_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

#endif
