#include "pbx/repeat.h"

#include <stdlib.h>

/* An entry is 48 bits of a hash and, below, 16 bits of the time in seconds, which come round after 18 hours. */
#define SECONDS 0xffffu

void pbx_repeats_init(struct pbx_repeats *r, struct rng *rng)
{
	*r = (struct pbx_repeats){ .rows = NULL };
	rng_fill(rng, r->key, sizeof(r->key));
}

void pbx_repeats_free(struct pbx_repeats *r)
{
	free(r->rows);
	r->rows = NULL;
}

static uint64_t chain(const struct pbx_repeats *r, uint64_t so_far, str s)
{
	return str_hash(s, (const uint64_t[2]){ r->key[0] ^ so_far, r->key[1] });
}

/* 17.2.3, and the source: nobody else learns what was answered. */
static uint64_t name_of(const struct pbx_repeats *r, enum pbx_repeat_kind kind, struct sip_msg *m,
			const struct flow *flow)
{
	const struct sip_via *via = sip_msg_via(m);
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	const struct sip_address *to = sip_msg_to(m);
	uint64_t h = addr_hash(&flow->remote, r->key) + flow->transport;

	h = chain(r, h + (uint64_t)kind, via ? sip_via_is_unique(via) ? via->branch : via->text : STR_NONE);
	h = chain(r, h + (cseq ? cseq->number : 0), sip_msg_call_id(m));
	/* A repeat is not judged again, so it must be about the same address. */
	h = chain(r, h, to ? to->uri.text : STR_NONE);
	return h & ~(uint64_t)SECONDS;
}

static uint64_t *row_of(const struct pbx_repeats *r, uint64_t name)
{
	return r->rows[(name >> 16) % PBX_REPEAT_ROWS];
}

static uint64_t age(uint64_t entry, usec now)
{
	return ((uint64_t)(now / USEC_PER_SEC) - entry) & SECONDS;
}

static bool is_recent(uint64_t entry, uint64_t name, usec now)
{
	return entry && (entry & ~(uint64_t)SECONDS) == name && age(entry, now) <= PBX_REPEAT_KEPT / USEC_PER_SEC;
}

bool pbx_repeats_note(struct pbx_repeats *r, enum pbx_repeat_kind kind, struct sip_msg *m, const struct flow *flow,
		      usec now)
{
	uint64_t name = name_of(r, kind, m, flow), *row;
	size_t oldest = 0;

	if (!r->rows && !(r->rows = calloc(PBX_REPEAT_ROWS, sizeof(*r->rows))))
		return false;
	row = row_of(r, name);
	for (size_t i = 0; i < PBX_REPEAT_ROW; i++) {
		if (is_recent(row[i], name, now))
			return true;
		if (row[oldest] && (!row[i] || age(row[i], now) > age(row[oldest], now)))
			oldest = i;
	}
	row[oldest] = name | ((uint64_t)(now / USEC_PER_SEC) & SECONDS);
	return true;
}

bool pbx_repeats_has(const struct pbx_repeats *r, enum pbx_repeat_kind kind, struct sip_msg *m, const struct flow *flow,
		     usec now)
{
	if (!r->rows)
		return false;
	uint64_t name = name_of(r, kind, m, flow);
	const uint64_t *row = row_of(r, name);

	for (size_t i = 0; i < PBX_REPEAT_ROW; i++)
		if (is_recent(row[i], name, now))
			return true;
	return false;
}
