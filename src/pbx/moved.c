#include "pbx/moved.h"

#include <stdlib.h>

void pbx_moved_free(struct pbx_moved *v)
{
	free(v->rows);
	v->rows = NULL;
}

/* The target is a keyed hash of its own, so nobody can choose where this leads. */
static uint64_t mark_of(str call_id, uint64_t target)
{
	uint64_t mark = str_hash(call_id, (const uint64_t[2]){ target, ~target });

	return mark ? mark : 1;
}

static bool is_recent(const struct pbx_moved_mark *m, uint64_t mark, usec now)
{
	return m->mark == mark && now / USEC_PER_SEC - (usec)m->at_s <= PBX_MOVED_KEPT / USEC_PER_SEC;
}

static struct pbx_moved_mark *find(const struct pbx_moved *v, uint64_t mark, usec now)
{
	struct pbx_moved_mark *row = v->rows ? v->rows[mark % PBX_MOVED_ROWS] : NULL;

	for (size_t i = 0; row && i < PBX_MOVED_ROW; i++)
		if (is_recent(&row[i], mark, now))
			return &row[i];
	return NULL;
}

bool pbx_moved_knows(const struct pbx_moved *v, str call_id, uint64_t target, usec now)
{
	return find(v, mark_of(call_id, target), now);
}

void pbx_moved_note(struct pbx_moved *v, str call_id, uint64_t target, usec now)
{
	uint64_t mark = mark_of(call_id, target);
	struct pbx_moved_mark *at = find(v, mark, now), *row;

	if (!at) {
		if (!v->rows && !(v->rows = calloc(PBX_MOVED_ROWS, sizeof(*v->rows))))
			return;
		row = at = v->rows[mark % PBX_MOVED_ROWS];
		for (size_t i = 1; i < PBX_MOVED_ROW; i++)
			if (row[i].at_s < at->at_s) /* those that are free are the oldest */
				at = &row[i];
	}
	*at = (struct pbx_moved_mark){ .mark = mark, .at_s = (uint32_t)(now / USEC_PER_SEC) };
}
