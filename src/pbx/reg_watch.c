#include "pbx/reg_watch.h"

#include "base/heap.h"
#include "base/map.h"

#include <stdlib.h>

struct entry {
	struct map_node node;
	struct heap_item expiry;
	uint64_t workers;
	struct contact_record *rows; /* told last, packed */
	size_t n;
	str aor;
	char text[];
};

struct pbx_reg_watch {
	struct map map;
	struct heap expiries;
	uint64_t key[2];
};

struct pbx_reg_watch *pbx_reg_watch_new(struct rng *rng)
{
	struct pbx_reg_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	map_init(&w->map, PBX_REG_WATCH_MAX);
	heap_init(&w->expiries);
	rng_fill(rng, w->key, sizeof(w->key));
	return w;
}

static void drop_entry(struct pbx_reg_watch *w, struct entry *e)
{
	heap_remove(&w->expiries, &e->expiry);
	free(e->rows);
	free(e);
}

void pbx_reg_watch_free(struct pbx_reg_watch *w)
{
	struct map_node *n;

	if (!w)
		return;
	while ((n = map_pop(&w->map)))
		drop_entry(w, map_of(n, struct entry, node));
	map_free(&w->map);
	heap_free(&w->expiries);
	free(w);
}

static struct entry *find(const struct pbx_reg_watch *w, str aor)
{
	for (struct map_node *n = map_first(&w->map, str_hash(aor, w->key)); n; n = map_next(n)) {
		struct entry *e = map_of(n, struct entry, node);

		if (str_eq(e->aor, aor))
			return e;
	}
	return NULL;
}

enum err pbx_reg_watch_add(struct pbx_reg_watch *w, str aor, uint16_t worker)
{
	struct entry *e = find(w, aor);
	enum err err;

	if (worker >= PBX_REG_WATCH_WORKERS || aor.n > PBX_AOR_MAX)
		return ERR_LIMIT;
	if (!e) {
		e = calloc(1, sizeof(*e) + aor.n);
		if (!e)
			return ERR_MEMORY;
		memcpy(e->text, aor.p, aor.n);
		e->aor = str_of(e->text, aor.n);
		err = map_add(&w->map, &e->node, str_hash(aor, w->key));
		if (err) {
			free(e);
			return err;
		}
	}
	e->workers |= 1ull << worker;
	return ERR_NONE;
}

void pbx_reg_watch_drop(struct pbx_reg_watch *w, str aor, uint16_t worker)
{
	struct entry *e = find(w, aor);

	if (!e || worker >= PBX_REG_WATCH_WORKERS)
		return;
	e->workers &= ~(1ull << worker);
	if (e->workers)
		return;
	map_remove(&w->map, &e->node);
	drop_entry(w, e);
}

static const struct contact_record *row_of(const struct contact_record *rows, size_t n,
					   const struct contact_record *row)
{
	for (size_t i = 0; i < n; i++)
		if (pbx_reg_event_same(&rows[i], row))
			return &rows[i];
	return NULL;
}

bool pbx_reg_watch_compare(const struct pbx_reg_watch *w, str aor, const struct contact_record *rows, size_t n,
			   enum pbx_reg_what gone, usec now, struct pbx_reg_report *out)
{
	const struct entry *e = w->map.n ? find(w, aor) : NULL;

	if (!e)
		return false;
	out->n = 0;
	out->workers = e->workers;
	out->news = false;
	for (size_t i = 0; i < n && i < PBX_CONTACTS_MAX; i++) {
		const struct contact_record *old = row_of(e->rows, e->n, &rows[i]);

		out->what[out->n] = !old                              ? PBX_REG_REGISTERED
				    : old->updated != rows[i].updated ? PBX_REG_REFRESHED
								      : PBX_REG_SAME;
		out->news = out->news || out->what[out->n] != PBX_REG_SAME;
		out->rows[out->n++] = rows[i];
	}
	for (size_t i = 0; i < e->n && out->n < PBX_REG_REPORT_MAX; i++) {
		if (row_of(rows, n, &e->rows[i]))
			continue;
		out->what[out->n] = e->rows[i].expires <= now ? PBX_REG_EXPIRED : (uint8_t)gone;
		out->news = true;
		out->rows[out->n++] = e->rows[i];
	}
	return true;
}

enum err pbx_reg_watch_note(struct pbx_reg_watch *w, str aor, const struct contact_record *rows, size_t n)
{
	struct entry *e = find(w, aor);
	struct contact_record *copy;
	usec due = USEC_NEVER;
	enum err err;

	if (!e)
		return ERR_NONE;
	copy = malloc(record_packed_size(&contact_record_kind, rows, n) + 1);
	if (!copy)
		return ERR_MEMORY;
	record_pack(&contact_record_kind, rows, n, copy);
	for (size_t i = 0; i < n; i++)
		due = usec_min(due, rows[i].expires);
	err = heap_set(&w->expiries, &e->expiry, due);
	if (err) {
		free(copy);
		return err;
	}
	free(e->rows);
	e->rows = copy;
	e->n = n;
	return ERR_NONE;
}

str pbx_reg_watch_take(struct pbx_reg_watch *w, usec now, char *out)
{
	struct heap_item *item = heap_take(&w->expiries, now);
	struct entry *e = item ? map_of(item, struct entry, expiry) : NULL;

	if (!e)
		return STR_NONE;
	memcpy(out, e->text, e->aor.n);
	return str_of(out, e->aor.n);
}

usec pbx_reg_watch_due(const struct pbx_reg_watch *w)
{
	return heap_due(&w->expiries);
}

size_t pbx_reg_watch_n(const struct pbx_reg_watch *w)
{
	return w->map.n;
}
