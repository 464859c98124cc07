#include "call/call_inside.h"

#define REFRESH_AGAIN (5 * USEC_PER_SEC)

void call_hold_send(struct call *call, usec now)
{
	char text[SDP_OFFER_BODY_MAX];
	struct buf out;
	enum err err;

	buf_init(&out, text, sizeof(text));
	call->asked_hold = call->hold;
	err = offer_answer_make(&call->talk, call->hold, &out);
	if (err == ERR_NONE) {
		err = leg_reinvite(&call->leg, buf_str(&out), now);
		if (err != ERR_NONE)
			offer_answer_cancel(&call->talk);
	}
	if (err != ERR_NONE)
		log_info(call->birth.house->log, "call.call hold put off", "call=%s err=\"%s\"", call->leg.call_id,
			 err_text(err));
}

/* Our wish is said as soon as nothing else is being settled. */
void call_hold_settle(struct call *call, usec now)
{
	if (call->hold != call->held && call->state == CALL_UP && call->leg.state == LEG_UP &&
	    call->leg.retry_at == USEC_NEVER && !call->leg.re_client && !call->leg.re_server &&
	    !offer_answer_waits(&call->talk))
		call_hold_send(call, now);
}

enum err call_hold(struct call *call, bool on, usec now)
{
	if (call->state != CALL_UP || (call->leg.state != LEG_UP && call->leg.state != LEG_ANSWERED))
		return ERR_STATE;
	call->hold = on;
	call_hold_settle(call, now);
	return ERR_NONE;
}

/* The session timer's re-INVITE: what holds is said again. */
void call_hold_refresh(struct call *call, usec now)
{
	call_hold_send(call, now);
	if (!call->leg.re_client) /* something else is being settled, which is a refresh itself */
		call->leg.timer.refresh_at = usec_add(now, REFRESH_AGAIN);
}
