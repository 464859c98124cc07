#include "sip/keepalive.h"

#include "base/test.h"

#define SECOND USEC_PER_SEC

static struct rng rng;

static struct flow way(uint16_t port)
{
	return (struct flow){ .transport = TRANSPORT_UDP, .id = 7, .remote = addr_v4(192, 0, 2, 1, port) };
}

static str answer_to(const uint8_t request[20], const struct addr *from, char out[SIP_KEEPALIVE_ANSWER])
{
	struct buf b;

	buf_init(&b, out, SIP_KEEPALIVE_ANSWER);
	assert_true(sip_keepalive_answer(str_of((const char *)request, 20), from, &b));
	return buf_str(&b);
}

static void sip_and_keep_alives_are_told_apart_by_their_first_bits(void **state)
{
	char request[24] = "\0\1\0\0\x21\x12\xa4\x42"
			   "123456789012";

	(void)state;
	assert_true(sip_keepalive_is(str_of(request, 20)));
	assert_false(sip_keepalive_is(str_of(request, 19)));
	assert_false(sip_keepalive_is(str_of(request, 24))); /* its length says otherwise */
	request[4] = 0;
	assert_false(sip_keepalive_is(str_of(request, 20)));
	assert_false(sip_keepalive_is(STR("OPTIONS sip:a SIP/2.0\r\n\r\n")));
	assert_false(sip_keepalive_is(STR("\r\n\r\n")));
	assert_false(sip_keepalive_is(STR_NONE));
}

/* RFC 5769 2.2 and 2.3: the address of the sample answers, with their transaction id. */
static void the_answer_names_the_address_as_the_samples_of_rfc_5769_do(void **state)
{
	static const uint8_t request[20] = "\0\1\0\0\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
	static const char v4[] = "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";
	static const char v6[] =
		"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9"
		"\xd9";
	struct addr from = addr_v4(192, 0, 2, 1, 32853);
	char text[SIP_KEEPALIVE_ANSWER];
	str answer = answer_to(request, &from, text);

	(void)state;
	assert_int_equal(answer.n, 32);
	assert_memory_equal(answer.p, "\x01\x01\x00\x0c", 4);
	assert_memory_equal(answer.p + 4, request + 4, 16);
	assert_memory_equal(answer.p + 20, v4, 12);
	assert_int_equal(addr_parse(STR("[2001:db8:1234:5678:11:2233:4455:6677]:32853"), 0, &from), ERR_NONE);
	answer = answer_to(request, &from, text);
	assert_int_equal(answer.n, 44);
	assert_memory_equal(answer.p + 20, v6, 24);
}

static bool answers(str request, char out[SIP_KEEPALIVE_ANSWER], size_t *n)
{
	struct addr from = addr_v4(192, 0, 2, 1, 5060);
	struct buf b;
	bool due;

	buf_init(&b, out, SIP_KEEPALIVE_ANSWER);
	due = sip_keepalive_answer(request, &from, &b);
	*n = b.n;
	return due;
}

#define ID                                                                                                             \
	"\x21\x12\xa4\x42"                                                                                             \
	"123456789012"

static void what_must_be_understood_and_is_not_gets_420_and_what_is_broken_nothing(void **state)
{
	static const char odd[] = "\0\1\0\4" ID "\x7f\x01\0\0",
			  fine[] = "\0\1\0\x8" ID "\x80\x28\0\4"
				   "abcd",
			  broken[] = "\0\1\0\4" ID "\x7f\x01\0\x9", answer[] = "\1\1\0\0" ID,
			  indication[] = "\0\x11\0\0" ID;
	char out[SIP_KEEPALIVE_ANSWER];
	size_t n;

	(void)state;
	assert_true(answers(str_of(odd, sizeof(odd) - 1), out, &n));
	assert_int_equal(n, 36);
	assert_memory_equal(out, "\x01\x11\0\x10", 4);
	assert_memory_equal(out + 20, "\0\x09\0\4\0\0\4\x14\0\x0a\0\2\x7f\1\0\0", 16);
	assert_true(answers(str_of(fine, sizeof(fine) - 1), out, &n));
	assert_memory_equal(out, "\x01\x01", 2);
	assert_false(answers(str_of(broken, sizeof(broken) - 1), out, &n));
	assert_false(answers(str_of(answer, sizeof(answer) - 1), out, &n)); /* or two servers would talk for ever */
	assert_false(answers(str_of(indication, sizeof(indication) - 1), out, &n));
}

static struct sip_keepalive_do next(struct sip_keepalive *k)
{
	struct sip_keepalive_do d = { 0 };

	(void)sip_keepalive_next(k, &d);
	return d;
}

static void an_answer_is_a_pong_and_silence_ends_the_way_after_39_seconds(void **state)
{
	struct sip_keepalive k = { 0 };
	struct flow flow = way(5060);
	struct addr us = addr_v4(198, 51, 100, 7, 40000);
	char text[SIP_KEEPALIVE_ANSWER];
	usec now = 100 * SECOND, begun;
	unsigned sent = 0;

	(void)state;
	rng_seeded(&rng, 1);
	sip_keepalive_start(&k, &flow, &rng, now);
	struct sip_keepalive_do d = next(&k);
	assert_int_equal(d.step, SIP_KEEPALIVE_SEND);
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_QUIET);
	str answer = answer_to(d.bytes, &us, text);
	struct flow other = way(5061);
	sip_keepalive_recv(&k, &other, answer); /* from elsewhere: not it */
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_QUIET);
	text[19] ^= 1; /* to another question: a guess */
	sip_keepalive_recv(&k, &flow, answer);
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_QUIET);
	text[19] ^= 1;
	sip_keepalive_recv(&k, &flow, answer);
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_PONG);
	sip_keepalive_recv(&k, &flow, answer); /* again: nobody waits */
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_QUIET);
	assert_true(sip_keepalive_due(&k) == USEC_NEVER);
	begun = now += 30 * SECOND;
	sip_keepalive_start(&k, &flow, &rng, now);
	do {
		d = next(&k);
		sent += d.step == SIP_KEEPALIVE_SEND;
		if (d.step == SIP_KEEPALIVE_QUIET) {
			now = sip_keepalive_due(&k);
			sip_keepalive_tick(&k, now);
		}
	} while (d.step != SIP_KEEPALIVE_GONE);
	assert_int_equal(d.err, ERR_TIMEOUT);
	assert_int_equal(sent, 7); /* RFC 8489 6.2.1: Rc */
	assert_true(now - begun == 39500 * USEC_PER_MS);
	assert_true(flow_eq(&d.flow, &flow));
	assert_true(sip_keepalive_due(&k) == USEC_NEVER);
}

static void another_address_in_the_answer_ends_the_way(void **state)
{
	struct sip_keepalive k = { 0 };
	struct flow flow = way(5060);
	struct addr us = addr_v4(198, 51, 100, 7, 40000);
	char text[SIP_KEEPALIVE_ANSWER];
	struct sip_keepalive_do d;

	(void)state;
	rng_seeded(&rng, 2);
	for (int i = 0; i < 3; i++) {
		sip_keepalive_start(&k, &flow, &rng, (100 + i) * SECOND);
		sip_keepalive_start(&k, &flow, &rng, (100 + i) * SECOND); /* one question at a time */
		d = next(&k);
		assert_int_equal(d.step, SIP_KEEPALIVE_SEND);
		us.port += i == 2;
		sip_keepalive_recv(&k, &flow, answer_to(d.bytes, &us, text));
		d = next(&k);
		assert_int_equal(d.step, i == 2 ? SIP_KEEPALIVE_GONE : SIP_KEEPALIVE_PONG);
	}
	assert_int_equal(d.err, ERR_STATE);
}

static void when_too_many_ways_are_watched_the_one_asked_longest_ago_is_forgotten(void **state)
{
	struct sip_keepalive k = { 0 };
	struct addr us = addr_v4(198, 51, 100, 7, 40000);
	char text[SIP_KEEPALIVE_ANSWER];
	uint8_t first[20];

	(void)state;
	rng_seeded(&rng, 3);
	for (uint16_t i = 0; i <= SIP_KEEPALIVE_MAX; i++) {
		struct flow flow = way((uint16_t)(6000 + i));

		sip_keepalive_start(&k, &flow, &rng, (100 + i) * SECOND);
		struct sip_keepalive_do d = next(&k);
		assert_int_equal(d.step, SIP_KEEPALIVE_SEND);
		if (i == 0)
			memcpy(first, d.bytes, 20);
	}
	struct flow gone = way(6000);
	sip_keepalive_recv(&k, &gone, answer_to(first, &us, text));
	assert_int_equal(next(&k).step, SIP_KEEPALIVE_QUIET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sip_and_keep_alives_are_told_apart_by_their_first_bits),
		cmocka_unit_test(the_answer_names_the_address_as_the_samples_of_rfc_5769_do),
		cmocka_unit_test(what_must_be_understood_and_is_not_gets_420_and_what_is_broken_nothing),
		cmocka_unit_test(an_answer_is_a_pong_and_silence_ends_the_way_after_39_seconds),
		cmocka_unit_test(another_address_in_the_answer_ends_the_way),
		cmocka_unit_test(when_too_many_ways_are_watched_the_one_asked_longest_ago_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
