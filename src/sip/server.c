#include "sip/server.h"

enum { TRYING, PROCEEDING, COMPLETED, ENDED };

static void want(struct sip_server *s, enum sip_server_step step)
{
	s->todo |= (uint8_t)(1u << step);
}

void sip_server_start(struct sip_server *s, const struct sip_timing *timing, bool reliable, usec now)
{
	usec settled = usec_add(now, sip_timing_settled(timing));

	*s = (struct sip_server){
		.timing = timing,
		.trying_at = settled,
		.settled_at = settled,
		/* The client gives up after timer F; without an answer by then none is any use (RFC 4320 4.2). */
		.end_at = usec_add(now, sip_timing_patience(timing)),
		.state = TRYING,
		.reliable = reliable,
	};
}

static void end(struct sip_server *s)
{
	s->state = ENDED;
	s->trying_at = s->end_at = USEC_NEVER;
	want(s, SIP_SERVER_END);
}

void sip_server_repeat(struct sip_server *s, usec now)
{
	(void)now;
	if (s->state == PROCEEDING || s->state == COMPLETED)
		want(s, SIP_SERVER_ANSWER);
}

/* RFC 4320 4.1: no 1xx but 100; no 100 by datagram before the client repeats at T2. */
static bool may_say_trying(const struct sip_server *s, int status, usec now)
{
	return status == 100 && s->state == TRYING && (s->reliable || now >= s->settled_at);
}

bool sip_server_answer(struct sip_server *s, int status, usec now)
{
	if (s->state >= COMPLETED)
		return false;
	if (status < 200) {
		if (!may_say_trying(s, status, now))
			return false;
		s->state = PROCEEDING;
		s->trying_at = USEC_NEVER;
		want(s, SIP_SERVER_ANSWER);
		return true;
	}
	s->trying_at = USEC_NEVER;
	if (status == 408) { /* RFC 4320 4.2 */
		end(s);
		return false;
	}
	want(s, SIP_SERVER_ANSWER);
	s->state = COMPLETED;
	if (s->reliable) /* timer J is 0 */
		end(s);
	else
		s->end_at = usec_add(now, sip_timing_patience(s->timing));
	return true;
}

void sip_server_tick(struct sip_server *s, usec now)
{
	if (now >= s->end_at) {
		end(s);
	} else if (now >= s->trying_at) {
		s->trying_at = USEC_NEVER;
		s->state = PROCEEDING;
		want(s, SIP_SERVER_TRYING);
	}
}

usec sip_server_due(const struct sip_server *s)
{
	return usec_min(s->trying_at, s->end_at);
}

enum sip_server_step sip_server_next(struct sip_server *s)
{
	for (unsigned step = SIP_SERVER_ANSWER; step <= SIP_SERVER_END; step++) {
		if (s->todo >> step & 1) {
			s->todo &= (uint8_t) ~(1u << step);
			return (enum sip_server_step)step;
		}
	}
	return SIP_SERVER_QUIET;
}

bool sip_server_lingers(const struct sip_server *s)
{
	return s->state == COMPLETED;
}
