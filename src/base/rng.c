#include "base/rng.h"

#include <string.h>

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* Blackman and Vigna's xoshiro256**. */
static uint64_t step(uint64_t s[4])
{
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

static void fill_seeded(struct rng *r, void *out, size_t n)
{
	char *p = out;

	while (n) {
		uint64_t word = step(r->state);
		size_t take = n < sizeof(word) ? n : sizeof(word);

		memcpy(p, &word, take);
		p += take;
		n -= take;
	}
}

void rng_seeded(struct rng *r, uint64_t seed)
{
	r->fill = fill_seeded;
	for (int i = 0; i < 4; i++) { /* splitmix64 */
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		r->state[i] = z ^ z >> 31;
	}
}

uint32_t rng_u32(struct rng *r)
{
	uint32_t value;

	rng_fill(r, &value, sizeof(value));
	return value;
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t value;

	rng_fill(r, &value, sizeof(value));
	return value;
}

uint32_t rng_below(struct rng *r, uint32_t bound)
{
	uint32_t floor = (0u - bound) % bound; /* values under it would favour the low ones */
	uint32_t value;

	do
		value = rng_u32(r);
	while (value < floor);
	return value % bound;
}

void rng_text(struct rng *r, char *out, size_t n)
{
	rng_fill(r, out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = "abcdefghijklmnopqrstuvwxyz234567"[(unsigned char)out[i] & 31];
}
