#include "pbx/repeat.h"

#include "base/test.h"

#include <stdio.h>

#define NOW ((usec)1700000000 * USEC_PER_SEC)

static struct {
	struct arena arena;
	struct sip_msg msg;
	char text[400];
} in_;

static struct sip_msg *message(const char *branch, const char *call_id, int cseq)
{
	int n = snprintf(
		in_.text, sizeof(in_.text),
		"REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=%s\r\nFrom: <sip:1@a>;tag=1\r\nTo: "
		"<sip:1@a>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\nMax-Forwards: 1\r\n\r\n",
		branch, call_id, cseq);

	arena_free(&in_.arena);
	arena_init(&in_.arena, NULL, 0, SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&in_.msg, &in_.arena, str_of(in_.text, (size_t)n)), ERR_NONE);
	return &in_.msg;
}

static struct flow from(unsigned host, uint16_t port)
{
	return (struct flow){ .transport = TRANSPORT_UDP, .remote = addr_v4(192, 0, 2, (uint8_t)host, port) };
}

static void the_same_request_from_the_same_source_is_known_for_32_s(void **state)
{
	struct flow f = from(1, 5060), other = from(1, 5061);
	struct pbx_repeats r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	pbx_repeats_init(&r, &rng);
	struct sip_msg *m = message("z9hG4bKa", "c", 1);
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, m, &f, NOW));
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_DONE, m, &f, NOW));
	assert_true(pbx_repeats_has(&r, PBX_REPEAT_DONE, m, &f, NOW));
	assert_true(pbx_repeats_has(&r, PBX_REPEAT_DONE, m, &f, NOW + PBX_REPEAT_KEPT));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, m, &f, NOW + PBX_REPEAT_KEPT + USEC_PER_SEC));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_CHALLENGED, m, &f, NOW));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, m, &other, NOW));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, message("z9hG4bKb", "c", 1), &f, NOW));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, message("z9hG4bKa", "d", 1), &f, NOW));
	assert_false(pbx_repeats_has(&r, PBX_REPEAT_DONE, message("z9hG4bKa", "c", 2), &f, NOW));
	assert_true(pbx_repeats_has(&r, PBX_REPEAT_DONE, message("z9hG4bKa", "c", 1), &f, NOW));
	pbx_repeats_free(&r);
	arena_free(&in_.arena);
}

static void of_a_crowd_the_oldest_is_forgotten_first(void **state)
{
	struct flow f = from(1, 5060);
	struct pbx_repeats r;
	unsigned known = 0;
	struct rng rng;
	char call_id[20];

	(void)state;
	rng_seeded(&rng, 3);
	pbx_repeats_init(&r, &rng);
	for (int i = 0; i < 2 * PBX_REPEAT_ROWS * PBX_REPEAT_ROW; i++) {
		snprintf(call_id, sizeof(call_id), "c%d", i);
		assert_true(pbx_repeats_note(&r, PBX_REPEAT_DONE, message("z9hG4bKa", call_id, 1), &f,
					     NOW + i * (usec)200));
	}
	for (int i = 2 * PBX_REPEAT_ROWS * PBX_REPEAT_ROW - 1000; i < 2 * PBX_REPEAT_ROWS * PBX_REPEAT_ROW; i++) {
		snprintf(call_id, sizeof(call_id), "c%d", i);
		known += pbx_repeats_has(&r, PBX_REPEAT_DONE, message("z9hG4bKa", call_id, 1), &f, NOW + i * (usec)200);
	}
	assert_int_equal(known, 1000);
	pbx_repeats_free(&r);
	arena_free(&in_.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_request_from_the_same_source_is_known_for_32_s),
		cmocka_unit_test(of_a_crowd_the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
