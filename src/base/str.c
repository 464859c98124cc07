#include "base/str.h"

#include <assert.h>

bool str_eq_nocase(str a, str b)
{
	if (a.n != b.n)
		return false;
	if (a.n == 0 || memcmp(a.p, b.p, a.n) == 0) /* nearly always, where they are equal at all */
		return true;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] && str_lower(a.p[i]) != str_lower(b.p[i]))
			return false;
	return true;
}

int str_compare(str a, str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(str s, str prefix)
{
	return str_eq(str_head(s, prefix.n), prefix);
}

bool str_starts_nocase(str s, str prefix)
{
	return str_eq_nocase(str_head(s, prefix.n), prefix);
}

bool str_ends(str s, str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

size_t str_find_char(str s, char c)
{
	/* No object is larger; said because gcc, where it sees all callers (LTO), takes the contrary for possible. */
	if (s.n > PTRDIFF_MAX)
		__builtin_unreachable();
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

size_t str_find(str s, str needle)
{
	if (needle.n == 0)
		return 0;
	for (size_t i = 0; i + needle.n <= s.n; i++) {
		const char *at = memchr(s.p + i, needle.p[0], s.n - needle.n - i + 1);

		if (!at)
			return s.n;
		i = (size_t)(at - s.p);
		if (memcmp(at, needle.p, needle.n) == 0)
			return i;
	}
	return s.n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
	while (s.n && is_blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_split(str s, char c, str *head, str *tail)
{
	size_t at = str_find_char(s, c);

	*head = str_head(s, at);
	*tail = str_skip(s, at + 1);
	return at < s.n;
}

bool str_take_char(str *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = str_skip(*rest, 1);
	return true;
}

bool str_take(str *rest, str literal)
{
	if (!str_starts(*rest, literal))
		return false;
	*rest = str_skip(*rest, literal.n);
	return true;
}

bool str_take_space(str *rest)
{
	size_t n = 0;

	while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'))
		n++;
	*rest = str_skip(*rest, n);
	return n > 0;
}

bool str_is_token_char(unsigned char c)
{
	/* token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~") */
	static const uint32_t set[8] = { 0, 0x03ff6ca2, 0x87fffffe, 0x47ffffff };

	return set[c >> 5] >> (c & 31) & 1;
}

bool str_take_token(str *rest, str *out)
{
	size_t n = 0;

	while (n < rest->n && str_is_token_char((unsigned char)rest->p[n]))
		n++;
	if (n == 0)
		return false;
	*out = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return true;
}

bool str_take_u64(str *rest, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9'; n++) {
		uint64_t digit = (uint64_t)(rest->p[n] - '0');

		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (n == 0)
		return false;
	*rest = str_skip(*rest, n);
	*out = value;
	return true;
}

bool str_take_u32(str *rest, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (!str_take_u64(rest, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

bool str_u64(str s, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (!str_take_u64(&s, max, &value) || s.n != 0)
		return false;
	*out = value;
	return true;
}

bool str_u32(str s, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (!str_u64(s, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* Always in its place, so that v stays in registers. */
__attribute__((always_inline)) static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* Eight ASCII bytes at once: adds 0x20 to every byte that is 'A'..'Z'. */
static uint64_t fold(uint64_t word)
{
	uint64_t low = word & 0x7f7f7f7f7f7f7f7fu;
	uint64_t from_a = low + 0x3f3f3f3f3f3f3f3fu;
	uint64_t past_z = low + 0x2525252525252525u;

	return word + ((from_a & ~past_z & ~word & 0x8080808080808080u) >> 2);
}

/* The last bytes of s behind byte `i`, fewer than eight. */
static inline uint64_t rest_of(str s, size_t i)
{
	uint64_t word = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (s.n >= 8) { /* in one load, the bytes in front of them shifted out */
		if (i == s.n)
			return 0;
		memcpy(&word, s.p + s.n - 8, 8);
		return word >> (8 * (8 - (s.n - i)));
	}
#endif
	for (size_t k = s.n; k > i; k--)
		word = word << 8 | (uint8_t)s.p[k - 1];
	return word;
}

__attribute__((always_inline)) static inline uint64_t hash(str s, const uint64_t key[2], bool nocase)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
			  key[1] ^ 0x7465646279746573u };
	uint64_t word;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		if (nocase)
			word = fold(word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = rest_of(s, i);
	if (nocase)
		word = fold(word);
	word ^= (uint64_t)s.n << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t str_hash(str s, const uint64_t key[2])
{
	return hash(s, key, false);
}

uint64_t str_hash_nocase(str s, const uint64_t key[2])
{
	return hash(s, key, true);
}

bool str_copy_z(str s, char *out, size_t cap)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	assert(cap > 0);
	if (n)
		memcpy(out, s.p, n);
	out[n] = '\0';
	return n == s.n;
}
