#include "sip/outbox.h"

#include <stdlib.h>

void sip_outbox_free(struct sip_outbox *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		sip_blob_unref(o->items[(o->head + i) & (o->cap - 1)].blob);
	sip_blob_unref(o->out);
	free(o->items);
	free(o->page);
	*o = (struct sip_outbox){ 0 };
}

static enum err grow(struct sip_outbox *o)
{
	uint32_t cap = o->cap ? o->cap * 2 : 16;
	struct sip_outbox_item *items;

	if (cap > SIP_OUTBOX_MAX)
		return ERR_FULL;
	items = malloc(cap * sizeof(*items));
	if (!items)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < o->n; i++)
		items[i] = o->items[(o->head + i) & (o->cap - 1)];
	free(o->items);
	o->items = items;
	o->cap = cap;
	o->head = 0;
	return ERR_NONE;
}

static enum err put(struct sip_outbox *o, const struct host_want *want, struct sip_blob *blob, str text)
{
	if (o->n == o->cap) {
		enum err err = grow(o);

		if (err)
			return err;
	}
	struct sip_outbox_item *item = &o->items[(o->head + o->n++) & (o->cap - 1)];
	item->want = *want;
	item->want.bytes = text;
	item->blob = sip_blob_ref(blob);
	return ERR_NONE;
}

enum err sip_outbox_put(struct sip_outbox *o, const struct host_want *want, struct sip_blob *blob)
{
	return put(o, want, blob, STR_NONE);
}

struct buf sip_outbox_room(struct sip_outbox *o)
{
	struct buf b;

	if (!o->page)
		o->page = malloc(SIP_OUTBOX_PAGE);
	buf_init(&b, o->page ? o->page + o->page_n : NULL, o->page ? SIP_OUTBOX_PAGE - o->page_n : 0);
	return b;
}

enum err sip_outbox_put_text(struct sip_outbox *o, const struct host_want *want, const struct buf *text)
{
	enum err err = put(o, want, NULL, buf_str(text));

	if (!err)
		o->page_n += (uint32_t)text->n;
	return err;
}

bool sip_outbox_next(struct sip_outbox *o, struct host_want *out)
{
	sip_blob_set(&o->out, NULL);
	if (o->n == 0) {
		o->page_n = 0;
		return false;
	}
	struct sip_outbox_item *item = &o->items[o->head];
	o->head = (o->head + 1) & (o->cap - 1);
	o->n--;
	*out = item->want;
	if (item->blob)
		*(out->kind == HOST_OPEN ? &out->name : &out->bytes) = sip_blob_str(item->blob);
	o->out = item->blob;
	return true;
}
