#include "pbx/location.h"

#include "pbx/vocabulary.h"

#include <stdlib.h>

#define SLOTS_MIN   16
#define SWEEP_STEP  16384                             /* slots looked at in one go */
#define SWEEP_PAUSE (20 * USEC_PER_MS)                /* between two of these */
#define SWEEP_EACH  ((usec)16)                        /* of time between two sweeps, for each contact */
#define TICK(t)     ((uint64_t)(t)*64 / USEC_PER_SEC) /* times are kept to 1/64 s */
#define TIME(tick)  ((usec)((tick) * (USEC_PER_SEC / 64)))

/*
 * Behind the fixed part: address and URI, by which bindings are looked for, each behind its length; words of the
 * vocabulary as pointers; addresses, numbers; the lengths of the other texts that are there, and these.
 */
enum {
	HAS_KEY = 1, /* its own: nearly always the key is the URI */
	HAS_PARAMS = 2,
	HAS_INSTANCE = 4,
	HAS_PATH = 8,
	HAS_MACHINE = 16,
	HAS_AGENT_WORD = 32, /* the User-Agent is in the vocabulary; else a text */
	HAS_LOCAL_WORD = 64, /* so is the address it came to; else the bytes of it */
};

#define TEXTS 7

struct pbx_contact {
	uint32_t cseq;
	uint32_t ticks[3]; /* expires, updated, registered: 40 bits each */
	uint8_t ticks_high[3];
	uint8_t has;
	uint16_t q : 10, transport : 6;
	uint8_t bytes[];
};

enum { EXPIRES, UPDATED, REGISTERED };

/* Open addressing: a contact stands in the first free slot at or behind the one that its hash names. Whose hash is
 * another need not be looked at, which would be a line of memory that no cache holds. */
struct slot {
	uint32_t hash;
	struct pbx_contact *contact; /* NULL: free */
};

struct pbx_location {
	struct slot *slots;
	size_t slot_n, n, max; /* slot_n: a power of two */
	struct pbx_vocabulary *words;
	uint64_t key[2];
	usec sweep_at;     /* the next step; USEC_NEVER: nothing is there */
	usec swept, first; /* when the last sweep ended; the earliest end that it has seen so far */
	size_t at;         /* the slot where it goes on */
};

struct pbx_location *pbx_location_new(uint32_t max, struct rng *rng)
{
	struct pbx_location *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->max = max;
	l->slot_n = SLOTS_MIN;
	l->sweep_at = l->first = USEC_NEVER;
	l->slots = calloc(l->slot_n, sizeof(*l->slots));
	l->words = pbx_vocabulary_new(rng);
	rng_fill(rng, l->key, sizeof(l->key));
	if (l->slots && l->words)
		return l;
	pbx_location_free(l);
	return NULL;
}

void pbx_location_free(struct pbx_location *l)
{
	if (!l)
		return;
	for (size_t i = 0; l->slots && i < l->slot_n; i++)
		free(l->slots[i].contact);
	free(l->slots);
	pbx_vocabulary_free(l->words);
	free(l);
}

/* ---- a contact and its bytes ---- */

static void set_time(struct pbx_contact *c, int which, usec t)
{
	uint64_t tick = TICK(t > 0 ? t : 0);

	c->ticks[which] = (uint32_t)tick;
	c->ticks_high[which] = (uint8_t)(tick >> 32);
}

static usec get_time(const struct pbx_contact *c, int which)
{
	return TIME((uint64_t)c->ticks_high[which] << 32 | c->ticks[which]);
}

/* A number of at most 32 bits, seven a byte. */
static uint8_t *put_number(uint8_t *at, uint32_t n)
{
	for (; n > 127; n >>= 7)
		*at++ = (uint8_t)(n | 128);
	*at++ = (uint8_t)n;
	return at;
}

static const uint8_t *take_number(const uint8_t *at, uint32_t *out)
{
	uint32_t n = *at & 127;

	for (unsigned shift = 7; *at++ & 128; shift += 7)
		n |= (uint32_t)(*at & 127) << shift;
	*out = n;
	return at;
}

static uint8_t *put_addr(uint8_t *at, const struct addr *a)
{
	size_t n = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

	*at++ = a->family;
	if (!n)
		return at;
	memcpy(at, &a->port, 2);
	memcpy(at + 2, a->ip, n);
	return at + 2 + n;
}

static const uint8_t *take_addr(const uint8_t *at, struct addr *out)
{
	*out = (struct addr){ .family = *at++ };
	if (!out->family)
		return at;
	size_t n = out->family == 4 ? 4 : 16;
	memcpy(&out->port, at, 2);
	memcpy(out->ip, at + 2, n);
	return at + 2 + n;
}

static uint8_t *put_word(uint8_t *at, const struct pbx_word *w)
{
	memcpy(at, &w, sizeof(w));
	return at + sizeof(w);
}

static const uint8_t *take_word(const uint8_t *at, const struct pbx_word **w)
{
	memcpy(w, at, sizeof(*w));
	return at + sizeof(*w);
}

static uint8_t *put_text(uint8_t *at, str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

static const uint8_t *take_text(const uint8_t *at, str *out)
{
	uint32_t n;

	at = take_number(at, &n);
	*out = str_of((const char *)at, n);
	return at + n;
}

/* What of a record is kept how. */
struct plan {
	str texts[TEXTS]; /* those that are written behind the numbers */
	size_t text_n;
	uint8_t has;
	const struct pbx_word *agent, *local;
};

static void plan_text(struct plan *p, str s, uint8_t bit)
{
	if (bit && !s.n)
		return;
	p->has |= bit;
	p->texts[p->text_n++] = s;
}

static const uint8_t *skip_names(const struct pbx_contact *c)
{
	str text;

	return take_text(take_text(c->bytes, &text), &text);
}

/* The words of the one that it takes the place of, where they are the same still. */
static void plan_words(struct pbx_location *l, const struct pbx_contact *old, const struct contact_record *r,
		       struct plan *p)
{
	const uint8_t *at = old ? skip_names(old) : NULL;
	uint8_t local[32];
	str address = str_of((char *)local, (size_t)(put_addr(local, &r->local) - local));

	if (old && old->has & HAS_AGENT_WORD) {
		at = take_word(at, &p->agent);
		p->agent = str_eq(pbx_word_str(p->agent), r->user_agent) ? p->agent : NULL;
	}
	if (old && old->has & HAS_LOCAL_WORD) {
		take_word(at, &p->local);
		p->local = str_eq(pbx_word_str(p->local), address) ? p->local : NULL;
	}
	if (!p->agent)
		p->agent = pbx_vocabulary_put(l->words, r->user_agent);
	if (!p->local)
		p->local = pbx_vocabulary_put(l->words, address);
	p->has = (uint8_t)((p->agent ? HAS_AGENT_WORD : 0) | (p->local ? HAS_LOCAL_WORD : 0));
}

static void make_plan(struct pbx_location *l, const struct pbx_contact *old, const struct contact_record *r,
		      struct plan *p)
{
	p->text_n = 0;
	p->agent = p->local = NULL;
	plan_words(l, old, r, p);
	plan_text(p, r->call_id, 0);
	plan_text(p, str_eq(r->key, r->uri) ? STR_NONE : r->key, HAS_KEY);
	plan_text(p, r->params, HAS_PARAMS);
	plan_text(p, r->instance, HAS_INSTANCE);
	plan_text(p, r->path, HAS_PATH);
	plan_text(p, r->machine, HAS_MACHINE);
	if (!p->agent)
		plan_text(p, r->user_agent, 0);
}

#define HEAD_MAX (2 * sizeof(void *) + 2 * 19 + 5 * (TEXTS + 3))

static size_t number_size(size_t n)
{
	return n < 1u << 7 ? 1 : n < 1u << 14 ? 2 : 3; /* no text is longer than 64 kB */
}

/* May the block of `old` be written over with `n` bytes? Not where what is to be written lies in it (a binding put back
 * with another flow), and not where much of it would lie idle. */
static bool fits(const struct pbx_contact *old, const struct contact_record *r, size_t n)
{
	size_t size = pbx_contact_size(old);
	const char *from = (const char *)old;

	return n <= size && size - n < 16 && (r->aor.p < from || r->aor.p >= from + size);
}

/* In the place of `old`, or in its very block; the caller links it, and ends the old one where they differ. */
static struct pbx_contact *write_contact(struct pbx_location *l, struct pbx_contact *old,
					 const struct contact_record *r)
{
	uint8_t head[HEAD_MAX], *at = head;
	struct pbx_contact *c = NULL;
	size_t n, head_n;
	struct plan p;

	make_plan(l, old, r, &p);
	n = number_size(r->aor.n) + r->aor.n + number_size(r->uri.n) + r->uri.n;
	at = p.agent ? put_word(at, p.agent) : at;
	at = p.local ? put_word(at, p.local) : put_addr(at, &r->local);
	at = put_addr(at, &r->remote);
	at = put_number(at, r->flow_worker);
	at = put_number(at, r->flow_id);
	at = put_number(at, r->reg_id);
	for (size_t i = 0; i < p.text_n; i++) {
		at = put_number(at, (uint32_t)p.texts[i].n);
		n += p.texts[i].n;
	}
	head_n = (size_t)(at - head);
	n += offsetof(struct pbx_contact, bytes) + head_n;
	c = old && fits(old, r, n) ? old : malloc(n);
	if (!c)
		return NULL;
	c->cseq = r->cseq;
	c->has = p.has;
	c->q = (uint16_t)(r->q & 1023);
	c->transport = (uint16_t)(r->transport & 63);
	set_time(c, EXPIRES, r->expires);
	set_time(c, UPDATED, r->updated);
	set_time(c, REGISTERED, r->registered);
	at = put_text(put_number(c->bytes, (uint32_t)r->aor.n), r->aor);
	at = put_text(put_number(at, (uint32_t)r->uri.n), r->uri);
	at = put_text(at, str_of((const char *)head, head_n));
	for (size_t i = 0; i < p.text_n; i++)
		at = put_text(at, p.texts[i]);
	return c;
}

/* Its texts as they were written; behind them. */
static const uint8_t *read_contact(const struct pbx_contact *c, struct contact_record *r)
{
	str *const texts[TEXTS] = { &r->call_id,
				    c->has & HAS_KEY ? &r->key : NULL,
				    c->has & HAS_PARAMS ? &r->params : NULL,
				    c->has & HAS_INSTANCE ? &r->instance : NULL,
				    c->has & HAS_PATH ? &r->path : NULL,
				    c->has & HAS_MACHINE ? &r->machine : NULL,
				    c->has & HAS_AGENT_WORD ? NULL : &r->user_agent };
	const struct pbx_word *word;
	const uint8_t *at;
	uint32_t number, lengths[TEXTS];

	*r = (struct contact_record){ .cseq = c->cseq, .q = c->q, .transport = c->transport };
	at = take_text(c->bytes, &r->aor);
	at = take_text(at, &r->uri);
	if (c->has & HAS_AGENT_WORD) {
		at = take_word(at, &word);
		r->user_agent = pbx_word_str(word);
	}
	if (c->has & HAS_LOCAL_WORD) {
		at = take_word(at, &word);
		take_addr((const uint8_t *)word->text, &r->local);
	} else {
		at = take_addr(at, &r->local);
	}
	at = take_addr(at, &r->remote);
	at = take_number(at, &number);
	r->flow_worker = (uint16_t)number;
	at = take_number(at, &r->flow_id);
	at = take_number(at, &r->reg_id);
	for (int i = 0; i < TEXTS; i++)
		if (texts[i])
			at = take_number(at, &lengths[i]);
	for (int i = 0; i < TEXTS; i++) {
		if (!texts[i])
			continue;
		*texts[i] = str_of((const char *)at, lengths[i]);
		at += lengths[i];
	}
	if (!(c->has & HAS_KEY))
		r->key = r->uri;
	return at;
}

void pbx_contact_record(const struct pbx_contact *c, struct contact_record *out)
{
	(void)read_contact(c, out);
	out->expires = get_time(c, EXPIRES);
	out->updated = get_time(c, UPDATED);
	out->registered = get_time(c, REGISTERED);
}

static const uint8_t *skip_addr(const uint8_t *at)
{
	return at + (*at == 0 ? 1 : *at == 4 ? 7 : 19);
}

static unsigned texts_of(const struct pbx_contact *c)
{
	return 1 + !(c->has & HAS_AGENT_WORD) +
	       (unsigned)__builtin_popcount(c->has & (HAS_KEY | HAS_PARAMS | HAS_INSTANCE | HAS_PATH | HAS_MACHINE));
}

static const uint8_t *skip_words(const struct pbx_contact *c, const uint8_t *at)
{
	at += c->has & HAS_AGENT_WORD ? sizeof(struct pbx_word *) : 0;
	at = c->has & HAS_LOCAL_WORD ? at + sizeof(struct pbx_word *) : skip_addr(at);
	return skip_addr(at);
}

void pbx_contact_mark(const struct pbx_contact *c, struct pbx_contact_mark *out)
{
	const uint8_t *at;
	uint32_t number, call_n, key_n = 0;
	str uri;

	at = skip_words(c, take_text(take_text(c->bytes, &uri), &uri));
	for (int i = 0; i < 3; i++) /* worker, flow, reg-id */
		at = take_number(at, &number);
	at = take_number(at, &call_n);
	for (unsigned i = 1; i < texts_of(c); i++) {
		at = take_number(at, &number);
		key_n = i == 1 ? number : key_n; /* where it has one of its own, it stands behind the Call-ID */
	}
	out->call_id = str_of((const char *)at, call_n);
	out->key = c->has & HAS_KEY ? str_of((const char *)at + call_n, key_n) : uri;
	out->cseq = c->cseq;
	out->registered = get_time(c, REGISTERED);
}

size_t pbx_contact_size(const struct pbx_contact *c)
{
	const uint8_t *at = skip_words(c, skip_names(c));
	unsigned texts = texts_of(c);
	uint32_t number;
	size_t n = 0;

	for (int i = 0; i < 3; i++) /* worker, flow, reg-id */
		at = take_number(at, &number);
	for (; texts; texts--) {
		at = take_number(at, &number);
		n += number;
	}
	return (size_t)(at - (const uint8_t *)c) + n;
}

/* ---- the table ---- */

static size_t home_of(const struct pbx_location *l, uint32_t hash)
{
	return hash & (l->slot_n - 1);
}

static size_t behind(const struct pbx_location *l, size_t at)
{
	return (at + 1) & (l->slot_n - 1);
}

uint64_t pbx_location_hash(const struct pbx_location *l, str aor)
{
	return str_hash(aor, l->key);
}

void pbx_location_expect(const struct pbx_location *l, uint64_t hash)
{
	__builtin_prefetch(&l->slots[home_of(l, (uint32_t)hash)]);
}

void pbx_location_expect_more(const struct pbx_location *l, uint64_t hash)
{
	size_t at = home_of(l, (uint32_t)hash);

	while (l->slots[at].contact && l->slots[at].hash != (uint32_t)hash)
		at = behind(l, at);
	const char *c = (const char *)l->slots[at].contact;
	if (!c)
		return;
	__builtin_prefetch(c, 1);
	__builtin_prefetch(c + 64, 1);
	__builtin_prefetch(c + 128, 1);
}

/* It is known that there is room. */
static void insert(struct pbx_location *l, uint32_t hash, struct pbx_contact *c)
{
	size_t at = home_of(l, hash);

	while (l->slots[at].contact)
		at = behind(l, at);
	l->slots[at] = (struct slot){ hash, c };
}

/* Three quarters full at most. false: no memory, and no room either. */
static bool grow(struct pbx_location *l)
{
	struct slot *old = l->slots, *slots;
	size_t old_n = l->slot_n;

	if (l->n < old_n / 4 * 3)
		return true;
	slots = calloc(2 * old_n, sizeof(*slots));
	if (!slots)
		return l->n + 1 < old_n;
	l->slots = slots;
	l->slot_n = 2 * old_n;
	for (size_t i = 0; i < old_n; i++)
		if (old[i].contact)
			insert(l, old[i].hash, old[i].contact);
	free(old);
	l->at = 0; /* a sweep begins again */
	return true;
}

/* The slot of the next contact of this address, at or behind `at`; a free one: there is none. */
static size_t next_of(const struct pbx_location *l, size_t at, uint32_t hash, str aor)
{
	str own;

	for (; l->slots[at].contact; at = behind(l, at)) {
		if (l->slots[at].hash != hash)
			continue;
		(void)take_text(l->slots[at].contact->bytes, &own);
		if (str_eq(own, aor))
			break;
	}
	return at;
}

static size_t first_of(const struct pbx_location *l, uint32_t hash, str aor)
{
	return next_of(l, home_of(l, hash), hash, aor);
}

static bool has_key(const struct pbx_contact *c, str key)
{
	struct contact_record r;

	if (!(c->has & HAS_KEY)) {
		(void)take_text(take_text(c->bytes, &r.aor), &r.uri);
		return str_eq(r.uri, key);
	}
	(void)read_contact(c, &r);
	return str_eq(r.key, key);
}

/* Frees the slot; who stands behind it for want of room in front moves up. */
static void vacate(struct pbx_location *l, size_t at)
{
	size_t mask = l->slot_n - 1;

	for (size_t i = behind(l, at); l->slots[i].contact; i = behind(l, i)) {
		if (((i - home_of(l, l->slots[i].hash)) & mask) < ((i - at) & mask))
			continue; /* it may not stand there: that is in front of where it begins */
		l->slots[at] = l->slots[i];
		if (at < l->at) /* the sweep under way may have passed where it stands now */
			l->first = usec_min(l->first, get_time(l->slots[i].contact, EXPIRES));
		at = i;
	}
	l->slots[at].contact = NULL;
	l->n--;
}

static void forget(struct pbx_location *l, size_t at)
{
	free(l->slots[at].contact);
	vacate(l, at);
	if (l->n == 0) {
		l->sweep_at = l->first = USEC_NEVER;
		l->at = 0;
	}
}

static bool is_too_long(const struct contact_record *r)
{
	return r->aor.n > PBX_AOR_MAX || r->key.n > UINT16_MAX || r->uri.n > UINT16_MAX || r->params.n > UINT16_MAX ||
	       r->call_id.n > UINT16_MAX || r->instance.n > UINT16_MAX || r->path.n > UINT16_MAX ||
	       r->user_agent.n > UINT16_MAX || r->machine.n > UINT16_MAX;
}

/* When the next sweep may begin, where nothing ends earlier. */
static usec pause_end(const struct pbx_location *l)
{
	return usec_add(l->swept, (usec)l->n * SWEEP_EACH);
}

static void wake_for(struct pbx_location *l, usec expires)
{
	l->first = usec_min(l->first, expires);
	if (l->at == 0) /* not in the midst of one */
		l->sweep_at = l->first > pause_end(l) ? l->first : pause_end(l);
}

enum err pbx_location_put(struct pbx_location *l, const struct contact_record *r, usec now)
{
	size_t others;

	return pbx_location_put_hashed(l, r, pbx_location_hash(l, r->aor), now, &others);
}

enum err pbx_location_put_hashed(struct pbx_location *l, const struct contact_record *r, uint64_t full, usec now,
				 size_t *others)
{
	uint32_t hash = (uint32_t)full;
	struct pbx_contact *old = NULL, *c;
	size_t n = 0, old_at = 0;

	if (r->expires <= now)
		return ERR_EXPIRED;
	if (is_too_long(r))
		return ERR_LIMIT;
	for (size_t at = first_of(l, hash, r->aor); (c = l->slots[at].contact);
	     at = next_of(l, behind(l, at), hash, r->aor)) {
		if (has_key(c, r->key)) {
			old = c;
			old_at = at;
		} else {
			n += get_time(c, EXPIRES) > now;
		}
	}
	if (n >= PBX_CONTACTS_MAX || (!old && l->n >= l->max))
		return ERR_FULL;
	c = !old && !grow(l) ? NULL : write_contact(l, old, r);
	if (!c)
		return ERR_MEMORY;
	if (!old) {
		insert(l, hash, c);
		l->n++;
	} else if (c != old) {
		l->slots[old_at].contact = c;
		free(old);
	}
	wake_for(l, r->expires);
	*others = n;
	return ERR_NONE;
}

void pbx_location_remove(struct pbx_location *l, str aor, str key)
{
	uint32_t hash = (uint32_t)pbx_location_hash(l, aor);
	size_t at = first_of(l, hash, aor);

	while (l->slots[at].contact && !has_key(l->slots[at].contact, key))
		at = next_of(l, behind(l, at), hash, aor);
	if (l->slots[at].contact)
		forget(l, at);
}

static bool comes_before(const struct pbx_contact *a, const struct pbx_contact *b)
{
	return a->q != b->q ? a->q > b->q : get_time(a, UPDATED) > get_time(b, UPDATED);
}

size_t pbx_location_find(const struct pbx_location *l, str aor, usec now, const struct pbx_contact *list[])
{
	return pbx_location_find_hashed(l, aor, pbx_location_hash(l, aor), now, list);
}

size_t pbx_location_find_hashed(const struct pbx_location *l, str aor, uint64_t full, usec now,
				const struct pbx_contact *list[])
{
	uint32_t hash = (uint32_t)full;
	const struct pbx_contact *c;
	size_t n = 0;

	for (size_t slot = first_of(l, hash, aor); n < PBX_CONTACTS_MAX && (c = l->slots[slot].contact);
	     slot = next_of(l, behind(l, slot), hash, aor)) {
		size_t at = n;

		if (get_time(c, EXPIRES) <= now)
			continue;
		/* of the same moment, the one that was put later */
		for (; at && !comes_before(list[at - 1], c); at--)
			list[at] = list[at - 1];
		list[at] = c;
		n++;
	}
	return n;
}

/* ---- what has expired ---- */

static void sweep_slot(struct pbx_location *l, size_t at, usec now)
{
	struct pbx_contact *c;

	while ((c = l->slots[at].contact)) { /* who moves up is looked at as well */
		usec end = get_time(c, EXPIRES);

		if (end > now) {
			l->first = usec_min(l->first, end);
			return;
		}
		free(c);
		vacate(l, at);
	}
}

void pbx_location_tick(struct pbx_location *l, usec now)
{
	if (now < l->sweep_at)
		return;
	if (l->at == 0)
		l->first = USEC_NEVER;
	for (size_t step = 0; step < SWEEP_STEP && l->at < l->slot_n; step++, l->at++)
		sweep_slot(l, l->at, now);
	if (l->at < l->slot_n) {
		l->sweep_at = usec_add(now, SWEEP_PAUSE);
		return;
	}
	l->at = 0;
	l->swept = now;
	l->sweep_at = l->n == 0 ? USEC_NEVER : l->first > pause_end(l) ? l->first : pause_end(l);
}

usec pbx_location_due(const struct pbx_location *l)
{
	return l->sweep_at;
}

size_t pbx_location_n(const struct pbx_location *l)
{
	return l->n;
}

uint16_t pbx_location_shard(str aor, uint16_t worker_n)
{
	static const uint64_t key[2] = { 0x7368617264206f66u, 0x20616f7273203120u };

	return worker_n > 1 ? (uint16_t)(str_hash(aor, key) % worker_n) : 0;
}
