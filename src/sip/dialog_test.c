#include "base/test.h"
#include "sip/dialog.h"

#include <stdio.h>

#define INVITE                                                                                                         \
	"INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"                                                                \
	"Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8\r\nMax-Forwards: 70\r\n"                      \
	"Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>, <sip:p0.example.com>\r\n"     \
	"From: \"Alice\" <sip:alice@atlanta.example.com>;tag=1928301774\r\nTo: Bob <sip:bob@biloxi.example.com>\r\n"   \
	"Call-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@pc33.atlanta.example.com>\r\n"          \
	"Content-Length: 0\r\n\r\n"

static struct sip_msg *parse(const char *text)
{
	struct sip_msg *m = sip_msg_new(str_from(text));

	assert_non_null(m);
	assert_int_equal(sip_msg_check(m), 0);
	return m;
}

static struct sip_msg *response(int status, const char *tag, const char *contact, const char *routes)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "SIP/2.0 %d OK\r\nVia: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8\r\n%s"
		 "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=1928301774\r\n"
		 "To: Bob <sip:bob@biloxi.example.com>%s%s\r\nCall-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n%s%s%s"
		 "Content-Length: 0\r\n\r\n",
		 status, routes, *tag ? ";tag=" : "", tag, *contact ? "Contact: <" : "", contact,
		 *contact ? ">\r\n" : "");
	return parse(text);
}

static struct sip_msg *inside(const char *method, unsigned cseq, const char *from_tag, const char *to_tag,
			      const char *contact)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "%s sip:anything@gruu.example;gr=x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: "
		 "70\r\n"
		 "From: <sip:x@y>;tag=%s\r\nTo: <sip:z@y>;tag=%s\r\nCall-ID: a84b4c76e66710\r\nCSeq: %u %s\r\n%s%s%s"
		 "Content-Length: 0\r\n\r\n",
		 method, from_tag, to_tag, cseq, method, *contact ? "Contact: <" : "", contact,
		 *contact ? ">\r\n" : "");
	return parse(text);
}

static void the_callers_side_follows_12_1_2(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_msg *ringing = response(180, "314159", "sip:bob@192.0.2.4",
					   "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>\r\n");
	struct sip_dialog *d = sip_dialog_new_caller(invite, ringing);

	(void)state;
	assert_non_null(d);
	assert_int_equal(d->state, SIP_DIALOG_EARLY);
	assert_str(d->call_id, "a84b4c76e66710");
	assert_str(d->local_tag, "1928301774");
	assert_str(d->remote_tag, "314159");
	assert_str(d->target, "sip:bob@192.0.2.4");
	assert_str(d->from, "\"Alice\" <sip:alice@atlanta.example.com>;tag=1928301774");
	assert_int_equal(d->route_n, 2);
	assert_str(d->routes[0], "<sip:p1.example.com;lr>");
	assert_str(d->routes[1], "<sip:p2.example.com;lr>");
	assert_int_equal(d->local_cseq, 314159);
	/* The 2xx settles the route set anew (13.2.2.4). */
	struct sip_msg *ok = response(200, "314159", "sip:bob@192.0.2.5", "Record-Route: <sip:p9.example.com;lr>\r\n");
	assert_int_equal(sip_dialog_recv_response(d, ok), ERR_NONE);
	assert_int_equal(d->state, SIP_DIALOG_CONFIRMED);
	assert_str(d->target, "sip:bob@192.0.2.5");
	assert_int_equal(d->route_n, 1);
	sip_msg_free(ok);
	sip_dialog_free(d);
	sip_msg_free(ringing);
	sip_msg_free(invite);
}

static void the_callees_side_follows_12_1_1(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_dialog *d = sip_dialog_new_callee(invite, STR("mine"), false);

	(void)state;
	assert_non_null(d);
	assert_str(d->local_tag, "mine");
	assert_str(d->remote_tag, "1928301774");
	assert_str(d->from, "Bob <sip:bob@biloxi.example.com>;tag=mine");
	assert_str(d->target, "sip:alice@pc33.atlanta.example.com");
	assert_int_equal(d->route_n, 3);
	assert_str(d->routes[0], "<sip:p2.example.com;lr>");
	assert_int_equal(d->remote_cseq, 314159);
	assert_int_equal(d->local_cseq, 0);
	sip_dialog_confirm(d);
	assert_int_equal(d->state, SIP_DIALOG_CONFIRMED);
	sip_dialog_free(d);
	sip_msg_free(invite);
}

static void an_answer_without_a_tag_makes_no_dialog(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_msg *r = response(180, "", "", "");

	(void)state;
	assert_null(sip_dialog_new_caller(invite, r));
	sip_msg_free(r);
	r = response(486, "x", "", "");
	assert_null(sip_dialog_new_caller(invite, r));
	sip_msg_free(r);
	sip_msg_free(invite);
}

static void forks_are_told_apart_by_their_tag(void **state)
{
	static const uint64_t key[2] = { 1, 2 };
	struct sip_msg *invite = parse(INVITE);
	struct sip_msg *one = response(180, "one", "sip:1@h", ""), *two = response(180, "two", "sip:2@h", "");
	struct sip_dialog *a = sip_dialog_new_caller(invite, one), *b = sip_dialog_new_caller(invite, two);

	(void)state;
	assert_true(sip_dialog_match(a, one));
	assert_false(sip_dialog_match(a, two));
	assert_true(sip_dialog_match(b, two));
	assert_true(sip_dialog_hash(a, key) == sip_dialog_hash_msg(one, key));
	assert_true(sip_dialog_hash(a, key) != sip_dialog_hash_msg(two, key));
	sip_dialog_free(a);
	sip_dialog_free(b);
	sip_msg_free(one);
	sip_msg_free(two);
	sip_msg_free(invite);
}

static void a_request_inside_is_found_by_its_names_whatever_its_uri(void **state)
{
	static const uint64_t key[2] = { 1, 2 };
	struct sip_msg *invite = parse(INVITE);
	struct sip_dialog *d = sip_dialog_new_callee(invite, STR("mine"), false);
	struct sip_msg *bye = inside("BYE", 314160, "1928301774", "mine", "");
	struct sip_msg *backwards = inside("BYE", 314160, "mine", "1928301774", "");

	(void)state;
	assert_true(sip_dialog_match(d, bye));
	assert_false(sip_dialog_match(d, backwards));
	assert_true(sip_dialog_hash(d, key) == sip_dialog_hash_msg(bye, key));
	sip_dialog_free(d);
	sip_msg_free(bye);
	sip_msg_free(backwards);
	sip_msg_free(invite);
}

static void cseq_may_jump_but_not_fall(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_dialog *d = sip_dialog_new_callee(invite, STR("mine"), false);
	struct sip_msg *m = inside("INFO", 314158, "1928301774", "mine", "");

	(void)state;
	assert_int_equal(sip_dialog_recv_request(d, m), 500);
	sip_msg_free(m);
	m = inside("INFO", 400000, "1928301774", "mine", "sip:else@h");
	assert_int_equal(sip_dialog_recv_request(d, m), 0);
	assert_int_equal(d->remote_cseq, 400000);
	assert_str(d->target, "sip:alice@pc33.atlanta.example.com"); /* INFO refreshes nothing */
	sip_msg_free(m);
	m = inside("ACK", 314159, "1928301774", "mine", "");
	assert_int_equal(sip_dialog_recv_request(d, m), 0);
	sip_msg_free(m);
	m = inside("INVITE", 400001, "1928301774", "mine", "sip:alice@new.example.com");
	assert_int_equal(sip_dialog_recv_request(d, m), 0);
	assert_str(d->target, "sip:alice@new.example.com");
	sip_dialog_end(d);
	assert_int_equal(sip_dialog_recv_request(d, m), 481);
	sip_msg_free(m);
	sip_dialog_free(d);
	sip_msg_free(invite);
}

static void our_requests_carry_the_state(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_msg *ok = response(200, "314159", "sip:bob@192.0.2.4",
				      "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>\r\n");
	struct sip_dialog *d = sip_dialog_new_caller(invite, ok);
	struct sip_request r;
	struct sip_uri hop;
	struct arena scratch;
	char storage[512];

	(void)state;
	arena_init(&scratch, storage, sizeof(storage), 0);
	assert_int_equal(sip_dialog_request(d, STR("ACK"), 314159, &r, &scratch), ERR_NONE);
	assert_int_equal(r.cseq, 314159);
	assert_int_equal(sip_dialog_request(d, STR("BYE"), 0, &r, &scratch), ERR_NONE);
	assert_int_equal(r.cseq, 314160);
	assert_str(r.uri, "sip:bob@192.0.2.4");
	assert_str(r.to, "Bob <sip:bob@biloxi.example.com>;tag=314159");
	assert_int_equal(r.route_n, 2);
	assert_str(r.routes[0], "<sip:p1.example.com;lr>");
	assert_true(sip_dialog_next_hop(d, &hop));
	assert_str(hop.host, "p1.example.com");
	sip_dialog_end(d);
	assert_int_equal(sip_dialog_request(d, STR("INFO"), 0, &r, &scratch), ERR_STATE);
	assert_int_equal(sip_dialog_request(d, STR("BYE"), 0, &r, &scratch), ERR_NONE);
	sip_dialog_free(d);
	sip_msg_free(ok);
	sip_msg_free(invite);
}

static void a_strict_router_takes_the_request_uris_place(void **state)
{
	struct sip_msg *invite = parse(INVITE);
	struct sip_msg *ok = response(200, "314159", "sip:bob@192.0.2.4",
				      "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com>\r\n");
	struct sip_dialog *d = sip_dialog_new_caller(invite, ok);
	struct sip_request r;
	struct arena scratch;
	char storage[512];

	(void)state;
	arena_init(&scratch, storage, sizeof(storage), 0);
	assert_int_equal(sip_dialog_request(d, STR("BYE"), 0, &r, &scratch), ERR_NONE);
	assert_str(r.uri, "sip:p1.example.com");
	assert_int_equal(r.route_n, 2);
	assert_str(r.routes[0], "<sip:p2.example.com;lr>");
	assert_str(r.routes[1], "<sip:bob@192.0.2.4>");
	sip_dialog_free(d);
	sip_msg_free(ok);
	sip_msg_free(invite);
}

static void more_routes_than_the_bound_are_refused(void **state)
{
	struct sip_msg *invite = parse(INVITE), *ok;
	char routes[1500] = "Record-Route: <sip:h;lr>";

	(void)state;
	for (int i = 0; i < SIP_DIALOG_ROUTE_MAX; i++)
		strcat(routes, ", <sip:h;lr>");
	strcat(routes, "\r\n");
	ok = response(200, "314159", "sip:bob@192.0.2.4", routes);
	assert_null(sip_dialog_new_caller(invite, ok));
	sip_msg_free(ok);
	sip_msg_free(invite);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_callers_side_follows_12_1_2),
		cmocka_unit_test(the_callees_side_follows_12_1_1),
		cmocka_unit_test(an_answer_without_a_tag_makes_no_dialog),
		cmocka_unit_test(forks_are_told_apart_by_their_tag),
		cmocka_unit_test(a_request_inside_is_found_by_its_names_whatever_its_uri),
		cmocka_unit_test(cseq_may_jump_but_not_fall),
		cmocka_unit_test(our_requests_carry_the_state),
		cmocka_unit_test(a_strict_router_takes_the_request_uris_place),
		cmocka_unit_test(more_routes_than_the_bound_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
