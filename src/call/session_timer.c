#include "call/session_timer.h"

#define SECONDS_MAX 86400u /* more is no watch kept */
#define RAISES_MAX  8u     /* of one request */
#define BYE_EARLY   32u    /* RFC 4028 10.: or a third of the interval, if that is less */

void session_timer_init(struct session_timer *t, uint32_t wanted)
{
	*t = (struct session_timer){ .refresh_at = USEC_NEVER, .expire_at = USEC_NEVER };
	t->wanted = wanted && wanted < SESSION_TIMER_LEAST ? SESSION_TIMER_LEAST : wanted;
}

void session_timer_stop(struct session_timer *t)
{
	t->interval = 0;
	t->refresh_at = t->expire_at = USEC_NEVER;
}

static uint32_t seconds_of(const struct sip_msg *m, enum sip_kind kind, str *params)
{
	uint32_t seconds = 0;

	*params = STR_NONE;
	if (!sip_msg_has(m, kind) || sip_seconds_parse(sip_msg_value(m, kind), &seconds, params) != ERR_NONE)
		return 0;
	return seconds;
}

static char refresher_of(str params)
{
	str value;

	if (!sip_param_find(params, STR("refresher"), &value))
		return 0;
	return str_eq_nocase(value, STR("uac")) ? 'c' : str_eq_nocase(value, STR("uas")) ? 's' : 0;
}

static void run(struct session_timer *t, uint32_t interval, bool ours, usec now)
{
	uint32_t early = interval / 3 < BYE_EARLY ? interval / 3 : BYE_EARLY;

	t->interval = interval;
	t->ours = ours;
	t->refresh_at = ours ? usec_add(now, (usec)interval * USEC_PER_SEC / 2) : USEC_NEVER;
	t->expire_at = usec_add(now, (usec)(interval - early) * USEC_PER_SEC);
}

/* ---- our requests ---- */

void session_timer_write_request(const struct session_timer *t, struct buf *lines)
{
	uint32_t seconds = t->interval ? t->interval : t->wanted;

	if (seconds && seconds < t->least)
		seconds = t->least;
	/* The roles stay what they are (7.4: a refresh names the one that holds). */
	if (seconds)
		buf_printf(lines, "Session-Expires: %u%s\r\n", (unsigned)seconds,
			   !t->interval ? ""
			   : t->ours    ? ";refresher=uac"
					: ";refresher=uas");
	if (t->least)
		buf_printf(lines, "Min-SE: %u\r\n", (unsigned)t->least);
}

bool session_timer_raise(struct session_timer *t, struct sip_msg *response)
{
	str params;
	uint32_t least = seconds_of(response, SIP_MIN_SE, &params);

	/* Where we have asked for nothing, a server on the way has, which is told by Min-SE alone. */
	if (least <= t->least || least > SECONDS_MAX || t->raises == RAISES_MAX)
		return false;
	t->raises++;
	t->least = least;
	return true;
}

void session_timer_agreed(struct session_timer *t, struct sip_msg *response, bool first, usec now)
{
	str params;
	uint32_t seconds = seconds_of(response, SIP_SESSION_EXPIRES, &params);

	t->raises = t->misses = 0;
	if (first)
		t->least = 0;
	if (!seconds)
		session_timer_stop(t);
	else /* nobody has us say more than 4. allows */
		run(t, seconds < SESSION_TIMER_LEAST ? SESSION_TIMER_LEAST : seconds, refresher_of(params) != 's', now);
}

/* ---- their requests ---- */

int session_timer_judge(struct session_timer *t, struct sip_msg *request, struct buf *lines)
{
	str params, unused;

	/* Not Require: a proxy may have put that in for one who knows no timers (8.1). */
	t->asked.supported = sip_msg_lists(request, SIP_SUPPORTED, STR("timer"));
	t->asked.interval = seconds_of(request, SIP_SESSION_EXPIRES, &params);
	t->asked.least = seconds_of(request, SIP_MIN_SE, &unused);
	t->asked.refresher = refresher_of(params);
	if (t->asked.least > t->least && t->asked.least <= SECONDS_MAX)
		t->least = t->asked.least;
	if (!t->asked.interval || t->asked.interval >= SESSION_TIMER_LEAST || !t->asked.supported)
		return 0;
	buf_printf(lines, "Min-SE: %u\r\n", SESSION_TIMER_LEAST);
	return 422;
}

/* Table 2 of RFC 4028 9.: who knows no timers cannot refresh; else the asker's choice, else the roles as they are. */
static bool they_refresh(const struct session_timer *t)
{
	if (!t->asked.supported)
		return false;
	if (t->asked.refresher)
		return t->asked.refresher == 'c';
	return !(t->interval && t->ours);
}

void session_timer_accept(struct session_timer *t, struct buf *lines, usec now)
{
	uint32_t seconds = t->asked.interval;
	bool theirs = they_refresh(t);

	if (!seconds && t->asked.supported)
		seconds = t->wanted;
	if (!seconds) {
		session_timer_stop(t);
		return;
	}
	if (t->wanted && seconds > t->wanted)
		seconds = t->wanted;
	if (seconds > SECONDS_MAX)
		seconds = SECONDS_MAX;
	if (seconds < t->asked.least)
		seconds = t->asked.least;
	if (seconds < SESSION_TIMER_LEAST)
		seconds = SESSION_TIMER_LEAST;
	buf_printf(lines, "Session-Expires: %u;refresher=%s\r\n", (unsigned)seconds, theirs ? "uac" : "uas");
	if (t->asked.supported)
		buf_put(lines, STR("Require: timer\r\n"));
	run(t, seconds, !theirs, now);
}

/* ---- time ---- */

enum session_timer_step session_timer_tick(struct session_timer *t, usec now)
{
	if (now >= t->expire_at) {
		session_timer_stop(t);
		return SESSION_TIMER_EXPIRED;
	}
	if (now >= t->refresh_at) {
		t->refresh_at = USEC_NEVER;
		return SESSION_TIMER_REFRESH;
	}
	return SESSION_TIMER_QUIET;
}

usec session_timer_due(const struct session_timer *t)
{
	return usec_min(t->refresh_at, t->expire_at);
}
