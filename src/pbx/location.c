#include "pbx/location.h"

#include <stdlib.h>

struct pbx_location {
	struct map contacts; /* by aor: those of one address share their hash */
	struct heap expiries;
	uint64_t key[2];
};

struct pbx_location *pbx_location_new(uint32_t max, struct rng *rng)
{
	struct pbx_location *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	map_init(&l->contacts, max);
	heap_init(&l->expiries);
	rng_fill(rng, l->key, sizeof(l->key));
	return l;
}

void pbx_location_free(struct pbx_location *l)
{
	struct map_node *node;

	if (!l)
		return;
	while ((node = map_pop(&l->contacts)))
		free(map_of(node, struct pbx_contact, node));
	map_free(&l->contacts);
	heap_free(&l->expiries);
	free(l);
}

static str aor_of(const struct pbx_contact *c)
{
	return str_of(c->text, c->aor_n);
}

static str uri_of(const struct pbx_contact *c)
{
	return str_of(c->text + c->aor_n, c->uri_n);
}

/* Nearly always the key is the URI; then it is not stored twice. */
static str key_of(const struct pbx_contact *c)
{
	return c->key_n ? str_of(c->text + c->aor_n + c->uri_n, c->key_n) : uri_of(c);
}

void pbx_contact_record(const struct pbx_contact *c, struct contact_record *out)
{
	const char *at = c->text + c->aor_n + c->uri_n + c->key_n;
	struct contact_record r = { .aor = aor_of(c), .key = key_of(c), .uri = uri_of(c) };
	const struct {
		str *text;
		uint16_t n;
	} rest[] = { { &r.params, c->params_n }, { &r.call_id, c->call_id_n },       { &r.instance, c->instance_n },
		     { &r.path, c->path_n },     { &r.user_agent, c->user_agent_n }, { &r.machine, c->machine_n } };

	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		*rest[i].text = str_of(at, rest[i].n);
		at += rest[i].n;
	}
	r.cseq = c->cseq;
	r.reg_id = c->reg_id;
	r.q = c->q;
	r.registered = c->registered;
	r.updated = c->updated;
	r.expires = c->expiry.due;
	contact_set_flow(&r, &c->flow);
	*out = r;
}

static struct pbx_contact *copy(const struct contact_record *r)
{
	bool own_key = !str_eq(r->key, r->uri);
	const str texts[] = { r->aor,    r->uri,        own_key ? r->key : STR_NONE,
			      r->params, r->call_id,    r->instance,
			      r->path,   r->user_agent, r->machine };
	struct pbx_contact *c;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		n += texts[i].n;
	c = malloc(sizeof(*c) + n);
	if (!c)
		return NULL;
	*c = (struct pbx_contact){
		.registered = r->registered,
		.updated = r->updated,
		.flow = contact_flow(r),
		.cseq = r->cseq,
		.reg_id = r->reg_id,
		.q = r->q,
		.aor_n = (uint16_t)r->aor.n,
		.key_n = (uint16_t)(own_key ? r->key.n : 0),
		.uri_n = (uint16_t)r->uri.n,
		.params_n = (uint16_t)r->params.n,
		.call_id_n = (uint16_t)r->call_id.n,
		.instance_n = (uint16_t)r->instance.n,
		.path_n = (uint16_t)r->path.n,
		.user_agent_n = (uint16_t)r->user_agent.n,
		.machine_n = (uint16_t)r->machine.n,
	};
	char *at = c->text;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].n)
			memcpy(at, texts[i].p, texts[i].n);
		at += texts[i].n;
	}
	return c;
}

static struct pbx_contact *next_of(struct map_node *node, str aor)
{
	for (; node; node = map_next(node)) {
		struct pbx_contact *c = map_of(node, struct pbx_contact, node);

		if (str_eq(aor_of(c), aor))
			return c;
	}
	return NULL;
}

static void forget(struct pbx_location *l, struct pbx_contact *c)
{
	map_remove(&l->contacts, &c->node);
	heap_remove(&l->expiries, &c->expiry);
	free(c);
}

static bool is_too_long(const struct contact_record *r)
{
	return r->aor.n > PBX_AOR_MAX || r->key.n > UINT16_MAX || r->uri.n > UINT16_MAX || r->params.n > UINT16_MAX ||
	       r->call_id.n > UINT16_MAX || r->instance.n > UINT16_MAX || r->path.n > UINT16_MAX ||
	       r->user_agent.n > UINT16_MAX || r->machine.n > UINT16_MAX;
}

enum err pbx_location_put(struct pbx_location *l, const struct contact_record *r, usec now)
{
	uint64_t hash = str_hash(r->aor, l->key);
	struct pbx_contact *old = NULL, *c;
	size_t n = 0;
	enum err err;

	if (r->expires <= now)
		return ERR_EXPIRED;
	if (is_too_long(r))
		return ERR_LIMIT;
	for (c = next_of(map_first(&l->contacts, hash), r->aor); c; c = next_of(map_next(&c->node), r->aor)) {
		n++;
		if (str_eq(key_of(c), r->key))
			old = c;
	}
	if (!old && n >= PBX_CONTACTS_MAX)
		return ERR_FULL;
	c = copy(r);
	if (!c)
		return ERR_MEMORY;
	err = heap_set(&l->expiries, &c->expiry, r->expires);
	if (!err && old)
		forget(l, old);
	if (!err)
		err = map_add(&l->contacts, &c->node, hash);
	if (err) {
		heap_remove(&l->expiries, &c->expiry);
		free(c);
	}
	return err;
}

void pbx_location_remove(struct pbx_location *l, str aor, str key)
{
	struct pbx_contact *c = next_of(map_first(&l->contacts, str_hash(aor, l->key)), aor);

	while (c && !str_eq(key_of(c), key))
		c = next_of(map_next(&c->node), aor);
	if (c)
		forget(l, c);
}

static bool comes_before(const struct pbx_contact *a, const struct pbx_contact *b)
{
	return a->q != b->q ? a->q > b->q : a->updated > b->updated;
}

size_t pbx_location_find(const struct pbx_location *l, str aor, usec now, const struct pbx_contact *list[])
{
	const struct pbx_contact *c = next_of(map_first(&l->contacts, str_hash(aor, l->key)), aor);
	size_t n = 0;

	for (; c && n < PBX_CONTACTS_MAX; c = next_of(map_next(&c->node), aor)) {
		size_t at = n;

		if (c->expiry.due <= now)
			continue;
		for (; at && comes_before(c, list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = c;
		n++;
	}
	return n;
}

void pbx_location_tick(struct pbx_location *l, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&l->expiries, now))) {
		struct pbx_contact *c = map_of(item, struct pbx_contact, expiry);

		map_remove(&l->contacts, &c->node);
		free(c);
	}
}

usec pbx_location_due(const struct pbx_location *l)
{
	return heap_due(&l->expiries);
}

size_t pbx_location_n(const struct pbx_location *l)
{
	return l->contacts.n;
}

uint16_t pbx_location_shard(str aor, uint16_t worker_n)
{
	static const uint64_t key[2] = { 0x7368617264206f66u, 0x20616f7273203120u };

	return worker_n > 1 ? (uint16_t)(str_hash(aor, key) % worker_n) : 0;
}
