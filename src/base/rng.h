/*
 * base/rng.h - where random numbers come from: an argument, like the time.
 *
 * crypt/random gives the true ones to daemons; rng_seeded gives tests and the
 * simulation the same ones for the same seed. Secrets come only from the former.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#define RNG_AHEAD 224

struct rng {
	void (*fill)(struct rng *, void *out, size_t n);
	uint64_t state[4]; /* private to the source, as is the rest */
	uint32_t ahead_n;  /* bytes made ahead, not given out yet */
	uint8_t ahead[RNG_AHEAD];
};

/* xoshiro256**: repeatable, fast, guessable. */
void rng_seeded(struct rng *, uint64_t seed);

static inline void rng_fill(struct rng *r, void *out, size_t n)
{
	r->fill(r, out, n);
}
uint32_t rng_u32(struct rng *);
uint64_t rng_u64(struct rng *);
/* 0 .. bound-1, every one as likely; bound > 0. */
uint32_t rng_below(struct rng *, uint32_t bound);
/* n characters of [a-z0-9] (5 bits each), not ended with NUL: for tags, branches, Call-IDs. */
void rng_text(struct rng *, char *out, size_t n);

#endif
