#include "overlay/envelope.h"

#include "base/base64.h"
#include "base/map.h"
#include "sip/edit.h"

#include <stdlib.h>

#define CALL_MAX    1024
#define KNOWN_MAX   256
#define ADDRESS_MAX 400 /* user@host of From and To, written out */

/* One far device in one call. Several share a Call-ID where a call rings at several devices. */
struct call {
	struct map_node node;
	struct call *newer, *older; /* by last use */
	uint64_t id[2];             /* keyed hashes of the Call-ID: 128 bits are its identity */
	bool used;
	uint8_t token[OVERLAY_TOKEN_N]; /* in the Request-URI towards it; zero: unknown */
	struct overlay_peer peer;
};

struct known {
	uint8_t token[OVERLAY_TOKEN_N];
	struct overlay_peer peer;
};

struct overlay_envelope {
	struct overlay_envelope_setup setup;
	uint64_t hash_key[2][2];
	struct map map;
	struct call calls[CALL_MAX];
	struct call *newest, *oldest; /* all of them, used or not */
	struct known known[KNOWN_MAX];
	size_t known_n, known_at;
	struct overlay_replay replay;
	char first[SIP_MSG_ARENA];
};

struct overlay_envelope *overlay_envelope_new(const struct overlay_envelope_setup *setup)
{
	struct overlay_envelope *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->setup = *setup;
	map_init(&e->map, CALL_MAX);
	rng_fill(setup->rng, e->hash_key, sizeof(e->hash_key));
	for (size_t i = 0; i < CALL_MAX; i++) {
		e->calls[i].older = i ? &e->calls[i - 1] : NULL;
		e->calls[i].newer = i + 1 < CALL_MAX ? &e->calls[i + 1] : NULL;
	}
	e->oldest = &e->calls[0];
	e->newest = &e->calls[CALL_MAX - 1];
	if (!overlay_replay_start(&e->replay)) {
		overlay_envelope_free(e);
		return NULL;
	}
	return e;
}

void overlay_envelope_free(struct overlay_envelope *e)
{
	if (!e)
		return;
	map_free(&e->map);
	overlay_replay_free(&e->replay);
	free(e);
}

void overlay_envelope_know(struct overlay_envelope *e, const struct overlay_record *r)
{
	for (size_t i = 0; i < r->point_n; i++) {
		struct known *k = NULL;

		for (size_t j = 0; !k && j < e->known_n; j++)
			if (memcmp(e->known[j].token, r->point[i].token, OVERLAY_TOKEN_N) == 0)
				k = &e->known[j];
		if (!k) {
			k = &e->known[e->known_at];
			e->known_at = (e->known_at + 1) % KNOWN_MAX;
			e->known_n += e->known_n < KNOWN_MAX;
		}
		memcpy(k->token, r->point[i].token, OVERLAY_TOKEN_N);
		k->peer.name = r->certificate.name;
		memcpy(k->peer.device, r->certificate.device, OVERLAY_KEY_N);
		memcpy(k->peer.seal_key, r->seal_key, OVERLAY_KEY_N);
	}
}

/* ---- which device is meant ---- */

static void touch(struct overlay_envelope *e, struct call *c)
{
	if (e->newest == c)
		return;
	/* out */
	c->newer->older = c->older;
	if (c->older)
		c->older->newer = c->newer;
	else
		e->oldest = c->newer;
	/* in at the front */
	c->older = e->newest;
	c->newer = NULL;
	e->newest->newer = c;
	e->newest = c;
}

static void call_id_hash(const struct overlay_envelope *e, str call_id, uint64_t id[2])
{
	id[0] = str_hash(call_id, e->hash_key[0]);
	id[1] = str_hash(call_id, e->hash_key[1]);
}

static struct call *same_call(struct map_node *node, const uint64_t id[2])
{
	for (; node; node = map_next(node)) {
		struct call *c = map_of(node, struct call, node);

		if (c->id[1] == id[1])
			return c;
	}
	return NULL;
}

#define EACH_CALL(e, c, id)                                                                                            \
	for (struct call *c = same_call(map_first(&(e)->map, (id)[0]), (id)); c;                                       \
	     c = same_call(map_next(&c->node), (id)))

static struct call *call_add(struct overlay_envelope *e, const uint64_t id[2])
{
	struct call *c = e->oldest;

	if (c->used)
		map_remove(&e->map, &c->node);
	c->used = false;
	if (map_add(&e->map, &c->node, id[0]) != ERR_NONE)
		return NULL;
	c->used = true;
	memcpy(c->id, id, sizeof(c->id));
	memset(c->token, 0, sizeof(c->token));
	memset(&c->peer, 0, sizeof(c->peer));
	touch(e, c);
	return c;
}

static bool is_named(const struct overlay_peer *peer, const struct overlay_name *name)
{
	return str_eq(overlay_name_str(&peer->name), overlay_name_str(name));
}

/* The user's device in this call with this token; with no token or an unknown one, the last that joined. */
static struct call *call_find(struct overlay_envelope *e, const uint64_t id[2], const struct overlay_name *name,
			      const uint8_t *token)
{
	struct call *any = NULL;

	EACH_CALL(e, c, id)
	{
		if (!is_named(&c->peer, name))
			continue;
		if (token && memcmp(c->token, token, OVERLAY_TOKEN_N) == 0)
			return c;
		any = any ? any : c;
	}
	return any;
}

static struct call *call_with(struct overlay_envelope *e, const uint64_t id[2], const uint8_t device[OVERLAY_KEY_N])
{
	EACH_CALL(e, c, id)
	{
		if (memcmp(c->peer.device, device, OVERLAY_KEY_N) == 0)
			return c;
	}
	return NULL;
}

/* The user at the far end of a message that goes out (that came in). */
static enum err far_user(const struct overlay_envelope *e, struct sip_msg *m, bool out, struct overlay_name *name)
{
	const struct sip_address *far = m->is_request == out ? sip_msg_to(m) : sip_msg_from(m);

	return overlay_name_of(far->uri.user, far->uri.host, overlay_domain_str(&e->setup.network->name), name);
}

static bool uri_token(struct sip_msg *m, uint8_t token[OVERLAY_TOKEN_N])
{
	const struct sip_uri *uri = m->is_request ? sip_msg_uri(m) : NULL;
	str text;

	return uri && sip_uri_param(uri, STR("flow"), &text) &&
	       base64url_parse_n(text, token, OVERLAY_TOKEN_N) == ERR_NONE;
}

static const struct known *known_find(const struct overlay_envelope *e, const uint8_t token[OVERLAY_TOKEN_N])
{
	for (size_t i = 0; i < e->known_n; i++)
		if (memcmp(e->known[i].token, token, OVERLAY_TOKEN_N) == 0)
			return &e->known[i];
	return NULL;
}

/* Whom an outgoing message goes to; NULL: no device we have a key of. */
static const struct overlay_peer *recipient(struct overlay_envelope *e, struct sip_msg *m)
{
	uint8_t token[OVERLAY_TOKEN_N];
	struct overlay_name name;
	uint64_t id[2];
	bool has_token = uri_token(m, token);
	const struct known *k = has_token ? known_find(e, token) : NULL;

	if (far_user(e, m, true, &name) != ERR_NONE)
		return NULL;
	if (k && !is_named(&k->peer, &name))
		k = NULL;
	call_id_hash(e, sip_msg_call_id(m), id);
	struct call *c = k ? call_with(e, id, k->peer.device) : call_find(e, id, &name, has_token ? token : NULL);
	if (!c && k) {
		c = call_add(e, id);
		if (c)
			c->peer = k->peer;
	}
	if (!c)
		return NULL;
	if (has_token)
		memcpy(c->token, token, sizeof(token));
	touch(e, c);
	return &c->peer;
}

/* Whoever sealed a letter of this call gets the answers. */
static void remember(struct overlay_envelope *e, struct sip_msg *m, const struct overlay_peer *peer)
{
	uint64_t id[2];

	call_id_hash(e, sip_msg_call_id(m), id);
	struct call *c = call_with(e, id, peer->device);
	if (!c)
		c = call_add(e, id);
	if (!c)
		return;
	c->peer = *peer;
	touch(e, c);
}

/* ---- the SIP around it ---- */

static enum err parse(struct overlay_envelope *e, str sip, struct arena *arena, struct sip_msg *m)
{
	arena_init(arena, e->first, sizeof(e->first), SIP_MSG_HEAP_MAX);
	enum err err = sip_msg_parse(m, arena, sip);
	if (err)
		return err == ERR_MEMORY ? err : ERR_SYNTAX;
	if (!sip_msg_from(m) || !sip_msg_to(m) || !sip_msg_cseq(m) || sip_msg_call_id(m).n == 0)
		return ERR_SYNTAX;
	return ERR_NONE;
}

/* user@host of From and To written into `text`, which must live as long as *out. */
static enum err essentials_of(struct sip_msg *m, char *text, size_t n, struct overlay_essentials *out)
{
	struct buf b;

	buf_init(&b, text, n);
	sip_uri_key(&sip_msg_from(m)->uri, &b);
	size_t from_n = b.n;
	sip_uri_key(&sip_msg_to(m)->uri, &b);
	if (!buf_ok(&b))
		return ERR_LIMIT;
	*out = (struct overlay_essentials){
		.response = !m->is_request,
		.method = sip_msg_cseq(m)->method_text,
		.cseq = sip_msg_cseq(m)->number,
		.call_id = sip_msg_call_id(m),
		.from = str_of(text, from_n),
		.to = str_of(text + from_n, b.n - from_n),
	};
	return ERR_NONE;
}

/* Empty or not, these say who calls: they are never sent clear. */
static bool must_be_sealed(struct sip_msg *m)
{
	return m->body.n > 0 || (m->is_request && (m->method == SIP_INVITE || m->method == SIP_MESSAGE));
}

static enum err with_body(struct sip_msg *m, str type, str body, struct buf *storage, str *out)
{
	struct sip_edits edits;
	size_t from = storage->n;

	sip_edits_init(&edits);
	if (type.n)
		sip_edits_note(&edits, SIP_EDIT_SET, SIP_CONTENT_TYPE, type);
	else
		sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_CONTENT_TYPE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_BODY, SIP_OTHER, body);
	enum err err = sip_edits_write(m, &edits, storage);
	if (!err)
		*out = str_of(storage->p + from, storage->n - from);
	return err;
}

static enum err close_msg(struct overlay_envelope *e, struct sip_msg *m, usec now, struct buf *storage, str *out)
{
	const struct overlay_envelope_setup *s = &e->setup;
	const struct overlay_peer *to = recipient(e, m);
	struct overlay_essentials essentials;
	char text[2 * ADDRESS_MAX];
	struct buf sealed;

	if (!to)
		/* An answer to a question that nobody signed, such as OPTIONS: without its body it harms nobody. */
		return m->is_request ? ERR_ABSENT : with_body(m, STR_NONE, STR_NONE, storage, out);
	enum err err = essentials_of(m, text, sizeof(text), &essentials);
	if (err)
		return err;
	buf_init_grow(&sealed, SIP_MSG_MAX);
	overlay_seal(&sealed, &essentials, to->seal_key, s->certificate, s->device, s->keys->key,
		     sip_msg_value(m, SIP_CONTENT_TYPE), m->body, s->rng, now);
	err = sealed.err ? sealed.err : with_body(m, STR(OVERLAY_SEALED_TYPE), buf_str(&sealed), storage, out);
	buf_free(&sealed);
	return err;
}

enum err overlay_envelope_close(struct overlay_envelope *e, str sip, usec now, struct buf *storage, str *out)
{
	struct arena arena;
	struct sip_msg m;
	enum err err = parse(e, sip, &arena, &m);

	if (!err && must_be_sealed(&m))
		err = close_msg(e, &m, now, storage, out);
	else if (!err)
		*out = m.text;
	arena_free(&arena);
	return err;
}

/* The From of a request, the To of an answer: is it the one who signed? */
static enum err check_sender(struct overlay_envelope *e, struct sip_msg *m, const struct overlay_letter *letter)
{
	struct overlay_name name;

	if (far_user(e, m, false, &name) != ERR_NONE ||
	    !str_eq(overlay_name_str(&letter->sender.name), overlay_name_str(&name)))
		return ERR_FORGED;
	return ERR_NONE;
}

static enum err open_letter(struct overlay_envelope *e, struct sip_msg *m, usec now, struct buf *clear,
			    struct overlay_letter *letter)
{
	const struct overlay_envelope_setup *s = &e->setup;
	static const uint8_t none[OVERLAY_KEY_N];
	str network = overlay_domain_str(&s->network->name);
	struct overlay_essentials essentials;
	char text[2 * ADDRESS_MAX];
	enum err err = essentials_of(m, text, sizeof(text), &essentials);

	if (!err)
		err = overlay_open(m->body, &essentials, s->keys, network, s->network->authority, now, clear, letter);
	if (err == ERR_ABSENT && memcmp(s->keys_before->key, none, sizeof(none)) != 0)
		err = overlay_open(m->body, &essentials, s->keys_before, network, s->network->authority, now, clear,
				   letter);
	if (!err)
		err = check_sender(e, m, letter);
	if (!err && !overlay_replay_new(&e->replay, m->body, letter->time, now))
		err = ERR_EXISTS;
	return err;
}

static enum err open_msg(struct overlay_envelope *e, struct sip_msg *m, usec now, struct buf *storage, str *out,
			 struct overlay_peer *peer)
{
	struct overlay_letter letter;
	struct buf clear;

	buf_init_grow(&clear, SIP_MSG_MAX);
	enum err err = open_letter(e, m, now, &clear, &letter);
	if (!err)
		err = with_body(m, letter.type, letter.content, storage, out);
	if (!err) {
		peer->name = letter.sender.name;
		memcpy(peer->device, letter.sender.device, OVERLAY_KEY_N);
		memcpy(peer->seal_key, letter.sender_seal_key, OVERLAY_KEY_N);
		remember(e, m, peer);
	}
	buf_free(&clear);
	return err;
}

enum err overlay_envelope_open(struct overlay_envelope *e, str sip, usec now, struct buf *storage, str *out,
			       struct overlay_peer *peer)
{
	struct arena arena;
	struct sip_msg m;
	enum err err = parse(e, sip, &arena, &m);

	if (!err && str_eq_nocase(sip_msg_value(&m, SIP_CONTENT_TYPE), STR(OVERLAY_SEALED_TYPE))) {
		err = open_msg(e, &m, now, storage, out, peer);
	} else if (!err && must_be_sealed(&m)) {
		err = ERR_REFUSED;
	} else if (!err) {
		*out = m.text;
		*peer = (struct overlay_peer){ 0 };
	}
	arena_free(&arena);
	return err;
}

static enum err reply(struct sip_msg *m, int status, str reason, struct buf *storage, str *out)
{
	const struct sip_reply r = { .status = status, .reason = reason, .to_tag = STR("tandem") };
	size_t from = storage->n;
	enum err err = sip_reply_write(m, &r, storage);

	if (!err)
		*out = str_of(storage->p + from, storage->n - from);
	return err;
}

enum err overlay_envelope_refuse(struct overlay_envelope *e, str sip, enum err why, struct buf *storage,
				 struct overlay_refused *out)
{
	struct overlay_refused refused = { 0 };
	struct arena arena;
	struct sip_msg m;
	enum err err = parse(e, sip, &arena, &m);

	if (!err && !m.is_request) {
		err = with_body(&m, STR_NONE, STR_NONE, storage, &refused.up);
	} else if (!err && m.method != SIP_ACK && why != ERR_EXISTS) {
		bool expired = why == ERR_EXPIRED || why == ERR_STATE;

		err = reply(&m, expired ? 403 : 493,
			    expired ? STR("Certificate Expired or Clock Wrong") : STR("Undecipherable"), storage,
			    &refused.back);
	}
	if (!err)
		*out = refused;
	arena_free(&arena);
	return err;
}
