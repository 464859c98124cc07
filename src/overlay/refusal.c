#include "overlay/refusal.h"

static const str wire_texts[] = {
	[OVERLAY_REFUSAL_NONE] = STR_INIT("nothing is wrong"),
	[OVERLAY_REFUSAL_MALFORMED] = STR_INIT("the other side could not read what was sent"),
	[OVERLAY_REFUSAL_UNSUPPORTED] =
		STR_INIT("the other side does not know this request; one of the two is too old"),
	[OVERLAY_REFUSAL_PASSWORD] = STR_INIT("the name or the password is wrong"),
	[OVERLAY_REFUSAL_NETWORK] = STR_INIT("this server serves another network"),
	[OVERLAY_REFUSAL_FORGED] = STR_INIT("the certificate was not signed by this network's login service"),
	[OVERLAY_REFUSAL_EXPIRED] = STR_INIT("the certificate has expired: log in again"),
	[OVERLAY_REFUSAL_EARLY] = STR_INIT("the certificate is not valid yet: one of the two clocks is wrong"),
	[OVERLAY_REFUSAL_PROOF] = STR_INIT("the device could not prove that it holds its key"),
	[OVERLAY_REFUSAL_OVERLOADED] = STR_INIT("the server has too much to do"),
	[OVERLAY_REFUSAL_SLOW_DOWN] = STR_INIT("too many tries in a short time"),
	[OVERLAY_REFUSAL_NOT_YOURS] = STR_INIT("this location record is another user's"),
	[OVERLAY_REFUSAL_STALE] = STR_INIT("a newer location record of this device is known"),
	[OVERLAY_REFUSAL_REPLACED] =
		STR_INIT("this device has connected a second time: is a copy of it running elsewhere?"),
	[OVERLAY_REFUSAL_MOVED] = STR_INIT("the server is going away"),
	[OVERLAY_REFUSAL_INTERNAL] = STR_INIT("something failed at the server"),
};

str overlay_refusal_text(enum overlay_refusal r)
{
	if (r <= OVERLAY_REFUSAL_WIRE_LAST)
		return wire_texts[r];
	switch (r) {
	case OVERLAY_REFUSAL_UNREACHABLE:
		return STR("no server of the network answers");
	case OVERLAY_REFUSAL_PIN:
		return STR("the server is not the one that the network's descriptor names");
	case OVERLAY_REFUSAL_CLOCK:
		return STR("this machine's clock is wrong");
	case OVERLAY_REFUSAL_LOGGED_OUT:
		return STR("not logged in: a password is needed");
	default:
		return wire_texts[OVERLAY_REFUSAL_INTERNAL];
	}
}

bool overlay_refusal_passes(enum overlay_refusal r)
{
	switch (r) {
	case OVERLAY_REFUSAL_OVERLOADED:
	case OVERLAY_REFUSAL_SLOW_DOWN:
	case OVERLAY_REFUSAL_STALE:
	case OVERLAY_REFUSAL_REPLACED:
	case OVERLAY_REFUSAL_MOVED:
	case OVERLAY_REFUSAL_INTERNAL:
	case OVERLAY_REFUSAL_UNREACHABLE:
		return true;
	default:
		return false;
	}
}

enum overlay_refusal overlay_refusal_of(enum err e)
{
	switch (e) {
	case ERR_NONE:
		return OVERLAY_REFUSAL_NONE;
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return OVERLAY_REFUSAL_MALFORMED;
	case ERR_UNSUPPORTED:
		return OVERLAY_REFUSAL_UNSUPPORTED;
	case ERR_REFUSED:
		return OVERLAY_REFUSAL_NETWORK;
	case ERR_FORGED:
		return OVERLAY_REFUSAL_FORGED;
	case ERR_EXPIRED:
		return OVERLAY_REFUSAL_EXPIRED;
	case ERR_STATE:
		return OVERLAY_REFUSAL_EARLY;
	case ERR_FULL:
	case ERR_BUSY:
		return OVERLAY_REFUSAL_OVERLOADED;
	default:
		return OVERLAY_REFUSAL_INTERNAL;
	}
}
