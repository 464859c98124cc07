#include "call/call_inside.h"

static bool may_follow(const struct call *call, const struct sip_address *contact)
{
	bool secure = str_starts_nocase(str_from(call->plan.uri), STR("sips:"));

	if (contact->star || contact->uri.text.n >= CALL_TARGET_N || contact->uri.headers.n)
		return false;
	/* 8.1.3.4: from sips: only to sips: */
	return contact->uri.scheme == SIP_SCHEME_SIPS || (contact->uri.scheme == SIP_SCHEME_SIP && !secure);
}

static bool is_known(const struct call *call, str uri)
{
	for (size_t i = 0; i < call->moves.place_n; i++)
		if (str_eq(uri, str_from(call->moves.places[i])))
			return true;
	return str_eq(uri, str_from(call->plan.uri));
}

/* The addresses of a 3xx, by q; those of an earlier one that are left come after them. */
static void note_places(struct call *call, struct sip_msg *response)
{
	const struct sip_address *list;
	struct call_moves *moves = &call->moves;
	size_t n, at = 0;

	if (sip_msg_addresses(response, SIP_CONTACT, &list, &n) != ERR_NONE)
		return;
	for (int q = 1000; q >= 0; q--)
		for (size_t i = 0; i < n; i++) {
			if ((int)sip_address_q(&list[i]) != q || !may_follow(call, &list[i]) ||
			    is_known(call, list[i].uri.text) || at == CALL_PLACES_MAX)
				continue;
			if (moves->place_n == CALL_PLACES_MAX)
				moves->place_n--;
			memmove(moves->places[at + 1], moves->places[at],
				(moves->place_n - at) * sizeof(*moves->places));
			(void)str_copy_z(list[i].uri.text, moves->places[at++], CALL_TARGET_N);
			moves->place_n++;
		}
}

/* On to the next place; none is left: it ends as it was told. */
static void move_on(struct call *call, int status, str reason, usec now)
{
	struct leg_event over;

	if (call->moves.place_n && call->moves.tried < CALL_MOVES_MAX) {
		call->moves.tried++;
		call->moves.wanted = true;
		return;
	}
	if (leg_hang_up(&call->leg, call_cause_of_status(status, false), &over, now))
		call_end(call, over.cause, status, false, reason, now);
}

bool call_redirect_next(struct call *call, char uri[CALL_TARGET_N])
{
	if (!call->moves.wanted || call->leg_over)
		return false;
	call->moves.wanted = false;
	memcpy(uri, call->moves.places[0], CALL_TARGET_N);
	memmove(call->moves.places[0], call->moves.places[1], --call->moves.place_n * sizeof(*call->moves.places));
	return true;
}

void call_redirect_follow(struct call *call, usec now)
{
	struct leg_plan *plan = &call->plan.plan;

	if (leg_redirect(&call->leg, plan->uri, &plan->target, now) != ERR_NONE)
		move_on(call, 302, STR_NONE, now);
}

void call_redirect_moved(struct call *call, const struct leg_event *event, usec now)
{
	if (call->birth.redirects)
		note_places(call, event->msg);
	move_on(call, event->status, event->reason, now);
}
