/* Two companies with a PBX each, found by DNS (RFC 3263): each domain has two servers, the better one of which is dead.
 * Calls between them go through; the stated bound is PBX's half second of silence before the next server is tried.
 */
#include "sim/scenarios/exchange_test.h"

#define BOUND (800 * USEC_PER_MS) /* 500 ms of silence, names (3 times 5 ms), the links */

struct company {
	struct exchange pbx;
	struct phone phone; /* 101 */
	struct sim_host *dead;
};

struct country {
	struct sim *world;
	struct company a, b;
};

static void name_server(struct sim *world, const char *domain, uint16_t priority, const char *host, struct addr at)
{
	char service[60], name[60];
	struct host_record naptr = { .priority = 10, .weight = 10, .flags = STR("s"), .service = STR("SIP+D2U") };
	struct host_record srv = { .priority = priority, .weight = 1, .port = 5060 };
	snprintf(service, sizeof(service), "_sip._udp.%s", domain);
	snprintf(name, sizeof(name), "%s.%s", host, domain);
	naptr.target = str_from(service);
	srv.target = str_from(name);
	if (priority == 0)
		assert_int_equal(sim_record_add(world, HOST_NAPTR, str_from(domain), &naptr), ERR_NONE);
	assert_int_equal(sim_record_add(world, HOST_SRV, str_from(service), &srv), ERR_NONE);
	assert_int_equal(sim_name_add(world, str_from(name), &at), ERR_NONE);
}

static void open_company(struct country *c, struct company *x, const char *domain, uint8_t net, double hz,
			 double hears_hz)
{
	struct addr dead = addr_v4(203, 0, net, 9, 0), live = addr_v4(203, 0, net, 10, 0);
	x->pbx.domain = str_from(domain);
	x->pbx.relay_any = true;
	exchange_start(&x->pbx, c->world, live, 1);
	x->dead = sim_host_new(c->world, "dead", &dead, 1);
	assert_non_null(x->dead);
	name_server(c->world, domain, 0, "dead", dead);
	name_server(c->world, domain, 1, "live", live);
	exchange_account(&x->pbx, "101", "secret");
	exchange_phone(&x->pbx, &x->phone, "101", "secret", addr_v4(192, 0, net, 101, 0), TRANSPORT_UDP, hz);
	x->phone.listens_for_hz = hears_hz;
	x->phone.answers = true;
	x->phone.answers_after = USEC_PER_SEC;
}

static void wait_ms(struct country *c, usec ms)
{
	sim_run(c->world, sim_now(c->world) + ms * USEC_PER_MS);
}

static void open_country(struct country *c, uint64_t seed)
{
	struct sim_setup setup = scenario_setup(seed);
	setup.sizes_only = true;
	memset(c, 0, sizeof(*c));
	c->world = sim_new(&setup);
	assert_non_null(c->world);
	open_company(c, &c->a, "a.example", 1, 440, 1000);
	open_company(c, &c->b, "b.example", 2, 1000, 440);
	wait_ms(c, 10000);
	assert_int_equal(c->a.phone.ready, 1);
	assert_int_equal(c->b.phone.ready, 1);
}

static void close_country(struct country *c)
{
	sim_free(c->world);
	phone_free(&c->a.phone);
	phone_free(&c->b.phone);
	exchange_free(&c->a.pbx);
	exchange_free(&c->b.pbx);
}

static bool rings(void *self)
{
	return ((struct phone *)self)->ringing > 0;
}

/* Calls, talks, hangs up; returns how long it took until it rang. */
static usec talk(struct country *c, struct phone *from, struct phone *to, const char *target)
{
	usec begun = sim_now(c->world), took;
	from->ringing = from->answered = from->ended = to->ended = to->incoming = from->heard = to->heard = 0;
	phone_dial(from, target);
	assert_true(sim_run_until(c->world, rings, from, begun + 40 * USEC_PER_SEC));
	took = sim_now(c->world) - begun;
	wait_ms(c, 8000);
	assert_int_equal(from->answered, 1);
	phone_hang_up(from);
	wait_ms(c, 40000);
	assert_int_equal(from->ended, 1);
	assert_int_equal(to->ended, 1);
	assert_int_equal(to->incoming, 1);
	assert_true(from->heard > 200);
	assert_true(to->heard > 200);
	return took;
}

static void calls_pass_a_silent_server(void **state)
{
	struct country c;
	(void)state;
	open_country(&c, 51);
	sim_host_kill(c.a.dead, true);
	sim_host_kill(c.b.dead, true);
	usec first = talk(&c, &c.a.phone, &c.b.phone, "sip:101@b.example");
	assert_in_range(first, 500 * USEC_PER_MS, BOUND);
	/* who was silent is avoided for a minute */
	assert_in_range(talk(&c, &c.a.phone, &c.b.phone, "sip:101@b.example"), 1, 300 * USEC_PER_MS);
	assert_in_range(talk(&c, &c.b.phone, &c.a.phone, "sip:101@a.example"), 1, BOUND);
	close_country(&c);
}

static void calls_pass_a_server_that_refuses(void **state)
{
	struct country c;
	(void)state;
	open_country(&c, 52);
	/* the machine is there, the program is not: its kernel says so at once */
	assert_in_range(talk(&c, &c.a.phone, &c.b.phone, "sip:101@b.example"), 1, 300 * USEC_PER_MS);
	close_country(&c);
}

static void who_is_not_there_is_said_in_time(void **state)
{
	struct country c;
	(void)state;
	open_country(&c, 53);
	phone_dial(&c.a.phone, "sip:101@nowhere.example");
	wait_ms(&c, 1000);
	assert_int_equal(c.a.phone.ended, 1);
	close_country(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_pass_a_silent_server),
		cmocka_unit_test(calls_pass_a_server_that_refuses),
		cmocka_unit_test(who_is_not_there_is_said_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
