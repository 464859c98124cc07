#include "pbx/policy_file.h"
#include "pbx/rehearsal.h"
#include "pbx/test_rig.h"

/* The rig's keeper and name server, with a wall around the exchange. */

static char told[6000];
static struct pbx_rehearsal *rehearsal;
static unsigned asked_to_write;
static char request[2000];

static void hear(void *self, const char *topic, str text)
{
	size_t n = strlen(told);

	(void)self;
	snprintf(told + n, sizeof(told) - n, "%s: " STR_FMT "\n", topic, STR_ARG(text));
}

static void want(const struct host_want *w)
{
	switch (w->kind) {
	case HOST_ASK: {
		const struct keeper_ask *q = w->message;

		asked_to_write += q->kind != KEEPER_REALM && q->kind != KEEPER_USER_FIND &&
				  q->kind != KEEPER_CONTACT_LIST && q->kind != KEEPER_REMOVAL_LIST &&
				  q->kind != KEEPER_NUMBER_LIST;
		rig_ask(0, w->message);
		break;
	}
	case HOST_RESOLVE:
		rig_want(0, w);
		break;
	case HOST_STOP:
		rig_.stopped[0] = true;
		break;
	default:
		fail_msg("want %d came through the wall", w->kind);
	}
}

static void rehearse(const char *from, const char *to, const char *rules)
{
	struct pbx_policy_source source = { .file = STR("t"), .text = str_from(rules), .domain = STR("example.com") };
	struct pbx_rehearsal_setup setup = { .config = rig_.config, .source = rig_addr(11, 5060), .hear = hear };
	char why_text[300];
	struct host_want w;
	struct buf out, why;
	usec end = rig_.now + 20 * USEC_PER_SEC;

	told[0] = '\0';
	buf_init(&out, request, sizeof(request));
	buf_init(&why, why_text, sizeof(why_text));
	assert_int_equal(pbx_rehearsal_request(STR("INVITE"), str_from(from), str_from(to), &setup.source, &out),
			 ERR_NONE);
	setup.request = buf_str(&out);
	if (rules)
		setup.config.policy = pbx_policy_read(&source, &why);
	rehearsal = pbx_rehearsal_new(&setup);
	assert_non_null(rehearsal);
	rig_.services[0] = pbx_rehearsal_service(rehearsal);
	rig_.stopped[0] = false;
	while (!rig_.stopped[0] && rig_.now < end) {
		bool busy = true;
		usec due = rig_.services[0].due(rig_.services[0].self);

		rig_.now = due > rig_.now ? usec_min(due, end) : rig_.now;
		rig_.services[0].tick(rig_.services[0].self, rig_.now);
		while (busy) {
			busy = false;
			while (!rig_.stopped[0] && rig_.services[0].next(rig_.services[0].self, &w)) {
				want(&w);
				busy = true;
			}
			busy = rig_answer_one() || busy;
		}
	}
	assert_true(rig_.stopped[0]);
}

static int end_rehearsal(void **state)
{
	pbx_rehearsal_free(rehearsal);
	rehearsal = NULL;
	rig_.config.worker_n = 0; /* no servers of its own */
	return teardown(state);
}

static int begin_rehearsal(void **state)
{
	(void)setup(state);
	rig_.config.worker_n = 1;
	rig_.config.relay_any = true;
	asked_to_write = 0;
	return 0;
}

static void has(const char *part)
{
	rig_assert_has(told, part);
}

static void a_user_is_found_and_nothing_leaves(void **state)
{
	struct contact_record row = { .aor = STR("sip:102@example.com"),
				      .key = STR("k"),
				      .uri = STR("sip:102@192.0.2.12:5060"),
				      .call_id = STR("c"),
				      .q = 500,
				      .expires = RIG_START + 600 * USEC_PER_SEC };
	struct flow flow = { .transport = TRANSPORT_UDP, .id = 4, .remote = rig_addr(12, 5060) };

	(void)state;
	contact_set_flow(&row, &flow);
	rig_keep_contact(&row, false);
	rehearse("sip:101@example.com", "sip:102@example.com", "a: to 102 limit 1 call allow\n");
	has("caller: assumed: the password of 101 is right\n");
	has("rule: a (line 1): fits\n");
	has("contact: group 1: sip:102@192.0.2.12:5060 q=0.500 seen at 192.0.2.12:5060\n");
	has("send: INVITE sip:102@192.0.2.12:5060 to 192.0.2.12:5060 by UDP\n");
	assert_int_equal(pbx_rehearsal_status(rehearsal), 0);
	assert_int_equal(rig_.sent_n, 0);
	assert_int_equal(asked_to_write, 0);
}

static void a_refusal_is_the_callers_answer(void **state)
{
	(void)state;
	rehearse("sip:101@example.com", "sip:0900@example.com", "a: to 1* allow\nno: to 09* refuse 403 \"Too dear\"\n");
	has("rule: a (line 1): `to` does not fit\n");
	has("verdict: rule no refuses it: 403 Too dear\n");
	has("answer: 403 Too dear\n");
	assert_int_equal(pbx_rehearsal_status(rehearsal), 403);
}

static void names_are_really_asked_for(void **state)
{
	(void)state;
	rehearse("sip:101@example.com", "sip:x@known.example", NULL);
	has("dns: NAPTR known.example: ");
	has("dns: address known.example: 192.0.2.77\n");
	has("send: INVITE sip:x@known.example to 192.0.2.77:5060 by UDP\n");
	assert_true(rig_.looked_up > 0);
}

static void who_has_no_account_is_told_so(void **state)
{
	(void)state;
	rehearse("sip:999@example.com", "sip:102@example.com", NULL);
	has("caller: 999 has no account here");
	assert_int_equal(pbx_rehearsal_status(rehearsal), 407);
}

static void a_keeper_that_says_nothing_ends_it_after_a_while(void **state)
{
	(void)state;
	rig_.keeper_err = ERR_IO;
	rehearse("sip:101@example.com", "sip:102@example.com", NULL);
	assert_int_equal(pbx_rehearsal_status(rehearsal), 0);
	assert_string_equal(told, "");
}

static void what_is_no_uri_is_refused(void **state)
{
	struct addr source = rig_addr(1, 1);
	char text[100];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	assert_int_equal(pbx_rehearsal_request(STR("INVITE"), STR("sip:a@b"), STR("sip:a b@c"), &source, &b),
			 ERR_SYNTAX);
	assert_int_equal(pbx_rehearsal_request(STR("INVITE"), STR("a@"), STR("sip:b@c"), &source, &b), ERR_SYNTAX);
	assert_int_equal(b.n, 0);
	assert_int_equal(pbx_rehearsal_request(STR("INVITE"), STR("sip:a@b"), STR("sip:b@c"), &source, &b), ERR_FULL);
}

#define R(name) cmocka_unit_test_setup_teardown(name, begin_rehearsal, end_rehearsal)

int main(void)
{
	const struct CMUnitTest tests[] = {
		R(a_user_is_found_and_nothing_leaves),
		R(a_refusal_is_the_callers_answer),
		R(names_are_really_asked_for),
		R(who_has_no_account_is_told_so),
		R(a_keeper_that_says_nothing_ends_it_after_a_while),
		R(what_is_no_uri_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
