#include "overlay/link.h"

#include "overlay/test.h"

struct fixture {
	struct overlay_outbox out;
	struct rng rng;
	struct overlay_server servers[2];
	struct overlay_link l;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	rng_seeded(&f.rng, 3);
	overlay_outbox_init(&f.out);
	assert_int_equal(overlay_server_parse(STR("192.0.2.1:5443"), &f.servers[0]), ERR_NONE);
	assert_int_equal(overlay_server_parse(STR("two.example:5444"), &f.servers[1]), ERR_NONE);
	memset(f.servers[1].pin, 0xab, OVERLAY_KEY_N);
	f.l = (struct overlay_link){
		.out = &f.out, .rng = &f.rng, .servers = f.servers, .server_n = 2, .stream_first = 8
	};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	overlay_link_free(&f->l);
	overlay_outbox_free(&f->out);
	return 0;
}

static struct host_want want(struct fixture *f)
{
	struct host_want w = { 0 };

	assert_true(overlay_outbox_next(&f->out, &w));
	return w;
}

static void closed(struct fixture *f, uint32_t id, usec now)
{
	overlay_link_recv(&f->l, &(struct host_event){ .kind = HOST_CLOSED, .id = id, .err = ERR_UNREACHABLE }, now);
}

static void the_next_server_is_tried_after_a_short_wait(void **state)
{
	struct fixture *f = *state;
	usec now = TEST_NOW;
	struct host_want w;

	overlay_link_start(&f->l, now);
	assert_int_equal(overlay_link_due(&f->l), now);
	overlay_link_tick(&f->l, now);
	w = want(f);
	assert_int_equal(w.kind, HOST_OPEN);
	assert_int_equal(w.remote.port, 5443);
	uint32_t first = w.id;
	assert_int_equal(
		overlay_link_recv(&f->l,
				  &(struct host_event){ .kind = HOST_CLOSED, .id = w.id, .err = ERR_UNREACHABLE }, now),
		OVERLAY_LINK_LOST);
	assert_int_equal(f->l.err, ERR_UNREACHABLE);
	assert_in_range(overlay_link_due(&f->l) - now, USEC_PER_SEC / 2, 3 * USEC_PER_SEC / 2);
	now = overlay_link_due(&f->l);
	overlay_link_tick(&f->l, now);
	w = want(f);
	assert_int_equal(w.kind, HOST_RESOLVE);
	assert_str(w.name, "two.example");
	struct addr addr = addr_v4(198, 51, 100, 7, 0);
	struct host_event e = { .kind = HOST_RESOLVED, .id = w.id, .addrs = &addr, .addr_n = 1 };
	overlay_link_recv(&f->l, &e, now);
	w = want(f);
	assert_int_equal(w.kind, HOST_OPEN);
	assert_int_equal(w.remote.ip[0], 198);
	assert_int_equal(w.remote.port, 5444);
	assert_int_not_equal(w.id, first);
	assert_true(str_starts(w.name, STR("sha256:abababab")));
}

static void a_stream_that_does_not_come_up_is_given_up(void **state)
{
	struct fixture *f = *state;

	overlay_link_start(&f->l, TEST_NOW);
	overlay_link_tick(&f->l, TEST_NOW);
	want(f);
	usec due = overlay_link_due(&f->l);
	assert_int_equal(due, TEST_NOW + 10 * USEC_PER_SEC);
	assert_int_equal(overlay_link_tick(&f->l, due), OVERLAY_LINK_LOST);
	assert_int_equal(want(f).kind, HOST_CLOSE);
	assert_int_equal(f->l.err, ERR_TIMEOUT);
}

static void what_a_dead_stream_still_says_is_not_heard(void **state)
{
	struct fixture *f = *state;
	struct host_event e = { .kind = HOST_OPENED };

	overlay_link_start(&f->l, TEST_NOW);
	overlay_link_tick(&f->l, TEST_NOW);
	e.id = want(f).id;
	assert_int_equal(overlay_link_recv(&f->l, &e, TEST_NOW), OVERLAY_LINK_OPENED);
	overlay_link_again(&f->l, 0, TEST_NOW);
	e.kind = HOST_BYTES;
	e.bytes = STR("\0\0\x0c\0\0\0\0\1");
	assert_int_equal(overlay_link_recv(&f->l, &e, TEST_NOW), OVERLAY_LINK_NOTHING);
	closed(f, e.id, TEST_NOW);
	assert_int_equal(f->l.stage, OVERLAY_LINK_WAITING);
}

static void eight_streams_whose_end_the_host_owes_us_are_enough(void **state)
{
	struct fixture *f = *state;
	struct host_want w;
	usec now = TEST_NOW;

	f->l.server_n = 1;
	for (int i = 0; i < OVERLAY_LINK_STREAMS; i++) {
		overlay_link_start(&f->l, now);
		overlay_link_tick(&f->l, now);
		assert_int_equal(want(f).kind, HOST_OPEN);
		overlay_link_stop(&f->l);
		assert_int_equal(want(f).kind, HOST_CLOSE);
	}
	overlay_link_start(&f->l, now);
	overlay_link_tick(&f->l, now);
	assert_false(overlay_outbox_next(&f->out, &w));
	closed(f, 8 + 3, now);
	now = overlay_link_due(&f->l);
	overlay_link_tick(&f->l, now);
	assert_int_equal(want(f).id, 8 + 3);
}

static void a_server_may_ask_for_a_longer_wait(void **state)
{
	struct fixture *f = *state;

	overlay_link_start(&f->l, TEST_NOW);
	overlay_link_tick(&f->l, TEST_NOW);
	overlay_link_again(&f->l, 500 * USEC_PER_SEC, TEST_NOW);
	assert_int_equal(overlay_link_due(&f->l), TEST_NOW + 500 * USEC_PER_SEC);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(the_next_server_is_tried_after_a_short_wait),
		WITH(a_stream_that_does_not_come_up_is_given_up),
		WITH(what_a_dead_stream_still_says_is_not_heard),
		WITH(eight_streams_whose_end_the_host_owes_us_are_enough),
		WITH(a_server_may_ask_for_a_longer_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
