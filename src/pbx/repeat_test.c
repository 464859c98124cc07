#include "pbx/repeat.h"

#include "base/test.h"

#include <stdio.h>

#define NOW ((usec)1700000000 * USEC_PER_SEC)

static struct {
	struct arena arena;
	struct sip_msg msg;
	char text[700];
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

static uint64_t name_of(const struct pbx_repeats *r, const char *branch, const char *call_id, int cseq,
			const struct flow *f)
{
	return pbx_repeats_name(r, message(branch, call_id, cseq), f);
}

static void the_same_request_from_the_same_source_is_known_for_32_s(void **state)
{
	struct flow f = from(1, 5060), other = from(1, 5061);
	struct pbx_repeats r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	pbx_repeats_init(&r, &rng);
	uint64_t name = name_of(&r, "z9hG4bKa", "c", 1, &f);
	assert_int_equal(pbx_repeats_find(&r, name, NOW), PBX_REPEAT_NEW);
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_DONE, name, NOW));
	assert_int_equal(pbx_repeats_find(&r, name, NOW), PBX_REPEAT_DONE);
	assert_int_equal(pbx_repeats_find(&r, name, NOW + PBX_REPEAT_KEPT), PBX_REPEAT_DONE);
	assert_int_equal(pbx_repeats_find(&r, name, NOW + PBX_REPEAT_KEPT + USEC_PER_SEC), PBX_REPEAT_NEW);
	assert_true(name != name_of(&r, "z9hG4bKa", "c", 1, &other));
	assert_true(name != name_of(&r, "z9hG4bKb", "c", 1, &f));
	assert_true(name != name_of(&r, "z9hG4bKa", "d", 1, &f));
	assert_true(name != name_of(&r, "z9hG4bKa", "c", 2, &f));
	assert_true(name_of(&r, "z9hG4bKab", "c", 1, &f) != name_of(&r, "z9hG4bKa", "bc", 1, &f));
	assert_true(name == name_of(&r, "z9hG4bKa", "c", 1, &f));
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
		assert_true(pbx_repeats_note(&r, PBX_REPEAT_DONE, name_of(&r, "z9hG4bKa", call_id, 1, &f),
					     NOW + i * (usec)200));
	}
	for (int i = 2 * PBX_REPEAT_ROWS * PBX_REPEAT_ROW - 1000; i < 2 * PBX_REPEAT_ROWS * PBX_REPEAT_ROW; i++) {
		snprintf(call_id, sizeof(call_id), "c%d", i);
		known += pbx_repeats_find(&r, name_of(&r, "z9hG4bKa", call_id, 1, &f), NOW + i * (usec)200) ==
			 PBX_REPEAT_DONE;
	}
	assert_int_equal(known, 1000);
	pbx_repeats_free(&r);
	arena_free(&in_.arena);
}

static void what_becomes_of_a_request_is_known_from_its_beginning(void **state)
{
	struct flow f = from(1, 5060);
	struct pbx_repeats r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	pbx_repeats_init(&r, &rng);
	uint64_t name = name_of(&r, "z9hG4bKa", "c", 1, &f), second = name_of(&r, "z9hG4bKb", "c", 1, &f);
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_PENDING, name, NOW));
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_CHALLENGED, second, NOW));
	assert_int_equal(pbx_repeats_find(&r, name, NOW), PBX_REPEAT_PENDING);
	assert_int_equal(pbx_repeats_find(&r, second, NOW), PBX_REPEAT_CHALLENGED);
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_DONE, name, NOW + 20 * USEC_PER_SEC));
	assert_int_equal(pbx_repeats_find(&r, name, NOW + PBX_REPEAT_KEPT), PBX_REPEAT_DONE);
	/* counted from the beginning */
	assert_int_equal(pbx_repeats_find(&r, name, NOW + PBX_REPEAT_KEPT + USEC_PER_SEC), PBX_REPEAT_NEW);
	assert_true(pbx_repeats_note(&r, PBX_REPEAT_UNKEPT, second, NOW));
	assert_int_equal(pbx_repeats_find(&r, second, NOW), PBX_REPEAT_UNKEPT);
	assert_int_equal(pbx_repeats_find(&r, name, NOW), PBX_REPEAT_DONE);
	pbx_repeats_free(&r);
	arena_free(&in_.arena);
}

static void long_names_are_told_apart_too(void **state)
{
	char branch[300], call_id[100];
	struct flow f = from(1, 5060);
	struct pbx_repeats r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	pbx_repeats_init(&r, &rng);
	for (size_t n = 100; n < 250; n++) { /* with the To of 9 bytes, 360 and more than that */
		snprintf(branch, sizeof(branch), "z9hG4bK%0*d", (int)n, 7);
		snprintf(call_id, sizeof(call_id), "%090d", 8);
		uint64_t name = name_of(&r, branch, call_id, 1, &f);
		assert_true(name == name_of(&r, branch, call_id, 1, &f));
		call_id[0] = '9';
		assert_true(name != name_of(&r, branch, call_id, 1, &f));
	}
	pbx_repeats_free(&r);
	arena_free(&in_.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_request_from_the_same_source_is_known_for_32_s),
		cmocka_unit_test(what_becomes_of_a_request_is_known_from_its_beginning),
		cmocka_unit_test(long_names_are_told_apart_too),
		cmocka_unit_test(of_a_crowd_the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
