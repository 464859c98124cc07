#include "sip/invite_client.h"

enum { CALLING, PROCEEDING, COMPLETED, ACCEPTED, ENDED };

static void want(struct sip_invite_client *c, enum sip_invite_client_step step)
{
	c->todo |= (uint8_t)(1u << step);
}

void sip_invite_client_start(struct sip_invite_client *c, const struct sip_timing *timing, bool reliable, usec ring_for,
			     usec now)
{
	*c = (struct sip_invite_client){
		.timing = timing,
		.repeat_at = reliable ? USEC_NEVER : usec_add(now, timing->t1),
		.pace = timing->t1,
		.end_at = usec_add(now, sip_timing_patience(timing)),
		.ring_at = USEC_NEVER,
		.ring_for = ring_for,
		.state = CALLING,
		.reliable = reliable,
	};
	want(c, SIP_INVITE_CLIENT_SEND);
}

static void end(struct sip_invite_client *c)
{
	c->state = ENDED;
	c->repeat_at = c->end_at = c->ring_at = USEC_NEVER;
	want(c, SIP_INVITE_CLIENT_END);
}

/* 9.1: once CANCEL is out, the far side has 64 T1 to bring the INVITE to an end. */
static void send_cancel(struct sip_invite_client *c, usec now)
{
	c->cancel_wanted = false;
	c->cancelled = true;
	c->ring_at = USEC_NEVER;
	c->end_at = usec_add(now, sip_timing_patience(c->timing));
	want(c, SIP_INVITE_CLIENT_CANCEL);
}

static void proceed(struct sip_invite_client *c, int status, usec now)
{
	c->state = PROCEEDING;
	c->repeat_at = USEC_NEVER;
	if (!c->cancelled) {
		c->end_at = USEC_NEVER; /* timer B was for silence */
		if (c->ring_for && (status > 100 || c->ring_at == USEC_NEVER))
			c->ring_at = usec_add(now, c->ring_for);
	}
	if (c->cancel_wanted)
		send_cancel(c, now);
	want(c, SIP_INVITE_CLIENT_GIVE);
}

static void finish(struct sip_invite_client *c, int status, usec now)
{
	c->repeat_at = c->ring_at = USEC_NEVER;
	c->cancel_wanted = false;
	want(c, SIP_INVITE_CLIENT_GIVE);
	if (status < 300) { /* RFC 6026 7.2: Accepted, timer M, on every transport */
		c->state = ACCEPTED;
		c->end_at = usec_add(now, sip_timing_patience(c->timing));
		return;
	}
	want(c, SIP_INVITE_CLIENT_ACK);
	if (c->reliable) { /* timer D is 0 */
		end(c);
		return;
	}
	c->state = COMPLETED;
	c->end_at = usec_add(now, sip_timing_patience(c->timing));
}

void sip_invite_client_answer(struct sip_invite_client *c, int status, usec now)
{
	switch (c->state) {
	case CALLING:
	case PROCEEDING:
		if (status < 200)
			proceed(c, status, now);
		else
			finish(c, status, now);
		break;
	case COMPLETED: /* the ACK was lost */
		if (status >= 300)
			want(c, SIP_INVITE_CLIENT_ACK);
		break;
	case ACCEPTED: /* repeated or forked */
		if (status >= 200 && status < 300)
			want(c, SIP_INVITE_CLIENT_GIVE);
		break;
	default:
		break;
	}
}

void sip_invite_client_cancel(struct sip_invite_client *c, usec now)
{
	if (c->state == CALLING)
		c->cancel_wanted = true;
	else if (c->state == PROCEEDING && !c->cancelled)
		send_cancel(c, now);
}

void sip_invite_client_fail(struct sip_invite_client *c)
{
	if (c->state == ACCEPTED || c->state == ENDED)
		return;
	if (c->state != COMPLETED)
		want(c, SIP_INVITE_CLIENT_UNREACHABLE);
	end(c);
}

void sip_invite_client_tick(struct sip_invite_client *c, usec now)
{
	if (now >= c->end_at) {
		if (c->state == CALLING || c->state == PROCEEDING)
			want(c, SIP_INVITE_CLIENT_TIMEOUT);
		end(c);
		return;
	}
	if (now >= c->ring_at)
		send_cancel(c, now); /* 16.8: timer C in Proceeding */
	if (now >= c->repeat_at) {
		c->pace *= 2; /* timer A has no cap (17.1.1.2) */
		c->repeat_at = usec_add(now, c->pace);
		want(c, SIP_INVITE_CLIENT_SEND);
	}
}

usec sip_invite_client_due(const struct sip_invite_client *c)
{
	return usec_min(usec_min(c->repeat_at, c->end_at), c->ring_at);
}

enum sip_invite_client_step sip_invite_client_next(struct sip_invite_client *c)
{
	for (unsigned step = SIP_INVITE_CLIENT_SEND; step <= SIP_INVITE_CLIENT_END; step++) {
		if (c->todo >> step & 1) {
			c->todo &= (uint8_t) ~(1u << step);
			return (enum sip_invite_client_step)step;
		}
	}
	return SIP_INVITE_CLIENT_QUIET;
}

bool sip_invite_client_lingers(const struct sip_invite_client *c)
{
	return c->state == COMPLETED || c->state == ACCEPTED;
}

bool sip_invite_client_accepted(const struct sip_invite_client *c)
{
	return c->state == ACCEPTED;
}

bool sip_invite_client_proceeds(const struct sip_invite_client *c)
{
	return c->state == PROCEEDING;
}
