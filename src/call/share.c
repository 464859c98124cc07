#include "call/share.h"

#include <assert.h>

void share_want(enum share_level level, unsigned place, struct host_want *want)
{
	assert(place < SHARE_PLACES);
	switch (want->kind) {
	case HOST_ASK:
	case HOST_TELL:
	case HOST_STOP:
		return;
	default:
		if (want->id <= HOST_OWN_MAX)
			want->id |= (uint32_t)place << level;
	}
}

static int take(enum share_level level, uint32_t *id)
{
	const uint32_t mask = (uint32_t)(SHARE_PLACES - 1) << level;
	int place;

	if (*id > HOST_OWN_MAX)
		return SHARE_ALL;
	place = (int)((*id & mask) >> level);
	*id &= ~mask;
	return place;
}

int share_event(enum share_level level, struct host_event *event)
{
	switch (event->kind) {
	case HOST_TOLD:
	case HOST_ANSWER:
	case HOST_STOPPING:
		return SHARE_ALL;
	case HOST_ACCEPTED:
		return take(level, &event->listener);
	default:
		return take(level, &event->id);
	}
}
