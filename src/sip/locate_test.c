#include "sip/locate.h"

#include "base/test.h"

#include <stdio.h>

/* What the name server knows, as text: "NAPTR name order pref flags service replacement", "SRV name prio weight
 * port target", "A name address"; an answer "SILENT name" never comes. */
struct server {
	struct sip_locate *l;
	struct rng rng;
	const char *const *zone;
	usec now;
	uint32_t ttl_s;
	unsigned asked;
	struct host_want silent[8];
	unsigned silent_n;
};

static void start(struct server *s, const char *const *zone, const enum transport *transports)
{
	struct sip_locate_config c = { .id_first = 7, .rng = &s->rng };

	*s = (struct server){ .zone = zone, .now = USEC_PER_SEC, .ttl_s = 60 };
	for (size_t i = 0; transports[i]; i++)
		c.transports[i] = transports[i];
	rng_seeded(&s->rng, 1);
	s->l = sip_locate_new(&c);
	assert_non_null(s->l);
}

static const enum transport all[] = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, 0 };

static str word(str *rest)
{
	str head, tail;

	(void)str_split(*rest, ' ', &head, &tail);
	*rest = tail;
	return head;
}

static uint16_t number(str *rest)
{
	uint32_t n = 0;

	assert_true(str_u32(word(rest), 65535, &n));
	return (uint16_t)n;
}

static void answer(struct server *s, const struct host_want *w)
{
	static const str kinds[] = { STR_INIT("A"), STR_INIT("SRV"), STR_INIT("NAPTR") };
	struct host_event e = { .kind = HOST_RESOLVED, .id = w->id, .ttl_s = s->ttl_s };
	struct host_record records[64];
	struct addr addrs[16];

	s->asked++;
	for (size_t i = 0; s->zone[i]; i++) {
		str line = str_from(s->zone[i]), kind = word(&line), name = word(&line);

		if (!str_eq_nocase(name, w->name))
			continue;
		if (str_eq(kind, STR("SILENT")) && s->silent_n < 8) {
			s->silent[s->silent_n++] = *w;
			return;
		}
		if (!str_eq(kind, kinds[w->question]))
			continue;
		if (w->question == HOST_ADDRESSES) {
			assert_int_equal(addr_parse_ip(line, &addrs[e.addr_n++]), ERR_NONE);
			continue;
		}
		struct host_record r = { .priority = number(&line), .weight = number(&line) };
		if (w->question == HOST_SRV) {
			r.port = number(&line);
		} else {
			r.flags = word(&line);
			r.service = word(&line);
		}
		r.target = line;
		records[e.record_n++] = r;
	}
	e.addrs = addrs;
	e.records = records;
	e.err = e.addr_n || e.record_n ? ERR_NONE : ERR_ABSENT;
	sip_locate_recv(s->l, &e, s->now);
}

/* Every question up to the list. */
static struct sip_found settle(struct server *s)
{
	struct sip_found found = { .err = ERR_STATE };
	struct host_want w;

	for (int i = 0; i < 1000 && !sip_locate_next(s->l, &found); i++) {
		if (sip_locate_want(s->l, &w)) {
			answer(s, &w);
			continue;
		}
		assert_true(sip_locate_due(s->l) < USEC_NEVER);
		s->now = sip_locate_due(s->l);
		sip_locate_tick(s->l, s->now);
	}
	assert_int_not_equal(found.err, ERR_STATE);
	return found;
}

static struct sip_found find(struct server *s, const char *text)
{
	struct sip_locate_wish w;
	struct sip_uri uri;

	assert_int_equal(sip_uri_parse(str_from(text), &uri), ERR_NONE);
	assert_int_equal(sip_locate_wish_uri(&uri, &w), ERR_NONE);
	assert_true(sip_locate_find(s->l, &w, 42, s->now) != 0);
	return settle(s);
}

/* "UDP 192.0.2.1:5060, TCP ..." */
static void assert_places(const struct sip_found *f, const char *expected)
{
	char text[1500];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	for (size_t i = 0; i < f->n; i++) {
		buf_put(&b, i ? STR(", ") : STR(""));
		buf_put(&b, transport_name(f->places[i].transport));
		buf_put_char(&b, ' ');
		addr_write(&f->places[i].addr, &b);
	}
	buf_put_char(&b, '\0');
	assert_string_equal(text, expected);
}

static void assert_finds(const char *const *zone, const enum transport *transports, const char *uri,
			 const char *expected)
{
	struct server s;
	start(&s, zone, transports);
	struct sip_found f = find(&s, uri);

	assert_places(&f, expected);
	assert_int_equal(f.cookie, 42);
	assert_int_equal(f.err == ERR_NONE, f.n > 0);
	sip_locate_free(s.l);
}

/* RFC 3263 4.1 and 4.2. */
static const char *const example[] = {
	"NAPTR example.com 50 50 s SIPS+D2T _sips._tcp.example.com",
	"NAPTR example.com 90 50 s SIP+D2T _sip._tcp.example.com",
	"NAPTR example.com 100 50 s SIP+D2U _sip._udp.example.com",
	"SRV _sips._tcp.example.com 0 1 5061 server1.example.com",
	"SRV _sips._tcp.example.com 1 1 5061 server2.example.com",
	"SRV _sip._tcp.example.com 0 1 5060 server1.example.com",
	"SRV _sip._tcp.example.com 1 2 5060 server2.example.com",
	"SRV _sip._udp.example.com 0 1 5070 server1.example.com",
	"A server1.example.com 192.0.2.1",
	"A server2.example.com 192.0.2.2",
	"A example.com 192.0.2.3",
	NULL,
};

static void naptr_names_the_transport_and_srv_the_servers(void **state)
{
	static const enum transport rfc[] = { TRANSPORT_TCP, TRANSPORT_UDP, 0 }; /* 4.1: "TCP and UDP, not TLS" */

	(void)state;
	assert_finds(example, rfc, "sip:user@example.com",
		     "TCP 192.0.2.1:5060, TCP 192.0.2.2:5060, UDP 192.0.2.1:5070");
	assert_finds(
		example, all, "sip:user@EXAMPLE.com.",
		"TLS 192.0.2.1:5061, TLS 192.0.2.2:5061, TCP 192.0.2.1:5060, TCP 192.0.2.2:5060, UDP 192.0.2.1:5070");
	assert_finds(example, all, "sips:user@example.com", "TLS 192.0.2.1:5061, TLS 192.0.2.2:5061");
}

static void a_given_transport_is_taken_without_naptr(void **state)
{
	(void)state;
	assert_finds(example, all, "sip:example.com;transport=udp", "UDP 192.0.2.1:5070");
	assert_finds(example, all, "sip:example.com;transport=tls", "TLS 192.0.2.1:5061, TLS 192.0.2.2:5061");
	assert_finds(example, all, "sips:example.com;transport=tcp", "TLS 192.0.2.1:5061, TLS 192.0.2.2:5061");
}

static void a_given_port_leads_past_srv(void **state)
{
	(void)state;
	assert_finds(example, all, "sip:example.com:5066", "UDP 192.0.2.3:5066");
	assert_finds(example, all, "sips:example.com:5067", "TLS 192.0.2.3:5067");
	assert_finds(example, all, "sip:example.com:5066;transport=tcp", "TCP 192.0.2.3:5066");
}

static void an_address_asks_nobody(void **state)
{
	struct server s;
	start(&s, example, all);
	struct sip_found f = find(&s, "sip:192.0.2.9");

	(void)state;
	assert_places(&f, "UDP 192.0.2.9:5060");
	f = find(&s, "sips:[2001:db8::1]");
	assert_places(&f, "TLS [2001:db8::1]:5061");
	f = find(&s, "sip:example.com:5;maddr=192.0.2.8;transport=tcp");
	assert_places(&f, "TCP 192.0.2.8:5");
	assert_int_equal(s.asked, 0);
	sip_locate_free(s.l);
}

static void maddr_is_looked_up_and_the_host_is_certified(void **state)
{
	struct sip_locate_wish w;
	struct sip_uri uri;

	(void)state;
	assert_finds(example, all, "sip:elsewhere.example;maddr=example.com;transport=udp", "UDP 192.0.2.1:5070");
	assert_int_equal(sip_uri_parse(STR("sips:bank.example;maddr=evil.example"), &uri), ERR_NONE);
	assert_int_equal(sip_locate_wish_uri(&uri, &w), ERR_NONE);
	assert_str(w.name, "bank.example");
	assert_str(w.host, "evil.example");
}

static void without_naptr_srv_of_each_transport_is_asked(void **state)
{
	static const char *const zone[] = { "SRV _sip._tcp.b.example 0 0 5062 h.b.example",
					    "SRV _sips._tcp.b.example 0 0 5063 h.b.example", "A h.b.example 192.0.2.5",
					    NULL };

	(void)state;
	assert_finds(zone, all, "sip:b.example", "TCP 192.0.2.5:5062");
	assert_finds(zone, all, "sips:b.example", "TLS 192.0.2.5:5063");
}

static void without_srv_the_address_is_taken(void **state)
{
	static const char *const zone[] = { "A c.example 192.0.2.6", NULL };

	(void)state;
	assert_finds(zone, all, "sip:c.example", "UDP 192.0.2.6:5060");
	assert_finds(zone, all, "sips:c.example", "TLS 192.0.2.6:5061");
	assert_finds(zone, all, "sip:c.example;transport=tcp", "TCP 192.0.2.6:5060");
}

static void what_makes_no_sense_in_naptr_is_passed_over(void **state)
{
	static const char *const zone[] = { "NAPTR d.example 1 1 u E2U+sip _sip._tcp.d.example",
					    "NAPTR d.example 1 2 s SIP+D2X _sip._tcp.d.example",
					    "NAPTR d.example 1 3 a SIP+D2T _sip._tcp.d.example",
					    "NAPTR d.example 2 9 S sip+d2u x.d.example",
					    "NAPTR d.example 3 1 s SIP+D2T _sip._tcp.d.example",
					    "SRV _sip._tcp.d.example 0 0 5060 h.d.example",
					    "SRV x.d.example 0 0 9 h.d.example",
					    "A h.d.example 192.0.2.7",
					    NULL };

	(void)state;
	assert_finds(zone, all, "sip:d.example", "UDP 192.0.2.7:9, TCP 192.0.2.7:5060");
}

static void a_root_target_says_there_is_no_such_service(void **state)
{
	static const char *const zone[] = { "SRV _sip._udp.e.example 0 0 0 ", "A e.example 192.0.2.9", NULL };
	struct server s;
	start(&s, zone, all);
	struct sip_found f = find(&s, "sip:e.example");

	(void)state;
	assert_int_equal(f.n, 0);
	assert_int_equal(f.err, ERR_ABSENT);
	sip_locate_free(s.l);
}

static void who_is_not_there_is_absent(void **state)
{
	static const char *const zone[] = { NULL };
	static const enum transport udp[] = { TRANSPORT_UDP, 0 };
	struct server s;
	start(&s, zone, udp);
	struct sip_found f = find(&s, "sip:nobody.example");

	(void)state;
	assert_int_equal(f.err, ERR_ABSENT);
	f = find(&s, "sips:nobody.example");
	assert_int_equal(f.err, ERR_UNSUPPORTED);
	f = find(&s, "sip:nobody.example;transport=tcp");
	assert_int_equal(f.err, ERR_UNSUPPORTED);
	sip_locate_free(s.l);
}

/* RFC 2782: of priority 0 weights 1 and 3; of priority 1 those of weight 0 nearly last. */
static void weights_share_the_load(void **state)
{
	static const char *const zone[] = { "SRV _sip._udp.w.example 0 1 1 a",
					    "SRV _sip._udp.w.example 0 3 3 b",
					    "SRV _sip._udp.w.example 1 0 9 c",
					    "SRV _sip._udp.w.example 1 9 8 d",
					    "A a 192.0.2.1",
					    "A b 192.0.2.3",
					    "A c 192.0.2.9",
					    "A d 192.0.2.8",
					    NULL };
	struct server s;
	start(&s, zone, all);
	unsigned first[10] = { 0 }, third[10] = { 0 };

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct sip_found f = find(&s, "sip:w.example;transport=udp");

		assert_int_equal(f.n, 4);
		first[f.places[0].addr.port]++;
		third[f.places[2].addr.port]++;
		assert_true(f.places[1].addr.port < 4);
	}
	assert_in_range(first[1], 1400, 1800); /* 0 .. 4 drawn, 0 and 1 are a's: 2 of 5, as RFC 2782 has it */
	assert_int_equal(first[1] + first[3], 4000);
	assert_in_range(third[9], 300, 500); /* 0 of 0 .. 9 */
	sip_locate_free(s.l);
}

static void families_take_turns(void **state)
{
	static const char *const zone[] = { "A f.example 2001:db8::1", "A f.example 2001:db8::2",
					    "A f.example 2001:db8::3", "A f.example 192.0.2.1",
					    "A f.example 192.0.2.2",   NULL };

	(void)state;
	assert_finds(zone, all, "sip:f.example:5060",
		     "UDP [2001:db8::1]:5060, UDP 192.0.2.1:5060, UDP [2001:db8::2]:5060, UDP 192.0.2.2:5060, UDP "
		     "[2001:db8::3]:5060");
}

static void the_dead_stand_last_for_a_minute(void **state)
{
	static const enum transport tcp[] = { TRANSPORT_TCP, 0 };
	struct server s;
	start(&s, example, tcp);
	struct sip_found f = find(&s, "sip:example.com");

	(void)state;
	assert_places(&f, "TCP 192.0.2.1:5060, TCP 192.0.2.2:5060");
	sip_locate_failed(s.l, &f.places[0], s.now);
	f = find(&s, "sip:example.com");
	assert_places(&f, "TCP 192.0.2.2:5060, TCP 192.0.2.1:5060");
	s.now += SIP_LOCATE_AVOID;
	f = find(&s, "sip:example.com");
	assert_places(&f, "TCP 192.0.2.1:5060, TCP 192.0.2.2:5060");
	sip_locate_failed(s.l, &f.places[0], s.now);
	sip_locate_works(s.l, &f.places[0]);
	f = find(&s, "sip:example.com");
	assert_places(&f, "TCP 192.0.2.1:5060, TCP 192.0.2.2:5060");
	sip_locate_free(s.l);
}

static void who_asks_to_be_left_alone_is_but_not_for_ever(void **state)
{
	static const char *const zone[] = { "A a.example 192.0.2.1", "A a.example 192.0.2.2", NULL };
	struct sip_place place;
	struct server s;

	(void)state;
	start(&s, zone, all);
	place = find(&s, "sip:a.example").places[0];
	sip_locate_rest(s.l, &place, 5 * USEC_PER_SEC, s.now);
	assert_true(sip_locate_is_avoided(s.l, &place, s.now + 4 * USEC_PER_SEC));
	assert_false(sip_locate_is_avoided(s.l, &place, s.now + 5 * USEC_PER_SEC));
	sip_locate_rest(s.l, &place, 4000000 * USEC_PER_SEC, s.now);
	assert_true(sip_locate_is_avoided(s.l, &place, s.now + SIP_LOCATE_REST_MAX - 1));
	assert_false(sip_locate_is_avoided(s.l, &place, s.now + SIP_LOCATE_REST_MAX));
	sip_locate_free(s.l);
}

static void the_list_of_the_dead_is_bounded(void **state)
{
	struct server s;
	start(&s, example, all);
	struct sip_place place = { .transport = TRANSPORT_UDP, .addr = addr_v4(192, 0, 2, 1, 0) };

	(void)state;
	for (unsigned i = 1; i <= SIP_LOCATE_DEAD + 1; i++) {
		place.addr.port = (uint16_t)i;
		sip_locate_failed(s.l, &place, s.now + i);
	}
	assert_true(sip_locate_is_avoided(s.l, &place, s.now));
	place.addr.port = 1; /* the one that ends first made room */
	assert_false(sip_locate_is_avoided(s.l, &place, s.now));
	place.addr.port = 2;
	assert_true(sip_locate_is_avoided(s.l, &place, s.now));
	sip_locate_free(s.l);
}

static void answers_are_kept_for_their_ttl(void **state)
{
	struct server s;
	start(&s, example, all);
	unsigned asked;

	(void)state;
	(void)find(&s, "sip:example.com");
	asked = s.asked;
	s.now += 59 * USEC_PER_SEC;
	(void)find(&s, "sip:example.com");
	assert_int_equal(s.asked, asked);
	s.now += USEC_PER_SEC;
	(void)find(&s, "sip:example.com");
	assert_int_equal(s.asked, 2 * asked);
	sip_locate_free(s.l);
}

static void one_question_serves_all_who_wait(void **state)
{
	static const char *const zone[] = { "A g.example 192.0.2.4", NULL };
	struct server s;
	start(&s, zone, all);
	struct sip_locate_wish wish = { .host = STR("g.example"), .port = 5060 };
	struct sip_found f;

	(void)state;
	for (uint64_t i = 0; i < SIP_LOCATE_SEARCHES; i++)
		assert_true(sip_locate_find(s.l, &wish, i, s.now) != 0);
	assert_true(sip_locate_find(s.l, &wish, 0, s.now) == 0); /* full */
	f = settle(&s);
	assert_int_equal(s.asked, 1);
	for (uint64_t i = 1; i < SIP_LOCATE_SEARCHES; i++) {
		assert_true(sip_locate_next(s.l, &f));
		assert_int_equal(f.cookie, i);
		assert_int_equal(f.n, 1);
	}
	assert_false(sip_locate_next(s.l, &f));
	sip_locate_free(s.l);
}

static void a_forgotten_search_says_nothing(void **state)
{
	struct server s;
	start(&s, example, all);
	struct sip_locate_wish wish = { .host = STR("example.com") };
	handle one = sip_locate_find(s.l, &wish, 1, s.now);
	struct sip_found f;

	(void)state;
	sip_locate_forget(s.l, one);
	wish.host = STR("192.0.2.1");
	one = sip_locate_find(s.l, &wish, 2, s.now);
	sip_locate_forget(s.l, one); /* also one whose list is there */
	sip_locate_forget(s.l, one);
	assert_false(sip_locate_next(s.l, &f));
	assert_true(sip_locate_find(s.l, &wish, 3, s.now) != 0);
	assert_true(sip_locate_next(s.l, &f));
	assert_int_equal(f.cookie, 3);
	assert_int_equal(sip_locate_due(s.l), USEC_NEVER);
	sip_locate_free(s.l);
}

static void a_silent_server_of_one_host_is_not_waited_for(void **state)
{
	static const char *const zone[] = { "SRV _sip._udp.h.example 0 0 1 slow.h.example",
					    "SRV _sip._udp.h.example 1 0 2 quick.h.example", "SILENT slow.h.example",
					    "A quick.h.example 192.0.2.2", NULL };
	struct server s;
	start(&s, zone, all);
	usec begun = s.now;
	struct sip_found f = find(&s, "sip:h.example;transport=udp");

	(void)state;
	assert_places(&f, "UDP 192.0.2.2:2");
	assert_int_equal(s.now - begun, SIP_LOCATE_STRAGGLERS);
	sip_locate_free(s.l);
}

static void a_server_silent_to_naptr_is_asked_for_srv(void **state)
{
	static const char *const zone[] = { "SILENT i.example", "SRV _sip._udp.i.example 0 0 5 j.example",
					    "A j.example 192.0.2.2", NULL };
	struct server s;
	start(&s, zone, all);
	usec begun = s.now;
	struct sip_found f = find(&s, "sip:i.example");

	(void)state;
	assert_places(&f, "UDP 192.0.2.2:5");
	assert_int_equal(s.now - begun, SIP_LOCATE_PATIENCE / 2);
	/* and nothing at all ends, too */
	f = find(&s, "sip:i.example:99");
	assert_int_equal(f.err, ERR_TIMEOUT);
	assert_int_equal(s.now - begun, SIP_LOCATE_PATIENCE / 2 + SIP_LOCATE_PATIENCE);
	sip_locate_free(s.l);
}

static void answers_that_nobody_asked_for_are_ignored(void **state)
{
	struct server s;
	start(&s, example, all);
	struct host_event e = { .kind = HOST_RESOLVED, .id = 7, .err = ERR_ABSENT };
	struct sip_found f;

	(void)state;
	sip_locate_recv(s.l, &e, s.now);
	e.id = 3;
	sip_locate_recv(s.l, &e, s.now);
	e.id = 7 + SIP_LOCATE_ANSWERS;
	sip_locate_recv(s.l, &e, s.now);
	f = find(&s, "sip:example.com;transport=udp");
	assert_places(&f, "UDP 192.0.2.1:5070");
	sip_locate_free(s.l);
}

static void more_names_than_are_kept_still_lead_somewhere(void **state)
{
	static const char *const zone[] = { "A k.example 192.0.2.2", NULL };
	struct server s;
	start(&s, zone, all);
	char text[60];

	(void)state;
	for (int i = 0; i < 3 * SIP_LOCATE_ANSWERS; i++) {
		snprintf(text, sizeof(text), "sip:n%d.example:5060", i);
		(void)find(&s, text);
	}
	struct sip_found f = find(&s, "sip:k.example:5060");
	assert_places(&f, "UDP 192.0.2.2:5060");
	sip_locate_free(s.l);
}

/* RFC 3263 5. */
static void an_answer_finds_its_way_by_sent_by(void **state)
{
	static const struct {
		const char *via, *places;
	} cases[] = {
		{ "SIP/2.0/TCP example.com;branch=z9hG4bK1", "TCP 192.0.2.1:5060, TCP 192.0.2.2:5060" },
		{ "SIP/2.0/TLS example.com;branch=z9hG4bK1", "TLS 192.0.2.1:5061, TLS 192.0.2.2:5061" },
		{ "SIP/2.0/UDP example.com:5099;branch=z9hG4bK1", "UDP 192.0.2.3:5099" },
		{ "SIP/2.0/UDP 192.0.2.44;branch=z9hG4bK1", "UDP 192.0.2.44:5060" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct server s;
		start(&s, example, all);
		struct sip_locate_wish w;
		struct sip_via via;

		assert_int_equal(sip_via_parse(str_from(cases[i].via), &via), ERR_NONE);
		assert_int_equal(sip_locate_wish_via(&via, &w), ERR_NONE);
		assert_true(sip_locate_find(s.l, &w, 42, s.now) != 0);
		struct sip_found f = settle(&s);
		assert_places(&f, cases[i].places);
		sip_locate_free(s.l);
	}
}

static void who_speaks_tls_alone_finds_it_by_naptr_and_by_nothing_else(void **state)
{
	static const char *const zone[] = { "NAPTR a.example 10 10 s SIPS+D2T _sips._tcp.a.example",
					    "NAPTR a.example 5 10 s SIP+D2U _sip._udp.a.example",
					    "SRV _sips._tcp.a.example 1 1 5061 h.example",
					    "SRV _sip._udp.a.example 1 1 5060 h.example",
					    "A h.example 192.0.2.5",
					    "A b.example 192.0.2.6",
					    NULL };
	static const enum transport tls[] = { TRANSPORT_TLS, 0 };
	struct sip_found found;
	struct server s;

	(void)state;
	start(&s, zone, tls);
	found = find(&s, "sip:u@a.example"); /* 4.1: a sip URI may go by TLS where the domain offers it */
	assert_int_equal(found.n, 1);
	assert_int_equal(found.places[0].transport, TRANSPORT_TLS);
	assert_int_equal(find(&s, "sip:u@b.example").err, ERR_UNSUPPORTED);
	assert_int_equal(find(&s, "sip:u@192.0.2.6").err, ERR_UNSUPPORTED);
	assert_int_equal(find(&s, "sips:u@b.example").n, 1);
	sip_locate_free(s.l);
}

static void what_is_no_way_is_unsupported(void **state)
{
	static const char *const bad[] = { "tel:+123", "sip:a.example;transport=carrier-pigeon" };
	struct sip_locate_wish w;
	struct sip_uri uri;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(sip_uri_parse(str_from(bad[i]), &uri), ERR_NONE);
		assert_int_equal(sip_locate_wish_uri(&uri, &w), ERR_UNSUPPORTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naptr_names_the_transport_and_srv_the_servers),
		cmocka_unit_test(a_given_transport_is_taken_without_naptr),
		cmocka_unit_test(a_given_port_leads_past_srv),
		cmocka_unit_test(an_address_asks_nobody),
		cmocka_unit_test(maddr_is_looked_up_and_the_host_is_certified),
		cmocka_unit_test(without_naptr_srv_of_each_transport_is_asked),
		cmocka_unit_test(without_srv_the_address_is_taken),
		cmocka_unit_test(what_makes_no_sense_in_naptr_is_passed_over),
		cmocka_unit_test(a_root_target_says_there_is_no_such_service),
		cmocka_unit_test(who_is_not_there_is_absent),
		cmocka_unit_test(weights_share_the_load),
		cmocka_unit_test(families_take_turns),
		cmocka_unit_test(the_dead_stand_last_for_a_minute),
		cmocka_unit_test(who_asks_to_be_left_alone_is_but_not_for_ever),
		cmocka_unit_test(the_list_of_the_dead_is_bounded),
		cmocka_unit_test(answers_are_kept_for_their_ttl),
		cmocka_unit_test(one_question_serves_all_who_wait),
		cmocka_unit_test(a_forgotten_search_says_nothing),
		cmocka_unit_test(a_silent_server_of_one_host_is_not_waited_for),
		cmocka_unit_test(a_server_silent_to_naptr_is_asked_for_srv),
		cmocka_unit_test(answers_that_nobody_asked_for_are_ignored),
		cmocka_unit_test(more_names_than_are_kept_still_lead_somewhere),
		cmocka_unit_test(an_answer_finds_its_way_by_sent_by),
		cmocka_unit_test(what_is_no_way_is_unsupported),
		cmocka_unit_test(who_speaks_tls_alone_finds_it_by_naptr_and_by_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
