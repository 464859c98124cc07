/* Any answers to any search: every search ends, with places that have an address, a port and a transport of ours. */
#include "sip/locate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t eat(str *rest)
{
	uint8_t c = rest->n ? (uint8_t)*rest->p : 0;

	*rest = str_skip(*rest, 1);
	return c;
}

static str text(str *rest)
{
	str s = str_head(*rest, eat(rest));

	s = str_head(*rest, s.n);
	*rest = str_skip(*rest, s.n);
	return s;
}

static void answer(struct sip_locate *l, const struct host_want *w, str *rest, usec now)
{
	static const char *const services[] = { "SIP+D2U", "SIP+D2T", "SIPS+D2T", "sip+d2w", "" };
	struct host_event e = { .kind = HOST_RESOLVED, .id = w->id, .ttl_s = eat(rest) };
	struct host_record records[256];
	struct addr addrs[256];
	size_t n = eat(rest);

	e.err = n ? ERR_NONE : eat(rest) % 2 ? ERR_TIMEOUT : ERR_ABSENT;
	for (size_t i = 0; i < n; i++) {
		addrs[i] = addr_v4(eat(rest), 0, 2, 1, 0);
		if (eat(rest) % 2)
			addrs[i].family = 6;
		records[i] = (struct host_record){ .priority = eat(rest), .weight = eat(rest), .port = eat(rest) };
		records[i].service = str_from(services[eat(rest) % 5]);
		records[i].flags = eat(rest) % 2 ? STR("s") : text(rest);
		records[i].target = text(rest);
	}
	e.addrs = addrs;
	e.records = records;
	*(w->question == HOST_ADDRESSES ? &e.addr_n : &e.record_n) = n;
	sip_locate_recv(l, &e, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str rest = str_of((const char *)data, n);
	usec now = USEC_PER_SEC;
	struct rng rng;
	struct sip_locate_config c = { .rng = &rng, .transports = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS } };
	struct sip_locate_wish wish;
	struct host_want w;
	struct sip_found f;

	rng_seeded(&rng, eat(&rest));
	struct sip_locate *l = sip_locate_new(&c);
	if (!l)
		return 0;
	for (int i = 0; i < 8; i++) {
		uint8_t how = eat(&rest);

		wish = (struct sip_locate_wish){ .transport = how % 4 };
		wish.secure = how & 8;
		wish.port = how & 16 ? 5060 : 0;
		wish.host = text(&rest);
		handle h = sip_locate_find(l, &wish, 1, now);
		bool out = false;
		while (h && !(out = sip_locate_next(l, &f))) {
			if (sip_locate_want(l, &w)) {
				if (eat(&rest) % 8 != 7)
					answer(l, &w, &rest, now);
				continue;
			}
			now = sip_locate_due(l);
			if (now == USEC_NEVER)
				abort();
			sip_locate_tick(l, now);
		}
		if (out && (f.err == ERR_NONE) != (f.n > 0))
			abort();
		for (size_t k = 0; out && k < f.n; k++) {
			if (!f.places[k].addr.port || !f.places[k].addr.family || !f.places[k].transport ||
			    f.places[k].transport > TRANSPORT_TLS)
				abort();
			if (eat(&rest) % 2)
				sip_locate_failed(l, &f.places[k], now);
		}
	}
	sip_locate_free(l);
	return 0;
}
