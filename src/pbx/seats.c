#include "pbx/seats.h"

#include "base/heap.h"
#include "base/map.h"
#include "pbx/tally.h"

#include <stdlib.h>

#define DIALOGS     4 /* of a call that was forked; beyond, the call goes on until the last of these ends */
#define BYE_WAIT    (40 * USEC_PER_SEC) /* 32 s without an answer (timer F), and some */
#define EXPIRY_MORE (32 * USEC_PER_SEC) /* after the session's end; RFC 4028 10 ends it before */
#define PROLONG     (PBX_TALLY_LEASE / 3)
#define WORDS_MAX   (PBX_SEATS_MAX * 2u)

struct call {
	struct map_node node; /* by Call-ID */
	struct heap_item timer;
	handle self;
	uint64_t caller; /* hash of a tag, as are: */
	uint64_t dialogs[DIALOGS];
	uint8_t dialog_n, lease_n;
	usec longest, end, prolong;
	struct {
		uint64_t number, lease;
	} leases[PBX_SEATS_OF_CALL];
};

struct pbx_seats {
	struct slab calls;
	struct map by_id;
	struct heap timers;
	uint64_t key[2];
	struct pbx_seat_word *words; /* a list that is read from the front and emptied */
	size_t word_at, word_n, word_cap;
};

struct pbx_seats *pbx_seats_new(struct rng *rng)
{
	struct pbx_seats *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	slab_init(&s->calls, sizeof(struct call), PBX_SEATS_MAX);
	map_init(&s->by_id, PBX_SEATS_MAX);
	heap_init(&s->timers);
	rng_fill(rng, s->key, sizeof(s->key));
	return s;
}

void pbx_seats_free(struct pbx_seats *s)
{
	if (!s)
		return;
	slab_free(&s->calls);
	map_free(&s->by_id);
	heap_free(&s->timers);
	free(s->words);
	free(s);
}

/* ---- words ---- */

/* One that is lost for want of memory costs a limit PBX_TALLY_LEASE, or the lease, which the next prolonging renews. */
static void say(struct pbx_seats *s, bool drop, uint64_t number, uint64_t lease)
{
	if (s->word_n == s->word_cap) {
		size_t cap = s->word_cap ? 2 * s->word_cap : 64;
		struct pbx_seat_word *words = cap <= WORDS_MAX ? realloc(s->words, cap * sizeof(*words)) : NULL;

		if (!words)
			return;
		s->words = words;
		s->word_cap = cap;
	}
	s->words[s->word_n++] = (struct pbx_seat_word){ .drop = drop, .number = number, .lease = lease };
}

bool pbx_seats_next(struct pbx_seats *s, struct pbx_seat_word *out)
{
	if (s->word_at < s->word_n) {
		*out = s->words[s->word_at++];
		return true;
	}
	s->word_at = s->word_n = 0;
	return false;
}

/* ---- calls ---- */

static void arm(struct pbx_seats *s, struct call *c)
{
	/* Without memory for it the call's leases end by themselves, as nobody prolongs them. */
	(void)!heap_set(&s->timers, &c->timer, usec_min(c->end, c->prolong));
}

static void end_call(struct pbx_seats *s, struct call *c)
{
	for (size_t i = 0; i < c->lease_n; i++)
		say(s, true, c->leases[i].number, c->leases[i].lease);
	map_remove(&s->by_id, &c->node);
	heap_remove(&s->timers, &c->timer);
	slab_remove(&s->calls, c->self);
}

handle pbx_seats_add(struct pbx_seats *s, struct sip_msg *m, usec longest, usec now)
{
	const struct sip_address *from = sip_msg_from(m);
	handle self;
	struct call *c = slab_add(&s->calls, &self);

	if (!c)
		return 0;
	c->self = self;
	c->caller = str_hash(from ? from->tag : STR_NONE, s->key);
	c->longest = longest;
	c->end = now + longest;
	c->prolong = now + PROLONG;
	if (map_add(&s->by_id, &c->node, str_hash(sip_msg_call_id(m), s->key))) {
		slab_remove(&s->calls, self);
		return 0;
	}
	arm(s, c);
	return self;
}

bool pbx_seats_take(struct pbx_seats *s, handle h, uint64_t number, uint64_t lease)
{
	struct call *c = slab_find(&s->calls, h);

	if (!c || c->lease_n == PBX_SEATS_OF_CALL)
		return false;
	c->leases[c->lease_n].number = number;
	c->leases[c->lease_n++].lease = lease;
	return true;
}

void pbx_seats_give(struct pbx_seats *s, handle h, size_t n)
{
	struct call *c = slab_find(&s->calls, h);

	for (; c && n && c->lease_n; n--) {
		c->lease_n--;
		say(s, true, c->leases[c->lease_n].number, c->leases[c->lease_n].lease);
	}
}

void pbx_seats_end(struct pbx_seats *s, handle h)
{
	struct call *c = slab_find(&s->calls, h);

	if (c && !c->dialog_n)
		end_call(s, c);
}

size_t pbx_seats_n(const struct pbx_seats *s)
{
	return s->calls.n;
}

/* ---- messages ---- */

/* The call that a message belongs to, and the callee's tag in it. */
static struct call *find(struct pbx_seats *s, struct sip_msg *m, uint64_t *callee)
{
	const struct sip_address *from = sip_msg_from(m), *to = sip_msg_to(m);
	struct map_node *n = map_first(&s->by_id, str_hash(sip_msg_call_id(m), s->key));
	uint64_t from_tag, to_tag;

	if (!n || !from || !to)
		return NULL;
	from_tag = str_hash(from->tag, s->key);
	to_tag = str_hash(to->tag, s->key);
	for (; n; n = map_next(n)) {
		struct call *c = map_of(n, struct call, node);

		if (c->caller != from_tag && c->caller != to_tag)
			continue;
		*callee = c->caller == from_tag ? to_tag : from_tag;
		return c;
	}
	return NULL;
}

static size_t dialog_of(const struct call *c, uint64_t callee)
{
	size_t i = 0;

	while (i < c->dialog_n && c->dialogs[i] != callee)
		i++;
	return i;
}

/* RFC 4028: how long it lasts from this answer on. */
static void refresh(struct pbx_seats *s, struct call *c, struct sip_msg *m, usec now)
{
	str value = sip_msg_value(m, SIP_SESSION_EXPIRES);
	uint32_t seconds;

	c->end = now + c->longest;
	if (str_take_u32(&value, 86400 * 7, &seconds) && seconds > 0)
		c->end = usec_min(c->end, now + seconds * USEC_PER_SEC + EXPIRY_MORE);
	arm(s, c);
}

void pbx_seats_bye(struct pbx_seats *s, struct sip_msg *m, usec now)
{
	uint64_t callee = 0;
	struct call *c = find(s, m, &callee);

	if (!c || dialog_of(c, callee) == c->dialog_n || c->dialog_n > 1)
		return;
	c->end = usec_min(c->end, now + BYE_WAIT);
	arm(s, c);
}

static void answer_bye(struct pbx_seats *s, struct call *c, uint64_t callee, int status, usec now)
{
	size_t i = dialog_of(c, callee);

	if (i == c->dialog_n)
		return;
	if (status == 401 || status == 407) { /* it comes again, with a password */
		c->end = now + c->longest;
		arm(s, c);
		return;
	}
	c->dialogs[i] = c->dialogs[--c->dialog_n];
	if (!c->dialog_n)
		end_call(s, c);
}

void pbx_seats_answer(struct pbx_seats *s, struct sip_msg *m, usec now)
{
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	uint64_t callee = 0;
	struct call *c;

	if (m->status < 200 || !cseq ||
	    (cseq->method != SIP_INVITE && cseq->method != SIP_UPDATE && cseq->method != SIP_BYE))
		return;
	c = find(s, m, &callee);
	if (!c)
		return;
	if (cseq->method == SIP_BYE) {
		answer_bye(s, c, callee, m->status, now);
		return;
	}
	if (m->status >= 300)
		return;
	if (cseq->method == SIP_INVITE && dialog_of(c, callee) == c->dialog_n && c->dialog_n < DIALOGS)
		c->dialogs[c->dialog_n++] = callee;
	if (dialog_of(c, callee) < c->dialog_n)
		refresh(s, c, m, now);
}

/* ---- time ---- */

void pbx_seats_tick(struct pbx_seats *s, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&s->timers, now))) {
		struct call *c = map_of(item, struct call, timer);

		if (c->end <= now) {
			end_call(s, c);
			continue;
		}
		for (size_t i = 0; i < c->lease_n; i++)
			say(s, false, c->leases[i].number, c->leases[i].lease);
		c->prolong = now + PROLONG;
		arm(s, c);
	}
}

usec pbx_seats_due(const struct pbx_seats *s)
{
	return heap_due(&s->timers);
}
