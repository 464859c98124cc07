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

bool pbx_crossed_has(struct pbx_crossed *c, const struct host_event *e, usec now)
{
	uint64_t *row, name;
	size_t oldest = 0;

	if (e->waited < PBX_CROSSED_LATE)
		return false;
	if (!c->rows && !(c->rows = calloc(PBX_CROSSED_ROWS, sizeof(*c->rows))))
		return false;
	name = str_hash(e->bytes, (const uint64_t[2]){ c->key[0] ^ addr_hash(&e->remote, c->key), c->key[1] });
	row = c->rows[name % PBX_CROSSED_ROWS];
	name &= ~(uint64_t)TIME;
	for (size_t i = 0; i < PBX_CROSSED_ROW; i++) {
		if (row[i] && (row[i] & ~(uint64_t)TIME) == name &&
		    age_ms(row[i], now) <= PBX_CROSSED_KEPT / USEC_PER_MS) {
			if (age_ms(row[i], now) < (uint64_t)(e->waited / USEC_PER_MS))
				return true;
			oldest = i; /* its answer was lost: read anew */
			break;
		}
		if (row[oldest] && (!row[i] || age_ms(row[i], now) > age_ms(row[oldest], now)))
			oldest = i;
	}
	row[oldest] = name | ((uint64_t)(now / USEC_PER_MS) & TIME);
	return false;
}
