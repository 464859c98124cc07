#include "pbx/sieve.h"

/* The score goes up by one with each repeat, and down by NEW with each that is new. */
#define NEW 64
#define OFF 1024
#define ON  2048
#define TOP 4096

void pbx_sieve_waited(struct pbx_sieve *s, usec waited)
{
	s->waited = waited;
}

void pbx_sieve_hear(struct pbx_sieve *s, bool is_repeat)
{
	if (is_repeat)
		s->score += s->score < TOP;
	else
		s->score = s->score > NEW ? s->score - NEW : 0;
}

/* A second's worth of work is enough to begin, half a second's to go on: what comes again comes within 4 s, and should
 * find some of it left. */
bool pbx_sieve_turn(struct pbx_sieve *s, size_t ahead, size_t rate)
{
	bool is_idle = s->waited < PBX_SIEVE_LATE && s->score < (s->on ? OFF : ON);
	bool on = !is_idle && ahead >= (s->on ? rate / 2 : rate);

	if (on == s->on)
		return false;
	s->on = on;
	return true;
}
