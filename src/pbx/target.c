#include "pbx/target.h"

static bool comes_before(const struct contact_record *a, const struct contact_record *b)
{
	return a->q != b->q ? a->q > b->q : a->updated > b->updated;
}

static bool same_phone(const struct contact_record *a, const struct contact_record *b)
{
	return a->reg_id && b->reg_id && a->instance.n && str_eq(a->instance, b->instance);
}

/* The last of the flows of this phone that are in the list already; NULL: it is the first. */
static struct pbx_target *last_flow(const struct contact_record *rows, struct pbx_targets *t,
				    const struct contact_record *row)
{
	struct pbx_target *last = NULL;

	if (!row->reg_id)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		if (same_phone(&rows[t->list[i].row], row))
			last = &t->list[i];
	return last;
}

static void sort(const struct contact_record *rows, size_t n, uint8_t *order)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		for (; at && comes_before(&rows[i], &rows[order[at - 1]]); at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)i;
	}
}

void pbx_target_order(const struct contact_record *rows, size_t n, enum pbx_target_order how, struct pbx_targets *out)
{
	uint8_t order[PBX_CONTACTS_MAX], group = 0;
	const struct contact_record *before = NULL;

	out->n = 0;
	sort(rows, n, order);
	for (size_t i = 0; i < n; i++) {
		const struct contact_record *row = &rows[order[i]];
		struct pbx_target *other = last_flow(rows, out, row);
		struct pbx_target *t = &out->list[out->n++];

		*t = (struct pbx_target){ .row = order[i], .is_spare = other != NULL };
		if (other) {
			other->spare = (uint8_t)out->n;
			t->group = other->group;
			continue;
		}
		if (before && (how == PBX_TARGET_ONE_BY_ONE || (how == PBX_TARGET_BY_Q && before->q != row->q)))
			group++;
		t->group = group;
		before = row;
	}
}
