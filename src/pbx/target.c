#include "pbx/target.h"

struct order {
	const struct contact_record *rows;
	const int16_t *fits;
	enum pbx_target_order how;
	uint8_t list[PBX_CONTACTS_MAX];
	size_t n;
};

/* One class of callee's and caller's preference (RFC 3841 7.2.4: q first, then how well it fits). */
static int compare(const struct order *o, uint8_t a, uint8_t b)
{
	if (o->rows[a].q != o->rows[b].q)
		return o->rows[a].q > o->rows[b].q ? -1 : 1;
	if (o->fits && o->fits[a] != o->fits[b])
		return o->fits[a] > o->fits[b] ? -1 : 1;
	return 0;
}

static bool comes_before(const struct order *o, uint8_t a, uint8_t b)
{
	int order = o->how == PBX_TARGET_ONE_PHONE ? 0 : compare(o, a, b);

	return order ? order < 0 : o->rows[a].updated > o->rows[b].updated;
}

static bool same_phone(const struct contact_record *a, const struct contact_record *b)
{
	return a->reg_id && b->reg_id && a->instance.n && str_eq(a->instance, b->instance);
}

/* The last of the flows of this phone that are in the list already; NULL: it is the first. */
static struct pbx_target *last_flow(const struct contact_record *rows, struct pbx_targets *t,
				    const struct contact_record *row, enum pbx_target_order how)
{
	struct pbx_target *last = NULL;

	if (how == PBX_TARGET_ONE_PHONE) /* the one before has just been put there */
		return t->n ? &t->list[t->n - 1] : NULL;
	if (!row->reg_id)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		if (same_phone(&rows[t->list[i].row], row))
			last = &t->list[i];
	return last;
}

static void sort(struct order *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = o->n;

		if (o->fits && o->fits[i] < 0)
			continue;
		for (; at && comes_before(o, (uint8_t)i, o->list[at - 1]); at--)
			o->list[at] = o->list[at - 1];
		o->list[at] = (uint8_t)i;
		o->n++;
	}
}

void pbx_target_order(const struct contact_record *rows, const int16_t *fits, size_t n, enum pbx_target_order how,
		      struct pbx_targets *out)
{
	struct order o = { .rows = rows, .fits = fits, .how = how };
	const uint8_t *before = NULL;
	uint8_t group = 0;

	out->n = 0;
	sort(&o, n);
	for (size_t i = 0; i < o.n; i++) {
		struct pbx_target *other = last_flow(rows, out, &rows[o.list[i]], how);
		struct pbx_target *t = &out->list[out->n++];

		*t = (struct pbx_target){ .row = o.list[i], .is_spare = other != NULL };
		if (other) {
			other->spare = (uint8_t)out->n;
			t->group = other->group;
			continue;
		}
		if (before &&
		    (how == PBX_TARGET_ONE_BY_ONE || (how == PBX_TARGET_BY_Q && compare(&o, *before, o.list[i]) != 0)))
			group++;
		t->group = group;
		before = &o.list[i];
	}
}

void pbx_target_first(struct pbx_targets *t)
{
	size_t n = 0, next = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (i != next)
			continue;
		next = t->list[i].spare ? t->list[i].spare - 1u : t->n;
		t->list[n] = t->list[i];
		n++;
		t->list[n - 1].spare = (uint8_t)(next < t->n ? n + 1 : 0);
	}
	t->n = n;
}
