#include "net/stun_server.h"

#include "base/test.h"
#include "net/stun.h"

static const uint8_t id[STUN_ID_N] = "abcdefghijkl";

static bool ask(struct stun_server *s, uint16_t attr, usec now, char *store, str *answer)
{
	char bytes[128];
	struct buf b, out;
	struct addr from = addr_v4(192, 0, 2, 1, 40000);
	bool answered;

	buf_init(&b, bytes, sizeof(bytes));
	buf_init(&out, store, STUN_SERVER_ANSWER_MAX);
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	if (attr)
		stun_put(&b, attr, STR("x"));
	stun_end_fingerprint(&b);
	answered = stun_server_recv(s, &from, buf_str(&b), &out, now);
	*answer = buf_str(&out);
	return answered;
}

static void a_stranger_learns_its_address(void **state)
{
	struct stun_server s;
	struct stun_msg m;
	struct addr mapped, want = addr_v4(192, 0, 2, 1, 40000);
	char store[STUN_SERVER_ANSWER_MAX];
	str answer;

	(void)state;
	stun_server_init(&s, 10, 0);
	assert_true(ask(&s, 0, 0, store, &answer));
	assert_int_equal(stun_parse(answer, &m), ERR_NONE);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_memory_equal(m.id, id, STUN_ID_N);
	assert_true(m.fingerprint);
	assert_true(stun_find_addr(&m, STUN_XOR_MAPPED_ADDRESS, &mapped));
	assert_true(addr_eq(&mapped, &want));
}

static void what_must_be_understood_and_is_not_is_named(void **state)
{
	struct stun_server s;
	struct stun_msg m;
	char store[STUN_SERVER_ANSWER_MAX];
	str answer, unknown;
	int code;

	(void)state;
	stun_server_init(&s, 10, 0);
	assert_true(ask(&s, 0x0777, 0, store, &answer));
	assert_int_equal(stun_parse(answer, &m), ERR_NONE);
	assert_true(stun_find_error(&m, &code, NULL));
	assert_int_equal(code, 420);
	assert_true(stun_find(&m, STUN_UNKNOWN_ATTRIBUTES, &unknown));
	assert_str(unknown, "\x07\x77");
}

static void above_the_rate_there_is_silence(void **state)
{
	struct stun_server s;
	char store[STUN_SERVER_ANSWER_MAX];
	str answer;

	(void)state;
	stun_server_init(&s, 10, 0);
	for (int i = 0; i < 10; i++)
		assert_true(ask(&s, 0, 0, store, &answer));
	assert_false(ask(&s, 0, 0, store, &answer));
	assert_true(ask(&s, 0, USEC_PER_SEC / 10, store, &answer));
	assert_false(ask(&s, 0, USEC_PER_SEC / 10, store, &answer));
	assert_int_equal(s.answered, 11);
	assert_int_equal(s.refused, 2);
}

static void only_binding_requests_are_answered(void **state)
{
	struct stun_server s;
	struct addr from = addr_v4(192, 0, 2, 1, 40000);
	char bytes[64], store[STUN_SERVER_ANSWER_MAX];
	struct buf b, out;
	const enum stun_class classes[] = { STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

	(void)state;
	stun_server_init(&s, 10, 0);
	for (size_t i = 0; i < 3; i++) {
		buf_init(&b, bytes, sizeof(bytes));
		buf_init(&out, store, sizeof(store));
		stun_begin(&b, classes[i], STUN_BINDING, id);
		assert_false(stun_server_recv(&s, &from, buf_str(&b), &out, 0));
	}
	assert_false(stun_server_recv(&s, &from, STR("hello"), &out, 0));
	assert_int_equal(out.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_learns_its_address),
		cmocka_unit_test(what_must_be_understood_and_is_not_is_named),
		cmocka_unit_test(above_the_rate_there_is_silence),
		cmocka_unit_test(only_binding_requests_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
