#include "base/test.h"
#include "cmd/listen.h"

static char storage[300];

static enum err parse(const char *text, struct listen_list *out, struct buf *why)
{
	buf_init(why, storage, sizeof(storage));
	return listen_parse(str_from(text), out, why);
}

static void a_list_is_read_in_order_with_the_usual_ports(void **state)
{
	struct listen_list l;
	struct buf why;

	(void)state;
	assert_int_equal(parse("udp:127.0.0.1:5070, TCP:[::1]:5071,tls:192.0.2.1", &l, &why), ERR_NONE);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.at[0].transport, TRANSPORT_UDP);
	assert_int_equal(l.at[0].addr.port, 5070);
	assert_int_equal(l.at[1].addr.family, 6);
	assert_int_equal(l.at[2].addr.port, 5061);
	assert_true(listen_has(&l, TRANSPORT_TLS));
	assert_false(listen_has(&l, TRANSPORT_WS));
	assert_true(listen_has_secure(&l));
	assert_int_equal(parse("ws:127.0.0.1,wss:127.0.0.1", &l, &why), ERR_NONE); /* RFC 7118 5.: the web's ports */
	assert_int_equal(l.at[0].addr.port, 80);
	assert_int_equal(l.at[1].addr.port, 443);
	assert_true(listen_has_secure(&l));
	assert_int_equal(parse("ws:127.0.0.1:8080,tcp:127.0.0.1", &l, &why), ERR_NONE);
	assert_false(listen_has_secure(&l));
}

static void mistakes_are_named(void **state)
{
	static const char *const wrong[] = { "",
					     "udp",
					     "udp:",
					     "sctp:127.0.0.1:5060",
					     "127.0.0.1:5060",
					     "udp:1.2:5",
					     "udp:h:5060",
					     "udp:127.0.0.1:70000",
					     "udp:127.0.0.1,,tcp:127.0.0.1" };
	struct listen_list l = { .n = 7 };
	struct buf why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(parse(wrong[i], &l, &why), ERR_SYNTAX);
		assert_true(why.n > 0);
		assert_int_equal(l.n, 7);
	}
}

static void more_than_the_bound_is_refused(void **state)
{
	char text[33 * 16] = "";
	struct listen_list l;
	struct buf why;

	(void)state;
	for (int i = 0; i <= LISTEN_MAX; i++)
		strcat(text, i ? ",udp:127.0.0.1" : "udp:127.0.0.1");
	assert_int_equal(parse(text, &l, &why), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read_in_order_with_the_usual_ports),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(more_than_the_bound_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
