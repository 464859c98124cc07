#include "base/heap.h"

#include <stdlib.h>

void heap_init(struct heap *h)
{
	*h = (struct heap){ 0 };
}

void heap_free(struct heap *h)
{
	free(h->items);
	heap_init(h);
}

static void put(struct heap *h, size_t at, struct heap_item *item)
{
	h->items[at] = item;
	item->at = at + 1;
}

static size_t up(struct heap *h, size_t at)
{
	struct heap_item *item = h->items[at];

	while (at > 0 && h->items[(at - 1) / 4]->due > item->due) {
		put(h, at, h->items[(at - 1) / 4]);
		at = (at - 1) / 4;
	}
	put(h, at, item);
	return at;
}

static void down(struct heap *h, size_t at)
{
	struct heap_item *item = h->items[at];

	for (;;) {
		size_t first = at * 4 + 1, least = at;
		usec due = item->due;

		for (size_t i = first; i < first + 4 && i < h->n; i++) {
			if (h->items[i]->due < due) {
				due = h->items[i]->due;
				least = i;
			}
		}
		if (least == at)
			break;
		put(h, at, h->items[least]);
		at = least;
	}
	put(h, at, item);
}

static bool make_room(struct heap *h)
{
	if (h->n < h->cap)
		return true;
	size_t cap = h->cap ? h->cap * 2 : 16;
	struct heap_item **items = realloc(h->items, cap * sizeof(*items));
	if (!items)
		return false;
	h->items = items;
	h->cap = cap;
	return true;
}

enum err heap_set(struct heap *h, struct heap_item *item, usec due)
{
	if (due == USEC_NEVER) {
		heap_remove(h, item);
		item->due = due;
		return ERR_NONE;
	}
	if (!heap_has(item)) {
		if (!make_room(h))
			return ERR_MEMORY;
		put(h, h->n++, item);
	}
	item->due = due;
	down(h, up(h, item->at - 1));
	return ERR_NONE;
}

void heap_remove(struct heap *h, struct heap_item *item)
{
	if (!heap_has(item))
		return;
	size_t at = item->at - 1;
	struct heap_item *last = h->items[--h->n];
	item->at = 0;
	if (last != item) {
		put(h, at, last);
		down(h, up(h, at));
	}
}

struct heap_item *heap_first(const struct heap *h)
{
	return h->n ? h->items[0] : NULL;
}

usec heap_due(const struct heap *h)
{
	return h->n ? h->items[0]->due : USEC_NEVER;
}

struct heap_item *heap_take(struct heap *h, usec now)
{
	struct heap_item *item = heap_first(h);

	if (!item || item->due > now)
		return NULL;
	heap_remove(h, item);
	return item;
}
