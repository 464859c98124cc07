#include "pbx/offer.h"

void pbx_offers_init(struct pbx_offers *o, struct rng *rng)
{
	*o = (struct pbx_offers){ .key = { 0 } };
	rng_fill(rng, o->key, sizeof(o->key));
}

/* Seen to give up at a challenge that they cannot answer, wherever it stands. */
static bool gives_up(const struct sip_msg *m)
{
	static const str known[] = { STR_INIT("baresip v0."), STR_INIT("baresip v1.") };
	str agent = sip_msg_value(m, SIP_USER_AGENT);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_starts_nocase(agent, known[i]))
			return true;
	return false;
}

/* Without the port: a connection that is made anew has another. */
static uint64_t who_is(const struct pbx_offers *o, struct sip_msg *m, const struct addr *source)
{
	const struct sip_address *from = sip_msg_from(m);
	struct addr host = *source;
	uint64_t key[2] = { o->key[0], o->key[1] };

	host.port = 0;
	key[0] ^= addr_hash(&host, o->key);
	return str_hash(from ? from->uri.text : STR_NONE, key) | 1;
}

static size_t place_of(uint64_t who)
{
	return (size_t)((who >> 1) % PBX_OFFERS_MAX);
}

bool pbx_offers_simple(struct pbx_offers *o, struct sip_msg *m, const struct addr *source, usec now)
{
	if (gives_up(m))
		return true;
	uint64_t who = who_is(o, m, source);
	struct pbx_offer *e = &o->table[place_of(who)];
	usec ago = now - e->at;

	if (e->who != who || ago > (e->simple ? PBX_OFFER_KEPT : PBX_OFFER_BACK)) {
		*e = (struct pbx_offer){ .who = who, .at = now };
		return false;
	}
	if (!e->simple && ago < PBX_OFFER_SOON)
		return false;
	e->simple = true;
	e->at = now;
	return true;
}

bool pbx_offers_told(const struct pbx_offers *o, struct sip_msg *m, const struct addr *source)
{
	uint64_t who = who_is(o, m, source);
	const struct pbx_offer *e = &o->table[place_of(who)];

	return gives_up(m) || (e->who == who && e->simple);
}

void pbx_offers_answered(struct pbx_offers *o, struct sip_msg *m, const struct addr *source, usec now)
{
	uint64_t who = who_is(o, m, source);
	struct pbx_offer *e = &o->table[place_of(who)];

	if (e->who != who)
		return;
	if (e->simple)
		e->at = now;
	else
		e->who = 0;
}
