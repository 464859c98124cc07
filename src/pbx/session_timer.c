#include "pbx/session_timer.h"

/* Seconds of a field that may stand there once. false: absent. *good: it can be read. */
static bool seconds_of(struct sip_msg *m, enum sip_kind kind, uint32_t *seconds, str *params, bool *good)
{
	if (!sip_msg_has(m, kind))
		return false;
	*good = sip_msg_count(m, kind) == 1 && sip_seconds_parse(sip_msg_value(m, kind), seconds, params) == ERR_NONE;
	return true;
}

static uint32_t least_of(struct sip_msg *m)
{
	uint32_t least = PBX_SESSION_LEAST, said;
	bool good;
	str params;

	if (seconds_of(m, SIP_MIN_SE, &said, &params, &good) && good && said > least)
		least = said;
	return least;
}

int pbx_session_timer_read(struct pbx_session_timer *t, struct sip_msg *m, uint32_t wanted)
{
	uint32_t least = least_of(m), said = 0;
	bool good;
	str params;

	*t = (struct pbx_session_timer){ 0 };
	if (m->method != SIP_INVITE && m->method != SIP_UPDATE)
		return 0;
	t->supported = sip_msg_lists(m, SIP_SUPPORTED, STR("timer"));
	t->interval = wanted > least ? wanted : least;
	if (!seconds_of(m, SIP_SESSION_EXPIRES, &said, &params, &good))
		return 0;
	if (!good) {
		t->interval = 0;
		return 0;
	}
	if (t->supported && said < PBX_SESSION_LEAST)
		return 422;
	/* 8.1: lowered but never raised, except to Min-SE; who knows no timers cannot mend a refused request. */
	if (said < t->interval)
		t->interval = said > least ? said : least;
	return 0;
}

void pbx_session_timer_note(const struct pbx_session_timer *t, struct sip_msg *m, struct pbx_session_timer_letter *l,
			    struct sip_edits *edits)
{
	uint32_t said = 0, least = 0;
	str params = STR_NONE, unused;
	bool good = false, has;
	struct buf out;

	if (!t->interval)
		return;
	(void)seconds_of(m, SIP_SESSION_EXPIRES, &said, &params, &good);
	if (said != t->interval) {
		buf_init(&out, l->expires, sizeof(l->expires));
		buf_put_u64(&out, t->interval);
		if (params.n) { /* the refresher that the caller has chosen */
			buf_put_char(&out, ';');
			buf_put(&out, params);
		}
		if (buf_ok(&out))
			sip_edits_note(edits, SIP_EDIT_SET, SIP_SESSION_EXPIRES, buf_str(&out));
	}
	if (t->supported || !good || said >= PBX_SESSION_LEAST)
		return;
	/* A too short wish of one who knows no timers: the floor is said for him (8.1). */
	has = seconds_of(m, SIP_MIN_SE, &least, &unused, &good);
	if (has && good && least >= PBX_SESSION_LEAST)
		return;
	buf_init(&out, l->least, sizeof(l->least));
	buf_put_u64(&out, PBX_SESSION_LEAST);
	sip_edits_note(edits, SIP_EDIT_SET, SIP_MIN_SE, buf_str(&out));
}

void pbx_session_timer_note_answer(const struct pbx_session_timer *t, struct sip_msg *m,
				   struct pbx_session_timer_letter *l, struct sip_edits *edits)
{
	struct buf out;

	if (!t->interval || !t->supported || m->status < 200 || m->status >= 300 || sip_msg_has(m, SIP_SESSION_EXPIRES))
		return;
	buf_init(&out, l->expires, sizeof(l->expires));
	buf_printf(&out, "%u;refresher=uac", (unsigned)t->interval);
	sip_edits_note(edits, SIP_EDIT_SET, SIP_SESSION_EXPIRES, buf_str(&out));
	if (sip_msg_lists(m, SIP_REQUIRE, STR("timer")))
		return;
	sip_edits_note(edits, SIP_EDIT_ADD, SIP_OTHER, STR("Require: timer"));
}
