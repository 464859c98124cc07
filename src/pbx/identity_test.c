/* Who the exchange says a caller is (RFC 3325), and what it keeps to itself (RFC 3323). */
#include "pbx/test_rig.h"

static const struct pbx_trust trusts[] = { { { .family = 4, .ip = { 192, 0, 2, 200 } }, 32 },
					   { { .family = 4, .ip = { 192, 0, 2, 77 } }, 32 } };
static struct addr neighbour;

static void start(enum pbx_identity_mode mode, bool auth)
{
	neighbour = rig_addr(200, 5060);
	rig_.config.identity = mode;
	rig_.config.auth = auth;
	rig_.config.trusts = trusts;
	rig_.config.trust_n = 2;
	rig_.config.relay_any = true;
	rig_run();
	rig_register(bob, "102");
}

/* Alice's INVITE, with her password, and what arrives at `there`. */
static const char *call_with(struct addr there, const char *from_user, const char *from_host, const char *to,
			     const char *lines)
{
	static unsigned n;
	char answer[3000], all[1500], id[20];

	snprintf(id, sizeof(id), "id%u", n++);
	invite_from(alice, from_user, from_host, to, id, 1, lines);
	rig_copy(rig_take(alice), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 407 ");
	ack_refusal(alice, from_user, to, id, 1);
	rig_authorize(answer, "101", "pw101", "INVITE", to, all, sizeof(all));
	strcat(all, lines);
	invite_from(alice, from_user, from_host, to, id, 2, all);
	(void)rig_take(alice);
	return rig_take(there);
}

#define MINE "\r\nP-Asserted-Identity: <sip:101@example.com>\r\n"

static void who_proved_it_is_told_to_trusted_neighbours_only(void **state)
{
	struct addr known = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 77 } };

	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	rig_assert_start(call_with(known, "101", "example.com", "sip:x@known.example",
				   "P-Asserted-Identity: <sip:boss@example.com>\r\n"),
			 "INVITE ");
	rig_assert_has(rig_.text, MINE);
	assert_null(strstr(rig_.text, "boss"));
	rig_assert_start(call_with(bob, "101", "example.com", "sip:102@example.com", ""), "INVITE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
	/* RFC 3325 7.: nobody minds */
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: none\r\n"), MINE);
	/* privacy does not end at the border of the trust domain, but begins there */
	rig_assert_has(call_with(known, "101", "example.com", "sip:x@known.example", "Privacy: id\r\n"), MINE);
	rig_assert_has(rig_.text, "\r\nPrivacy: id\r\n");
}

static void phones_learn_it_where_the_setting_says_so_and_the_caller_does_not_mind(void **state)
{
	(void)state;
	start(PBX_IDENTITY_ALL, true);
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com", ""), MINE);
	rig_assert_start(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: id\r\n"), "INVITE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
	/* a wish for one's own address is granted, one for another's is not */
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com",
				 "P-Preferred-Identity: <sip:101@example.com>\r\n"),
		       MINE);
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com",
				 "P-Preferred-Identity: <sip:103@example.com>\r\n"),
		       MINE);
	assert_null(strstr(rig_.text, "103@"));
	assert_null(strstr(rig_.text, "P-Preferred"));
}

static void off_means_nobody(void **state)
{
	struct addr known = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 77 } };

	(void)state;
	start(PBX_IDENTITY_OFF, true);
	rig_assert_start(call_with(known, "101", "example.com", "sip:x@known.example", ""), "INVITE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
}

static void a_trusted_source_is_believed_and_nobody_else(void **state)
{
	(void)state;
	start(PBX_IDENTITY_ALL, true);
	invite_from(neighbour, "49301", "carrier.example", "sip:102@example.com", "ts1", 1,
		    "P-Asserted-Identity: <sip:49301@carrier.example>, <tel:+49301>\r\n");
	rig_assert_has(rig_take(bob), "\r\nP-Asserted-Identity: <sip:49301@carrier.example>, <tel:+49301>\r\n");
	invite_from(neighbour, "49301", "carrier.example", "sip:102@example.com", "ts2", 1,
		    "P-Asserted-Identity: <sip:49301@carrier.example>\r\nPrivacy: id\r\n");
	rig_assert_start(rig_take(bob), "INVITE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
	invite_from(stranger, "boss", "other.example", "sip:102@example.com", "ts3", 1,
		    "P-Asserted-Identity: <sip:101@example.com>\r\nP-Preferred-Identity: <sip:101@example.com>\r\n");
	rig_assert_start(rig_take(bob), "INVITE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
	assert_null(strstr(rig_.text, "P-Preferred-Identity"));
}

static void what_a_phone_asserts_in_its_answer_is_taken_off(void **state)
{
	char invite[4000];

	(void)state;
	start(PBX_IDENTITY_ALL, true);
	rig_copy(call_with(bob, "101", "example.com", "sip:102@example.com", ""), invite, sizeof(invite));
	rig_answer_request(bob, invite, 200, "bt",
			   "Contact: <sip:102@192.0.2.12>\r\nP-Asserted-Identity: <sip:boss@example.com>", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
}

static void what_a_neighbour_asserts_of_a_callee_is_told_as_the_setting_says(void **state)
{
	static const char lines[] = "Contact: <sip:x@192.0.2.30>\r\nP-Asserted-Identity: <sip:x@carrier.example>";
	static const enum pbx_identity_mode modes[] = { PBX_IDENTITY_ALL, PBX_IDENTITY_TRUSTED };
	char invite[4000], text[400];

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(modes[i == 2], true);
		rig_copy(call_with(bob, "101", "example.com", "sip:102@example.com", ""), invite, sizeof(invite));
		snprintf(text, sizeof(text), "%s%s", lines, i == 1 ? "\r\nPrivacy: id" : "");
		rig_answer_request(neighbour, invite, 200, "bt", text, "");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
		assert_int_equal(strstr(rig_.text, "P-Asserted-Identity") != NULL, i == 0);
		/* it comes again when our part is done; and by a phone, it is no neighbour's word */
		rig_forget_sent();
		rig_answer_request(neighbour, invite, 200, "bt", text, "");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
		assert_int_equal(strstr(rig_.text, "P-Asserted-Identity: <sip:x@carrier.example>") != NULL, i == 0);
		rig_forget_sent();
		rig_answer_request(bob, invite, 200, "bt", text, "");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
		assert_null(strstr(rig_.text, "P-Asserted-Identity"));
		rig_stop_servers();
	}
}

/* From one to the other it passes, also when it comes again, to who called from a trusted address alone. */
static void what_a_neighbour_asserts_of_a_callee_is_told_another_each_time(void **state)
{
	struct addr known = rig_addr(77, 5060);
	char invite[4000];

	(void)state;
	start(PBX_IDENTITY_TRUSTED, false);
	for (int i = 0; i < 2; i++) {
		struct addr caller = i ? alice : neighbour;

		invite_from(caller, "101", "example.com", "sip:x@known.example", i ? "na1" : "na0", 1, "");
		rig_copy(rig_take(known), invite, sizeof(invite));
		rig_assert_start(invite, "INVITE ");
		rig_forget_sent();
		for (int again = 0; again < 2; again++) {
			rig_answer_request(known, invite, 200, "kt",
					   "Contact: <sip:x@192.0.2.77>\r\nP-Asserted-Identity: <sip:x@known.example>",
					   "");
			rig_assert_start(rig_take(caller), "SIP/2.0 200 ");
			assert_int_equal(strstr(rig_.text, "P-Asserted-Identity") != NULL, i == 0);
			rig_forget_sent();
		}
	}
}

static void who_asks_for_it_calls_without_a_name(void **state)
{
	char invite[4000];

	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	rig_copy(
		call_with(bob, "101", "example.com", "sip:102@example.com",
			  "Privacy: user;id\r\nSubject: alice calls\r\nUser-Agent: alice's\r\nReply-To: <sip:a@b>\r\n"),
		invite, sizeof(invite));
	rig_assert_has(invite, "\r\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=from\r\n");
	rig_assert_has(invite, "\r\nPrivacy: id\r\n");
	assert_null(strstr(invite, "Subject"));
	assert_null(strstr(invite, "User-Agent"));
	assert_null(strstr(invite, "Reply-To"));
	assert_null(strstr(invite, "101@example.com"));
	/* and hears of itself by its own name */
	rig_answer_request(bob, invite, 180, "bt", "", "");
	rig_assert_has(rig_take(alice), "\r\nFrom: <sip:101@example.com>;tag=from\r\n");
	rig_answer_request(bob, invite, 486, "bt", "", "");
	rig_assert_has(rig_take(alice), "\r\nFrom: <sip:101@example.com>;tag=from\r\n");
}

static void an_answer_that_comes_again_bears_the_callers_own_name_too(void **state)
{
	char invite[4000];

	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	rig_copy(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: user;id\r\n"), invite,
		 sizeof(invite));
	for (int i = 0; i < 3; i++) {
		rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
		rig_assert_has(rig_.text, "\r\nFrom: <sip:101@example.com>;tag=from\r\n");
	}
}

static void privacy_that_cannot_be_had_is_refused_where_it_is_critical(void **state)
{
	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	assert_string_equal(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: header;critical\r\n"),
			    "");
	rig_assert_start(rig_.text, "SIP/2.0 500 This Privacy Is Not Possible Here\r\n");
	/* what nobody knows cannot be had either */
	assert_string_equal(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: astral;critical\r\n"),
			    "");
	rig_assert_start(rig_.text, "SIP/2.0 500 ");
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: header;session\r\n"),
		       "\r\nPrivacy: header;session\r\n");
}

/* RFC 3323 5. */
static void a_wish_that_was_fulfilled_is_not_passed_on(void **state)
{
	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com",
				 "Privacy: user;critical\r\nProxy-Require: privacy\r\n"),
		       "anonymous.invalid");
	assert_null(strstr(rig_.text, "Privacy:"));
	assert_null(strstr(rig_.text, "Proxy-Require:"));
	/* something is left for the next */
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com",
				 "Privacy: user;id;critical\r\nProxy-Require: privacy\r\n"),
		       "\r\nPrivacy: id;critical\r\n");
	rig_assert_has(rig_.text, "\r\nProxy-Require: privacy\r\n");
	/* none: nothing is touched */
	rig_assert_has(call_with(bob, "101", "example.com", "sip:102@example.com", "Privacy: none;user\r\n"),
		       "\r\nPrivacy: none;user\r\n");
	rig_assert_has(rig_.text, "\r\nFrom: <sip:101@example.com>");
}

static void an_anonymous_from_is_a_user_once_the_password_is_right(void **state)
{
	struct addr known = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 77 } };

	(void)state;
	start(PBX_IDENTITY_TRUSTED, true);
	rig_assert_has(call_with(known, "anonymous", "anonymous.invalid", "sip:x@known.example", "Privacy: id\r\n"),
		       MINE);
	/* without one it may call in, as any stranger */
	invite_from(stranger, "anonymous", "anonymous.invalid", "sip:102@example.com", "an1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE ");
	invite_from(stranger, "anonymous", "anonymous.invalid", "sip:x@known.example", "an2", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 407 ");
}

static unsigned privacy_of(const char *lines)
{
	char block[SIP_MSG_ARENA], text[1000];
	struct arena arena;
	struct sip_msg m;

	snprintf(text, sizeof(text), "OPTIONS sip:a@b SIP/2.0\r\n%s\r\n", lines);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	unsigned bits = pbx_identity_privacy(&m);
	arena_free(&arena);
	return bits;
}

static void privacy_is_read_whatever_it_looks_like(void **state)
{
	(void)state;
	assert_int_equal(privacy_of(""), 0);
	assert_int_equal(privacy_of("Privacy:\r\n"), 0);
	assert_int_equal(privacy_of("Privacy: ;;;\r\n"), 0);
	assert_int_equal(privacy_of("Privacy: ID ; Critical\r\n"), PBX_PRIVACY_ID | PBX_PRIVACY_CRITICAL);
	assert_int_equal(privacy_of("Privacy: user\r\nPrivacy: header, x\r\n"),
			 PBX_PRIVACY_USER | PBX_PRIVACY_HEADER | PBX_PRIVACY_UNKNOWN);
	assert_int_equal(privacy_of("Privacy: none;session\r\n"), PBX_PRIVACY_NONE | PBX_PRIVACY_SESSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_proved_it_is_told_to_trusted_neighbours_only),
		T(phones_learn_it_where_the_setting_says_so_and_the_caller_does_not_mind),
		T(off_means_nobody),
		T(a_trusted_source_is_believed_and_nobody_else),
		T(what_a_neighbour_asserts_of_a_callee_is_told_as_the_setting_says),
		T(what_a_neighbour_asserts_of_a_callee_is_told_another_each_time),
		T(what_a_phone_asserts_in_its_answer_is_taken_off),
		T(who_asks_for_it_calls_without_a_name),
		T(a_wish_that_was_fulfilled_is_not_passed_on),
		T(an_answer_that_comes_again_bears_the_callers_own_name_too),
		T(privacy_that_cannot_be_had_is_refused_where_it_is_critical),
		T(an_anonymous_from_is_a_user_once_the_password_is_right),
		cmocka_unit_test(privacy_is_read_whatever_it_looks_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
