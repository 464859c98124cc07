#include "overlay/outbox.h"

#include "store/keeper.h"

#include <stdlib.h>

#define WANT_MAX   4096
#define BYTES_MAX  (4u << 20)
#define BYTES_KEEP (256u << 10)

void overlay_outbox_init(struct overlay_outbox *o)
{
	*o = (struct overlay_outbox){ 0 };
	buf_init_grow(&o->bytes, BYTES_MAX);
}

void overlay_outbox_free(struct overlay_outbox *o)
{
	for (; o->at < o->n; o->at++)
		if (o->list[o->at].want.kind == HOST_ASK)
			keeper_ask_free(o->list[o->at].want.message);
	free(o->list);
	buf_free(&o->bytes);
	*o = (struct overlay_outbox){ 0 };
}

/* The place behind the last want; NULL: no room. */
static struct overlay_outbox_entry *room(struct overlay_outbox *o)
{
	if (o->n && o->at == o->n) {
		o->at = o->n = 0;
		if (o->bytes.cap > BYTES_KEEP)
			buf_free(&o->bytes); /* after a burst; else an idle node would hold it for ever */
		buf_reset(&o->bytes);
	}
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 16;
		struct overlay_outbox_entry *list = cap <= WANT_MAX ? realloc(o->list, cap * sizeof(*list)) : NULL;

		if (!list) {
			o->dropped++;
			return NULL;
		}
		o->list = list;
		o->cap = cap;
	}
	return &o->list[o->n];
}

/* Keeps the entry, or takes back what was written of it. */
static bool settle(struct overlay_outbox *o, size_t from)
{
	if (buf_ok(&o->bytes)) {
		o->n++;
		return true;
	}
	o->bytes.n = from;
	o->bytes.err = ERR_NONE;
	o->dropped++;
	return false;
}

void overlay_outbox_put(struct overlay_outbox *o, const struct host_want *want)
{
	struct overlay_outbox_entry *e = room(o);
	size_t from = o->bytes.n;

	if (!e)
		return;
	*e = (struct overlay_outbox_entry){ .want = *want, .bytes_at = from, .name_at = from + want->bytes.n };
	buf_put(&o->bytes, want->bytes);
	buf_put(&o->bytes, want->name);
	settle(o, from);
}

bool overlay_outbox_message(struct overlay_outbox *o, uint32_t stream, const struct overlay_message *m)
{
	struct overlay_outbox_entry *e = room(o);
	size_t from = o->bytes.n;

	if (!e)
		return false;
	overlay_message_write(&o->bytes, m);
	*e = (struct overlay_outbox_entry){ .want = { .kind = HOST_WRITE, .id = stream }, .bytes_at = from };
	e->want.bytes.n = o->bytes.n - from;
	return settle(o, from);
}

void overlay_outbox_close(struct overlay_outbox *o, uint32_t stream)
{
	overlay_outbox_put(o, &(struct host_want){ .kind = HOST_CLOSE, .id = stream });
}

bool overlay_outbox_ask(struct overlay_outbox *o, const struct keeper_ask *model)
{
	struct overlay_outbox_entry *e = room(o);
	struct keeper_ask *ask = e ? keeper_ask_new(model) : NULL;

	if (!ask)
		return false;
	*e = (struct overlay_outbox_entry){ .want = { .kind = HOST_ASK, .message = ask } };
	o->n++;
	return true;
}

bool overlay_outbox_next(struct overlay_outbox *o, struct host_want *out)
{
	if (o->at == o->n)
		return false;
	const struct overlay_outbox_entry *e = &o->list[o->at++];
	*out = e->want;
	if (out->bytes.n)
		out->bytes.p = o->bytes.p + e->bytes_at;
	if (out->name.n)
		out->name.p = o->bytes.p + e->name_at;
	return true;
}
