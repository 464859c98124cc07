#include "sip/client.h"

enum { TRYING, PROCEEDING, COMPLETED, ENDED };

static void want(struct sip_client *c, enum sip_client_step step)
{
	c->todo |= (uint8_t)(1u << step);
}

void sip_client_start(struct sip_client *c, const struct sip_timing *timing, bool reliable, usec now)
{
	*c = (struct sip_client){
		.timing = timing,
		.repeat_at = reliable ? USEC_NEVER : usec_add(now, timing->t1),
		.pace = timing->t1,
		.end_at = usec_add(now, sip_timing_patience(timing)),
		.state = TRYING,
		.reliable = reliable,
	};
	want(c, SIP_CLIENT_SEND);
}

static void end(struct sip_client *c)
{
	c->state = ENDED;
	c->repeat_at = c->end_at = USEC_NEVER;
	want(c, SIP_CLIENT_END);
}

void sip_client_answer(struct sip_client *c, int status, usec now)
{
	if (c->state >= COMPLETED)
		return;
	want(c, SIP_CLIENT_GIVE);
	if (status < 200) {
		c->state = PROCEEDING;
		return;
	}
	c->repeat_at = USEC_NEVER;
	if (c->reliable) { /* timer K is 0 */
		end(c);
		return;
	}
	c->state = COMPLETED;
	c->end_at = usec_add(now, c->timing->t4);
}

void sip_client_fail(struct sip_client *c)
{
	if (c->state >= COMPLETED)
		return;
	want(c, SIP_CLIENT_UNREACHABLE);
	end(c);
}

/* Timer E: doubles up to T2; at T2 once a provisional answer is there (17.1.2.2). */
static void repeat(struct sip_client *c, usec now)
{
	usec t2 = c->timing->t2;

	c->pace = c->state == PROCEEDING || c->pace * 2 > t2 ? t2 : c->pace * 2;
	c->repeat_at = usec_add(now, c->pace);
	want(c, SIP_CLIENT_SEND);
}

void sip_client_tick(struct sip_client *c, usec now)
{
	if (now >= c->end_at) {
		if (c->state < COMPLETED)
			want(c, SIP_CLIENT_TIMEOUT);
		end(c);
	} else if (now >= c->repeat_at) {
		repeat(c, now);
	}
}

usec sip_client_due(const struct sip_client *c)
{
	return usec_min(c->repeat_at, c->end_at);
}

enum sip_client_step sip_client_next(struct sip_client *c)
{
	for (unsigned step = SIP_CLIENT_SEND; step <= SIP_CLIENT_END; step++) {
		if (c->todo >> step & 1) {
			c->todo &= (uint8_t) ~(1u << step);
			return (enum sip_client_step)step;
		}
	}
	return SIP_CLIENT_QUIET;
}

bool sip_client_lingers(const struct sip_client *c)
{
	return c->state == COMPLETED;
}
