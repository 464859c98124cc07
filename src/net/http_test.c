#include "net/http.h"

#include "base/test.h"

static struct http_request r;
static size_t used;

static int read_z(const char *text)
{
	used = 0;
	return http_request_read(str_from(text), &used, &r);
}

static void a_get_has_path_and_query(void **state)
{
	(void)state;
	assert_int_equal(read_z("GET /metrics?x=1 HTTP/1.1\r\nHost: a:9\r\nAccept: */*\r\n\r\nGET"), 0);
	assert_str(r.path, "/metrics");
	assert_str(r.query, "x=1");
	assert_str(r.host, "a:9");
	assert_false(r.head || r.close);
	assert_int_equal(used, strlen("GET /metrics?x=1 HTTP/1.1\r\nHost: a:9\r\nAccept: */*\r\n\r\n"));
}

static void a_piece_waits_for_the_rest(void **state)
{
	(void)state;
	assert_int_equal(read_z(""), 100);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\n"), 100);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\n\r"), 100);
}

static void the_old_version_closes_and_close_is_heard(void **state)
{
	(void)state;
	assert_int_equal(read_z("HEAD / HTTP/1.0\r\n\r\n"), 0);
	assert_true(r.head && r.close);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\nconnection: x, Close\r\n\r\n"), 0);
	assert_true(r.close);
}

static void only_reading_is_served(void **state)
{
	(void)state;
	assert_int_equal(read_z("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	assert_int_equal(read_z("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"), 413);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
	assert_int_equal(read_z("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 0);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", /* no Host */
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\r\n\r\n",
		"\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_z(bad[i]) != 400)
			fail_msg("%zu: %s gave %d", i, bad[i], read_z(bad[i]));
	assert_int_equal(read_z("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
}

static void too_much_is_refused(void **state)
{
	static char text[HTTP_HEAD_MAX + 10];
	struct buf b;
	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(http_request_read(str_of(text, HTTP_HEAD_MAX - 1), &used, &r), 100);
	assert_int_equal(http_request_read(str_of(text, HTTP_HEAD_MAX), &used, &r), 431);
	buf_init(&b, text, sizeof(text));
	buf_put_z(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		buf_put_z(&b, "X: y\r\n");
	buf_put_z(&b, "\r\n");
	assert_int_equal(http_request_read(buf_str(&b), &used, &r), 431);
	buf_reset(&b);
	buf_put_z(&b, "GET /");
	memset(b.p + b.n, 'a', 3000);
	b.n += 3000;
	buf_put_z(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(http_request_read(buf_str(&b), &used, &r), 414);
}

static void an_answer_says_its_length(void **state)
{
	char text[400];
	struct buf b;
	(void)state;
	buf_init(&b, text, sizeof(text));
	http_answer_write(200, STR("text/plain"), STR_NONE, STR("hello"), false, true, &b);
	assert_str(buf_str(&b),
		   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
		   "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nhello");
	buf_reset(&b);
	http_answer_write(405, STR("text/plain"), STR_NONE, STR("no"), true, false, &b);
	assert_true(str_ends(buf_str(&b), STR("nosniff\r\nAllow: GET, HEAD\r\n\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_has_path_and_query),
		cmocka_unit_test(a_piece_waits_for_the_rest),
		cmocka_unit_test(the_old_version_closes_and_close_is_heard),
		cmocka_unit_test(only_reading_is_served),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(an_answer_says_its_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
