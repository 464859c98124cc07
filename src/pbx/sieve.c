#include "pbx/sieve.h"

/* The score goes up by one with each repeat, and down by NEW with each that is new. */
#define NEW 64
#define OFF 1024
#define ON  2048
#define TOP 4096
#define ALL 65536

/* Seconds' worth of work in line: from here on not all are let in, and from there on hardly any. */
#define FEW_S  1
#define MANY_S 3

/* Bytes: how far the length of those with credentials is taken back for a shorter one, and forth by one for a longer
 * one; and how much less is let in. */
#define DOWN  8
#define SLACK 32

void pbx_sieve_waited(struct pbx_sieve *s, usec waited)
{
	s->waited = waited;
}

void pbx_sieve_hear_repeat(struct pbx_sieve *s)
{
	s->score += s->score < TOP;
}

/* So that one in nine is shorter: a few who say hardly anything, or write it into anything, do not matter. */
static void learn(struct pbx_sieve *s, uint16_t n)
{
	if (!s->longer)
		s->longer = n;
	else if (n < s->longer)
		s->longer = s->longer - n > DOWN ? s->longer - DOWN : n;
	else
		s->longer += n > s->longer;
}

static uint16_t below(const struct pbx_sieve *s)
{
	return s->longer > SLACK ? s->longer - SLACK : 0;
}

void pbx_sieve_hear_new(struct pbx_sieve *s, size_t n, bool is_proven)
{
	if (is_proven) {
		learn(s, n < UINT16_MAX ? (uint16_t)n : UINT16_MAX);
		if (n >= below(s)) /* it is let in anyway */
			return;
	}
	s->score = s->score > NEW ? s->score - NEW : 0;
}

/* Of 65,536 (ALL: nobody is sifted). What is read in advance is read for nothing where it is a repeat of what was read
 * in advance: so no more of it than will be done before phones ask again. Then all come within a moment, and of a
 * crowd the last one should not find the door open as wide as the first. */
static uint32_t share_of(const struct pbx_sieve *s, size_t ahead, size_t rate, bool is_idle)
{
	size_t few = FEW_S * rate, many = MANY_S * rate;
	uint32_t share = is_idle ? ALL : PBX_SIEVE_SHARE, most = ALL;

	if (ahead < (s->on ? rate / 2 : rate))
		return ALL;
	if (ahead > few)
		most = ahead < many ? (uint32_t)(ALL * (uint64_t)(many - ahead) / (many - few)) : 0;
	most = most > PBX_SIEVE_SHARE ? most : PBX_SIEVE_SHARE;
	return share < most ? share : most;
}

/* To be told costs the host some 20 us. */
static bool is_other(uint32_t share, uint32_t told)
{
	return share > told + told / 4 || share < told - told / 4;
}

/* A second's worth of work is enough to begin, half a second's to go on: what comes again comes within 4 s, and should
 * find some of it left. */
bool pbx_sieve_turn(struct pbx_sieve *s, size_t ahead, size_t rate)
{
	bool is_idle = s->waited < PBX_SIEVE_LATE && s->score < (s->on ? OFF : ON);
	uint32_t share = share_of(s, ahead, rate, is_idle);
	bool on = share < (s->on ? ALL : ALL - ALL / 8); /* for hardly anything it need not begin */
	int off = (int)below(s) - s->told;

	if (on == s->on && (!on || (off > -SLACK && off < SLACK && !is_other(share, s->share))))
		return false;
	s->on = on;
	s->share = (uint16_t)share;
	s->told = below(s);
	return true;
}
