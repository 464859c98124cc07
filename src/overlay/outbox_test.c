#include "overlay/outbox.h"

#include "overlay/test.h"
#include "store/keeper.h"

static void wants_come_out_in_order_with_their_bytes(void **state)
{
	struct overlay_outbox o;
	struct host_want w;
	char name[] = "server.example";

	(void)state;
	overlay_outbox_init(&o);
	overlay_outbox_put(&o, &(struct host_want){ .kind = HOST_OPEN, .id = 1, .name = str_from(name) });
	name[0] = 'X'; /* it was copied */
	assert_true(overlay_outbox_message(&o, 1, &(struct overlay_message){ .type = OVERLAY_PING, .id = 3 }));
	overlay_outbox_close(&o, 1);
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.kind, HOST_OPEN);
	assert_str(w.name, "server.example");
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.kind, HOST_WRITE);
	assert_int_equal(w.bytes.n, OVERLAY_HEAD_N);
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.kind, HOST_CLOSE);
	assert_false(overlay_outbox_next(&o, &w));
	overlay_outbox_free(&o);
}

static void a_message_that_breaks_its_bounds_leaves_nothing_behind(void **state)
{
	struct overlay_message bad = { .type = OVERLAY_STORE, .record_n = 1 };
	static char big[3000];
	struct overlay_outbox o;
	struct host_want w;

	(void)state;
	overlay_outbox_init(&o);
	bad.record[0] = str_of(big, sizeof(big));
	assert_false(overlay_outbox_message(&o, 1, &bad));
	assert_int_equal(o.dropped, 1);
	assert_true(overlay_outbox_message(&o, 1, &(struct overlay_message){ .type = OVERLAY_PONG, .id = 3 }));
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.bytes.n, OVERLAY_HEAD_N);
	assert_int_equal(w.bytes.p[2], OVERLAY_PONG);
	assert_false(overlay_outbox_next(&o, &w));
	overlay_outbox_free(&o);
}

static void whole_wants_are_dropped_when_it_is_full(void **state)
{
	static char sip[60000];
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = str_of(sip, sizeof(sip)) };
	struct overlay_outbox o;
	struct host_want w;
	size_t n = 0;

	(void)state;
	overlay_outbox_init(&o);
	while (overlay_outbox_message(&o, 1, &m))
		n++;
	assert_in_range(n, 60, 70); /* 4 MiB */
	assert_int_equal(o.dropped, 1);
	while (overlay_outbox_next(&o, &w)) {
		assert_int_equal(w.bytes.n, sizeof(sip) + OVERLAY_HEAD_N);
		n--;
	}
	assert_int_equal(n, 0);
	assert_true(overlay_outbox_message(&o, 1, &m)); /* drained, there is room again */
	overlay_outbox_free(&o);
}

static void a_want_whose_name_finds_no_room_is_dropped_whole(void **state)
{
	static char most[(4u << 20) - 8];
	struct overlay_outbox o;
	struct host_want w;

	(void)state;
	overlay_outbox_init(&o);
	overlay_outbox_put(
		&o,
		&(struct host_want){ .kind = HOST_OPEN, .bytes = str_of(most, sizeof(most)), .name = STR("too long") });
	overlay_outbox_put(&o, &(struct host_want){ .kind = HOST_OPEN,
						    .bytes = str_of(most, sizeof(most)),
						    .name = STR("too long!") });
	overlay_outbox_put(&o, &(struct host_want){ .kind = HOST_CLOSE, .id = 7 });
	assert_int_equal(o.dropped, 1);
	assert_true(overlay_outbox_next(&o, &w));
	assert_str(w.name, "too long");
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.kind, HOST_CLOSE);
	overlay_outbox_put(&o, &(struct host_want){ .kind = HOST_OPEN,
						    .bytes = str_of(most, sizeof(most)),
						    .name = STR("too long!") });
	assert_int_equal(o.dropped, 2);
	assert_int_equal(o.bytes.n, 0);
	overlay_outbox_free(&o);
}

static void questions_that_nobody_took_are_freed(void **state)
{
	const struct person_record person = { .name = STR("alice"), .password = STR("secret") };
	const struct keeper_ask ask = { .kind = KEEPER_PERSON_CHECK, .persons = &person, .n = 1 };
	struct overlay_outbox o;
	struct host_want w;

	(void)state;
	overlay_outbox_init(&o);
	assert_true(overlay_outbox_ask(&o, &ask));
	assert_true(overlay_outbox_ask(&o, &ask));
	assert_true(overlay_outbox_next(&o, &w));
	assert_int_equal(w.kind, HOST_ASK);
	keeper_ask_free(w.message);
	overlay_outbox_free(&o); /* and the second: the sanitizer watches */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_come_out_in_order_with_their_bytes),
		cmocka_unit_test(a_message_that_breaks_its_bounds_leaves_nothing_behind),
		cmocka_unit_test(whole_wants_are_dropped_when_it_is_full),
		cmocka_unit_test(a_want_whose_name_finds_no_room_is_dropped_whole),
		cmocka_unit_test(questions_that_nobody_took_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
