#include "sip/invite_server.h"

enum { PROCEEDING, COMPLETED, CONFIRMED, ACCEPTED, ENDED };

static void want(struct sip_invite_server *s, enum sip_invite_server_step step)
{
	s->todo |= (uint8_t)(1u << step);
}

void sip_invite_server_start(struct sip_invite_server *s, const struct sip_timing *timing, bool reliable, usec now)
{
	*s = (struct sip_invite_server){
		.timing = timing,
		.trying_at = usec_add(now, timing->trying),
		.repeat_at = USEC_NEVER,
		.end_at = USEC_NEVER,
		.state = PROCEEDING,
		.reliable = reliable,
	};
}

static void end(struct sip_invite_server *s)
{
	s->state = ENDED;
	s->trying_at = s->repeat_at = s->end_at = USEC_NEVER;
	want(s, SIP_INVITE_SERVER_END);
}

void sip_invite_server_repeat(struct sip_invite_server *s, usec now)
{
	(void)now;
	/* Before any answer there is nothing to repeat; 100 comes when it is due. After a 2xx the user
	 * repeats it at its own pace (RFC 6026 7.1: absorbed). */
	if ((s->state == PROCEEDING && s->trying_at == USEC_NEVER) || s->state == COMPLETED)
		want(s, SIP_INVITE_SERVER_ANSWER);
}

static void start_repeats(struct sip_invite_server *s, usec now)
{
	s->pace = s->timing->t1;
	s->repeat_at = usec_add(now, s->pace);
}

bool sip_invite_server_answer(struct sip_invite_server *s, int status, bool hold, usec now)
{
	bool success = status >= 200 && status < 300;

	/* RFC 6026 7.1: further 2xx in Accepted go out too (a proxy's forked callees). */
	if (s->state != PROCEEDING && !(s->state == ACCEPTED && success && !s->holds))
		return false;
	s->trying_at = USEC_NEVER;
	want(s, SIP_INVITE_SERVER_ANSWER);
	if (status < 200 || s->state == ACCEPTED)
		return true;
	s->end_at = usec_add(now, sip_timing_patience(s->timing)); /* L or H */
	s->state = success ? ACCEPTED : COMPLETED;
	s->holds = success && hold;
	if (s->holds || (!success && !s->reliable))
		start_repeats(s, now);
	return true;
}

bool sip_invite_server_ack(struct sip_invite_server *s, usec now)
{
	if (s->state == ACCEPTED && s->holds) {
		s->holds = false;
		s->repeat_at = USEC_NEVER;
		return true;
	}
	if (s->state != COMPLETED)
		return false;
	s->state = CONFIRMED;
	s->repeat_at = USEC_NEVER;
	if (s->reliable) /* timer I is 0 */
		end(s);
	else
		s->end_at = usec_add(now, s->timing->t4);
	return true;
}

void sip_invite_server_tick(struct sip_invite_server *s, usec now)
{
	if (now >= s->end_at) {
		if (s->state == COMPLETED || s->holds)
			want(s, SIP_INVITE_SERVER_UNACKED);
		end(s);
	} else if (now >= s->trying_at) {
		s->trying_at = USEC_NEVER;
		want(s, SIP_INVITE_SERVER_TRYING);
	} else if (now >= s->repeat_at) {
		s->pace = s->pace * 2 > s->timing->t2 ? s->timing->t2 : s->pace * 2;
		s->repeat_at = usec_add(now, s->pace);
		want(s, SIP_INVITE_SERVER_ANSWER);
	}
}

usec sip_invite_server_due(const struct sip_invite_server *s)
{
	return usec_min(usec_min(s->trying_at, s->repeat_at), s->end_at);
}

enum sip_invite_server_step sip_invite_server_next(struct sip_invite_server *s)
{
	for (unsigned step = SIP_INVITE_SERVER_ANSWER; step <= SIP_INVITE_SERVER_END; step++) {
		if (s->todo >> step & 1) {
			s->todo &= (uint8_t) ~(1u << step);
			return (enum sip_invite_server_step)step;
		}
	}
	return SIP_INVITE_SERVER_QUIET;
}

bool sip_invite_server_open(const struct sip_invite_server *s)
{
	return s->state == PROCEEDING;
}

bool sip_invite_server_accepted(const struct sip_invite_server *s)
{
	return s->state == ACCEPTED;
}

bool sip_invite_server_lingers(const struct sip_invite_server *s)
{
	return s->state == CONFIRMED || (s->state == ACCEPTED && !s->holds);
}
