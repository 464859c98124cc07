#include "pbx/server_parts.h"
#include "pbx/test_rig.h"

static struct addr phone(unsigned i)
{
	return rig_addr((uint8_t)(20 + i), 5060);
}

/* All of them in one turn, that is not over yet. */
static void register_all(unsigned n, unsigned cseq)
{
	char user[8], lines[80];

	rig_.reading = true;
	for (unsigned i = 0; i < n; i++) {
		snprintf(user, sizeof(user), "2%02u", i);
		snprintf(lines, sizeof(lines), "Contact: <sip:%s@192.0.2.%u>\r\n", user, 20 + i);
		rig_register_once(phone(i), user, cseq, lines);
	}
	rig_.reading = false;
}

static void the_changes_of_a_turn_are_one_question(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	register_all(30, 1);
	assert_int_equal(rig_.asked_n, 0);
	assert_int_equal(rig_.services[0].due(rig_.services[0].self), 0); /* asked as soon as nothing else is read */
	rig_settle();
	assert_int_equal(rig_.asked_n, 1);
	assert_int_equal(keeper_ask_weight(rig_.asked[0]), 30);
	assert_int_equal(rig_waiting(), 0);
	rig_.hold = false;
	rig_settle();
	for (unsigned i = 0; i < 30; i++)
		rig_assert_start(rig_take(phone(i)), "SIP/2.0 200 ");
}

static void each_of_them_hears_when_they_cannot_be_kept(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	register_all(5, 1);
	rig_.keeper_err = ERR_FULL;
	rig_settle();
	for (unsigned i = 0; i < 5; i++)
		rig_assert_start(rig_take(phone(i)), "SIP/2.0 503 ");
	rig_.keeper_err = ERR_NONE;
	rig_register_once(phone(3), "203", 2, "");
	rig_assert_start(rig_take(phone(3)), "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "Contact:"));
}

static void who_waits_behind_is_in_a_later_question(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	register_all(3, 1);
	register_all(3, 2); /* the same three, in the same turn */
	rig_settle();
	assert_int_equal(rig_.asked_n, 1);
	assert_int_equal(keeper_ask_weight(rig_.asked[0]), 3);
	rig_.hold = false;
	rig_settle();
	for (unsigned i = 0; i < 6; i++)
		rig_assert_start(rig_take(phone(i % 3)), "SIP/2.0 200 ");
	assert_int_equal(rig_.asked_n, 0);
}

static void a_turn_that_brings_too_many_asks_twice(void **state)
{
	struct contact_record row = { .aor = STR("sip:x@example.com"), .key = STR("k"), .expires = RIG_START * 2 };
	struct pbx_verdict v = { .put = { row }, .put_n = 1 };
	size_t n = 0;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	for (unsigned i = 0; i < 2 * CONTACT_BATCH_MAX; i++)
		assert_int_equal(pbx_batch_add(rig_.servers[0], &v, NULL, rig_.now), ERR_NONE);
	rig_settle();
	assert_in_range(rig_.asked_n, 2, 4);
	for (size_t i = 0; i < rig_.asked_n; i++)
		n += keeper_ask_weight(rig_.asked[i]);
	assert_int_equal(n, 2 * CONTACT_BATCH_MAX);
	rig_.hold = false;
	rig_settle();
}

/* Two changes of one address; the first one's batch is full and cannot be asked; the second one's begins the next. */
static void who_waits_behind_a_batch_that_cannot_be_asked_is_heard(void **state)
{
	struct contact_record row = { .aor = STR("sip:x@example.com"), .key = STR("k"), .expires = RIG_START * 2 };
	struct pbx_verdict v = { .put = { row }, .put_n = 1 };
	struct pbx_server *s;
	struct host_want w;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	s = rig_.servers[0];
	rig_.reading = true;
	rig_register_once(phone(0), "200", 1, "Contact: <sip:200@192.0.2.20>\r\n");
	rig_register_once(phone(0), "200", 2, "Contact: <sip:200@192.0.2.20>\r\n");
	while (s->turn->changes.n < CONTACT_BATCH_MAX - 2 * PBX_CONTACTS_MAX)
		assert_int_equal(pbx_batch_add(s, &v, NULL, rig_.now), ERR_NONE);
	while (pbx_server_want(s)) /* no room to ask */
		s->wants[s->want_n - 1].want.kind = HOST_UNBIND;
	assert_int_equal(pbx_batch_add(s, &v, NULL, rig_.now), ERR_NONE);
	while (rig_.services[0].next(rig_.services[0].self, &w))
		rig_want(0, &w);
	rig_.reading = false;
	rig_settle();
	rig_assert_start(rig_take(phone(0)), "SIP/2.0 500 ");
	rig_assert_start(rig_take(phone(0)), "SIP/2.0 200 ");
	assert_int_equal(s->ops.n, 0);
	assert_int_equal(s->batches.n, 0);
}

static void what_nobody_waits_for_is_passed_over_when_the_others_are_kept(void **state)
{
	struct contact_record row = { .aor = STR("sip:x@example.com"), .key = STR("k"), .expires = RIG_START * 2 };
	struct pbx_verdict v = { .put = { row }, .put_n = 1, .remove = { row }, .remove_n = 1 };

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.reading = true;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pbx_batch_add(rig_.servers[0], &v, NULL, rig_.now), ERR_NONE);
		register_all(1 + i, 1 + i);
		rig_.reading = true;
	}
	rig_.reading = false;
	rig_settle();
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 4 - i; k++) {
			rig_assert_start(rig_take(phone(i)), "SIP/2.0 200 ");
			rig_assert_has(rig_.text, "Contact: <sip:20");
		}
	}
}

static void a_server_that_stops_asks_what_it_has(void **state)
{
	struct host_event e = { .kind = HOST_STOPPING };

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	register_all(2, 1);
	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	struct host_want w;
	while (rig_.services[0].next(rig_.services[0].self, &w))
		rig_want(0, &w);
	assert_int_equal(rig_.asked_n, 1);
	assert_int_equal(keeper_ask_weight(rig_.asked[0]), 2);
	rig_.hold = false;
	rig_settle();
}

static int set_up(void **state)
{
	(void)state;
	rig_init();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_end();
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_changes_of_a_turn_are_one_question),
		CASE(each_of_them_hears_when_they_cannot_be_kept),
		CASE(who_waits_behind_is_in_a_later_question),
		CASE(a_turn_that_brings_too_many_asks_twice),
		CASE(who_waits_behind_a_batch_that_cannot_be_asked_is_heard),
		CASE(what_nobody_waits_for_is_passed_over_when_the_others_are_kept),
		CASE(a_server_that_stops_asks_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
