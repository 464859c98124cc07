#include "pbx/crossed.h"

#include <stdlib.h>

/* An entry is 40 bits of a hash and, below, 24 bits of the time in milliseconds, which come round after 4 hours. */
#define TIME 0xffffffu

void pbx_crossed_init(struct pbx_crossed *c, struct rng *rng)
{
	*c = (struct pbx_crossed){ .rows = NULL };
	rng_fill(rng, c->key, sizeof(c->key));
}

void pbx_crossed_free(struct pbx_crossed *c)
{
	free(c->rows);
	c->rows = NULL;
}

static uint64_t age_ms(uint64_t entry, usec now)
{
	return ((uint64_t)(now / USEC_PER_MS) - entry) & TIME;
}

uint64_t pbx_crossed_name(const struct pbx_crossed *c, const struct host_event *e)
{
	return str_hash(e->bytes, (const uint64_t[2]){ c->key[0] ^ addr_hash(&e->remote, c->key), c->key[1] });
}

static bool is_of(uint64_t entry, uint64_t name, usec now)
{
	return entry && ((entry ^ name) & ~(uint64_t)TIME) == 0 && age_ms(entry, now) <= PBX_CROSSED_KEPT / USEC_PER_MS;
}

bool pbx_crossed_has(const struct pbx_crossed *c, uint64_t name, usec waited, usec now)
{
	const uint64_t *row = c->rows ? c->rows[name % PBX_CROSSED_ROWS] : NULL;

	for (size_t i = 0; row && i < PBX_CROSSED_ROW; i++)
		if (is_of(row[i], name, now))
			return age_ms(row[i], now) < (uint64_t)(waited / USEC_PER_MS);
	return false;
}

void pbx_crossed_note(struct pbx_crossed *c, uint64_t name, usec now)
{
	size_t oldest = 0;
	uint64_t *row;

	if (!c->rows && !(c->rows = calloc(PBX_CROSSED_ROWS, sizeof(*c->rows))))
		return;
	row = c->rows[name % PBX_CROSSED_ROWS];
	for (size_t i = 0; i < PBX_CROSSED_ROW; i++) {
		if (is_of(row[i], name, now)) {
			oldest = i;
			break;
		}
		if (row[oldest] && (!row[i] || age_ms(row[i], now) > age_ms(row[oldest], now)))
			oldest = i;
	}
	row[oldest] = (name & ~(uint64_t)TIME) | ((uint64_t)(now / USEC_PER_MS) & TIME);
}
