#include "pbx/seats.h"

#include "base/test.h"
#include "pbx/tally.h"

#include <stdio.h>

#define SECOND  USEC_PER_SEC
#define START   (INT64_C(1795428000) * SECOND)
#define LONGEST (12 * 3600 * SECOND)

static struct rng rng;
static struct pbx_seats *s;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 5);
	s = pbx_seats_new(&rng);
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pbx_seats_free(s);
	return 0;
}

static struct sip_msg *message(const char *start, const char *call_id, const char *from, const char *to,
			       const char *method, const char *lines)
{
	char text[1500];
	struct sip_msg *m;

	snprintf(text, sizeof(text),
		 "%s\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=%s\r\nTo: <sip:b@x>%s%s\r\n"
		 "Call-ID: %s\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
		 start, from, *to ? ";tag=" : "", to, call_id, method, lines);
	m = sip_msg_new(str_from(text));
	assert_non_null(m);
	return m;
}

static handle begin(const char *call_id, usec now)
{
	struct sip_msg *m = message("INVITE sip:b@x SIP/2.0", call_id, "a", "", "INVITE", "");
	handle h = pbx_seats_add(s, m, LONGEST, now);

	sip_msg_free(m);
	assert_true(h != 0);
	return h;
}

static void answer(const char *call_id, int status, const char *from, const char *to, const char *method,
		   const char *lines, usec now)
{
	char start[60];
	struct sip_msg *m;

	snprintf(start, sizeof(start), "SIP/2.0 %d X", status);
	m = message(start, call_id, from, to, method, lines);
	pbx_seats_answer(s, m, now);
	sip_msg_free(m);
}

static void bye(const char *call_id, const char *from, const char *to, usec now)
{
	struct sip_msg *m = message("BYE sip:b@x SIP/2.0", call_id, from, to, "BYE", "");

	pbx_seats_bye(s, m, now);
	sip_msg_free(m);
}

/* "-7 " dropped, "+7 " prolonged. */
static const char *said(void)
{
	static char text[200];
	struct pbx_seat_word w;
	size_t n = 0;

	text[0] = '\0';
	while (pbx_seats_next(s, &w))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%u ", w.drop ? '-' : '+', (unsigned)w.number);
	return text;
}

static void a_call_that_is_not_answered_gives_its_seats_back(void **state)
{
	handle h = begin("c", START);

	(void)state;
	assert_true(pbx_seats_take(s, h, 7, 1));
	assert_true(pbx_seats_take(s, h, 8, 2));
	answer("c", 486, "a", "b", "INVITE", "", START);
	assert_string_equal(said(), "");
	pbx_seats_end(s, h);
	assert_string_equal(said(), "-7 -8 ");
	assert_int_equal(pbx_seats_n(s), 0);
	pbx_seats_end(s, h);
	assert_string_equal(said(), "");
	assert_int_equal(pbx_seats_due(s), USEC_NEVER);
}

static void an_answered_call_keeps_them_until_its_bye_is_answered(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "", START);
	pbx_seats_end(s, h); /* the INVITE's job is over; the call is not */
	assert_string_equal(said(), "");
	bye("c", "a", "b", START + SECOND);
	assert_string_equal(said(), "");
	answer("c", 200, "a", "b", "BYE", "", START + SECOND);
	assert_string_equal(said(), "-7 ");
}

static void the_callee_may_hang_up_too(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "", START);
	answer("c", 481, "b", "a", "BYE", "", START + SECOND);
	assert_string_equal(said(), "-7 ");
}

static void a_bye_that_is_not_of_the_dialog_frees_nothing(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	bye("c", "a", "b", START); /* not answered yet */
	answer("c", 200, "a", "b", "INVITE", "", START);
	bye("c", "a", "wrong", START);
	answer("c", 481, "a", "wrong", "BYE", "", START);
	answer("c", 481, "wrong", "b", "BYE", "", START);
	answer("c", 481, "b", "wrong", "BYE", "", START);
	answer("d", 200, "a", "b", "BYE", "", START);
	bye("c", "a", "", START);
	answer("c", 481, "a", "x", "BYE", "", START);
	assert_string_equal(said(), "");
	pbx_seats_tick(s, START + 60 * SECOND);
	assert_int_equal(pbx_seats_n(s), 1);
}

static void a_bye_that_nobody_answers_frees_them_after_its_time(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "", START);
	bye("c", "b", "a", START);
	pbx_seats_tick(s, START + 39 * SECOND);
	assert_string_equal(said(), "");
	pbx_seats_tick(s, START + 40 * SECOND);
	assert_string_equal(said(), "-7 ");
}

static void a_bye_that_is_asked_for_a_password_ends_nothing_yet(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "", START);
	bye("c", "a", "b", START);
	answer("c", 407, "a", "b", "BYE", "", START);
	pbx_seats_tick(s, START + 60 * SECOND);
	assert_int_equal(pbx_seats_n(s), 1);
}

static void forked_answers_are_over_when_the_last_is(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b1", "INVITE", "", START);
	answer("c", 200, "a", "b2", "INVITE", "", START);
	answer("c", 200, "a", "b1", "INVITE", "", START); /* again */
	answer("c", 200, "a", "b1", "BYE", "", START);
	assert_string_equal(said(), "");
	answer("c", 200, "a", "b2", "BYE", "", START);
	assert_string_equal(said(), "-7 ");
}

static void a_call_that_is_not_refreshed_is_over(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "Session-Expires: 90;refresher=uac\r\n", START);
	pbx_seats_tick(s, START + 60 * SECOND);
	answer("c", 200, "b", "a", "UPDATE", "Session-Expires: 90;refresher=uas\r\n", START + 60 * SECOND);
	pbx_seats_tick(s, START + 181 * SECOND);
	assert_int_equal(pbx_seats_n(s), 1);
	pbx_seats_tick(s, START + 182 * SECOND);
	assert_string_equal(said(), "-7 ");
}

static void without_a_timer_the_longest_call_ends_it(void **state)
{
	handle h = begin("c", START);
	usec now = START;

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	answer("c", 200, "a", "b", "INVITE", "Session-Expires: 4294967295\r\n", START);
	while (pbx_seats_due(s) < START + LONGEST) {
		now = pbx_seats_due(s);
		pbx_seats_tick(s, now);
		assert_string_equal(said(), "+7 ");
	}
	pbx_seats_tick(s, START + LONGEST);
	assert_string_equal(said(), "-7 ");
}

static void leases_are_prolonged_well_before_they_end(void **state)
{
	handle h = begin("c", START);

	(void)state;
	(void)pbx_seats_take(s, h, 7, 1);
	assert_true(pbx_seats_due(s) <= START + PBX_TALLY_LEASE / 2);
	pbx_seats_tick(s, pbx_seats_due(s));
	assert_string_equal(said(), "+7 ");
}

static void a_call_has_a_bounded_number_of_seats_and_gives_the_last_back(void **state)
{
	handle h = begin("c", START);

	(void)state;
	for (uint64_t i = 0; i < PBX_SEATS_OF_CALL; i++)
		assert_true(pbx_seats_take(s, h, i, 1));
	assert_false(pbx_seats_take(s, h, 99, 1));
	pbx_seats_give(s, h, 2);
	assert_string_equal(said(), "-7 -6 ");
	pbx_seats_end(s, h);
	assert_string_equal(said(), "-0 -1 -2 -3 -4 -5 ");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call_that_is_not_answered_gives_its_seats_back),
		T(an_answered_call_keeps_them_until_its_bye_is_answered),
		T(the_callee_may_hang_up_too),
		T(a_bye_that_is_not_of_the_dialog_frees_nothing),
		T(a_bye_that_nobody_answers_frees_them_after_its_time),
		T(a_bye_that_is_asked_for_a_password_ends_nothing_yet),
		T(forked_answers_are_over_when_the_last_is),
		T(a_call_that_is_not_refreshed_is_over),
		T(without_a_timer_the_longest_call_ends_it),
		T(leases_are_prolonged_well_before_they_end),
		T(a_call_has_a_bounded_number_of_seats_and_gives_the_last_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
