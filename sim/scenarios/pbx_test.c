/* Desk phones register at a PBX and call each other through it: loss, crossing BYEs, a killed server, several workers.
 */
#include "sim/scenarios/exchange_test.h"

static const struct sim_link rough = {
	.delay = 25000, .jitter = 10000, .loss_ppm = 50000, .duplicate_ppm = 5000, .reorder_ppm = 10000
};

struct office {
	struct sim *world;
	struct exchange pbx;
	struct phone a, b; /* 101, 102 */
};

static void wait_s(struct office *o, usec seconds)
{
	sim_run(o->world, sim_now(o->world) + seconds * USEC_PER_SEC);
}

static void open_office(struct office *o, uint64_t seed, const struct sim_link *link, unsigned worker_n,
			enum transport one, enum transport two)
{
	struct sim_setup setup = scenario_setup(seed);
	setup.sizes_only = true;
	memset(o, 0, sizeof(*o));
	o->world = sim_new(&setup);
	assert_non_null(o->world);
	sim_link_default(o->world, link);
	exchange_start(&o->pbx, o->world, addr_v4(203, 0, 113, 10, 0), worker_n);
	exchange_account(&o->pbx, "101", "secret of 101");
	exchange_account(&o->pbx, "102", "secret of 102");
	exchange_phone(&o->pbx, &o->a, "101", "secret of 101", addr_v4(192, 0, 2, 101, 0), one, 440);
	exchange_phone(&o->pbx, &o->b, "102", "secret of 102", addr_v4(192, 0, 2, 102, 0), two, 1000);
	o->a.listens_for_hz = 1000;
	o->b.listens_for_hz = 440;
	o->b.answers = true;
	o->b.answers_after = USEC_PER_SEC;
	wait_s(o, 20);
	assert_int_equal(o->a.ready, 1);
	assert_int_equal(o->b.ready, 1);
}

static void close_office(struct office *o)
{
	sim_free(o->world);
	phone_free(&o->a);
	phone_free(&o->b);
	exchange_free(&o->pbx);
}

static void talk(struct office *o)
{
	o->a.heard = o->b.heard = 0;
	o->a.ended = o->b.ended = o->a.answered = 0;
	phone_dial(&o->a, "102");
	wait_s(o, 20);
	assert_int_equal(o->a.answered, 1);
	phone_hang_up(&o->a);
	wait_s(o, 40);
	assert_int_equal(o->a.ended, 1);
	assert_int_equal(o->b.ended, 1);
	assert_true(o->a.heard > 400);
	assert_true(o->b.heard > 400);
}

static void two_phones_register_and_talk_through_the_pbx_over_a_rough_link(void **state)
{
	struct office o;
	usec span = 0;
	(void)state;
	open_office(&o, 31, &rough, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	talk(&o);
	assert_true(exchange_records(&o.pbx, &span) >= 1);
	assert_in_range(span, 10 * USEC_PER_SEC, 30 * USEC_PER_SEC);
	close_office(&o);
}

static void every_pair_of_transports_goes_together(void **state)
{
	(void)state;
	for (enum transport one = TRANSPORT_UDP; one <= TRANSPORT_WSS; one++) {
		for (enum transport two = TRANSPORT_UDP; two <= TRANSPORT_WSS; two++) {
			struct office o;
			open_office(&o, 32, &sim_link_plain, 1, one, two);
			talk(&o);
			close_office(&o);
		}
	}
}

static void several_workers_are_one_pbx(void **state)
{
	(void)state;
	for (unsigned workers = 2; workers <= 4; workers++) {
		struct office o;
		open_office(&o, 33 + workers, &rough, workers, TRANSPORT_UDP, TRANSPORT_TCP);
		talk(&o);
		talk(&o);
		close_office(&o);
	}
}

static void byes_that_cross_end_the_call_everywhere(void **state)
{
	struct office o;
	(void)state;
	open_office(&o, 34, &sim_link_plain, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	phone_dial(&o.a, "102");
	wait_s(&o, 5);
	assert_int_equal(o.a.answered, 1);
	phone_hang_up(&o.a);
	phone_hang_up(&o.b);
	wait_s(&o, 60);
	assert_int_equal(o.a.ended, 1);
	assert_int_equal(o.b.ended, 1);
	struct pbx_server_stats stats;
	pbx_server_stats(o.pbx.workers[0], &stats);
	assert_int_equal(stats.jobs, 0);
	close_office(&o);
}

static void a_killed_server_still_knows_where_the_phones_are(void **state)
{
	struct office o;
	(void)state;
	open_office(&o, 35, &sim_link_plain, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	exchange_kill_and_restart(&o.pbx, 2 * USEC_PER_SEC);
	wait_s(&o, 1);
	/* Neither has registered again: that is a matter of minutes. */
	struct pbx_server_stats stats;
	pbx_server_stats(o.pbx.workers[0], &stats);
	assert_int_equal(stats.registrations, 0);
	assert_int_equal(stats.contacts, 2);
	talk(&o);
	close_office(&o);
}

static void a_call_lives_through_the_death_of_the_server(void **state)
{
	struct office o;
	(void)state;
	open_office(&o, 36, &sim_link_plain, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	phone_dial(&o.a, "102");
	wait_s(&o, 5);
	assert_int_equal(o.a.answered, 1);
	exchange_kill_and_restart(&o.pbx, 2 * USEC_PER_SEC);
	wait_s(&o, 5);
	unsigned heard = o.a.heard;
	wait_s(&o, 5);
	assert_true(o.a.heard > heard + 200); /* media does not pass through it */
	phone_hang_up(&o.b);                  /* the BYE finds its way by the signed Record-Route */
	wait_s(&o, 40);
	assert_int_equal(o.a.ended, 1);
	assert_int_equal(o.b.ended, 1);
	close_office(&o);
}

static void phones_over_tls_are_back_after_the_server_was_killed(void **state)
{
	struct office o;
	(void)state;
	open_office(&o, 37, &rough, 1, TRANSPORT_TLS, TRANSPORT_TCP);
	exchange_kill_and_restart(&o.pbx, 5 * USEC_PER_SEC);
	wait_s(&o, 300);
	talk(&o);
	close_office(&o);
}

static void who_cannot_be_had_is_said_with_the_right_status(void **state)
{
	struct office o;
	struct phone wrong;
	(void)state;
	open_office(&o, 38, &sim_link_plain, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	phone_dial(&o.a, "199");
	wait_s(&o, 10);
	assert_int_equal(o.a.facts.status, 404);
	o.b.rejects = 486;
	phone_dial(&o.a, "102");
	wait_s(&o, 10);
	assert_int_equal(o.a.facts.status, 486);
	assert_int_equal(o.a.cause, CALL_BUSY);
	sim_host_kill(o.b.host, true);
	phone_dial(&o.a, "102");
	wait_s(&o, 60);
	assert_int_equal(o.a.ended, 3);
	assert_int_equal(o.a.answered, 0);
	exchange_phone(&o.pbx, &wrong, "102", "not the secret", addr_v4(192, 0, 2, 103, 0), TRANSPORT_UDP, 300);
	wait_s(&o, 30);
	assert_int_equal(wrong.ready, 0);
	assert_true(wrong.down >= 1);
	sim_host_kill(wrong.host, false);
	phone_free(&wrong);
	close_office(&o);
}

static void a_caller_who_gives_up_stops_the_ringing(void **state)
{
	struct office o;
	(void)state;
	open_office(&o, 39, &rough, 1, TRANSPORT_UDP, TRANSPORT_UDP);
	o.b.answers = false;
	phone_dial(&o.a, "102");
	wait_s(&o, 5);
	assert_int_equal(o.b.incoming, 1);
	phone_hang_up(&o.a);
	wait_s(&o, 40);
	assert_int_equal(o.a.ended, 1);
	assert_int_equal(o.b.ended, 1);
	assert_int_equal(o.b.cause, CALL_CANCELLED);
	close_office(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_phones_register_and_talk_through_the_pbx_over_a_rough_link),
		cmocka_unit_test(every_pair_of_transports_goes_together),
		cmocka_unit_test(several_workers_are_one_pbx),
		cmocka_unit_test(byes_that_cross_end_the_call_everywhere),
		cmocka_unit_test(a_killed_server_still_knows_where_the_phones_are),
		cmocka_unit_test(a_call_lives_through_the_death_of_the_server),
		cmocka_unit_test(phones_over_tls_are_back_after_the_server_was_killed),
		cmocka_unit_test(who_cannot_be_had_is_said_with_the_right_status),
		cmocka_unit_test(a_caller_who_gives_up_stops_the_ringing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
