#include "call/cause.h"

#include <stddef.h>

static const struct {
	const char *word, *text;
	int status;
} causes[] = {
	[CALL_CAUSE_NONE] = { "none", "The call has not ended.", 500 },
	[CALL_HUNG_UP] = { "hung-up", "The call was hung up.", 480 },
	[CALL_CANCELLED] = { "cancelled", "The caller gave up before an answer.", 487 },
	[CALL_BUSY] = { "busy", "The person called is busy.", 486 },
	[CALL_DECLINED] = { "declined", "The person called does not take the call.", 603 },
	[CALL_NO_ANSWER] = { "no-answer", "It rang, but nobody answered.", 480 },
	[CALL_UNKNOWN] = { "unknown", "There is nobody of that name or number.", 404 },
	[CALL_AWAY] = { "away", "The person called cannot be reached now.", 480 },
	[CALL_NO_CODEC] = { "no-codec", "The two phones have no codec (or no protection of the media) in common.",
			    488 },
	[CALL_WRONG_PASSWORD] = { "wrong-password", "The server does not accept this name and password.", 403 },
	[CALL_NO_ROUTE] = { "no-route", "There is no way to the server of the person called.", 503 },
	[CALL_SILENCE] = { "silence", "The other side does not answer at all.", 408 },
	[CALL_OVERLOADED] = { "overloaded", "Too many calls just now; try again in a while.", 503 },
	[CALL_NO_MEDIA] = { "no-media", "The call was answered, but no sound can get through.", 488 },
	[CALL_GONE] = { "gone", "The other side has vanished.", 480 },
	[CALL_FORGED] = { "forged", "The message is not from whom it claims, or was changed on its way.", 403 },
	[CALL_UNTRUSTED] = { "untrusted", "The server cannot prove that it is the one it should be.", 503 },
	[CALL_SERVER_ERROR] = { "server-error", "A server on the way reports an error.", 500 },
	[CALL_FAILED] = { "failed", "The call could not be made.", 480 },
};

enum call_cause call_cause_of_status(int status, bool rang)
{
	switch (status) {
	case 401:
	case 407:
		return CALL_WRONG_PASSWORD;
	case 403:
	case 603:
		return CALL_DECLINED;
	case 404:
	case 410:
	case 416:
	case 484:
	case 485:
	case 604:
		return CALL_UNKNOWN;
	case 408:
		return rang ? CALL_NO_ANSWER : CALL_SILENCE;
	case 480:
		return rang ? CALL_NO_ANSWER : CALL_AWAY;
	case 415:
	case 488:
	case 606:
		return CALL_NO_CODEC;
	case 486:
	case 600:
		return CALL_BUSY;
	case 487:
		return CALL_CANCELLED;
	case 502:
		return CALL_NO_ROUTE;
	case 503:
		return CALL_OVERLOADED;
	case 504:
		return CALL_SILENCE;
	default:
		return status >= 500 ? CALL_SERVER_ERROR : CALL_FAILED;
	}
}

int call_cause_status(enum call_cause cause)
{
	return causes[cause].status;
}

const char *call_cause_word(enum call_cause cause)
{
	return causes[cause].word;
}

const char *call_cause_text(enum call_cause cause)
{
	return causes[cause].text;
}
