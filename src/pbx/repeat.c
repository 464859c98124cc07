#include "pbx/repeat.h"

#include <stdlib.h>

/* An entry is 45 bits of a hash and, below, 3 bits of kind and 16 of the time in seconds, which come round after 18
 * hours. */
#define SECONDS 0xffffu
#define KIND    0x70000u
#define BELOW   (uint64_t)(SECONDS | KIND)

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

static uint64_t hash_apart(const struct pbx_repeats *r, const struct flow *flow, uint32_t cseq, const str parts[3])
{
	uint64_t h = addr_hash(&flow->remote, r->key) + flow->transport;

	h = chain(r, h, parts[0]);
	h = chain(r, h + cseq, parts[1]);
	return chain(r, h, parts[2]);
}

/* All of it in one stroke, where it is as short as usual: the lengths keep the parts apart. */
static uint64_t hash_joined(const struct pbx_repeats *r, const struct flow *flow, uint32_t cseq, const str parts[3])
{
	struct {
		uint32_t cseq, lengths[3];
		uint8_t ip[16];
		uint16_t port;
		uint8_t family, transport;
		char text[364];
	} all;
	char *at = all.text;

	all.cseq = cseq;
	all.port = flow->remote.port;
	all.family = flow->remote.family;
	all.transport = (uint8_t)flow->transport;
	memcpy(all.ip, flow->remote.ip, sizeof(all.ip));
	for (int i = 0; i < 3; at += parts[i++].n) {
		all.lengths[i] = (uint32_t)parts[i].n;
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
	}
	return str_hash(str_of((const char *)&all, (size_t)(at - (char *)&all)), r->key);
}

/* 17.2.3, and the source: nobody else learns what was answered. A repeat is not judged again, so it must be about the
 * same address. */
uint64_t pbx_repeats_name(const struct pbx_repeats *r, struct sip_msg *m, const struct flow *flow)
{
	const struct sip_via *via = sip_msg_via(m);
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	const struct sip_address *to = sip_msg_to(m);
	str parts[3] = { via ? sip_via_is_unique(via) ? via->branch : via->text : STR_NONE, sip_msg_call_id(m),
			 to ? to->uri.text : STR_NONE };
	uint32_t number = cseq ? cseq->number : 0;
	uint64_t h = parts[0].n + parts[1].n + parts[2].n <= 360 ? hash_joined(r, flow, number, parts)
								 : hash_apart(r, flow, number, parts);

	return (h & ~BELOW) | (BELOW + 1);
}

static uint64_t *row_of(const struct pbx_repeats *r, uint64_t name)
{
	return r->rows[(name >> 20) % PBX_REPEAT_ROWS];
}

static uint64_t age(uint64_t entry, usec now)
{
	return ((uint64_t)(now / USEC_PER_SEC) - entry) & SECONDS;
}

static bool is_recent(uint64_t entry, uint64_t name, usec now)
{
	return (entry & ~BELOW) == name && age(entry, now) <= PBX_REPEAT_KEPT / USEC_PER_SEC;
}

static uint64_t *find(const struct pbx_repeats *r, uint64_t name, usec now)
{
	uint64_t *row = r->rows ? row_of(r, name) : NULL;

	for (size_t i = 0; row && i < PBX_REPEAT_ROW; i++)
		if (is_recent(row[i], name, now))
			return &row[i];
	return NULL;
}

void pbx_repeats_expect(const struct pbx_repeats *r, uint64_t name)
{
	if (r->rows)
		__builtin_prefetch(row_of(r, name), 1);
}

enum pbx_repeat_kind pbx_repeats_find(const struct pbx_repeats *r, uint64_t name, usec now)
{
	const uint64_t *entry = find(r, name, now);

	return entry ? (enum pbx_repeat_kind)((*entry & KIND) >> 16) : PBX_REPEAT_NEW;
}

bool pbx_repeats_note(struct pbx_repeats *r, enum pbx_repeat_kind kind, uint64_t name, usec now)
{
	uint64_t *entry = find(r, name, now), *row;
	size_t oldest = 0;

	if (entry) {
		*entry = (*entry & ~(uint64_t)KIND) | (uint64_t)kind << 16;
		return true;
	}
	if (!r->rows && !(r->rows = calloc(PBX_REPEAT_ROWS, sizeof(*r->rows))))
		return false;
	row = row_of(r, name);
	for (size_t i = 0; i < PBX_REPEAT_ROW; i++)
		if (row[oldest] && (!row[i] || age(row[i], now) > age(row[oldest], now)))
			oldest = i;
	row[oldest] = name | (uint64_t)kind << 16 | ((uint64_t)(now / USEC_PER_SEC) & SECONDS);
	return true;
}
