#include "base/test.h"
#include "pbx/history.h"

#include <stdio.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, 0, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct sip_msg *request(const char *lines)
{
	char text[9000];

	snprintf(text, sizeof(text), "INVITE sip:bob@example.com SIP/2.0\r\n%s\r\n", lines);
	struct sip_msg *m = sip_msg_new(str_from(text));
	assert_non_null(m);
	return m;
}

static struct pbx_history *begin(const char *lines)
{
	struct sip_msg *m = request(lines);
	struct pbx_history *h = pbx_history_new(m, STR("sip:bob@example.com"), STR("example.com"), &arena);

	sip_msg_free(m); /* nothing of it is needed any more */
	return h;
}

static const char *shown(const struct pbx_history *h, const struct pbx_history_entry *e, bool leaves)
{
	static char text[PBX_HISTORY_TEXT];
	struct buf out;

	buf_init(&out, text, sizeof(text));
	pbx_history_write(h, e, leaves, &out);
	buf_put_char(&out, '\0');
	assert_true(buf_ok(&out));
	return text;
}

static struct pbx_history_entry *contact(struct pbx_history *h, const char *uri)
{
	struct pbx_history_entry *e = pbx_history_add(h, h->own, str_from(uri), "rc", h->own, &arena);

	assert_non_null(e);
	return e;
}

static void a_request_without_history_begins_with_its_request_uri(void **state)
{
	struct pbx_history *h = begin("");

	(void)state;
	assert_non_null(h);
	assert_string_equal(shown(h, contact(h, "sip:bob@192.0.2.4"), false),
			    "<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4>;index=1.1;rc=1");
}

static void forks_show_their_own_way_only_and_what_was_answered(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *one = contact(h, "sip:bob@192.0.2.4"), *two = contact(h, "sip:bob@192.0.2.5");

	(void)state;
	assert_string_equal(shown(h, two, false), "<sip:bob@example.com>;index=1, <sip:bob@192.0.2.5>;index=1.2;rc=1");
	pbx_history_hear(one, 486, NULL, &arena);
	assert_string_equal(
		shown(h, two, false),
		"<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D486>;index=1.1;rc=1, "
		"<sip:bob@192.0.2.5>;index=1.2;rc=1");
}

static void a_redirection_is_one_more_of_its_level(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *one = contact(h, "sip:bob@192.0.2.4"), *office, *phone;

	(void)state;
	pbx_history_hear(one, 302, NULL, &arena);
	office = pbx_history_add(h, one->parent, STR("sip:office@example.com"), "mp", one, &arena);
	assert_non_null(office);
	phone = pbx_history_add(h, office, STR("sip:office@192.0.2.9"), "rc", office, &arena);
	assert_non_null(phone);
	assert_string_equal(
		shown(h, phone, false),
		"<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1, "
		"<sip:office@example.com>;index=1.2;mp=1.1, <sip:office@192.0.2.9>;index=1.2.1;rc=1.2");
}

static void what_came_goes_on_as_it_stands(void **state)
{
	struct pbx_history *h = begin("History-Info: <sip:x@y.example?Reason=SIP%3Bcause%3D302>;index=1;foo=bar,\r\n"
				      " \"Bob\" <sip:bob@EXAMPLE.com>;index=1.1;mp=1\r\n");

	(void)state;
	assert_non_null(h);
	assert_string_equal(shown(h, contact(h, "sip:bob@192.0.2.4"), false),
			    "<sip:x@y.example?Reason=SIP%3Bcause%3D302>;index=1;foo=bar, "
			    "\"Bob\" <sip:bob@EXAMPLE.com>;index=1.1;mp=1, <sip:bob@192.0.2.4>;index=1.1.1;rc=1.1");
}

static void a_gap_shows(void **state)
{
	struct pbx_history *h = begin("History-Info: <sip:x@y.example>;index=1\r\n");

	(void)state;
	assert_string_equal(shown(h, contact(h, "sip:bob@192.0.2.4"), false),
			    "<sip:x@y.example>;index=1, <sip:bob@example.com>;index=1.0, "
			    "<sip:bob@192.0.2.4>;index=1.0.1;rc=1.0");
}

/* 10.1.2: header and history; what is of another domain is not ours to change. */
static void private_history_does_not_leave_the_house(void **state)
{
	static const char *const privacies[] = { "Privacy: history\r\n", "Privacy: id;Header\r\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pbx_history *h = begin(privacies[i]);
		struct pbx_history_entry *e = contact(h, "sip:x@phone.example");

		assert_string_equal(shown(h, e, true), "<sip:anonymous@anonymous.invalid>;index=1, "
						       "<sip:anonymous@anonymous.invalid>;index=1.1;rc=1");
		assert_string_equal(shown(h, e, false),
				    "<sip:bob@example.com>;index=1, <sip:x@phone.example>;index=1.1;rc=1");
		e->foreign = true;
		assert_string_equal(shown(h, e, true), "<sip:anonymous@anonymous.invalid>;index=1, "
						       "<sip:x@phone.example>;index=1.1;rc=1");
	}
	struct pbx_history *h = begin("Privacy: id;session\r\nHistory-Info: <sip:z@y.example?Privacy=history>;index=1,"
				      "<sip:z@example.com?Privacy=history>;index=1.1,"
				      "<sip:z@192.0.2.7?Privacy=id>;index=1.2, <sip:bob@example.com>;index=1.3\r\n");
	assert_string_equal(shown(h, contact(h, "sip:x@y.example"), true),
			    "<sip:z@y.example?Privacy=history>;index=1, "
			    "<sip:anonymous@anonymous.invalid>;index=1.1, <sip:z@192.0.2.7?Privacy=id>;index=1.2, "
			    "<sip:bob@example.com>;index=1.3, <sip:x@y.example>;index=1.3.1;rc=1.3");
}

/* 5.1, 9.3, 9.4: not whom nothing was heard of; what both have, as it is here. */
static void an_answer_shows_what_was_heard_of_in_order(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *one = contact(h, "sip:bob@192.0.2.4"), *two = contact(h, "sip:bob@192.0.2.5");
	char text[PBX_HISTORY_TEXT];
	struct sip_msg *m;
	struct buf out;

	(void)state;
	contact(h, "sip:bob@192.0.2.6");
	pbx_history_hear(one, 480, NULL, &arena);
	pbx_history_hear(two, 180, NULL, &arena);
	m = sip_msg_new(
		STR("SIP/2.0 200 OK\r\nHistory-Info: <sip:anonymous@anonymous.invalid>;index=1\r\n"
		    "History-Info: <sip:bob@192.0.2.5>;index=1.2;rc=1, <sip:bob@10.0.0.1>;index=1.2.1;np=1.2\r\n\r\n"));
	assert_non_null(m);
	buf_init(&out, text, sizeof(text));
	pbx_history_write_answer(h, m, false, &out);
	assert_str(buf_str(&out),
		   "<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D480>;index=1.1;rc=1, "
		   "<sip:bob@192.0.2.5>;index=1.2;rc=1, <sip:bob@10.0.0.1>;index=1.2.1;np=1.2");
	/* a stranger hears how often, not where */
	buf_init(&out, text, sizeof(text));
	pbx_history_write_answer(h, m, true, &out);
	assert_str(buf_str(&out), "<sip:bob@example.com>;index=1, "
				  "<sip:anonymous@anonymous.invalid?Reason=SIP%3Bcause%3D480>;index=1.1;rc=1, "
				  "<sip:anonymous@anonymous.invalid>;index=1.2;rc=1, "
				  "<sip:anonymous@anonymous.invalid>;index=1.2.1");
	sip_msg_free(m);
}

/* 10.2 */
static void reasons_of_the_answer_stand_beside_its_status(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *one = contact(h, "sip:bob@192.0.2.4"), *two;
	struct sip_msg *m =
		sip_msg_new(STR("SIP/2.0 486 Busy\r\nReason: Q.850;cause=17;text=\"User busy\", X;cause=1\r\n\r\n"));

	(void)state;
	assert_non_null(m);
	pbx_history_hear(one, 486, m, &arena);
	two = contact(h, "sip:b@192.0.2.5");
	assert_string_equal(shown(h, two, false),
			    "<sip:bob@example.com>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D486&Reason=Q.850%3B"
			    "cause%3D17%3Btext%3D%22User%20busy%22&Reason=X%3Bcause%3D1>;index=1.1;rc=1, "
			    "<sip:b@192.0.2.5>;index=1.2;rc=1");
	sip_msg_free(m);
}

/* 5., 10.2: a tel URI has no headers */
static void a_number_has_no_reason(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *one = contact(h, "tel:+4930123456");

	(void)state;
	pbx_history_hear(one, 486, NULL, &arena);
	assert_string_equal(shown(h, one, false), "<sip:bob@example.com>;index=1, <tel:+4930123456>;index=1.1;rc=1");
}

static void tens_come_after_nines(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *e = NULL;
	const char *text;

	(void)state;
	for (unsigned i = 0; i < 11; i++) {
		e = contact(h, "sip:b@a");
		if (i < 10)
			pbx_history_hear(e, 486, NULL, &arena);
	}
	text = shown(h, e, false);
	assert_true(strstr(text, "index=1.9;") < strstr(text, "index=1.10;"));
	assert_true(strstr(text, "index=1.10;") < strstr(text, "index=1.11;"));
}

static void what_is_malformed_or_too_much_is_left_alone(void **state)
{
	static const char *const bad[] = {
		"History-Info: <sip:x@y.example>\r\n",          "History-Info: <sip:x@y.example>;index=a\r\n",
		"History-Info: <sip:x@y.example>;index=1.\r\n", "History-Info: <sip:x@y.example>;index=.1\r\n",
		"History-Info: <sip:x@y.example;index=1\r\n",   "History-Info: <sip:x@y>;index=1..1\r\n",
	};
	char many[8000] = "";
	size_t n = 0;
	struct pbx_history *h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(begin(bad[i]));
	for (unsigned i = 0; i < 30; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "History-Info: <sip:x@y>;index=%u\r\n", i);
	assert_null(begin(many));
	h = begin("");
	for (unsigned i = 1; i < PBX_HISTORY_MAX; i++)
		assert_non_null(pbx_history_add(h, h->own, STR("sip:a@b"), "rc", h->own, &arena));
	assert_null(pbx_history_add(h, h->own, STR("sip:a@b"), "rc", h->own, &arena));
}

static void a_deep_tree_ends_where_its_index_would_not_fit(void **state)
{
	struct pbx_history *h = begin("");
	struct pbx_history_entry *e = h->own;
	unsigned depth = 0;

	(void)state;
	while ((e = pbx_history_add(h, e, STR("sip:a@b"), "np", e, &arena)))
		depth++;
	assert_true(depth > 10 && depth < PBX_HISTORY_INDEX / 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_without_history_begins_with_its_request_uri),
		T(forks_show_their_own_way_only_and_what_was_answered),
		T(a_redirection_is_one_more_of_its_level),
		T(what_came_goes_on_as_it_stands),
		T(a_gap_shows),
		T(private_history_does_not_leave_the_house),
		T(an_answer_shows_what_was_heard_of_in_order),
		T(reasons_of_the_answer_stand_beside_its_status),
		T(a_number_has_no_reason),
		T(tens_come_after_nines),
		T(what_is_malformed_or_too_much_is_left_alone),
		T(a_deep_tree_ends_where_its_index_would_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
